package search

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// lawful is a history of runs on exponential laws, and the laws.
func lawful(domains, n int, noise float64) (Problem, []Trial, []law) {
	rng := rand.New(rand.NewPCG(11, 1))
	p := newWorld(domains, 2, 0, 1).problem([]int{n}, 1)
	var laws []law
	for k := range 3 {
		l := law{c: 2, centre: make([]float64, domains), a: make([]float64, domains)}
		for j := range l.a {
			l.a[j] = -3 * rng.Float64()
		}
		laws = append(laws, l)
		p.Tasks = append(p.Tasks, Task{Name: string(rune('a' + k)), Weight: 1, Lower: true})
	}
	var history []Trial
	for range n {
		alpha := make([]float64, domains)
		for j := range alpha {
			alpha[j] = 0.5
		}
		m := mix.Dirichlet(rng, alpha)
		var scores []float64
		for k := range laws {
			scores = append(scores, laws[k].loss(m, nil)+noise*rng.NormFloat64())
		}
		history = append(history, trial(m, scores...))
	}
	return p, history, laws
}

// On its own laws olmix finds the optimum, also under bounds.
func TestOlmixFindsTheOptimum(t *testing.T) {
	p, history, laws := lawful(8, 60, 0)
	for name, upper := range map[string]float64{"free": 1, "capped": 0.3} {
		p.Bounds.Upper = make([]float64, 8)
		for j := range p.Bounds.Upper {
			p.Bounds.Upper[j] = upper
		}
		score := func(w mix.Mixture, grad []float64) float64 {
			slope, sum := make([]float64, len(w)), 0.0
			clear(grad)
			for k := range laws {
				sum -= laws[k].loss(w, slope)
				for j := range grad {
					grad[j] -= slope[j]
				}
			}
			return sum
		}
		_, want, _ := mix.Ascend(p.limits(), mix.Uniform(8), score, 2000, 1e-9)
		got, err := Olmix{}.Best(p, history)
		if err != nil {
			t.Fatal(err)
		}
		if v := score(got, make([]float64, 8)); v < want-0.01 || !p.Bounds.Contains(got) {
			t.Errorf("%s: %v scores %v, the optimum %v", name, got, v, want)
		}
	}
}

// The slope of the combined score is that of finite differences, for both
// combinations, with a floor that is missed.
func TestCombinedSlope(t *testing.T) {
	p, history, laws := lawful(5, 20, 0.01)
	var rows [][]float64
	for _, r := range history {
		row, _ := p.values(r)
		rows = append(rows, row)
	}
	floor := 2.0
	p.Tasks[1].Floor, p.KL = &floor, 0.3
	for _, p.Combine = range []string{"mean", "worst"} {
		c := p.combiner(rows)
		w, grad, none := mix.Uniform(5), make([]float64, 5), make([]float64, 5)
		p.combined(laws, &c, w, grad)
		for j := range w {
			up, down := append(mix.Mixture(nil), w...), append(mix.Mixture(nil), w...)
			up[j] += 1e-6
			down[j] -= 1e-6
			want := (p.combined(laws, &c, up, none) - p.combined(laws, &c, down, none)) / 2e-6
			if math.Abs(grad[j]-want) > 1e-3*(1+math.Abs(want)) {
				t.Errorf("%s %d: %v, want %v", p.Combine, j, grad[j], want)
			}
		}
	}
}

// Items that half a model likes and half another: half of each is best, and
// runs without tokens of the third domain's kind get none.
func TestMixMin(t *testing.T) {
	p := newWorld(3, 2, 0, 1).problem([]int{3}, 1)
	first, err := MixMin{}.Propose(context.Background(), p, nil, 3)
	if err != nil || len(first) != 3 {
		t.Fatal(first, err)
	}
	var history []Trial
	for _, m := range first {
		logs := []float64{-5, -5, -5, -5}
		switch {
		case m[0] == 1:
			logs[0], logs[1], logs[2] = -1, -1, -1
		case m[1] == 1:
			logs[3] = -1
		}
		history = append(history, Trial{Mixture: m, Hash: m.Hash(), LogProbs: logs})
	}
	best, err := MixMin{}.Best(p, history)
	if err != nil || math.Abs(best[0]-0.75) > 0.02 || best[2] > 0.01 {
		t.Errorf("%v, %v, want about 0.75, 0.25, 0", best, err)
	}
	p.Bounds.Upper = []float64{0.5, 1, 1}
	first, err = MixMin{}.Propose(context.Background(), p, nil, 3)
	for _, m := range first {
		if err != nil || m[0] > 0.5+1e-9 {
			t.Errorf("%v, %v", m, err)
		}
	}
}

