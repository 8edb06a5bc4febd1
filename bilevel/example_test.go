package bilevel_test

import (
	"context"
	"fmt"
	"log"

	"github.com/climb-go/climb/bilevel"
)

// Learn a penalty for the feature that tells two classes apart and another one for
// the feature that tells nothing.
func ExampleMAID() {
	p := &bilevel.Logistic{Classes: 2, Group: []int{0, 1}, Groups: 2}
	for i, noise := range []float64{1, -1, -1, 1, 1, -1, 1, -1} {
		label := i % 2
		rows := &p.Train
		if i >= 4 {
			rows = &p.Held
		}
		rows.Add([]int32{0, 1}, []float64{float64(2*label - 1), noise}, label)
	}
	r, err := bilevel.MAID{Step: 1, Gain: 1e-3}.Minimize(context.Background(), p, make([]float64, 4), []float64{-1, -1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("noise has the larger penalty:", r.Theta[1] > r.Theta[0]+1)
	// Output: noise has the larger penalty: true
}
