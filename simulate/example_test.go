package simulate_test

import (
	"context"
	"fmt"
	"log"

	"github.com/climb-go/climb/simulate"
)

// Compare two strategies on synthetic worlds whose optimum is known: a regret of
// 0 is the optimum, 1 is no better than the natural mixture.
func ExampleCompare() {
	strategies, err := simulate.Contenders("random", "natural")
	if err != nil {
		log.Fatal(err)
	}
	out, err := simulate.Compare(context.Background(), simulate.Plan{Strategies: strategies, Budgets: []int{28},
		Kinds: simulate.Kinds[:1], Domains: []int{6}, Seeds: 4, FirstSeed: 1}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range out {
		fmt.Println(o.Strategy, "better than the natural mixture:", o.Regret < 0.999)
	}
	// Output:
	// random better than the natural mixture: true
	// natural better than the natural mixture: false
}
