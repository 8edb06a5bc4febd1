package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// crossed makes runs of items: x[k][i] of run k on item i.
func crossed(x [][]float64, span float64) []Run {
	out := make([]Run, len(x))
	for k, row := range x {
		mean, stderr := meanStdErr(row)
		out[k] = Run{Score: mean, Parts: []Part{{Items: len(row), Scores: row, StdErr: stderr, Span: span}}}
	}
	return out
}

// The p-value is that of SciPy 1.10, stats.ttest_rel.
func TestP(t *testing.T) {
	a, b := scored([]float64{1.1, 2.3, 2.9, 4.2, 5.1}), scored([]float64{1, 2, 3, 4, 5})
	// mean 0.12, sd 0.1483240, t = 1.8091, 4 degrees of freedom
	if p := Paired(a, b).P(); math.Abs(p-0.14470) > 1e-4 {
		t.Errorf("p = %v, want 0.1447", p)
	}
	if p, q := Paired(a, b).P(), Paired(b, a).P(); p != q {
		t.Errorf("%v one way, %v the other", p, q)
	}
	e := Paired(scored([]float64{3, 5, 4, 6, 9, 2}), scored([]float64{2, 5, 3, 6, 7, 1}))
	if _, lo, _ := e.Interval(1 - e.P()); math.Abs(lo) > 1e-9 {
		t.Errorf("the interval at level 1-p ends at %v, want 0", lo)
	}
}

// The variance of a mean is that of the two-way analysis of variance, whose sums
// of squares are taken here as totals less totals.
func TestCrossedVariance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n, items = 4, 9
	x := make([][]float64, n)
	seed, item := make([]float64, n), make([]float64, items)
	for k := range seed {
		seed[k] = rng.NormFloat64()
	}
	for i := range item {
		item[i] = rng.NormFloat64()
	}
	var runs, cols, total, grand float64
	bySum := make([]float64, items)
	for k := range x {
		var sum float64
		for i := range items {
			v := seed[k] + item[i] + rng.NormFloat64()/2
			x[k] = append(x[k], v)
			sum, total, bySum[i] = sum+v, total+v*v, bySum[i]+v
		}
		runs, grand = runs+sum*sum/items, grand+sum
	}
	for _, v := range bySum {
		cols += v * v / n
	}
	c := grand * grand / (n * items)
	msRun, msItem, msRest := (runs-c)/(n-1), (cols-c)/(items-1), (total-runs-cols+c)/((n-1)*(items-1))
	e := Mean(crossed(x, 0))
	for name, got := range map[string][2]float64{
		"runs": {e.Runs.Value, msRun}, "items": {e.Items.Value, msItem}, "residual": {e.Residual, msRest}, "total": {e.total().Value, msRun + msItem - msRest},
	} {
		if want := got[1] / (n * items); math.Abs(got[0]-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got[0], want)
		}
	}
	if e.Runs.DF != n-1 || math.Abs(e.Items.DF-(items-1)) > 1e-9 {
		t.Errorf("degrees of freedom %v and %v", e.Runs.DF, e.Items.DF)
	}
	// The difference to runs that have none is the same; unpaired, with the noise
	// of both, too.
	zero := make([][]float64, n)
	for k := range zero {
		zero[k] = make([]float64, items)
	}
	if d := Paired(crossed(x, 0), crossed(zero, 0)); math.Abs(d.total().Value-e.total().Value) > 1e-12 {
		t.Errorf("a difference to zero has the variance %v, want %v", d.total().Value, e.total().Value)
	}
	if d := Welch(crossed(x, 0), crossed(zero, 0)); math.Abs(d.total().Value-e.total().Value) > 1e-12 {
		t.Errorf("unpaired: %v, want %v", d.total().Value, e.total().Value)
	}
}

