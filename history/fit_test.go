package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
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
	if !strings.Contains(r.Noise.Source, "repeated") || r.Noise.Std < 0.005 || r.Noise.Std > 0.02 || r.Noise.Ceiling == nil || *r.Noise.Ceiling > 1 {
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
	r, err := swarm(24, 0.01).Fit(FitOptions{Objective: Objective{Metrics: []string{"loss", "acc"}}, Predictor: "ridge", Candidates: 500, Next: 2, Seed: 1})
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

// noisy is a table of n mixtures whose scores are nothing but noise.
func noisy(n int, seed uint64) *Table {
	rng := rand.New(rand.NewPCG(seed, 0))
	t := &Table{Domains: []string{"a", "b", "c", "d"}, Metrics: []string{"loss"}}
	for i := range n {
		t.Runs = append(t.Runs, Run{Name: fmt.Sprint("r", i), Mixture: mix.Dirichlet(rng, []float64{1, 1, 1, 1}), Values: []float64{2 + 0.1*rng.NormFloat64()}})
	}
	return t
}

// Without a mixture that was run twice the ceiling is unknown, and what knowing
// it costs is said; of a correlation that may be none there is no forecast.
func TestCasesCeiling(t *testing.T) {
	for seed := range uint64(3) {
		r, err := noisy(28, seed).Fit(FitOptions{Predictor: "gp", Candidates: 200, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Noise.Ceiling != nil || !strings.Contains(r.Noise.Cost, "3 runs, 11 % of the 28") {
			t.Errorf("noise alone: %+v", r.Noise)
		}
		if r.Spearman95[0] > 0 || !strings.Contains(strings.Join(r.Warnings, ""), "may be none") {
			t.Errorf("noise alone: rank correlation %v in %v, warnings %q", r.Spearman, r.Spearman95, r.Warnings)
		}
		for _, p := range r.Plan {
			if !p.Measured {
				t.Errorf("noise alone: a forecast %+v", p)
			}
		}
	}
	r, err := swarm(30, 0.05).Fit(FitOptions{Objective: Objective{Metrics: []string{"loss"}}, Predictor: "gp", Candidates: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Noise.Ceiling
	if r.Noise.Repeats != 10 || c == nil || !(r.Noise.Ceiling80[0] < *c && *c < r.Noise.Ceiling80[1]) || r.Noise.Cost != "" {
		t.Errorf("10 repeated runs: %+v", r.Noise)
	}
	if len(r.Plan) < 5 || !(r.Spearman95[0] < r.Spearman && r.Spearman < r.Spearman95[1]) {
		t.Errorf("plan %+v, rank correlation %v in %v", r.Plan, r.Spearman, r.Spearman95)
	}
}

// Repeated runs that agree to the last digit are not certainty, and scores that
// are all alike are nothing to fit.
func TestCasesZeroSpread(t *testing.T) {
	table := noisy(16, 1)
	twin := table.Runs[3]
	twin.Name, twin.Seed = "copy", 1
	table.Runs = append(table.Runs, twin)
	r, err := table.Fit(FitOptions{Predictor: "gp", Candidates: 200})
	if err != nil || r.Noise.Ceiling != nil || !(r.Noise.Std > 0) || !strings.Contains(strings.Join(r.Warnings, ""), "agree to the last digit") {
		t.Errorf("a copy of a run: %+v, warnings %q, %v", r.Noise, r.Warnings, err)
	}
	for i := range table.Runs {
		table.Runs[i].Values = []float64{2}
	}
	if _, err := table.Fit(FitOptions{Predictor: "gp", Candidates: 200}); err == nil || !strings.Contains(err.Error(), "all 16 mixtures have the score -2") {
		t.Errorf("one score for all: %v", err)
	}
}

// insideOrSaid reports a recommendation outside its own intervals that does not
// say why, and proposals that are one.
func insideOrSaid(t *testing.T, name string, r *Report) {
	t.Helper()
	outside := false
	for j, w := range r.Best.Mixture {
		s := r.Best.Shares80[j]
		if w < s[0]-1e-6 || w > s[1]+1e-6 {
			outside = true
		}
	}
	if outside != (r.Best.Outside != "") {
		t.Errorf("%s: recommended %.3f, intervals %.3f, said: %q", name, r.Best.Mixture, r.Best.Shares80, r.Best.Outside)
	}
	for i, m := range r.Next {
		for _, other := range r.Next[:i] {
			if mix.L1(m, other) < sameMixture {
				t.Errorf("%s: proposals %.4f and %.4f are one", name, m, other)
			}
		}
	}
}

// No recommendation lies outside its own intervals without a reason.
func TestCasesInside(t *testing.T) {
	for name, table := range map[string]*Table{"law": swarm(24, 0.01), "noisy": swarm(24, 0.1), "noise alone": noisy(24, 5), "wide": wide(40)} {
		for _, predictor := range []string{"gp", "ridge", "auto"} {
			r, err := table.Fit(FitOptions{Objective: Objective{Metrics: []string{"loss"}}, Predictor: predictor, Candidates: 1000, Next: 6, Seed: 2})
			if err != nil {
				t.Fatal(err)
			}
			insideOrSaid(t, name+", "+predictor, r)
		}
	}
}

// wide is a table of many domains of which one is all that counts.
func wide(n int) *Table {
	rng := rand.New(rand.NewPCG(7, 0))
	t := &Table{Metrics: []string{"loss"}}
	alpha := make([]float64, 12)
	for j := range alpha {
		t.Domains, alpha[j] = append(t.Domains, string(rune('a'+j))), 0.3
	}
	for range n {
		m := mix.Dirichlet(rng, alpha)
		t.Runs = append(t.Runs, Run{Name: "r", Mixture: m, Values: []float64{3 - m[0] + 0.3*m[0]*m[0] + 0.02*rng.NormFloat64()}})
	}
	return t
}

// On RegMix's 512 runs too, whose recommendation once lay outside, and where no
// run of its 17 losses is taken for diverged.
func TestCasesRegMix(t *testing.T) {
	table := regMix(t)
	if _, warnings, err := table.Screen(Objective{}); err != nil || len(warnings) > 0 {
		t.Errorf("of 512 good runs: %q, %v", warnings, err)
	}
	r, err := table.Fit(FitOptions{Objective: Objective{Metrics: []string{"the_pile_pile_cc_val_loss"}}, Predictor: "gp", Candidates: 20000, Next: 8, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	insideOrSaid(t, "RegMix", r)
	if cc := slices.Index(r.Domains, "the_pile_pile_cc"); r.Best.Mixture[cc] < 0.6 {
		t.Errorf("recommended %.3f of Pile-CC", r.Best.Mixture[cc])
	}
}

// The interval of the rank correlation of 28 noisy runs seldom promises more than
// the predictor has on others: of 120 such tables its lower end was above the
// truth in 1, its upper end below in 15 (leaving one out errs downwards where
// little can be predicted), while the bare number was anywhere from -0.28 to 0.86
// where the truth was from 0.09 to 0.80.
func TestCasesClaims(t *testing.T) {
	above, inside, all := 0, 0, 0
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 9))
		noise := []float64{0.03, 0.1, 0.2}[seed%3]
		var x [][]float64
		var y []float64
		for range 228 {
			m := mix.Dirichlet(rng, []float64{1, 1, 1, 1, 1, 1})
			x, y = append(x, m), append(y, 0.6*m[0]+0.4*m[1]-0.5*m[0]*m[0]-0.15*math.Log(m[2]+0.05)+noise*rng.NormFloat64())
		}
		g := &predict.GP{}
		tasks := &predict.Tasks{New: func() predict.Predictor { return g }, Weights: []float64{1}}
		if err := tasks.Fit(x[:28], [][]float64{y[:28]}); err != nil {
			t.Fatal(err)
		}
		predicted := make([]float64, 200)
		predict.All(predicted, tasks, x[28:])
		truth := predict.Spearman(predicted, y[28:])
		lo, hi := predict.SpearmanInterval(predict.Spearman(tasks.HeldOut(), y[:28]), 28, 0.95)
		all++
		if lo > truth {
			above++
		} else if truth <= hi {
			inside++
		}
	}
	if t.Logf("%d of %d intervals hold the truth, %d promise more", inside, all, above); above > 2 || inside < all*3/4 {
		t.Errorf("%d of %d intervals hold the truth, %d promise more", inside, all, above)
	}
}

// The same with 28 of RegMix's runs, judged by all others.
func TestCasesClaimsRegMix(t *testing.T) {
	table := regMix(t)
	inside, all := 0, 0
	for seed := range uint64(5) {
		order := rand.New(rand.NewPCG(seed, 0)).Perm(len(table.Runs))
		few := *table
		few.Runs = nil
		for _, i := range order[:28] {
			few.Runs = append(few.Runs, table.Runs[i])
		}
		for _, c := range []int{0, 3, 6, 8} {
			r, err := few.Fit(FitOptions{Objective: Objective{Metrics: table.Metrics[c : c+1]}, Predictor: "gp", Candidates: 50})
			if err != nil {
				t.Fatal(err)
			}
			var g predict.GP
			var x [][]float64
			var y, predicted, truth []float64
			for k, i := range order {
				run := table.Runs[i]
				if k < 28 {
					x, y = append(x, run.Mixture), append(y, -run.Values[c])
					continue
				}
				if k == 28 {
					if err := g.Fit(x, y); err != nil {
						t.Fatal(err)
					}
				}
				predicted, truth = append(predicted, g.Predict(run.Mixture)), append(truth, -run.Values[c])
			}
			s := predict.Spearman(predicted, truth)
			all++
			if r.Spearman95[0] <= s && s <= r.Spearman95[1] {
				inside++
			}
		}
	}
	t.Logf("%d of %d intervals hold the truth", inside, all)
	if inside < all*8/10 {
		t.Errorf("%d of %d intervals hold the truth", inside, all)
	}
}
