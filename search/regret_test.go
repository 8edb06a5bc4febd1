package search

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/predict"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// TestRegret keeps the quality of the strategies in a file: how far the
// recommended mixture is from the optimum of synthetic worlds, mean of seeds.
func TestRegret(t *testing.T) {
	const seeds = 4
	const candidates = 10000
	fast := predict.Choose(&predict.GBDT{Rate: 0.05})
	recipe := Recipe{Oversample: 20}
	strategies := []struct {
		name string
		s    Strategy
	}{
		{"natural", Natural{}},
		{"uniform", Uniform{}},
		{"random", Random{}},
		{"regmix", RegMix{Recipe: recipe, Candidates: candidates, Predictor: fast}},
		{"climb", Climb{Candidates: candidates, Pool: 100, Predictor: fast}},
		{"climb recipe", Climb{Sampler: "recipe", Recipe: recipe, Candidates: candidates, Pool: 100, Predictor: fast}},
		{"climb ridge", Climb{Candidates: candidates, Pool: 100, Predictor: predict.Choose(&predict.Ridge{Features: "both"})}},
	}
	worlds, best := make([]world, seeds), make([]float64, seeds)
	for seed := range worlds {
		worlds[seed] = newWorld(16, 8, 0.01, uint64(seed))
		best[seed] = worlds[seed].best()
	}
	budgets := [][]int{{16, 8, 4}, {32, 16, 8}, {64, 32, 16}}
	regret := map[string][]float64{}
	var out strings.Builder
	fmt.Fprintf(&out, "Synthetic worlds of 16 domains and 8 tasks, noise 0.01: optimum less the score of the answer,\n"+
		"and of the best measured mixture, mean of %d seeds. Trees with a rate of 0.05.\n\n"+
		"strategy        28     56    112   measured: 28     56    112\n", seeds)
	for _, m := range strategies {
		answer, measured := make([]float64, len(budgets)), make([]float64, len(budgets))
		for b, rounds := range budgets {
			for seed := range uint64(seeds) {
				w, best := worlds[seed], best[seed]
				p := w.problem(rounds, seed)
				history, err := Run(context.Background(), p, m.s, w.eval(0), nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := m.s.Best(p, history)
				if err != nil {
					t.Fatal(err)
				}
				answer[b] += (best - w.score(got)) / seeds
				measured[b] += (best - w.score(TopMeasured(history, 1)[0].Mixture)) / seeds
			}
		}
		regret[m.name] = answer
		fmt.Fprintf(&out, "%-12s  %.3f  %.3f  %.3f         %.3f  %.3f  %.3f\n", m.name,
			answer[0], answer[1], answer[2], measured[0], measured[1], measured[2])
	}
	// At 28 runs trees have too little to go by; over all budgets they pay.
	mean := func(name string) float64 { return (regret[name][0] + regret[name][1] + regret[name][2]) / 3 }
	for name, share := range map[string]float64{"climb": 0.95, "climb recipe": 0.95, "climb ridge": 0.8} {
		if mean(name) > share*mean("random") {
			t.Errorf("mean regret of %s is %.3f, of random %.3f", name, mean(name), mean("random"))
		}
	}
	golden := filepath.Join("testdata", "regret.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("regrets changed; if for the better, run go test ./search -run Regret -update:\n%s", d)
	}
}
