package trial

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/train"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

func isInterval(got *[2]float64, mean, half float64) bool {
	return got != nil && near(got[0], mean-half) && near(got[1], mean+half)
}

// seeded is a row whose k-th score is of the seed that stands there.
func seeded(name string, seeds []uint64, scores ...float64) ConfirmedRow {
	r := row(name, scores...)
	r.Seeds = seeds
	return r
}

// The mean of four scores with Student's t of three degrees of freedom: 1, 2, 3, 4
// have the standard error sqrt(5/12), and t is 3.182446 at 95 %.
func TestIntervalByHand(t *testing.T) {
	mean, got := Interval(eval.Mean(runsOf(1, 2, 3, 4)), 0.95)
	if mean != 2.5 || !isInterval(got, 2.5, 3.182446305*math.Sqrt(5.0/12)) {
		t.Errorf("%v, %v", mean, got)
	}
	if mean, got := Interval(eval.Mean(nil), 0.95); mean != 0 || got != nil {
		t.Errorf("of no run: %v, %v; JSON has no NaN", mean, got)
	}
	if mean, got := Interval(eval.Mean(runsOf(7)), 0.95); mean != 7 || got != nil {
		t.Errorf("of one run: %v, %v; want no interval", mean, got)
	}
}

// The figures are those of a sheet of paper: the residuals of the three rows with
// one mixture have the sum of squares 96/36 with six degrees of freedom, so that a
// difference of two means of four has the variance 2/9.
func TestDifferencesByHand(t *testing.T) {
	c := &Confirmation{Level: 0.95, Seeds: []uint64{0, 1, 2, 3}, Rows: []ConfirmedRow{
		row("predicted", 4, 4, 6, 6), row("natural", 1, 2, 3, 4), row("uniform", 1, 3, 2, 4), row("random", 0, 2, 0, 2, 0, 2, 0, 2)}}
	c.compare()
	d := c.Rows[0].Against["natural"]
	if !near(d.Mean, 2.5) || !isInterval(d.Interval, 2.5, 2.446911849*math.Sqrt(2.0/9)) || !d.Significant {
		t.Errorf("predicted against natural: %+v %v", d, d.Interval)
	}
	back := c.Rows[1].Against["uniform"]
	if !near(back.Mean, 0) || !isInterval(back.Interval, 0, 2.446911849*math.Sqrt(2.0/9)) || back.Significant {
		t.Errorf("natural against uniform: %+v %v", back, back.Interval)
	}
	// Welch: variances 1/3 and 1/7 of the means, 5.6757 degrees of freedom.
	random := c.Rows[0].Against["random"]
	if !near(random.Mean, 4) || !isInterval(random.Interval, 4, 2.481208475*math.Sqrt(1.0/3+1.0/7)) || !random.Significant {
		t.Errorf("predicted against random: %+v %v", random, random.Interval)
	}
	for _, r := range c.Rows {
		if _, ok := r.Against[r.Name]; ok || len(r.TestAgainst) > 0 {
			t.Errorf("%s: against itself %v, on test files %v", r.Name, ok, r.TestAgainst)
		}
	}
}

// What is called significant is held to the level divided by the number of
// comparisons, and the interval that is shown is not.
func TestSignificanceIsCorrected(t *testing.T) {
	// Three comparisons: the factor of Student's t with six degrees of freedom is
	// 3.287 in place of 2.447, times 0.4714 for the noise of the rows above.
	for gain, want := range map[float64]bool{1.3: false, 1.5: false, 1.6: true} {
		c := &Confirmation{Level: 0.95, Seeds: []uint64{0, 1, 2, 3}, Rows: []ConfirmedRow{
			row("predicted", 1.5+gain, 1.5+gain, 3.5+gain, 3.5+gain), row("natural", 1, 2, 3, 4), row("uniform", 1, 3, 2, 4), row("random", 0, 2, 0, 2, 0, 2, 0, 2)}}
		c.compare()
		d := c.Rows[0].Against["natural"]
		if d.Significant != want || d.Interval == nil || !(d.Interval[0] > 0) {
			t.Errorf("a gain of %v: %+v %v, want significant %v above 0", gain, d, d.Interval, want)
		}
	}
}

// With a failed run the rows are paired by seed, whatever place it has: of the
// pairs 3, 3, 2 the mean is 8/3 and its error 1/3.
func TestFailedRunsArePairedBySeed(t *testing.T) {
	all := []uint64{10, 11, 12, 13}
	c := &Confirmation{Level: 0.95, Seeds: all, Rows: []ConfirmedRow{
		seeded("predicted", []uint64{10, 12, 13}, 4, 6, 6), seeded("natural", all, 1, 2, 3, 4), seeded("uniform", all[:1], 9), row("random", 1)}}
	c.compare()
	d := c.Rows[0].Against["natural"]
	if !near(d.Mean, 8.0/3) || !isInterval(d.Interval, 8.0/3, 4.30265273/3) {
		t.Errorf("%+v %v", d, d.Interval)
	}
	for _, name := range []string{"uniform", "random"} { // one run in common, or one in all
		if d, ok := c.Rows[0].Against[name]; ok {
			t.Errorf("against %s: %+v", name, d)
		}
	}
}

