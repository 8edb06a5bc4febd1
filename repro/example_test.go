package repro_test

import (
	"context"
	"fmt"

	"github.com/climb-go/climb/repro"
)

// A case whose data is not there says which file it lacks.
func ExampleCase_Run() {
	c, err := repro.Find("regmix")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Paper)
	_, err = c.Run(context.Background(), repro.Options{Data: "no such folder"})
	fmt.Println(err != nil)
	// Output:
	// Liu et al., 2024, RegMix, arXiv 2407.01492
	// true
}
