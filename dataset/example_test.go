package dataset_test

import (
	"fmt"

	"github.com/climb-go/climb/dataset"
)

// The stages of this package, as a worker is given them.
func ExampleStages() {
	for _, s := range dataset.Stages() {
		fmt.Printf("%s: %s\n", s.Name, s.Title)
	}
	// Output:
	// draw: draw the documents
	// scatter: collect the documents
	// dataset: write the dataset
}
