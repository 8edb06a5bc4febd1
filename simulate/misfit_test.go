package simulate

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// kindOf is the kind of a name.
func kindOf(t *testing.T, name string) Kind {
	t.Helper()
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		t.Fatalf("no kind is called %s", name)
	}
	return Kinds[i]
}

// Of all mixtures of three domains in steps of 1/200, none is better than the
// optimum, and the best one comes as close to it as a grid can. Thresholds make
// the score neither convex nor concave, so a local search would prove nothing.
func TestBestByBruteForce(t *testing.T) {
	const steps = 200
	for _, kind := range Kinds {
		for seed := range uint64(3) {
			w := world(t, kind, 3, seed)
			best, score, gap := w.Best()
			if at := w.Score(best); math.Abs(at-score) > 1e-12 {
				t.Errorf("%s/%d: the optimum scores %v, not %v: it is below a threshold", kind.Name, seed, at, score)
			}
			top, at := math.Inf(-1), mix.Mixture(nil)
			for i := range steps + 1 {
				for j := range steps + 1 - i {
					m := mix.Mixture{float64(i) / steps, float64(j) / steps, float64(steps-i-j) / steps}
					if !w.Problem.Bounds.Contains(m) {
						continue
					}
					if v := w.Score(m); v > top {
						top, at = v, m
					}
				}
			}
			if top > score+gap+1e-12 || top < score-0.02 {
				t.Errorf("%s/%d: %v at %v by brute force, %v at %v by proof, gap %v", kind.Name, seed, top, at, score, best, gap)
			}
		}
	}
}

// A task is flat below a threshold and above it, and no concave function: half
// way up the cliff, the score is below the chord there and above it later.
func TestThreshold(t *testing.T) {
	w := world(t, kindOf(t, "threshold"), 16, 1)
	cliffs := 0
	for k := range w.laws {
		l := &w.laws[k]
		for j, cliff := range l.cliff {
			if cliff == 0 {
				continue
			}
			cliffs++
			at := func(share float64) float64 {
				m := make(mix.Mixture, 16)
				for i := range m {
					m[i] = 1 // above every threshold
				}
				m[j] = share * l.thresholds[j]
				return l.missing(m, nil)
			}
			for share, want := range map[float64]float64{0: cliff, 0.25: cliff * (1 - 0.15625), 0.5: cliff / 2, 0.75: cliff * 0.15625, 1: 0, 1.5: 0} {
				if got := at(share); math.Abs(got-want) > 1e-12 {
					t.Errorf("task %d, domain %d: %v of the threshold loses %v, want %v", k, j, share, got, want)
				}
			}
		}
	}
	if cliffs < tasks {
		t.Errorf("%d thresholds in a world of %d tasks", cliffs, tasks)
	}
	rng, below := rand.New(rand.NewPCG(5, 1)), 0
	for range 200 {
		m := draw(w, rng)
		if w.mean(w.convex, m, nil) > w.Score(m)+1e-9 {
			below++
		}
	}
	if below < 50 {
		t.Errorf("%d of 200 random mixtures are below a threshold", below)
	}
}

// Repetition is worth less and less, then less than nothing; in the kinds
// without overfitting it is never worth less.
func TestOverfit(t *testing.T) {
	for _, kind := range Kinds {
		w := world(t, kind, 16, 1)
		s := w.supply[3]
		peak, _ := w.worth(3, 2.2*s)
		once, _ := w.worth(3, s)
		last, slope := w.worth(3, 4*s)
		if once != s || peak <= once || last <= 0 {
			t.Errorf("%s: once %v, 2.2 times %v, four times %v", kind.Name, once, peak, last)
		}
		if fell := last < peak; fell != (kind.Overfit > 0) || fell != (slope < 0) {
			t.Errorf("%s: worth falls from %v to %v, slope %v", kind.Name, peak, last, slope)
		}
	}
}

// Interactions have both signs: of the second differences between domains some
// are positive and some negative.
func TestInteract(t *testing.T) {
	w := world(t, kindOf(t, "interact"), 8, 1)
	plus, minus := 0, 0
	l := &w.laws[0]
	for i := range 8 {
		for j := range i {
			m := mix.Uniform(8)
			v := func(a, b float64) float64 {
				n := slices.Clone(m)
				n[i], n[j] = n[i]+a, n[j]+b
				return l.interaction(n, nil)
			}
			if cross := v(0.1, 0.1) - v(0.1, 0) - v(0, 0.1) + v(0, 0); cross > 1e-6 {
				plus++
			} else if cross < -1e-6 {
				minus++
			}
		}
	}
	if plus < 5 || minus < 5 {
		t.Errorf("%d pairs hinder and %d help each other", plus, minus)
	}
}

// What a round adds, it adds to every run and every task; other rounds add
// something else, as much as the kind says; the truth has none of it.
func TestDrift(t *testing.T) {
	kind := kindOf(t, "drift")
	var shifts []float64
	for seed := range uint64(8) {
		w := world(t, kind, 8, seed)
		w.Problem.Seed = seed
		mixtures := []mix.Mixture{w.Problem.Prior, w.Problem.Bounds.Project(mix.Uniform(8))}
		for round := range 8 {
			trials, err := w.Evaluate(context.Background(), mixtures, round)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := w.Evaluate(context.Background(), mixtures, round)
			if d := cmp.Diff(trials, again); d != "" {
				t.Fatal(d)
			}
			by := trials[0].Score - w.Measure(mixtures[0], seed).Score
			for i, m := range mixtures {
				run := w.Measure(m, seed)
				if got := trials[i].Score - run.Score; math.Abs(got-by) > 1e-12 {
					t.Errorf("round %d adds %v to one run and %v to another", round, by, got)
				}
				for name, v := range run.Scores {
					if got := trials[i].Scores[name] - v; math.Abs(got-by) > 1e-12 {
						t.Errorf("round %d adds %v to a run and %v to its %s", round, by, got, name)
					}
				}
			}
			shifts = append(shifts, by/(w.drift/kind.Drift))
		}
	}
	if got := deviation(shifts); got < kind.Drift/1.5 || got > kind.Drift*1.5 {
		t.Errorf("rounds differ by %.3f of the spread, the kind has %.3f", got, kind.Drift)
	}
	for _, kind := range Kinds[:5] {
		if w := world(t, kind, 8, 1); w.drift != 0 {
			t.Errorf("%s drifts", kind.Name)
		}
	}
}

// Worlds are what they were: figures that are quoted were measured on them.
func TestWorldsStay(t *testing.T) {
	var out strings.Builder
	fmt.Fprintln(&out, "kind/domains: natural mixture's true score, its run's in round 1, the optimum")
	for _, kind := range Kinds {
		for _, domains := range []int{2, 16, 40} {
			w := world(t, kind, domains, 7)
			trials, err := w.Evaluate(context.Background(), []mix.Mixture{w.Problem.Prior}, 1)
			if err != nil {
				t.Fatal(err)
			}
			_, best, _ := w.Best()
			fmt.Fprintf(&out, "%s/%d: %.6f %.6f %.6f\n", kind.Name, domains, w.Score(w.Problem.Prior), trials[0].Score, best)
		}
	}
	golden := filepath.Join("testdata", "worlds.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Error(d)
	}
}
