package export_test

import (
	"fmt"
	"log"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/mix"
)

// How large can a dataset be at a mixture when no document may appear more than
// four times?
func ExampleSize() {
	tokens, err := export.Size(mix.Mixture{0.5, 0.5}, []int64{1000, 9000}, 0, 4)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens)
	_, err = export.Size(mix.Mixture{0.5, 0.5}, []int64{1000, 9000}, 10_000, 4)
	fmt.Println(err)
	// Output:
	// 8000
	// draw the dataset: 10000 tokens would repeat domain 0 more than 4 times; ask for at most 8000 tokens, or raise dataset.epochs
}