// Two seeds that tie are no certainty: the items are as few as they were.
func TestTiesAreNotCertainty(t *testing.T) {
	answers := func(right int) []float64 {
		x := make([]float64, 20)
		for i := range right {
			x[i] = 1
		}
		return x
	}
	for _, c := range []struct{ a, b int }{{12, 10}, {20, 0}, {0, 0}, {20, 18}} {
		a, b := crossed([][]float64{answers(c.a), answers(c.a)}, 1), crossed([][]float64{answers(c.b), answers(c.b)}, 1)
		for name, e := range map[string]Estimate{"paired": Paired(a, b), "welch": Welch(a, b), "block": Block([][]Run{a, b, b}, 0, 1), "mean": Mean(a)} {
			_, lo, hi := e.Interval(0.95)
			if width := hi - lo; width < 0.1 || width > 1 || e.P() == 0 {
				t.Errorf("%d and %d of 20, %s: [%v, %v], p %v", c.a, c.b, name, lo, hi, e.P())
			}
		}
		if e := Paired(a, b); c.a-c.b == 2 && e.P() < 0.05 {
			t.Errorf("a difference of two items in 20: p %v", e.P())
		}
	}
	// Of every item the same difference, and no bounds: nothing is known.
	x := [][]float64{{0.1, 0.1, 0.1}, {0.1, 0.1, 0.1}}
	if e := Mean(crossed(x, 0)); e.Known() || e.P() != 1 {
		t.Errorf("equal values of all items: %+v", e)
	}
	// The same model twice: no difference, for certain.
	if e := Paired(crossed(x, 0), crossed(x, 0)); !e.Known() || e.P() != 1 {
		t.Errorf("the same models: %+v", e)
	}
}

// More seeds do not make the error by the items smaller, and without the scores
// of single items the standard errors give a wider interval, never a narrower.
func TestItemsDoNotShrinkWithSeeds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	item, other := make([]float64, 50), make([]float64, 50)
	for i := range item {
		item[i] = rng.NormFloat64()
		other[i] = 0.9*item[i] + 0.3*rng.NormFloat64()
	}
	repeat := func(x []float64, n int) (out []Run) {
		rows := make([][]float64, n)
		for k := range rows {
			rows[k] = x
		}
		return crossed(rows, 0)
	}
	bare := func(runs []Run) []Run {
		for k := range runs {
			runs[k].Parts[0].Scores = nil
		}
		return runs
	}
	few, many := Paired(repeat(item, 2), repeat(other, 2)), Paired(repeat(item, 20), repeat(other, 20))
	if math.Abs(few.total().Value/many.total().Value-1) > 1e-9 || few.total().Value == 0 {
		t.Errorf("variance %v with 2 seeds, %v with 20", few.total().Value, many.total().Value)
	}
	if e := Paired(bare(repeat(item, 2)), bare(repeat(other, 2))); e.total().Value <= few.total().Value || e.Unknown {
		t.Errorf("by standard errors %v, by items %v", e.total().Value, few.total().Value)
	}
}

// Runs of a few searches count as few.
func TestGroups(t *testing.T) {
	runs := scored([]float64{1, 5, 1.1, 5.1, 0.9, 4.9})
	for k := range runs {
		runs[k].Group = k % 2
	}
	if e := Mean(runs); e.Runs.DF != 1 || math.Abs(e.Runs.Value-4) > 1e-12 { // means 1 and 5: s^2/2 = 4
		t.Errorf("two groups: %+v", e)
	}
	if e := Paired(runs, scored(make([]float64, 6))); e.Runs.DF != 1 || math.Abs(e.Runs.Value-4) > 1e-12 {
		t.Errorf("a difference in two groups: %+v", e)
	}
	for k := range runs {
		runs[k].Group = 7
	}
	if e := Mean(runs); e.Runs.DF != 5 {
		t.Errorf("one group: %+v", e)
	}
}

