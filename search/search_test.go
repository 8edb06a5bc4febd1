package search

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// small settings: the tests below are about rules, not about quality.
var (
	fewTrees   = predict.Choose(&predict.GBDT{Trees: 40, Rate: 0.1})
	smallClimb = Climb{Candidates: 2000, Predictor: fewTrees}
	small      = map[string]Strategy{
		"climb":      smallClimb,
		"climb-auto": Auto{Candidates: 500, Shortlist: 40, Moves: 5},
		"bayes":      Bayes{Candidates: 500, Shortlist: 40},
		"regmix":     RegMix{Candidates: 2000, Recipe: Recipe{Oversample: 20}, Predictor: fewTrees},
	}
)

// each runs f for every strategy of the table and for climb's other sampler.
func each(t *testing.T, f func(t *testing.T, s Strategy)) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			s, ok := small[m.Name]
			if !ok {
				s = m.New()
			}
			f(t, s)
		})
	}
	other := smallClimb
	other.Sampler, other.Predictor, other.Recipe.Oversample = "recipe", predict.Choose(&predict.Ridge{}), 20
	t.Run("climb-recipe", func(t *testing.T) { f(t, other) })
}

var rounds = []int{12, 6, 3}

func capped(w world) Problem {
	p := w.problem(rounds, 5)
	p.Bounds = mix.Bounds{Upper: slices.Repeat([]float64{0.3}, len(p.Domains)), Lower: make([]float64, len(p.Domains))}
	p.Bounds.Lower[2] = 0.07
	return p
}

func run(t *testing.T, p Problem, s Strategy, eval Evaluator) []Trial {
	t.Helper()
	history, err := Run(context.Background(), p, s, eval, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return history
}

// Every proposal keeps the bounds and is new, failed trials are not tried
// again, the budget is kept, and so is the answer within the bounds.
func TestProposals(t *testing.T) {
	w := newWorld(8, 4, 0.01, 1)
	each(t, func(t *testing.T, s Strategy) {
		for name, p := range map[string]Problem{"free": w.problem(rounds, 5), "capped": capped(w)} {
			history, budget := run(t, p, s, w.eval(4)), 0
			for _, n := range Rounds(p, s) {
				budget += n
			}
			if len(history) > budget || len(history) == 0 && budget > 0 { // fewer: it ran out of mixtures
				t.Errorf("%s: %d trials for a budget of %d", name, len(history), budget)
			}
			for i, a := range history {
				if err := a.Mixture.Check(); err != nil || !p.Bounds.Contains(a.Mixture) || a.Hash != a.Mixture.Hash() {
					t.Errorf("%s: trial %d is %+v, %v", name, i, a, err)
				}
				for j, b := range history[:i] {
					if mix.L1(a.Mixture, b.Mixture) < 1e-5 {
						t.Errorf("%s: trials %d and %d are of one mixture", name, j, i)
					}
				}
			}
			best, err := s.Best(p, history)
			if err != nil {
				t.Fatal(err)
			}
			if err := best.Check(); err != nil || !p.Bounds.Contains(best) {
				t.Errorf("%s: the answer %v, %v", name, best, err)
			}
		}
	})
}

// Propose and Best depend on nothing but their arguments: not on earlier
// calls, the order of the history or the number of cores.
func TestReplay(t *testing.T) {
	w := newWorld(8, 4, 0.01, 1)
	each(t, func(t *testing.T, s Strategy) {
		p := capped(w)
		history := run(t, p, s, w.eval(0))
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
		var want []mix.Mixture
		var wantBest mix.Mixture
		for i, procs := range []int{1, 3, 2} {
			runtime.GOMAXPROCS(procs)
			shuffled := slices.Clone(history)
			rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			was := slices.Clone(shuffled)
			got, err := s.Propose(context.Background(), p, shuffled, 9)
			if err != nil {
				t.Fatal(err)
			}
			best, err := s.Best(p, shuffled)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want, wantBest = got, best
			}
			if d := cmp.Diff(want, got) + cmp.Diff(wantBest, best); d != "" {
				t.Errorf("replayed on %d cores: %s", procs, d)
			}
			if d := cmp.Diff(was, shuffled); d != "" {
				t.Errorf("the history was changed: %s", d)
			}
		}
		if other := p; len(want) > 1 {
			other.Seed++
			got, err := s.Propose(context.Background(), other, history, 9)
			if err != nil || cmp.Equal(want, got) {
				t.Errorf("another seed proposes the same: %v", err)
			}
		}
	})
}

