package mix_test

import (
	"fmt"
	"log"

	"github.com/climb-go/climb/mix"
)

// A mixture is the share of each domain; its hash is the key that joins it to
// what it scored.
func Example() {
	w, err := mix.Normalize([]float64{3, 1, 0})
	if err != nil {
		log.Fatal(err)
	}
	same, err := mix.Normalize([]float64{30, 10, 0})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w, w.Hash() == same.Hash())
	// Output: [0.75 0.25 0] true
}

// Domains that may be read four times at most bound their shares of a run: the
// small one can be 40 % of a thousand tokens.
func ExampleBoundsFromSupply() {
	b, err := mix.BoundsFromSupply([]int64{100, 900}, 1000, 4)
	if err != nil {
		log.Fatal(err)
	}
	_, most := b.At(0)
	fmt.Printf("%.2f %.2f\n", most, b.Project(mix.Mixture{0.7, 0.3}))
	// Output: 0.40 [0.40 0.60]
}
