package search

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/climb-go/climb/mix"
)

func trial(w mix.Mixture, scores ...float64) Trial {
	t := Trial{Mixture: w, Hash: w.Hash(), Scores: map[string]float64{}}
	for k, v := range scores {
		t.Scores[string(rune('a'+k))] = v
	}
	return t
}

func TestRescore(t *testing.T) {
	floor := 2.0
	x := []mix.Mixture{{1, 0}, {0.5, 0.5}, {0, 1}, {0.2, 0.8}}
	history := []Trial{trial(x[0], 1, 3), trial(x[1], 2, 2.5), trial(x[2], 6, 1), trial(x[3], 4)}
	p := Problem{Tasks: []Task{{Name: "a", Weight: 1}, {Name: "b", Weight: 3, Lower: true}}}
	got := p.Rescore(history)
	for i, want := range []float64{-2, -1.375, 0.75} {
		if math.Abs(got[i].Score-want) > 1e-12 || got[i].Failed != "" {
			t.Errorf("mean %d: %v (%s), want %v", i, got[i].Score, got[i].Failed, want)
		}
	}
	if got[3].Failed == "" || history[3].Failed != "" {
		t.Errorf("a run without a task: %q, the history %q", got[3].Failed, history[3].Failed)
	}
	p.Combine = "worst"
	if got := p.Rescore(history); got[1].Score < got[0].Score || got[1].Score < -1 {
		t.Errorf("worst: %v, %v", got[0].Score, got[1].Score)
	}
	p.Combine, p.Tasks[1].Floor = "", &floor // b, lower is better, must stay below 2
	if got := p.Rescore(history); got[2].Score < 10+max(got[0].Score, got[1].Score) {
		t.Errorf("floors: %v, %v, %v", got[0].Score, got[1].Score, got[2].Score)
	}
	if same := (Problem{Tasks: []Task{{Name: "z", Weight: 1}}}).Rescore(history); !cmp.Equal(same, history) {
		t.Error("a history without the tasks was changed")
	}
	front := p.Pareto(append(history, trial(mix.Mixture{0.4, 0.6}, 1.5, 2.8)))
	var names []mix.Mixture
	for _, r := range front {
		names = append(names, r.Mixture)
	}
	want := []mix.Mixture{x[2]} // better on both
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	p.Tasks[1].Lower = false
	if n := len(p.Pareto(history)); n != 3 {
		t.Errorf("%d runs on the front, want 3: each is best at something", n)
	}
}

// Old runs by name: a new domain, one that is gone, one that was split.
func TestReuse(t *testing.T) {
	p := Problem{Domains: []string{"web", "new", "c", "go"}, Prior: mix.Mixture{0.4, 0.3, 0.1, 0.2}}
	past := Past{Domains: []string{"code", "web", "gone"}, Split: map[string][]string{"code": {"go", "c"}}, Trials: []Trial{
		{Mixture: mix.Mixture{0.3, 0.7, 0}, Score: 1, Round: 2, DomainLoss: []float64{1, 2, 3}},
		{Mixture: mix.Mixture{0.1, 0.4, 0.5}, Score: 2},
		{Mixture: mix.Mixture{0, 0.99, 0.01}, Score: 3},
	}}
	got := p.Reuse(past, 0.02)
	if len(got) != 2 || got[0].Round != -1 || got[0].DomainLoss != nil || got[0].Hash != got[0].Mixture.Hash() {
		t.Fatalf("%+v", got)
	}
	want := []mix.Mixture{{0.7, 0, 0.1, 0.2}, {1, 0, 0, 0}}
	if d := cmp.Diff(want, []mix.Mixture{got[0].Mixture, got[1].Mixture}, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
}

// Groups keep their proportions, bounds hold for every member, and the rest of
// the conformance does not change.
func TestGrouped(t *testing.T) {
	w := newWorld(8, 4, 0.01, 1)
	each(t, func(t *testing.T, s Strategy) {
		p := capped(w)
		p.Groups = [][]int{{1, 4, 6}}
		history := run(t, p, Grouped{s}, w.eval(0))
		best, err := Grouped{s}.Best(p, history)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append([]mix.Mixture{best}, mixtures(history)...) {
			if !p.Bounds.Contains(m) || m.Check() != nil {
				t.Fatalf("%v breaks the bounds", m)
			}
			for _, d := range []int{4, 6} {
				if math.Abs(m[d]*p.Prior[1]-m[1]*p.Prior[d]) > 1e-9 {
					t.Fatalf("%v: domains 1 and %d have not the proportion of %v", m, d, p.Prior)
				}
			}
		}
	})
	p := capped(w)
	p.Groups = [][]int{{1, 1}}
	if _, err := (Grouped{Random{}}).Propose(context.Background(), p, nil, 1); err == nil {
		t.Error("a domain twice in a group: no error")
	}
}

// Every strategy proposes from the pool alone, and answers from it.
func TestPooled(t *testing.T) {
	w := newWorld(6, 3, 0.01, 2)
	rng := rand.New(rand.NewPCG(1, 9))
	each(t, func(t *testing.T, s Strategy) {
		p := w.problem(rounds, 5)
		known := map[string]bool{}
		for range 60 {
			m := mix.Dirichlet(rng, []float64{1, 1, 1, 1, 1, 1})
			p.Pool, known[m.Hash()] = append(p.Pool, m), true
		}
		history := run(t, p, Pooled{s}, w.eval(0))
		best, err := Pooled{s}.Best(p, history)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append([]mix.Mixture{best}, mixtures(history)...) {
			if !known[m.Hash()] {
				t.Fatalf("%v is not in the pool", m)
			}
		}
	})
}

// The penalty draws the answer to the prior.
func TestPenalty(t *testing.T) {
	w := newWorld(6, 3, 0.01, 3)
	for _, name := range []string{"climb", "climb-auto", "bayes", "olmix"} {
		s, ok := small[name]
		if !ok {
			s = Olmix{}
		}
		p := w.problem(rounds, 5)
		history := run(t, p, s, w.eval(0))
		free, err := s.Best(p, history)
		if err != nil {
			t.Fatal(err)
		}
		p.KL = 100
		near, err := s.Best(p, history)
		if err != nil || mix.KL(near, p.Prior) > mix.KL(free, p.Prior) {
			t.Errorf("%s: divergence %.3f with the penalty, %.3f without (%v)", name, mix.KL(near, p.Prior), mix.KL(free, p.Prior), err)
		}
	}
}