func TestVerdictWords(t *testing.T) {
	at := func(name string) ConfirmedRow { return row(name, 1, 2, 3) }
	for _, c := range []struct {
		winner      ConfirmedRow
		better, not []string
		want        string
	}{
		{at("natural"), nil, []string{"uniform", "random"}, "no significant gain: the natural mixture itself scored best at 90 % confidence over 3 fresh seeds"},
		{at("uniform"), []string{"natural", "random"}, nil, "no mixture of the search beats the uniform one, which is better than natural and random at 90 % confidence over 3 fresh seeds"},
		{at("measured-2"), nil, []string{"natural", "uniform", "random"}, "no significant gain over natural, uniform, random at 90 % confidence over 3 fresh seeds"},
		{at("predicted"), []string{"natural", "uniform", "random"}, nil, "better than natural, uniform, random at 90 % confidence over 3 fresh seeds"},
		{at("predicted"), []string{"natural"}, []string{"uniform", "random"}, "better than natural at 90 % confidence over 3 fresh seeds; no significant gain over uniform, random"},
	} {
		if got := verdict(c.winner, c.better, c.not, 0.9); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The random baseline is of many mixtures, so it cannot be the answer; of equal
// means the row that comes first is.
func TestWinnerHasOneMixture(t *testing.T) {
	c := confirmation(t, row("predicted", 1, 2, 3, 4), row("measured-1", 4, 3, 2, 1), row("natural", 0, 1, 1, 2), row("uniform", 0, 2, 1, 1), row("random", 90, 91, 92, 93))
	if c.Winner != 0 {
		t.Errorf("winner %s", c.Rows[c.Winner].Name)
	}
	var no Confirmation
	no.Rows = []ConfirmedRow{{Name: "predicted", Failed: []string{"seed 1: a", "seed 2: b"}}, {Name: "natural"}, {Name: "uniform"}, {Name: "random"}}
	if err := no.decide(); !errors.Is(err, errNoConfirmation) || !strings.Contains(err.Error(), "seed 1: a; seed 2: b") {
		t.Errorf("%v", err)
	}
}

// A row's metrics are means over the runs that have them; failed runs count for
// nothing but their reason.
func TestRowsAreSummed(t *testing.T) {
	target := terms("v.jsonl")
	r := ConfirmedRow{Name: "predicted", Mixture: mix.Mixture{1}, Metrics: map[string]float64{}, counted: map[string]int{}}
	run := func(seed uint64, score float64, test ...*eval.TaskResult) {
		result := &train.Result{Score: score, Validate: []*eval.TaskResult{{Task: "v", Metrics: map[string]float64{"bpb": -score}}}, Test: test}
		if len(test) > 0 {
			result.TestMean = -test[0].Metrics["bpb"]
		}
		r.add(trialSpec{Seed: seed}, result, target, terms("w.jsonl"))
	}
	run(5, -1, termResult("w", 3))
	r.add(trialSpec{Seed: 6}, &train.Result{Failed: "diverged", Score: 99}, target, nil)
	run(7, -2, termResult("w", 5))
	run(8, -6)
	r.summarize(0.95)
	if d := cmp.Diff(map[string]float64{"validation/v:bpb": 3, "test/w:bpb": 4}, r.Metrics); d != "" {
		t.Error(d)
	}
	if r.Mean != -3 || r.TestMean != -4 || len(r.runs) != 3 || len(r.tests) != 2 {
		t.Errorf("means %v, %v of %d and %d runs", r.Mean, r.TestMean, len(r.runs), len(r.tests))
	}
	if d := cmp.Diff([]uint64{5, 7, 8}, r.Seeds); d != "" || len(r.Failed) != 1 || r.Failed[0] != "seed 6: diverged" {
		t.Errorf("seeds %v, failed %q", r.Seeds, r.Failed)
	}
	// -1, -2, -6: the standard error is sqrt(7/3), and t with two degrees 4.302653.
	if !isInterval(r.Interval, -3, 4.30265273*math.Sqrt(7.0/3)) {
		t.Errorf("interval %v", r.Interval)
	}
}

// Mixtures that are there already are not confirmed twice, nor more measured ones
// than asked for; the random baseline has two of its own for every seed.
func TestCandidates(t *testing.T) {
	best, other, third := mix.Mixture{0.25, 0.75}, mix.Mixture{0.5, 0.5}, mix.Mixture{1, 0}
	prior := mix.Mixture{0.6, 0.4}
	s := &Search{Problem: search.Problem{Domains: []string{"a", "b"}, Prior: prior, Rounds: []int{4}}, Predicted: best,
		Measured: []search.Trial{{Mixture: best}, {Mixture: other}, {Mixture: other}, {Mixture: third}}}
	for measured, want := range map[int]string{0: "predicted natural uniform random", 1: "predicted natural uniform random",
		3: "predicted measured-2 natural uniform random", 4: "predicted measured-2 measured-4 natural uniform random"} {
		list, err := candidates(s, ConfirmConfig{Seeds: 3, Measured: measured}, 7)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range list {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%d measured: %s, want %s", measured, got, want)
		}
		n := len(list)
		if d := cmp.Diff([]mix.Mixture{prior, {0.5, 0.5}, nil}, []mix.Mixture{list[n-3].Mixture, list[n-2].Mixture, list[n-1].Mixture}, cmpopts.EquateApprox(0, 1e-9)); d != "" {
			t.Errorf("baselines:\n%s", d)
		}
		hashes := map[string]bool{}
		for _, m := range list[n-1].random {
			hashes[m.Hash()] = true
		}
		if len(list[n-1].random) != 6 || len(hashes) != 6 {
			t.Errorf("%d random mixtures, %d different ones", len(list[n-1].random), len(hashes))
		}
	}
	// As many runs as are planned for: each candidate with each seed, random twice.
	if got := (ConfirmConfig{Seeds: 3, Measured: 2}).Runs(); got != 3*(1+2+2+2) {
		t.Errorf("%d runs", got)
	}
}
