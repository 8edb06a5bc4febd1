package history_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/simulate"
)

// measuredTable is a search by hand: runs of a world, one of them failed.
func measuredTable(t *testing.T) (*simulate.World, *history.Table) {
	t.Helper()
	w, err := simulate.New(simulate.Kinds[0], 6, 3)
	if err != nil {
		t.Fatal(err)
	}
	first, err := history.Propose(context.Background(), &history.Table{Domains: w.Problem.Domains, Metrics: []string{"acc"}, Runs: []history.Run{
		{Name: "a", Mixture: w.Problem.Prior, Values: []float64{1}}, {Name: "b", Mixture: []float64{0.5, 0.5, 0, 0, 0, 0}, Values: []float64{2}}}},
		history.ProposeOptions{N: 12, Strategy: "random", Epochs: 4})
	if err != nil {
		t.Fatal(err)
	}
	table := first.Table()
	table.Metrics = []string{"task0", "task1"}
	for i := range table.Runs {
		s := w.Measure(table.Runs[i].Mixture, 1).Scores
		table.Runs[i].Values = []float64{s["task0"], s["task1"]}
	}
	table.Runs[3].Values[1] = math.NaN()
	return w, table
}

// tasks says what is better of the metrics of measuredTable.
func tasks() history.Objective { return history.Objective{Higher: []string{"task0", "task1"}} }

