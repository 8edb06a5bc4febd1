package search

import (
	"fmt"
	"slices"
	"testing"
)

// BenchmarkPropose is a batch of 64 out of a million candidates after 112 runs
// on 16 domains.
func BenchmarkPropose(b *testing.B) {
	w := newWorld(16, 6, 0.01, 1)
	p := w.problem([]int{112}, 1)
	first, err := Auto{}.Propose(b.Context(), p, nil, 112)
	if err != nil {
		b.Fatal(err)
	}
	history, err := w.eval(0)(b.Context(), first, 0)
	if err != nil {
		b.Fatal(err)
	}
	const million = 1_000_000
	for _, s := range []struct {
		name     string
		strategy Strategy
	}{
		{"climb-auto", Auto{Candidates: million}},
		{"bayes", Bayes{Candidates: million}},
		{"climb", Climb{Candidates: million}},
	} {
		b.Run(s.name, func(b *testing.B) {
			for range b.N {
				got, err := s.strategy.Propose(b.Context(), p, slices.Clone(history), 64)
				if err == nil && len(got) != 64 {
					err = fmt.Errorf("%d mixtures proposed, not 64", len(got))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
