package predict

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The weights are those of a search over the simplex, and pseudo-rows move
// them towards the anchor without end.
func TestStackWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	y, held := make([]float64, 50), make([][]float64, 3)
	for i := range y {
		y[i] = rng.NormFloat64()
	}
	for m, noise := range []float64{0.3, 0.4, 0.9} {
		for _, v := range y {
			held[m] = append(held[m], v+noise*rng.NormFloat64())
		}
	}
	least := math.Inf(1)
	for _, h := range held {
		least = min(least, math.Pow(RMSE(h, y), 2))
	}
	loss := func(w []float64, trust float64) float64 {
		sum := 0.0
		for i, v := range y {
			e := w[0]*held[0][i] + w[1]*held[1][i] + w[2]*held[2][i] - v
			sum += e * e
		}
		away := w[0]*w[0] + (1-w[anchor])*(1-w[anchor]) + w[2]*w[2]
		return sum + trust*least*away
	}
	last := 0.0
	for _, trust := range []float64{0, 8, 100, 1e6} {
		got := stackWeights(held, y, trust, anchor, nil)
		for a := range 101 {
			for b := range 101 - a {
				w := []float64{float64(a) / 100, float64(b) / 100, float64(100-a-b) / 100}
				if loss(w, trust) < loss(got, trust)-1e-3 {
					t.Fatalf("%v pseudo-rows: weights %v are better than %v", trust, w, got)
				}
			}
		}
		if got[anchor] < last {
			t.Errorf("%v pseudo-rows: weight %v of the anchor, fewer gave %v", trust, got[anchor], last)
		}
		last = got[anchor]
	}
	if last < 0.999 {
		t.Errorf("a million pseudo-rows leave the anchor the weight %v", last)
	}
}

// The quantile has the finite-sample correction: of 9 held-out errors the 8th
// holds 80 per cent of new ones, and beyond the 9th Student's t goes on: with 8
// degrees of freedom from 1.8595 at 0.9 to 3.3554 at 0.99 (R 4.3: qt(0.95, 8),
// qt(0.995, 8)).
func TestConformal(t *testing.T) {
	x := make([][]float64, 9) // all alike, and in one fold
	c := newConformal(x, make([]float64, 9), []float64{1, 1, 1, 1, 1, 1, 1, 1, 1}, []float64{3, -1, 2, 9, -8, 7, 5, 4, -6}, true)
	for level, want := range map[float64]float64{0.05: 1, 0.1: 1, 0.5: 5, 0.8: 8, 0.9: 9, 0.99: 9 * 3.3554 / 1.8595} {
		if got := c.times(level); math.Abs(got-want) > 1e-3*want {
			t.Errorf("level %v: %v deviations, want %v", level, got, want)
		}
	}
}

// Errors that are larger where mixtures are lopsided, or smaller where the claimed
// deviation is large, have intervals that hold as much there as elsewhere.
func TestConformalKnowsWhere(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func(n int) (x [][]float64, std, y []float64) {
		for range n {
			a := (1 + 2*r.Float64()) / 3
			m := []float64{a, (1 - a) / 2, (1 - a) / 2}
			d := math.Exp(r.NormFloat64() / 2)
			x, std = append(x, m), append(std, d)
			y = append(y, r.NormFloat64()*math.Sqrt(d)*math.Exp(2*(conformal{}).placeOf(m, 1)[0]))
		}
		return x, std, y
	}
	x, std, y := draw(500)
	c := newConformal(x, make([]float64, len(y)), std, y, true)
	x, std, y = draw(20000)
	var in, all [4]float64
	for i, v := range y {
		half := 0
		if x[i][0] > 2./3 {
			half = 1
		}
		for _, k := range []int{half, 2 + map[bool]int{true: 1}[std[i] > 1]} {
			all[k]++
			if math.Abs(v) <= c.halfWidth(x[i], std[i], 0.8) {
				in[k]++
			}
		}
	}
	for k, n := range all {
		if share := in[k] / n; math.Abs(share-0.8) > 0.05 {
			t.Errorf("part %d: intervals hold %.3f of %v, want 0.8", k, share, n)
		}
	}
	for n := range 4 { // too few to learn from, and nothing that varies
		x, std, y := draw(n)
		for i := range std {
			std[i] = 1
		}
		if w := newConformal(x, make([]float64, n), std, y, true).scaling.of(place{-1, 0}); !(w > 0 && w < 10) {
			t.Errorf("%d rows: factor %v", n, w)
		}
	}
}