// Weights grow where the loss stays above the reference's.
func TestDoReMi(t *testing.T) {
	p := newWorld(3, 2, 0, 1).problem([]int{10}, 1)
	p.Prior = mix.Mixture{0.6, 0.3, 0.1}
	history := run(t, p, DoReMi{}, func(_ context.Context, list []mix.Mixture, _ int) (out []Trial, err error) {
		for _, m := range list {
			// Domain 2 gains most from its share, and the uniform weights starve domain 0.
			out = append(out, Trial{Mixture: m, DomainLoss: []float64{3 - 2*m[0], 3 - 0.1*m[1], 3 - 0.1*m[2]}})
		}
		return out, nil
	})
	best, err := DoReMi{}.Best(p, history)
	if err != nil || len(history) != 10 || best[0] < 0.4 {
		t.Errorf("%v after %d runs, %v", best, len(history), err)
	}
	if _, err := (DoReMi{}).Propose(context.Background(), p, []Trial{{Mixture: mix.Mixture{0.6, 0.3, 0.1}, Score: 1}, {Mixture: mix.Uniform(3), Score: 1}}, 1); err == nil {
		t.Error("runs without the losses of the domains: no error")
	}
}

// Auto's answer is always measured, its batches keep to the budget, and it
// stops where nothing is to be gained.
func TestAuto(t *testing.T) {
	w := newWorld(6, 3, 0.01, 4)
	p := w.problem([]int{24, 12, 6}, 2)
	a := small["climb-auto"].(Auto)
	total := 0
	for _, n := range a.Rounds(p) {
		total += n
	}
	if total != 42 || len(a.Rounds(p)) != 7 {
		t.Errorf("rounds %v, want 7 with 42 runs", a.Rounds(p))
	}
	history := run(t, p, a, w.eval(0))
	best, err := a.Best(p, history)
	if err != nil || !hashesAll(history)[best.Hash()] {
		t.Errorf("the answer %v was not measured, %v", best, err)
	}
	flat := run(t, p, a, func(_ context.Context, list []mix.Mixture, _ int) (out []Trial, err error) {
		rng := rand.New(rand.NewPCG(uint64(len(list)), 3))
		for _, m := range list {
			out = append(out, Trial{Mixture: m, Score: 1 + rng.NormFloat64()})
		}
		return out, nil
	})
	a.Stop = 1
	next, err := a.Propose(context.Background(), p, flat, 4)
	if err != nil || len(next) != 0 {
		t.Errorf("%d mixtures proposed where all score alike, %v", len(next), err)
	}
	if b := (Bayes{Candidates: 500, Shortlist: 40, Acquisition: "ei"}); len(run(t, p, b, w.eval(0))) != 42 {
		t.Error("expected improvement does not fill its batches")
	}
}

// Auto takes its means from any predictor.
func TestAutoPredictors(t *testing.T) {
	w := newWorld(4, 2, 0.01, 4)
	p := w.problem([]int{12}, 2)
	history := run(t, p, Random{}, w.eval(0))
	for _, name := range []string{"ridge", "explaw", "powerlaw", "blend", "auto"} {
		var c predict.Choice
		if err := c.Set(name); err != nil {
			t.Fatal(err)
		}
		a := Auto{Predictor: c, Candidates: 200, Shortlist: 10, Moves: 2}
		next, err := a.Propose(context.Background(), p, history, 3)
		if err != nil || len(next) != 3 {
			t.Errorf("%s: %d mixtures proposed, want 3, %v", name, len(next), err)
		}
		if best, err := a.Best(p, history); err != nil || !hashesAll(history)[best.Hash()] {
			t.Errorf("%s: the answer %v was not measured, %v", name, best, err)
		}
	}
}

func hashesAll(history []Trial) map[string]bool {
	out := map[string]bool{}
	for _, t := range history {
		out[t.Mixture.Hash()] = true
	}
	return out
}

// olmix as its authors run it: 3 (domains + 1) mixtures of their sampler, none with a
// share below 0.002; the bare form has the whole budget and one Dirichlet.
func TestOlmixAsItsAuthorsRunIt(t *testing.T) {
	p := newWorld(6, 2, 0, 1).problem([]int{64, 32, 16}, 1)
	if got := (Olmix{}).Rounds(p); len(got) != 1 || got[0] != 21 {
		t.Errorf("rounds %v", got)
	}
	if got := (Olmix{Runs: 500}).Rounds(p); got[0] != 112 {
		t.Errorf("rounds %v", got)
	}
	if DefaultKL(&Olmix{}) != 0.05 || DefaultKL(Grouped{Strategy: &Olmix{}}) != 0.05 || DefaultKL(&Climb{}) != 0 {
		t.Error("penalties")
	}
	few := func(o Olmix) (zeros int) {
		list, err := o.Propose(context.Background(), p, nil, 112)
		if err != nil || len(list) != 112 {
			t.Fatal(len(list), err)
		}
		for _, m := range list {
			for _, w := range m {
				if w == 0 {
					zeros++
				} else if o.Sampler == "" && w < 0.002 {
					t.Errorf("a share of %v", w)
				}
			}
		}
		return zeros
	}
	if a, b := few(Olmix{}), few(Olmix{Sampler: "dirichlet"}); a < 50 || b > 0 {
		t.Errorf("%d and %d shares of 0", a, b)
	}
}
