package study

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
)

var (
	evenMix   = mix.Mixture{0.5, 0.5}
	firstMix  = mix.Mixture{0.25, 0.75}
	secondMix = mix.Mixture{0.125, 0.875}
)

// armRun is a run whose stages have the names of their options.
func armRun(t *testing.T, out string, options map[string]int) *climb.Run {
	t.Helper()
	r := &climb.Run{Run: stage.New(out, 1), Config: &climb.Config{}}
	r.Config.Proxy.Model = lm.Config{Vocab: 10, Width: 4, Layers: 1, Heads: 1, Context: 8}
	r.Trials = &trial.Trials{Run: r.Run}
	for _, name := range []string{"vocab", "encode", "tokens", "base", "search"} {
		if err := r.Add(&stage.Stage{Name: name, Options: func() (any, error) { return options[name], nil }}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// figures are a result with a metric of every file.
func figures(metrics ...map[string]float64) (out []*eval.TaskResult) {
	for _, m := range metrics {
		out = append(out, &eval.TaskResult{Kind: "choice", Items: 1, Metrics: m})
	}
	return out
}

// handMade is a comparison of natural, and of climb with two searches for the
// objective facts, by four seeds. Of facts natural has 2.5, 2.575, 2.65, 2.725
// bits per byte, climb 1.75, 2.125, 1.9, 2.275 and the reference 1.5.
func handMade(t *testing.T) (*comparison, *group) {
	t.Helper()
	c, out := testComparison(), t.TempDir()
	c.Config.Out, c.Seeds, c.Searches, c.Draws = out, 4, 2, 1
	c.base = stage.New(out, 1)
	c.Target = Target{Model: lm.Config{Vocab: 10, Width: 4, Layers: 1, Heads: 1, Context: 8}}
	bpb := func(file string, weight float64) eval.Term {
		return eval.Term{File: file, Metric: "bpb", Weight: weight}
	}
	c.Objectives = []Objective{
		{Name: "facts", Validation: []eval.Term{bpb("fv.jsonl", 1)}, Test: []eval.Term{bpb("ft.jsonl", 3), bpb("fu.txt", 1)}, Reference: 1},
		{Name: "tales", Validation: []eval.Term{bpb("tv.jsonl", 1)}, Test: []eval.Term{{File: "tt.jsonl", Metric: "acc", Weight: 1}}},
	}
	c.Strategies = []Strategy{{Name: "natural", Strategy: "natural"}, {Name: "found", Strategy: "climb", Objectives: []string{"facts"}}}
	c.arms = []*arm{
		{study: c, strategy: &c.Strategies[0], objective: -1, run: armRun(t, out, nil), answer: evenMix},
		{study: c, strategy: &c.Strategies[1], objective: 0, run: armRun(t, out, map[string]int{"search": 1}), answer: firstMix},
		{study: c, strategy: &c.Strategies[1], objective: 0, search: 1, run: armRun(t, out, map[string]int{"search": 2}), answer: secondMix},
	}
	g := &group{study: c, arms: c.arms, results: map[string]*targetResult{}}
	put := func(s targetSpec, ft, fu float64) {
		r := &train.Result{Tokens: []int64{100, 200}, Test: figures(map[string]float64{"bpb": ft}, map[string]float64{"bpb": fu}, map[string]float64{"bpb": ft + 1, "acc": ft / 4})}
		for i := range 2 {
			r.Curve = append(r.Curve, train.Point{Tokens: int64(50 * (i + 1)), Validate: figures(map[string]float64{"bpb": ft - float64(i)}, map[string]float64{"bpb": 9})})
		}
		g.results[s.key()] = &targetResult{Result: r, CoreSeconds: 2}
		g.need = append(g.need, s)
	}
	for k := range 4 {
		at, odd := float64(k)/10, k%2
		put(targetSpec{Mixture: evenMix, Hash: evenMix.Hash(), Seed: c.seed(k)}, 2+at, 4)
		found := []mix.Mixture{firstMix, secondMix}[odd]
		put(targetSpec{Mixture: found, Hash: found.Hash(), Seed: c.seed(k)}, 1+at+0.4*float64(odd), 4)
	}
	put(targetSpec{Seed: c.seed(0), Reference: "facts"}, 1, 3)
	return c, g
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))) {
		t.Errorf("%s: %.12g, want %.12g", what, got, want)
	}
}