func TestOneDomain(t *testing.T) {
	w := newWorld(1, 1, 0, 1)
	each(t, func(t *testing.T, s Strategy) {
		p := w.problem(rounds, 1)
		if history := run(t, p, s, w.eval(0)); len(history) != 1 {
			t.Errorf("%d trials of the only mixture", len(history))
		} else if best, err := s.Best(p, history); err != nil || len(best) != 1 || best[0] != 1 {
			t.Errorf("%v, %v", best, err)
		}
	})
}

func TestDomainWithoutTokens(t *testing.T) {
	w := newWorld(5, 3, 0.01, 1)
	each(t, func(t *testing.T, s Strategy) {
		p := w.problem(rounds, 1)
		p.Prior = mix.Mixture{0.9, 0, 0.05, 0.03, 0.02}
		p.Bounds.Upper = []float64{0.1, 1, 1, 1, 1} // mass must move, but not to domain 1
		history := run(t, p, s, w.eval(0))
		best, err := s.Best(p, history)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append([]mix.Mixture{best}, mixtures(history)...) {
			if m[1] != 0 || m[0] > 0.1+1e-9 {
				t.Errorf("%v uses domains that it must not", m)
			}
		}
	})
}

func mixtures(history []Trial) (out []mix.Mixture) {
	for _, t := range history {
		out = append(out, t.Mixture)
	}
	return out
}

// Strategies that can go on when runs fail use all of their budget.
func TestBudgetIsUsed(t *testing.T) {
	w := newWorld(8, 4, 0.01, 1)
	each(t, func(t *testing.T, s Strategy) {
		if NeedsOf(s).DomainLoss {
			t.Skip("rests when a run of its weights fails")
		}
		for name, p := range map[string]Problem{"free": w.problem(rounds, 5), "capped": capped(w)} {
			budget := 0
			for _, n := range Rounds(p, s) {
				budget += n
			}
			if history := run(t, p, s, w.eval(4)); len(history) != budget {
				t.Errorf("%s: %d trials for a budget of %d", name, len(history), budget)
			}
		}
	})
}

func TestAllTrialsFail(t *testing.T) {
	w := newWorld(5, 3, 0.01, 1)
	_, err := Run(context.Background(), w.problem(rounds, 1), smallClimb, w.eval(1), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "loss is not finite") {
		t.Errorf("all trials failed: %v", err)
	}
}

// looks tells whether the answer of a strategy depends on scores.
func looks(t *testing.T, p Problem, s Strategy, w world) bool {
	t.Helper()
	history := run(t, p, s, w.eval(0))
	other := slices.Clone(history)
	for i := range other {
		other[i].Score, other[i].Scores = history[len(history)-1-i].Score, history[len(history)-1-i].Scores
	}
	a, err := s.Best(p, history)
	b, err2 := s.Best(p, other)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return len(history) > 1 && !cmp.Equal(a, b)
}

