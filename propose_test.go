package climb

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/simulate"
)

// measuredTable is a search by hand: runs of a world, one of them failed.
func measuredTable(t *testing.T) (*simulate.World, *history.Table) {
	t.Helper()
	w, err := simulate.New(simulate.Kinds[0], 6, 3)
	if err != nil {
		t.Fatal(err)
	}
	first, err := Propose(context.Background(), &history.Table{Domains: w.Problem.Domains, Metrics: []string{"acc"}, Runs: []history.Run{
		{Name: "a", Mixture: w.Problem.Prior, Values: []float64{1}}, {Name: "b", Mixture: []float64{0.5, 0.5, 0, 0, 0, 0}, Values: []float64{2}}}},
		ProposeOptions{N: 12, Strategy: "random", Epochs: 4})
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

// Proposals are new, keep the limits, and come back from the files they are
// written to.
func TestPropose(t *testing.T) {
	w, table := measuredTable(t)
	o := ProposeOptions{N: 5, Strategy: "climb-auto", Most: map[string]float64{"d01": 0.2}, Epochs: 4, TargetTokens: 1e6, Supply: map[string]float64{}}
	for d, name := range w.Problem.Domains {
		o.Supply[name] = 1e6 * w.Problem.Prior[d]
	}
	p, err := Propose(context.Background(), table, o)
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
	again, err := Propose(context.Background(), table, o)
	if d := cmp.Diff(p, again); err != nil || d != "" {
		t.Errorf("%v: %s", err, d)
	}
	files, err := p.Table().Write(t.TempDir(), "olmix")
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestProposeRefuses(t *testing.T) {
	_, table := measuredTable(t)
	for want, o := range map[string]ProposeOptions{
		`no domain is called "web"`: {Most: map[string]float64{"web": 1}},
		"tokens of the target run":  {Supply: map[string]float64{"d00": 5}},
		"unknown strategy":          {Strategy: "guess"},
		"no metric is called":       {Objective: history.Objective{Metrics: []string{"x"}}},
	} {
		if o.Strategy == "" {
			o.Strategy = "climb-auto"
		}
		if _, err := Propose(context.Background(), table, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	table.Runs = table.Runs[3:5] // one of them failed
	if _, err := Propose(context.Background(), table, ProposeOptions{N: 1, Strategy: "climb-auto"}); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Errorf("one run: %v", err)
	}
}
