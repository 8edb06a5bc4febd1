package search_test

import (
	"context"
	"fmt"
	"log"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// Search for the mixture that scores best: each round proposes mixtures from
// what the earlier ones have measured, and the evaluator, here a function in the
// place of training, measures them.
func ExampleRun() {
	best := mix.Mixture{0.5, 0.3, 0.2}
	p := search.Problem{
		Domains: []string{"books", "code", "web"},
		Prior:   mix.Mixture{0.1, 0.1, 0.8},
		Rounds:  []int{16, 8, 4},
		Seed:    1,
	}
	measure := func(_ context.Context, mixtures []mix.Mixture, round int) (trials []search.Trial, _ error) {
		for _, w := range mixtures {
			trials = append(trials, search.Trial{Mixture: w, Hash: w.Hash(), Round: round, Score: -mix.L1(w, best)})
		}
		return trials, nil
	}
	s := &search.Climb{}
	trials, err := search.Run(context.Background(), p, s, measure, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := s.Best(p, trials)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(trials), "runs; nearer to the best than the natural mixture:", mix.L1(answer, best) < mix.L1(p.Prior, best)/2)
	// Output: 28 runs; nearer to the best than the natural mixture: true
}

// Propose the mixtures to train next, after those of a table.
func ExampleAuto_Propose() {
	p := search.Problem{Domains: []string{"books", "web"}, Prior: mix.Mixture{0.2, 0.8}, Rounds: []int{4, 2}, Seed: 1}
	var history []search.Trial
	for _, w := range []mix.Mixture{{0.1, 0.9}, {0.3, 0.7}, {0.6, 0.4}, {0.9, 0.1}} {
		history = append(history, search.Trial{Mixture: w, Hash: w.Hash(), Score: -mix.L1(w, mix.Mixture{0.5, 0.5})})
	}
	next, err := (&search.Auto{}).Propose(context.Background(), p, history, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, w := range next {
		fmt.Println(len(w), "shares, a mixture:", w.Check() == nil)
	}
	// Output:
	// 2 shares, a mixture: true
	// 2 shares, a mixture: true
}