// A strategy that looks at scores has no answer without one, and the only
// measured mixture where there is one.
func TestTooFewScores(t *testing.T) {
	w := newWorld(5, 3, 0.01, 1)
	each(t, func(t *testing.T, s Strategy) {
		p := w.problem(rounds, 1)
		first, err := s.Propose(context.Background(), p, nil, 4)
		if err != nil {
			t.Fatal(err)
		}
		var history []Trial
		for i, m := range first {
			history = append(history, Trial{Mixture: m, Score: 1, Failed: "quarantined"})
			if i == 2 {
				history[i].Failed = ""
			}
		}
		if looks(t, p, s, w) {
			for name, h := range map[string][]Trial{"none": nil, "failures": history[:2]} {
				if _, err := s.Best(p, h); err == nil {
					t.Errorf("%s: Best has no error", name)
				}
			}
			if best, err := s.Best(p, history); err != nil || !cmp.Equal(best, first[2]) {
				t.Errorf("one score: %v, %v, want %v", best, err, first[2])
			}
		}
		next, err := s.Propose(context.Background(), p, history, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range next {
			for _, f := range first {
				if mix.L1(m, f) < 1e-5 {
					t.Errorf("%v is proposed again", m)
				}
			}
		}
	})
}

func TestBadProblems(t *testing.T) {
	good := newWorld(3, 2, 0, 1).problem([]int{2}, 1)
	cases := map[string]func(*Problem){
		"no domains":          func(p *Problem) { p.Domains, p.Prior = nil, nil },
		"2 prior shares":      func(p *Problem) { p.Prior = mix.Uniform(2) },
		"prior: shares sum":   func(p *Problem) { p.Prior = mix.Mixture{1, 1, 1} },
		"upper bounds sum to": func(p *Problem) { p.Bounds.Upper = []float64{0.1, 0.1, 0.1} },
		"3 domains":           func(p *Problem) { p.Bounds.Upper = []float64{1} },
		"d01 has a lower bou": func(p *Problem) { p.Prior, p.Bounds.Lower = mix.Mixture{0.5, 0, 0.5}, []float64{0, 0.1, 0} },
		"that have tokens":    func(p *Problem) { p.Prior, p.Bounds.Upper = mix.Mixture{0.5, 0, 0.5}, []float64{0.4, 1, 0.4} },
	}
	each(t, func(t *testing.T, s Strategy) {
		for want, spoil := range cases {
			p := good
			spoil(&p)
			if _, err := s.Propose(context.Background(), p, nil, 2); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Propose: %v, want %q", err, want)
			}
			if _, err := s.Best(p, nil); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Best: %v, want %q", err, want)
			}
		}
	})
	if _, err := (Climb{Sampler: "guess"}).Propose(context.Background(), good, nil, 2); err == nil || !strings.Contains(err.Error(), "climb.sampler") {
		t.Errorf("unknown sampler: %v", err)
	}
	if _, err := Methods.New("oracle"); err == nil {
		t.Error("New made an unknown strategy")
	}
}

func TestMeasured(t *testing.T) {
	a, b, c := mix.Mixture{1, 0}, mix.Mixture{0.5, 0.5}, mix.Mixture{0, 1}
	history := []Trial{
		{Mixture: a, Seed: 2, Score: 3, Scores: map[string]float64{"x": 1}},
		{Mixture: b, Seed: 1, Score: 2.5},
		{Mixture: a, Seed: 1, Score: 1, Scores: map[string]float64{"x": 3, "y": 4}},
		{Mixture: a, Seed: 3, Score: 99, Failed: "no score"},
		{Mixture: c, Seed: 1, Score: 99, Failed: "no score"},
	}
	top := TopMeasured(history, 5)
	want := []Trial{
		{Mixture: b, Seed: 1, Score: 2.5},
		{Mixture: a, Seed: 1, Score: 2, Scores: map[string]float64{"x": 2, "y": 4}},
	}
	if d := cmp.Diff(want, top); d != "" {
		t.Error(d)
	}
	if one := TopMeasured(history, 1); len(one) != 1 || !cmp.Equal(one[0], want[0]) {
		t.Errorf("top one: %+v", one)
	}
	if history[0].Scores["x"] != 1 || history[2].Scores["x"] != 3 {
		t.Error("the history was changed")
	}
}

// A predictor that says the same of all mixtures must not pick any of them.
func TestNoSignalFallsBackToMeasured(t *testing.T) {
	p := newWorld(4, 2, 0, 1).problem([]int{6}, 1)
	first, err := smallClimb.Propose(context.Background(), p, nil, 6)
	if err != nil {
		t.Fatal(err)
	}
	var history []Trial // too few runs for a tree to split
	for i, m := range first {
		history = append(history, Trial{Mixture: m, Score: float64(i % 5)})
	}
	best, err := smallClimb.Best(p, history)
	if err != nil || !cmp.Equal(best, first[4]) {
		t.Errorf("%v, %v, want the best measured %v", best, err, first[4])
	}
}

