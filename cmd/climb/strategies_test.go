package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/trial"
)

// MixMin and DoReMi get what they need of proxies that were trained: MixMin
// the log-likelihoods of the target's items under a model of each domain,
// DoReMi the losses on the domains' held-out text, which move its weights.
func TestStrategiesWithProxies(t *testing.T) {
	for name, check := range map[string]func(t *testing.T, s trial.Search){"mixmin": checkMixMin, "doremi": checkDoReMi} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := strings.Replace(small, "search: {", "search: {strategy: "+name+", ", 1)
			if name == "doremi" {
				config = strings.Replace(config, "  validation: [{file: validation.jsonl}]\n", "  holdout: 0.2\n", 1)
			}
			dir := prepared(t, config)
			if code, out, errs := climbRun(t, dir, "run"); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, out, errs)
			}
			files, err := filepath.Glob(filepath.Join(dir, "run", "search-*", "search.json"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%v, %v", files, err)
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			var s trial.Search
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatal(err)
			}
			if err := s.Predicted.Check(); err != nil || !s.Problem.Bounds.Contains(s.Predicted) {
				t.Errorf("answer %v: %v", s.Predicted, err)
			}
			check(t, s)
		})
	}
}

func checkMixMin(t *testing.T, s trial.Search) {
	if len(s.Trials) != min(len(s.Problem.Domains), 9) {
		t.Errorf("%d models of %d domains", len(s.Trials), len(s.Problem.Domains))
	}
	for _, r := range s.Trials {
		if len(r.LogProbs) == 0 || len(r.LogProbs) != len(s.Trials[0].LogProbs) {
			t.Fatalf("%d items under a model, %d under the first", len(r.LogProbs), len(s.Trials[0].LogProbs))
		}
		for _, v := range r.LogProbs {
			if !(v < 0) || math.IsInf(v, 0) {
				t.Fatalf("an item has the log-likelihood %v", v)
			}
		}
	}
}

func checkDoReMi(t *testing.T, s trial.Search) {
	natural, err := search.NaturalMixture(s.Problem)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Trials) < 3 || mix.L1(s.Trials[0].Mixture, natural) > 1e-9 {
		t.Fatalf("%d runs; the first is %v, not the natural mixture", len(s.Trials), s.Trials[0].Mixture)
	}
	for _, r := range s.Trials {
		if len(r.DomainLoss) != len(s.Problem.Domains) {
			t.Fatalf("losses on %d of %d domains", len(r.DomainLoss), len(s.Problem.Domains))
		}
	}
	if mix.L1(s.Trials[1].Mixture, s.Trials[2].Mixture) == 0 {
		t.Error("the losses did not move the weights")
	}
}
