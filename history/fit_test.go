package history

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
)

// swarm is a table of n mixtures whose loss is least at 0.6, 0.3, 0.1, with
// that noise and every third mixture run twice.
func swarm(n int, noise float64) *Table {
	rng := rand.New(rand.NewPCG(4, 0))
	t := &Table{Domains: []string{"web", "code", "math"}, Metrics: []string{"loss", "acc"}}
	best := []float64{0.6, 0.3, 0.1}
	for i := range n {
		m := mix.Dirichlet(rng, []float64{1, 1, 1})
		loss := 2.0
		for j, b := range best {
			loss -= 0.3 * b * math.Log((m[j]+0.02)/(b+0.02))
		}
		for seed := range uint64(1 + (3-i%3)/3) {
			t.Runs = append(t.Runs, Run{Name: "r", Seed: seed, Mixture: m,
				Values: []float64{loss + noise*rng.NormFloat64(), 50 - 10*loss + 10*noise*rng.NormFloat64()}})
		}
	}
	return t
}

func TestFit(t *testing.T) {
	table := swarm(45, 0.01)
	table.Runs[0].Values[0] = math.NaN()
	o := FitOptions{Objective: Objective{Metrics: []string{"loss"}}, Candidates: 2000, Next: 4, Seed: 1}
	r, err := table.Fit(o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := table.Fit(o)
	if err != nil || cmp.Diff(r, again) != "" {
		t.Errorf("two fits differ: %v\n%s", err, cmp.Diff(r, again))
	}
	if r.Runs != 60 || r.Failed != 1 || r.Spearman < 0.9 {
		t.Errorf("%d runs, %d failed, rank correlation %v", r.Runs, r.Failed, r.Spearman)
	}
	if !strings.Contains(r.Noise.Source, "repeated") || r.Noise.Std < 0.005 || r.Noise.Std > 0.02 || r.Noise.Ceiling > 1 {
		t.Errorf("noise %+v, truth 0.01", r.Noise)
	}
	if d := mix.L1(r.Best.Mixture, mix.Mixture{0.6, 0.3, 0.1}); d > 0.4 {
		t.Errorf("recommended %v, the optimum is 0.6, 0.3, 0.1", r.Best.Mixture)
	}
	if i := r.Best.Interval80; !(i[0] < -2+0.02 && i[1] > -2-0.02 && r.Best.Interval95[0] <= i[0]) {
		t.Errorf("score %v in %v, truth -2", r.Best.Predicted, i)
	}
	for j, s := range r.Best.Shares80 {
		if s[0] > s[1] || s[0] < 0 || s[1] > 1 {
			t.Errorf("domain %d: shares between %v", j, s)
		}
	}
	if e := r.Effects[0].AtMean; e <= 0 { // the mean has a third of web, the best 0.6
		t.Errorf("more of web changes the score by %v", e)
	}
	if len(r.Next) != 4 {
		t.Errorf("%d proposals, want 4", len(r.Next))
	}
	for _, m := range r.Next {
		if err := m.Check(); err != nil {
			t.Error(err)
		}
	}
	for i, p := range r.Plan {
		if p.Spearman > 1 || i > 0 && p.Runs <= r.Plan[i-1].Runs {
			t.Errorf("plan %+v", r.Plan)
		}
	}
}

// Several metrics, one of which is better when lower, are fitted one by one.
func TestFitCombines(t *testing.T) {
	r, err := swarm(24, 0.01).Fit(FitOptions{Predictor: "ridge", Candidates: 500, Next: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Metrics) != 2 || r.Spearman < 0.5 || r.Effects[0].AtMean <= 0 {
		t.Errorf("metrics %v, rank correlation %v, effect of web %v", r.Metrics, r.Spearman, r.Effects[0].AtMean)
	}
	for _, o := range []FitOptions{{Predictor: "oracle"}, {Objective: Objective{Metrics: []string{"f1"}}}} {
		if _, err := swarm(24, 0.01).Fit(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	if _, err := swarm(5, 0.01).Fit(FitOptions{}); err == nil {
		t.Error("5 mixtures: no error")
	}
}

// Runs of a smaller model make up for few of the larger one's, also with the
// domains in another order; other domains are refused.
func TestFitWithSmaller(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	draw := func(n int, scale float64) *Table {
		out := &Table{Domains: []string{"a", "b", "c", "d"}, Metrics: []string{"loss"}}
		for range n {
			m := mix.Dirichlet(rng, []float64{1, 1, 1, 1})
			v := math.Exp(-3*m[0]) + 0.5*math.Exp(-5*m[1]*m[2])
			out.Runs = append(out.Runs, Run{Mixture: m, Values: []float64{2 + scale*v}})
		}
		return out
	}
	small, large := draw(60, 1), draw(9, 0.5)
	for i, r := range small.Runs { // domains in another order
		small.Runs[i].Mixture = mix.Mixture{r.Mixture[3], r.Mixture[0], r.Mixture[1], r.Mixture[2]}
	}
	small.Domains = []string{"d", "a", "b", "c"}
	o := FitOptions{Predictor: "gp", Candidates: 100, Seed: 1}
	alone, err := large.Fit(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Smaller = small
	both, err := large.Fit(o)
	if err != nil {
		t.Fatal(err)
	}
	if both.RMSE > alone.RMSE/3 || !strings.Contains(both.Why["loss"], "of the smaller model's prediction") {
		t.Errorf("held-out error %v, %v without the smaller model's runs; %v", both.RMSE, alone.RMSE, both.Why)
	}
	small.Domains[0] = "e"
	if _, err := large.Fit(o); err == nil || !strings.Contains(err.Error(), "domains") {
		t.Errorf("other domains: %v", err)
	}
}