// The recipe's sampler: RegMix's cap, its zeros, and strengths on both sides.
func TestRecipe(t *testing.T) {
	r := RegMix{}
	if err := prepare("regmix", &r, newWorld(3, 2, 0, 1).problem([]int{1}, 1)); err != nil {
		t.Fatal(err)
	}
	p := newWorld(20, 2, 0, 1).problem([]int{1}, 1)
	drawn, err := r.Recipe.sample(context.Background(), p, 40)
	if err != nil {
		t.Fatal(err)
	}
	zero, spread, sum := 0.0, 0.0, 0.0
	for _, m := range drawn {
		for i, w := range m {
			if w > 0 && w < 2e-4 {
				t.Fatalf("share %v below the least", w)
			}
			// Clearing small shares scales the others up a little.
			if w > 15*p.Prior[i]*1.005 {
				t.Fatalf("share %v of a domain with %v", w, p.Prior[i])
			}
			if w == 0 {
				zero++
			}
			sum++
		}
		spread += m.Entropy() / float64(len(drawn))
	}
	if share := zero / sum; share < 0.2 || share > 0.8 {
		t.Errorf("%.2f of the shares are 0", share)
	}
	if spread < 0.5 || spread > 2 {
		t.Errorf("mean entropy %.2f nats", spread)
	}
	// A cap that rejects everything still gives the mixtures asked for.
	r.Recipe.MaxRatio = 1.01
	drawn, err = r.Recipe.sample(context.Background(), p, 40)
	if err != nil || len(drawn) < 40 {
		t.Errorf("%d mixtures of 40, %v", len(drawn), err)
	}
	for _, m := range drawn {
		for i, w := range m {
			if w > 1.01*p.Prior[i]+1e-9 {
				t.Fatalf("share %v of a domain with %v", w, p.Prior[i])
			}
		}
	}
}

func TestBaselines(t *testing.T) {
	p := newWorld(4, 2, 0, 1).problem([]int{1}, 1)
	p.Prior = mix.Mixture{0.7, 0.3, 0, 0}
	check := func(name string, got mix.Mixture, err error, want mix.Mixture) {
		t.Helper()
		if err != nil || mix.L1(got, want) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	m, err := NaturalMixture(p)
	check("natural", m, err, p.Prior)
	m, err = UniformMixture(p)
	check("uniform", m, err, mix.Mixture{0.5, 0.5, 0, 0})
	p.Bounds.Upper = []float64{0.6, 1, 1, 1}
	m, err = NaturalMixture(p)
	check("capped", m, err, mix.Mixture{0.6, 0.4, 0, 0})
	a, err := RandomMixture(p, 1)
	if err != nil || a.Check() != nil || !p.Bounds.Contains(a) || a[2] != 0 {
		t.Errorf("random: %v, %v", a, err)
	}
	b, _ := RandomMixture(p, 2)
	again, _ := RandomMixture(p, 1)
	if mix.L1(a, b) == 0 || mix.L1(a, again) != 0 {
		t.Errorf("random: %v for seed 1, then %v, and %v for seed 2", a, again, b)
	}
}

// What a screen returns does not depend on values below the floor.
func TestScreenFloor(t *testing.T) {
	w := newWorld(6, 3, 0.01, 1)
	p := w.problem([]int{20}, 1)
	first, err := Auto{}.Propose(t.Context(), p, nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	history, err := w.eval(0)(t.Context(), first, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, kl := range []float64{0, 0.3} {
		p.KL = kl
		s, err := newSurrogate(p, history, predict.Choose(&predict.GP{}))
		if err != nil {
			t.Fatal(err)
		}
		const n, keep = 20_000, 40
		want, err := screen(t.Context(), p, n, keep, p.anywhere(nil), whole(func(m mix.Mixture) float64 { return s.upper(m, math.Inf(-1)) }))
		if err != nil {
			t.Fatal(err)
		}
		below := atomic.Int64{}
		got, err := screen(t.Context(), p, n, keep, p.anywhere(nil), func(m mix.Mixture, floor float64) float64 {
			v := s.upper(m, floor)
			if v < floor {
				below.Add(1)
			}
			return v
		})
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("penalty %v: the best differ from those without a floor, %v", kl, err)
		}
		if below.Load() < n/2 {
			t.Errorf("penalty %v: %d of %d values are below the floor", kl, below.Load(), n)
		}
	}
}