// Proposals are new, keep the limits, and come back from the files they are
// written to.
func TestPropose(t *testing.T) {
	w, table := measuredTable(t)
	o := history.ProposeOptions{N: 5, Strategy: "climb-auto", Objective: tasks(), Most: map[string]float64{"d01": 0.2}, Epochs: 4, TargetTokens: 1e6, Supply: map[string]float64{}}
	for d, name := range w.Problem.Domains {
		o.Supply[name] = 1e6 * w.Problem.Prior[d]
	}
	p, err := history.Propose(context.Background(), table, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Next) != 5 || p.Runs != 11 || p.Failed != 1 || !p.Measured || len(p.Pareto) == 0 {
		t.Errorf("%d proposed after %d runs, %d failed, measured %v, %d on the front", len(p.Next), p.Runs, p.Failed, p.Measured, len(p.Pareto))
	}
	for _, m := range p.Next {
		for d, share := range m.Mixture {
			if share > min(1, 4*w.Problem.Prior[d])+1e-6 || d == 1 && share > 0.2+1e-9 {
				t.Errorf("domain %d has the share %v", d, share)
			}
		}
		if math.IsNaN(m.Expected) || !(m.Std > 0) {
			t.Errorf("expected %v ± %v", m.Expected, m.Std)
		}
	}
	again, err := history.Propose(context.Background(), table, o)
	if d := cmp.Diff(p, again); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
	files, err := p.Table().Write(t.TempDir(), "olmix")
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

// every gives each of the 6 domains one number.
func every(v float64) map[string]float64 {
	out := map[string]float64{}
	for d := range 6 {
		out[fmt.Sprintf("d%02d", d)] = v
	}
	return out
}

func TestCasesProposeRefuses(t *testing.T) {
	_, table := measuredTable(t)
	for want, o := range map[string]history.ProposeOptions{
		`no domain is called "web"`:                        {Most: map[string]float64{"web": 1}},
		"tokens of the target run":                         {Supply: every(5)},
		"prior: nothing is said of d02, d03, d04, d05":     {Prior: map[string]float64{"d00": 0.5, "d01": 0.3}},
		"supply: nothing is said of d01, d02, d03":         {Supply: map[string]float64{"d00": 1e10}, TargetTokens: 1e9, Epochs: 4},
		"most: d00 has the share 40, want one from 0 to 1": {Most: map[string]float64{"d00": 40}},
		"least: d01 has the share 5, want one from 0 to 1": {Least: map[string]float64{"d01": 5}},
		"prior: shares sum to 102, want 1":                 {Prior: every(17)},
		"unknown strategy":                                 {Strategy: "guess"},
		"no metric is called":                              {Objective: history.Objective{Metrics: []string{"x"}}},
	} {
		if o.Strategy == "" {
			o.Strategy = "climb-auto"
		}
		o.Objective.Higher = tasks().Higher
		if _, err := history.Propose(context.Background(), table, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	table.Runs = table.Runs[3:5] // one of them failed
	if _, err := history.Propose(context.Background(), table, history.ProposeOptions{N: 1, Strategy: "climb-auto", Objective: tasks()}); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Errorf("one run: %v", err)
	}
}

// Runs of a smaller model make up for few of the larger one's, with its domains
// in another order too.
func TestProposeWithSmaller(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	truth := func(m []float64) float64 { return math.Exp(-3*m[0]) + 0.5*math.Exp(-5*m[1]*m[2]) }
	draw := func(n int, scale float64) *history.Table {
		out := &history.Table{Domains: []string{"a", "b", "c", "d"}, Metrics: []string{"loss"}}
		for range n {
			m := mix.Dirichlet(rng, []float64{1, 1, 1, 1})
			out.Runs = append(out.Runs, history.Run{Mixture: m, Values: []float64{2 + scale*truth(m)}})
		}
		return out
	}
	small, large := draw(60, 1), draw(9, 0.5)
	for i, r := range small.Runs {
		small.Runs[i].Mixture = mix.Mixture{r.Mixture[3], r.Mixture[0], r.Mixture[1], r.Mixture[2]}
	}
	small.Domains = []string{"d", "a", "b", "c"}
	// miss is how far the expectations of a batch are from the truth.
	miss := func(o history.ProposeOptions) float64 {
		p, err := history.Propose(t.Context(), large, o)
		if err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for _, m := range p.Next {
			worst = max(worst, math.Abs(m.Expected+2+0.5*truth(m.Mixture)))
		}
		if len(p.Next) == 0 || (p.Smaller != "") != (o.Smaller != nil) {
			t.Errorf("%d proposed, %q", len(p.Next), p.Smaller)
		}
		return worst
	}
	for _, strategy := range []string{"climb-auto", "bayes"} {
		o := history.ProposeOptions{N: 6, Strategy: strategy, Epochs: 4, Seed: 1}
		alone := miss(o)
		o.Smaller = small
		if both := miss(o); both > alone/3 {
			t.Errorf("%s: expectations are off by up to %v, by %v without the smaller model's runs", strategy, both, alone)
		}
	}
	o := history.ProposeOptions{N: 6, Strategy: "regmix", Epochs: 4, Smaller: small}
	if _, err := history.Propose(t.Context(), large, o); err == nil || !strings.Contains(err.Error(), "climb-auto and bayes") {
		t.Errorf("regmix with a smaller model's runs: %v", err)
	}
	o.Strategy, small.Domains[0] = "bayes", "e"
	if _, err := history.Propose(t.Context(), large, o); err == nil || !strings.Contains(err.Error(), "domains") {
		t.Errorf("other domains: %v", err)
	}
}

// lawTable has runs of three domains whose two losses have one optimum together.
func lawTable(n int) *history.Table {
	rng := rand.New(rand.NewPCG(3, 0))
	t := &history.Table{Domains: []string{"dclm", "wikipedia", "arxiv"}, Metrics: []string{"arc_bpb", "mmlu_bpb"}}
	for i := range n {
		m := mix.Dirichlet(rng, []float64{1, 1, 1})
		t.Runs = append(t.Runs, history.Run{Name: fmt.Sprintf("r%02d", i), Mixture: m, Values: []float64{
			3 - 1.2*m[0] - .2*m[1] + .9*m[0]*m[0] + .005*rng.NormFloat64(), 2.5 - .1*m[0] - .9*m[1] + .7*m[1]*m[1] + .005*rng.NormFloat64()}})
	}
	return t
}

// fit and propose have one answer to which measured mixture is the best, and no
// two proposals are one.
func TestCasesFitAndProposeAgree(t *testing.T) {
	for _, n := range []int{12, 24} {
		table := lawTable(n)
		table.Runs[2].Values[0] = 11.2
		r, err := table.Fit(history.FitOptions{Predictor: "gp", Candidates: 500, Next: 4, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		p, err := history.Propose(t.Context(), table, history.ProposeOptions{N: 6, Strategy: "climb-auto", Epochs: 4, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if !p.Measured || p.Recommended.Mixture.Hash() != r.Measured.Mixture.Hash() || len(r.Measured.Runs) != 1 {
			t.Errorf("%d runs: propose has %.3f, fit %.3f (runs %v) for the best measured", n, p.Recommended.Mixture, r.Measured.Mixture, r.Measured.Runs)
		}
		if p.Failed != 1 || len(p.Warnings) == 0 || p.Warnings[0] != r.Warnings[0] || !strings.HasPrefix(p.Warnings[0], "run r02") || len(p.Lower) != 2 {
			t.Errorf("%d runs: %d failed, warnings of propose %q, of fit %q", n, p.Failed, p.Warnings, r.Warnings)
		}
		if len(p.Next) != 6 {
			t.Errorf("%d runs: %d proposals, want 6", n, len(p.Next))
		}
		for i, m := range p.Next {
			for _, other := range p.Next[:i] {
				if d := mix.L1(m.Mixture, other.Mixture); d < 0.01 {
					t.Errorf("%d runs: proposals %.4f and %.4f are one", n, m.Mixture, other.Mixture)
				}
			}
		}
	}
}
