package trial_test

import (
	"fmt"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/trial"
)

// The stages of this package, as a worker is given them.
func ExampleStages() {
	for _, s := range trial.Stages() {
		fmt.Printf("%s: %s\n", s.Name, s.Title)
	}
	// Output:
	// base: train the base model
	// search: search the mixture
	// confirm: confirm with fresh seeds
}

// Which mixture the dataset has, of a confirmation that shows no significant gain.
func ExampleConfirmation_Answer() {
	c := trial.Confirmation{Winner: 0, Rows: []trial.ConfirmedRow{
		{Name: "predicted", Mixture: mix.Mixture{0.7, 0.3}, Mean: -2.11, Against: map[string]trial.Difference{"natural": {Mean: 0.01, Interval: &[2]float64{-0.02, 0.04}}}},
		{Name: "natural", Baseline: true, Mixture: mix.Mixture{0.5, 0.5}, Mean: -2.12},
	}}
	row, reason := c.Answer("proven")
	fmt.Println(row.Name, row.Mixture)
	fmt.Println(reason)
	// Output:
	// natural [0.5 0.5]
	// no significant gain over it was shown (dataset.mixture: best would write predicted)
}