// Terms of one file share its items: what they say is added up item by item.
func TestNewRun(t *testing.T) {
	one := &TaskResult{Items: 3, Metrics: map[string]float64{"acc": 2.0 / 3, "bpb": 2}, StdErr: map[string]float64{"acc": 1.0 / 3, "bpb": 0.5},
		Scores: map[string][]float64{"acc": {1, 1, 0}, "bpb": {1, 2, 3}}}
	two := &TaskResult{Items: 20, Metrics: map[string]float64{"acc": 1}}
	r := NewRun(0.5, []Term{{Metric: "acc", Weight: 1}, {Metric: "acc", Weight: 2}, {Metric: "bpb", Weight: 1}, {Metric: "acc", Weight: 4}}, []*TaskResult{one, two, one, nil})
	if len(r.Parts) != 3 || fmt.Sprint(r.Parts[0].Scores) != "[0 -0.125 -0.375]" || r.Parts[0].Span != 0 {
		t.Fatalf("%+v", r.Parts)
	}
	one.Scores["acc"] = []float64{1, 0, 0} // of something else
	if r := NewRun(0.5, []Term{{Metric: "acc", Weight: 1}}, []*TaskResult{one}); r.Parts[0].Scores != nil || r.Parts[0].StdErr < 1.0/3 {
		t.Errorf("scores of other items were taken: %+v", r.Parts[0])
	}
	// 20 of 20 with two more items, one of them wrong: sqrt(21/22 * 1/22 / 21) * 2/8.
	if want := math.Sqrt(21.0/22*1/22/21) / 4; math.Abs(r.Parts[1].StdErr-want) > 1e-12 || r.Parts[1].Span != 0.25 {
		t.Errorf("%+v, want a standard error of %v", r.Parts[1], want)
	}
	if !math.IsNaN(r.Parts[2].StdErr) || !Mean([]Run{r, r}).Unknown {
		t.Errorf("%+v, want an unknown error", r.Parts[2])
	}
}

// Under noise alone, of seeds and of items, a gain is called one in no more than
// one of twenty comparisons; and the intervals hold the truth as often as they
// say. Without the items the same intervals are wrong.
func TestCrossedCoverage(t *testing.T) {
	const trials = 1500
	for _, c := range []struct {
		name              string
		n, items          int
		seed, item, noise float64 // standard deviations
		share             bool
	}{
		{"items alone", 3, 30, 0, 1, 0, false},
		{"seeds alone", 4, 30, 0.5, 0, 0, false},
		{"both", 3, 30, 0.2, 1, 1, false},
		{"noise of items in runs", 4, 30, 0, 0, 1, false},
		{"20 answers, two seeds", 2, 20, 0.2, 1, 0.5, true},
		{"20 answers, no seed", 2, 20, 0, 1, 0, true},
	} {
		rng := rand.New(rand.NewPCG(7, 8))
		model := func() [][]float64 {
			x := make([][]float64, c.n)
			item := make([]float64, c.items)
			for i := range item {
				item[i] = c.item * rng.NormFloat64()
			}
			for k := range x {
				seed := c.seed * rng.NormFloat64()
				for i := range item {
					v := seed + item[i] + c.noise*rng.NormFloat64()
					if c.share {
						v = is(v > 0)
					}
					x[k] = append(x[k], v)
				}
			}
			return x
		}
		missed, blind := 0, 0
		for range trials {
			span := is(c.share)
			a, b := crossed(model(), span), crossed(model(), span)
			missed += 1 - inside(0)(Paired(a, b).Interval(0.95))
			for i := range a {
				a[i].Parts, b[i].Parts = nil, nil
			}
			blind += 1 - inside(0)(Paired(a, b).Interval(0.95))
		}
		t.Logf("%s: %.1f %% missed, %.1f %% without the items", c.name, 100*float64(missed)/trials, 100*float64(blind)/trials)
		if float64(missed) > 0.065*trials {
			t.Errorf("%s: %d of %d intervals at 95 %% miss the truth", c.name, missed, trials)
		}
	}
}

// Of 0 of 20, Wilson's interval ends at z^2/(n+z^2); of 8 of 20 it is 0.2188 to
// 0.6134 (Brown, Cai & DasGupta 2001, eq. 4).
func TestMetricInterval(t *testing.T) {
	r := &TaskResult{Items: 20, Metrics: map[string]float64{"acc": 0, "acc_norm": 0.4, "bpb": 2, "greedy": 1}, StdErr: map[string]float64{"bpb": 0.1, "acc": 0}}
	for metric, want := range map[string][2]float64{"acc": {0, 0.161125}, "acc_norm": {0.218802, 0.613422}, "bpb": {2 - 0.209302, 2 + 0.209302}, "greedy": {1 - 0.161125, 1}} {
		lo, hi, ok := r.Interval(metric, 0.95)
		if !ok || math.Abs(lo-want[0]) > 1e-5 || math.Abs(hi-want[1]) > 1e-5 {
			t.Errorf("%s: [%v, %v], want %v", metric, lo, hi, want)
		}
	}
	r.Items = 1
	if _, _, ok := r.Interval("acc", 0.95); ok {
		t.Error("one item has an interval")
	}
}
