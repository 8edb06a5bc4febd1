package search

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// flat measures mixtures that all score alike, but for the noise of a run.
func flat(_ context.Context, list []mix.Mixture, round int) (out []Trial, err error) {
	rng := rand.New(rand.NewPCG(uint64(len(list)), 3+uint64(round)))
	for _, m := range list {
		out = append(out, Trial{Mixture: m, Score: 1 + rng.NormFloat64()})
	}
	return out, nil
}

// Where nothing is to be gained, the search ends once the least share of the
// budget is spent, not before; with all of it as the least share, never.
func TestStopLeast(t *testing.T) {
	w := newWorld(6, 3, 0.01, 4)
	p := w.problem([]int{24, 12, 6}, 2)
	for least, want := range map[float64][2]int{0.3: {13, 34}, 0.8: {34, 41}, 1: {42, 42}} {
		a := small["climb-auto"].(Auto)
		a.Least = least
		if n := len(run(t, p, a, flat)); n < want[0] || n > want[1] {
			t.Errorf("least share %v: %d of 42 runs, want %d to %d", least, n, want[0], want[1])
		}
	}
}

// A fit that takes a law for scatter would end the search; other fits of the same
// runs, which are about as credible, know better.
func TestStopDoubts(t *testing.T) {
	alone, together := 0, 0
	for seed := range uint64(40) {
		w := newWorld(6, 3, 0, seed)
		p := w.problem([]int{20}, seed)
		history := run(t, p, Random{}, w.eval(0))
		rng := rand.New(rand.NewPCG(seed, 5))
		for i := range history { // more scatter than law
			history[i].Score += 0.6 * rng.NormFloat64()
		}
		a := small["climb-auto"].(Auto)
		if err := prepare("climb_auto", &a, p); err != nil {
			t.Fatal(err)
		}
		s, err := newSurrogate(p, history, predict.Choose(&predict.GP{}))
		if err != nil {
			t.Fatal(err)
		}
		list, err := a.shortlist(context.Background(), p, s, history, rng, 4)
		if err != nil {
			t.Fatal(err)
		}
		measured, err := s.bestMeasured(history)
		if err != nil {
			t.Fatal(err)
		}
		all := append([]mix.Mixture{measured}, list...)
		sure, err := a.satisfied(s.process.GP, all, make([]float64, len(all)))
		if err != nil {
			t.Fatal(err)
		}
		done, err := a.settled(p, s, history, list)
		if err != nil {
			t.Fatal(err)
		}
		if done && !sure {
			t.Errorf("seed %d: the search ends against its own fit", seed)
		}
		if sure {
			alone++
		}
		if done {
			together++
		}
	}
	if alone < 8 || together > alone/2 {
		t.Errorf("of 40 searches for a law that there is, the fit alone ends %d, with doubts %d", alone, together)
	}
}

// In a pool every mixture is a candidate once: a shortlist is not filled with
// copies of the best one, which is measured, so that nothing seems to be left.
func TestPoolIsSpent(t *testing.T) {
	w := newWorld(6, 3, 0.01, 2)
	for _, s := range []Strategy{Auto{Least: 1}, Bayes{}, Bayes{Acquisition: "ei"}} {
		rng := rand.New(rand.NewPCG(1, 9))
		p := w.problem([]int{16, 8, 4}, 5)
		for range 40 {
			p.Pool = append(p.Pool, mix.Dirichlet(rng, []float64{1, 1, 1, 1, 1, 1}))
		}
		history := run(t, p, Pooled{s}, w.eval(0))
		if len(history) != 28 {
			t.Errorf("%T: %d of 28 runs in a pool of 40", s, len(history))
		}
		p.Rounds = []int{30, 10, 10}
		if history := run(t, p, Pooled{s}, w.eval(0)); len(history) != 40 {
			t.Errorf("%T: %d runs of a pool of 40 with a budget of 50", s, len(history))
		}
	}
}