// The figures of a row are those of the arithmetic, by hand.
func TestObjectiveResult(t *testing.T) {
	c, g := handMade(t)
	o, err := c.objectiveResult([]*group{g}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !o.Lower || len(o.Rows) != 2 || o.Rows[0].Strategy != "found" || !slices.Equal(o.Test, []string{"ft:bpb", "fu:bpb"}) || !slices.Equal(o.Validation, []string{"fv:bpb"}) {
		t.Fatalf("%+v", o)
	}
	found, natural := o.Rows[0], o.Rows[1]
	for k, want := range []float64{1.75, 2.125, 1.9, 2.275} {
		near(t, fmt.Sprintf("found, seed %d", k), found.Measure.Values[k], want)
	}
	near(t, "natural", natural.Measure.Mean, 2.6125)
	near(t, "found", found.BPB.Mean, 2.0125)
	// Four seeds 0.075 apart: s^2 = 0.075^2 * 5/3; Student's t with 3 degrees is 3.18244630528.
	half := 3.18244630528371 * 0.075 * math.Sqrt(5.0/12)
	near(t, "natural from", natural.Measure.Interval[0], 2.6125-half)
	near(t, "natural to", natural.Measure.Interval[1], 2.6125+half)
	// Two searches, 0.75 and 0.45 better: the standard error is 0.15 with one degree.
	gain, half := found.Gain["natural"], 12.7062047361747*0.15
	near(t, "gain", gain.Mean, 0.6)
	near(t, "gain from", gain.Interval[0], 0.6-half)
	near(t, "gain to", gain.Interval[1], 0.6+half)
	near(t, "pair", o.Pairs[0].P, 1-2*math.Atan(4)/math.Pi)
	near(t, "reference", o.Reference.Mean, 1.5)
	near(t, "excess", natural.Excess, 1.1125)
	near(t, "reduction", found.Reduction["natural"].Mean, 0.6/1.1125)
	near(t, "reduction from", found.Reduction["natural"].Interval[0], (0.6-half)/1.1125)
	near(t, "elsewhere", natural.Elsewhere["tales"].Mean, 3.15)
	near(t, "task", natural.Tasks["ft:bpb"], 2.15)
	if len(natural.Gain) != 0 || natural.Reduction != nil || found.Acc.Values != nil {
		t.Errorf("natural against itself: %v, %v; accuracy %v", natural.Gain, natural.Reduction, found.Acc)
	}
	if len(found.Curve) != 2 || found.Curve[1].Tokens != 100 {
		t.Fatalf("curve %+v", found.Curve)
	}
	near(t, "curve", found.Curve[1].Measure.Mean, 1.35-1)
	want := []report.Answer{{Hash: firstMix.Hash(), Mixture: firstMix, Runs: 2}, {Hash: secondMix.Hash(), Mixture: secondMix, Runs: 2}}
	if d := cmp.Diff(want, found.Answers); d != "" {
		t.Errorf("answers:\n%s", d)
	}
	if o.Verdict != "found has the best mean; no difference shown to natural" || !slices.Contains(o.Warnings, trial.NoItems) {
		t.Errorf("verdict %q, warnings %q", o.Verdict, o.Warnings)
	}
	// Of tales found is no row, and a share of right answers is better when high.
	if o, err = c.objectiveResult([]*group{g}, 1); err != nil || len(o.Rows) != 1 || o.Lower || o.Rows[0].Strategy != "natural" {
		t.Fatalf("%+v, %v", o, err)
	}
	near(t, "tales", o.Rows[0].Measure.Mean, 2.15/4)
	near(t, "tales, accuracy", o.Rows[0].Acc.Mean, 2.15/4)
}

// A run that failed is told with its seed and takes part in no mean, and what it
// cost counts.
func TestObjectiveResultFailed(t *testing.T) {
	c, g := handMade(t)
	g.results[targetSpec{Hash: secondMix.Hash(), Seed: c.seed(3)}.key()].Failed = "loss is not finite"
	g.results[targetSpec{Seed: c.seed(0), Reference: "facts"}.key()].Failed = "loss is not finite"
	o, err := c.objectiveResult([]*group{g}, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := o.Rows[0]
	near(t, "found", found.Measure.Mean, (1.75+2.125+1.9)/3)
	near(t, "gain", found.Gain["natural"].Mean, (0.75+0.45+0.75)/3)
	if d := cmp.Diff([]string{"seed 1004: loss is not finite"}, found.Failed); d != "" || len(found.Measure.Values) != 3 {
		t.Errorf("%d values, failed:\n%s", len(found.Measure.Values), d)
	}
	if o.Reference != nil || found.Excess != 0 || found.Reduction != nil || found.Cost.TargetRuns != 4 || found.Cost.TargetTokens != 4*300 || found.Cost.TargetCoreSeconds != 8 {
		t.Errorf("reference %v, excess %v, cost %+v", o.Reference, found.Excess, found.Cost)
	}
	for key := range g.results {
		g.results[key].Failed = "killed"
	}
	if o, err = c.objectiveResult([]*group{g}, 0); err != nil || len(o.Rows[0].Failed) != 4 || o.Rows[0].Curve != nil || o.Pairs[0].P != 1 || o.Pairs[0].Interval != nil {
		t.Errorf("without any run: %+v, %v", o, err)
	}
}

// proxyRound makes a round of proxies of (mixture, seed, tokens, core seconds).
func proxyRound(t *testing.T, r *climb.Run, shared bool, runs ...[4]float64) {
	t.Helper()
	o := map[string]any{}
	if shared {
		o["shared"] = []curate.TargetFile{{Term: eval.Term{File: "fv.jsonl"}}}
	}
	p := &task.Plan{Kind: "search", Name: "round-01", Options: stage.Marshal(o), Inputs: map[string]string{"tokens": r.Base("tokens")}}
	for _, x := range runs {
		p.Tasks = append(p.Tasks, stage.Marshal(map[string]any{"hash": fmt.Sprint(x[0]), "seed": x[1]}))
	}
	if err := p.Save(r.Dir("search")); err != nil {
		t.Fatal(err)
	}
	for n := range runs {
		if _, err := p.Run(t.Context(), n, func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error {
			trial.Tokens.Add(a, int64(runs[n][2]))
			a.Spend(runs[n][3])
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// A proxy run that two searches share counts for each of them in its row, and
// once in the study; one of another mixture or seed counts by itself. A row has
// the cost of one search.
func TestCoreSeconds(t *testing.T) {
	for _, x := range []struct {
		shared bool
		want   float64
	}{{true, 9*2 + 1 + 10 + 100}, {false, 9*2 + 1 + 10 + 1 + 100}} {
		c, g := handMade(t)
		proxyRound(t, c.arms[1].run, x.shared, [4]float64{1, 1, 40, 1}, [4]float64{2, 1, 50, 10})
		proxyRound(t, c.arms[2].run, x.shared, [4]float64{1, 1, 40, 1}, [4]float64{1, 2, 60, 100})
		sum, err := c.coreSeconds([]*group{g})
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("core seconds, shared %v", x.shared), sum, x.want)
		o, err := c.objectiveResult([]*group{g}, 0)
		if err != nil {
			t.Fatal(err)
		}
		cost := o.Rows[0].Cost
		if flops := c.arms[1].run.Config.Proxy.Model.FlopsPerToken(8); cost.ProxyRuns != 2 || cost.ProxyTokens != 90 || cost.ProxyCoreSeconds != 11 || cost.ProxyFLOPs != 90*flops {
			t.Errorf("cost of one search: %+v", cost)
		}
		if cost := o.Rows[1].Cost; cost.ProxyRuns != 0 || cost.TargetRuns != 4 || cost.TargetTokens != 1200 {
			t.Errorf("cost of natural: %+v", cost)
		}
	}
}

// The arms are parted by their tokens: every stage that the tokens are made of
// parts them, and neither the search nor the base model does.
func TestGroups(t *testing.T) {
	c, _ := handMade(t)
	c.targetsRead = &stage.Cache{}
	for i := range c.Objectives {
		for _, terms := range [][]eval.Term{c.Objectives[i].Validation, c.Objectives[i].Test} {
			for k := range terms {
				terms[k].File = filepath.Join(c.Config.Out, terms[k].File)
				if err := os.WriteFile(terms[k].File, []byte(`{"context": "a", "target": " b"}`+"\n"), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	c.arms = c.arms[:1]
	for _, o := range []map[string]int{{"search": 1, "base": 1}, {"vocab": 1}, {"encode": 1}, {"tokens": 1}, {"tokens": 1, "search": 2}} {
		c.arms = append(c.arms, &arm{study: c, strategy: &c.Strategies[1], objective: 0, run: armRun(t, c.Config.Out, o), answer: evenMix})
	}
	groups, err := c.groups()
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, g := range groups {
		sizes = append(sizes, len(g.arms))
		for _, a := range g.arms {
			if g.inputs["tokens"] != a.run.Base("tokens") || g.inputs["vocab"] != a.run.Base("vocab") {
				t.Errorf("inputs %v of an arm with tokens %s", g.inputs, a.run.Base("tokens"))
			}
		}
	}
	if !slices.Equal(sizes, []int{2, 1, 1, 2}) || !strings.HasPrefix(filepath.Base(groups[0].dir), "compare-") {
		t.Errorf("groups of %v arms, the first in %s", sizes, groups[0].dir)
	}
	// The reference models are trained once, with the first arm's tokens.
	for i, want := range []int{1, 0} {
		need, err := groups[i].specs()
		if n := len(slices.DeleteFunc(need, func(s targetSpec) bool { return s.Reference == "" })); err != nil || n != want {
			t.Errorf("group %d: %d reference models, %v", i, n, err)
		}
	}
}

// Transfer takes mixtures of the first round evenly by rank: the best first.
func TestTransferMixtures(t *testing.T) {
	c, _ := handMade(t)
	found := &trial.Search{Problem: search.Problem{Domains: []string{"a", "b"}, Prior: evenMix, Rounds: []int{7, 2}}, Predicted: evenMix}
	for i := range 9 {
		m := mix.Mixture{float64(i) / 16, 1 - float64(i)/16}
		found.Measured = append(found.Measured, search.Trial{Mixture: m, Hash: m.Hash(), Round: i % 4 / 3, Score: -float64(i)})
	}
	if got := c.transferMixtures(); got != nil {
		t.Errorf("without transfer: %v", got)
	}
	c.Transfer = 3
	if got := c.transferMixtures(); got != nil {
		t.Errorf("before any search: %v", got)
	}
	p := &task.Plan{Kind: "search"}
	if err := p.Save(c.arms[2].run.Dir("search")); err != nil {
		t.Fatal(err)
	}
	if err := (stage.Answer[trial.Search]{Stage: "search"}).Write(p, found); err != nil {
		t.Fatal(err)
	}
	var first []float64
	for _, m := range c.transferMixtures() { // of ranks 0, 2, 4 among 0, 1, 2, 4, 5, 6, 8
		first = append(first, 16*m[0])
	}
	if !slices.Equal(first, []float64{0, 2, 5}) {
		t.Errorf("ranks %v", first)
	}
	c.Transfer = 50
	if n := len(c.transferMixtures()); n != 7 {
		t.Errorf("%d mixtures of a round of 7", n)
	}
}

// Proxies are ranked against the means of the target over its seeds.
func TestRankings(t *testing.T) {
	c, g := handMade(t)
	c.Proxies = []Proxy{{Name: "own", config: c.arms[1].run.Config}}
	small := &group{study: c, results: map[string]*targetResult{}}
	c.ranks = []*group{small}
	for i, m := range []mix.Mixture{evenMix, firstMix, secondMix} {
		r := &train.Result{Validate: figures(map[string]float64{"bpb": 3 - float64(i)}, map[string]float64{"bpb": 5 + float64(i)})}
		small.results[targetSpec{Hash: m.Hash(), Seed: 1}.key()] = &targetResult{Result: r}
	}
	got, err := c.rankings(g)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	// By seed: even 2.6125, the first search's 1.825, the second's 2.2.
	for i, want := range []float64{-2.6125, -1.825, -2.2} {
		near(t, "target", got[0].Target[i], want)
	}
	if r := got[0]; !slices.Equal(r.Proxy, []float64{-3, -2, -1}) || r.Mixtures != 3 || r.Spearman != 0.5 || math.Abs(r.Kendall-1.0/3) > 1e-12 {
		t.Errorf("facts: %+v", r)
	}
	small.results[targetSpec{Hash: evenMix.Hash(), Seed: 1}.key()].Failed = "killed"
	if got, err = c.rankings(g); err != nil || got[0].Mixtures != 2 || got[0].Kendall != -1 || got[1].Kendall != -1 {
		t.Errorf("with one that failed: %+v, %v", got, err)
	}
}

// Both correlations are those of the textbook formulas over ranks and pairs,
// ties among them.
func TestCorrelateBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	rank := func(x []float64) (out []float64) { // the middle of equal ones
		for _, v := range x {
			below, equal := 0.0, 0.0
			for _, w := range x {
				if w < v {
					below++
				} else if w == v {
					equal++
				}
			}
			out = append(out, below+equal/2)
		}
		return out
	}
	for range 200 {
		var r report.Ranking
		n := 2 + rng.IntN(12)
		for range n {
			r.Proxy, r.Target = append(r.Proxy, float64(rng.IntN(8))), append(r.Target, float64(rng.IntN(8)))
		}
		correlate(&r, 0.9)
		a, b, tau := rank(r.Proxy), rank(r.Target), 0.0
		var ab, aa, bb float64
		for i := range n {
			ab, aa, bb = ab+(a[i]-float64(n)/2)*(b[i]-float64(n)/2), aa+math.Pow(a[i]-float64(n)/2, 2), bb+math.Pow(b[i]-float64(n)/2, 2)
			for j := range n {
				if (r.Proxy[i]-r.Proxy[j])*(r.Target[i]-r.Target[j]) != 0 {
					tau += math.Copysign(1, (r.Proxy[i]-r.Proxy[j])*(r.Target[i]-r.Target[j]))
				}
			}
		}
		rho := 0.0
		if aa*bb > 0 {
			rho = ab / math.Sqrt(aa*bb)
		}
		near(t, "tau", r.Kendall, tau/float64(n*(n-1)))
		near(t, "rho", r.Spearman, rho)
		if !(-1 <= r.Interval[0] && r.Interval[0] <= r.Spearman && r.Spearman <= r.Interval[1] && r.Interval[1] <= 1) {
			t.Errorf("rho %v in %v", r.Spearman, r.Interval)
		}
	}
}

// Runs are counted before any is made: an answer by strategy and objective with
// every seed, draws of random with every seed, references and transfer.
func TestTargetRuns(t *testing.T) {
	c, _ := handMade(t)
	if n := c.targetRuns(); n != 4+4+1 {
		t.Errorf("%d runs, want 9", n)
	}
	c.Transfer, c.Draws = 5, 3
	c.arms = append(c.arms, &arm{study: c, strategy: &Strategy{Name: "chance", Strategy: "random"}, objective: -1}, &arm{study: c, strategy: &c.Strategies[1], objective: 1})
	if n := c.targetRuns(); n != 4+4+1+5+3*4+4 {
		t.Errorf("%d runs, want 30", n)
	}
	for i, want := range []string{"natural", "found for facts, search 1", "found for facts, search 2", "chance", "found for tales, search 1"} {
		if got := c.arms[i].title(); got != want {
			t.Errorf("title %q, want %q", got, want)
		}
	}
}

// Measurements are the rows of the comparison before any statistics: one a strategy
// and seed, and those of a study in parts have the numbers and seeds of the whole.
func TestMeasurements(t *testing.T) {
	c, g := handMade(t)
	list, err := c.measurements([]*group{g})
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.objectiveResult([]*group{g}, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]float64{}
	for _, m := range list {
		if m.Strategy == "found" {
			k := int(m.Seed - c.seed(0))
			found[k] = m.BPB
			if m.Objective != "facts" || m.Search != k%2+1 || m.Run.Group != m.Search || len(m.Mixtures) != 1 || m.Cost.TargetRuns != 1 {
				t.Errorf("%+v", m)
			}
		}
	}
	for k, want := range o.Rows[0].BPB.Values {
		near(t, "found", found[k], want)
	}
	if len(list) != 4*3 { // natural for both objectives
		t.Errorf("%d measurements", len(list))
	}
	seed := c.seed(3)
	c.First = 3
	if c.seed(0) != seed {
		t.Errorf("seed %d after First, want %d", c.seed(0), seed)
	}
}
