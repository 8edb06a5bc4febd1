package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/mix"
)

func TestFitPrints(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	table := &history.Table{Domains: []string{"web", "code"}, Metrics: []string{"loss"}}
	for range 16 {
		m := mix.Dirichlet(rng, []float64{1, 1})
		table.Runs = append(table.Runs, history.Run{Name: "r", Mixture: m, Values: []float64{3 - m[0]}})
	}
	r, err := table.Fit(history.FitOptions{Predictor: "ridge", Candidates: 200, Next: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	printFit(&out, r)
	for _, want := range []string{"16 runs (0 failed)", "Lower is better: loss", "rank correlation 1.000 on held-out mixtures (95 % in [", "Ceiling of the correlation: unknown. To know it, run 3 mixtures again", "Best measured (run r", "Recommended: score -2", "Run next", "n2:", "  code\n", "expected"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}
