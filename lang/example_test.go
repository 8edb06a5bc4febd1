package lang_test

import (
	"fmt"

	"github.com/climb-go/climb/lang"
)

func ExampleIdentify() {
	for _, text := range []string{
		"The river runs through the valley and into the sea.",
		"Der Fluss fließt durch das Tal und in das Meer.",
		"La rivière traverse la vallée et se jette dans la mer.",
		"42",
	} {
		code, _ := lang.Identify(text)
		fmt.Println(code)
	}
	// Output:
	// en
	// de
	// fr
	// und
}