// Auto never keeps a combination that errs more on held-out runs than its best
// member alone, however noisy the runs are; and moves no further than it must.
func TestAutoIsNoWorseThanItsBest(t *testing.T) {
	moved := 0
	for seed := range uint64(8) {
		x, y := world(24, 6, 0.8, seed)
		a := &Auto{Learners: Learners{GBDT: GBDT{Rate: 0.1}}}
		if err := a.Fit(x, y); err != nil {
			t.Fatal(err)
		}
		best, sum := math.Inf(1), 0.0
		for _, m := range a.Members() {
			best = min(best, m.RMSE)
			sum += m.Weight
			if m.Weight < 0 {
				t.Errorf("seed %d: %s has the weight %v", seed, m.Name, m.Weight)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("seed %d: weights sum to %v", seed, sum)
		}
		held, _ := a.heldOut()
		if got := RMSE(held, y); got > best*(1+1e-9) || math.Abs(got-a.fit.blended) > 1e-12*got {
			t.Errorf("seed %d: held-out error %v, reported %v, the best member alone has %v", seed, got, a.fit.blended, best)
		}
		if plain := crossBlend(x, y, a.fit.held, autoTrust, anchor); RMSE(plain, y) > best {
			moved++
			if math.Abs(a.fit.blended/best-1) > 1e-9 {
				t.Errorf("seed %d: held-out error %v, moved beyond that of the best member, %v", seed, a.fit.blended, best)
			}
		}
	}
	if moved == 0 {
		t.Error("no combination was worse than its best member: the test shows nothing")
	}
}

// Intervals hold their share of unseen runs, of gp and of auto.
func TestIntervalsHold(t *testing.T) {
	for _, name := range []string{"gp", "auto"} {
		in80, in95 := 0.0, 0.0
		for seed := range uint64(4) {
			x, y := world(250, 4, 0.1, seed)
			p := Predictor(&GP{})
			if name == "auto" {
				p = &Auto{Learners: Learners{Ridge: Ridge{Features: "both"}, GBDT: GBDT{Rate: 0.1}}}
			}
			if err := p.Fit(x[:50], y[:50]); err != nil {
				t.Fatal(err)
			}
			for i := 50; i < 250; i++ {
				e := math.Abs(p.Predict(x[i]) - y[i])
				if e <= HalfWidth(p, x[i], 0.8) {
					in80 += 1. / 800
				}
				if e <= HalfWidth(p, x[i], 0.95) {
					in95 += 1. / 800
				}
			}
		}
		if in80 < 0.7 || in80 > 0.9 || in95 < 0.9 {
			t.Errorf("%s: the 80 %% intervals hold %.3f, the 95 %% ones %.3f", name, in80, in95)
		}
	}
}

// A member that runs away does not take the combination with it.
func TestStackClampsMembers(t *testing.T) {
	x, y := world(20, 3, 0.1, 1)
	var s stack
	if err := s.fit(learners(), x, y); err != nil {
		t.Fatal(err)
	}
	s.models[anchor] = runaway{}
	s.weights = []float64{0, 1, 0, 0, 0}
	lo, hi := y[0], y[0]
	for _, v := range y {
		lo, hi = min(lo, v), max(hi, v)
	}
	if got, want := s.predict(x[0]), hi+(hi-lo)/2; math.Abs(got-want) > 1e-12 {
		t.Errorf("predicted %v, want %v", got, want)
	}
}

type runaway struct{}

func (runaway) Fit([][]float64, []float64) error { return nil }
func (runaway) Predict([]float64) float64        { return 1e9 }
