package search

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// hill is a concave quadratic with its gradient, highest at or near top.
func hill(top mix.Mixture) (value func(mix.Mixture) float64, slope func(dst []float64, m mix.Mixture)) {
	value = func(m mix.Mixture) (sum float64) {
		for i, w := range m {
			sum -= float64(1+i%3) * (w - top[i]) * (w - top[i])
		}
		return sum
	}
	return value, func(dst []float64, m mix.Mixture) {
		for i, w := range m {
			dst[i] = -2 * float64(1+i%3) * (w - top[i])
		}
	}
}

// Attacks, and direct search where the gradient is missing, is nothing, or points
// the wrong way, find what projected gradient ascent finds on a concave quadratic.
func TestClimber(t *testing.T) {
	for _, n := range []int{2, 5, 9} {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		top := mix.Mixture(mix.Dirichlet(rng, unit2(n)))
		top[0] -= 0.3 // outside of the simplex
		value, slope := hill(top)
		limits := mix.Bounds{Upper: make([]float64, n)}
		for i := range limits.Upper {
			limits.Upper[i] = 0.8
		}
		start := limits.Project(make([]float64, n))
		want, most, _ := mix.Ascend(limits, start, func(w mix.Mixture, g []float64) float64 { slope(g, w); return value(w) }, 1000, 1e-12)
		for name, s := range map[string]func([]float64, mix.Mixture){"true": slope, "none": nil,
			"zero":  func(dst []float64, _ mix.Mixture) { clear(dst) },
			"wrong": func(dst []float64, m mix.Mixture) { slope(dst, m); scaled(dst, -1) },
			"nan":   func(dst []float64, _ mix.Mixture) { dst[0] = math.NaN() },
		} {
			c := Climber{Limits: limits, Value: value, Slope: s}
			got, found := c.Climb(rand.New(rand.NewPCG(1, 1)), start, 6000)
			if most-found > 1e-4 || !limits.Contains(got) || got.Check() != nil {
				t.Errorf("%d domains, gradient %s: %g at %v, the top is %g at %v", n, name, found, got, most, want)
			}
		}
	}
}

func unit2(n int) []float64 {
	a := make([]float64, n)
	for i := range a {
		a[i] = 1
	}
	return a
}

// The attack takes the best of all steps of plus or minus the radius that keep the
// sum: no choice of signs is better.
func TestAttackDirection(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for range 50 {
		n := 2 + rng.IntN(7)
		g := unit(rng, n)
		start := make(mix.Mixture, n)
		for i := range start {
			start[i] = 1 / float64(n)
		}
		linear := func(m mix.Mixture) (sum float64) {
			for i, w := range m {
				sum += g[i] * w
			}
			return sum
		}
		c := Climber{Value: linear, Slope: func(dst []float64, _ mix.Mixture) { copy(dst, g) }, rng: rng,
			best: start, top: linear(start), left: 10, attack: attackStart, gradient: make([]float64, n)}
		c.attacks()
		best := linear(start)
		for signs := range int(math.Pow(3, float64(n))) {
			m, sum := append(mix.Mixture(nil), start...), 0.0
			for i := range m {
				d := attackStart * float64(signs%3-1)
				signs /= 3
				m[i] += d
				sum += d
			}
			if math.Abs(sum) < 1e-12 {
				best = max(best, linear(m))
			}
		}
		if c.top < best-1e-12 {
			t.Fatalf("the attack has %g, the best signs %g, for slopes %v", c.top, best, g)
		}
	}
}

// The basis is orthonormal and keeps sums.
func TestTangents(t *testing.T) {
	for _, n := range []int{1, 2, 3, 17} {
		basis := tangents(n)
		if len(basis) != n-1 {
			t.Fatalf("%d directions of %d shares", len(basis), n)
		}
		for i, a := range basis {
			sum := 0.0
			for _, v := range a {
				sum += v
			}
			for j, b := range basis {
				dot := 0.0
				for k := range a {
					dot += a[k] * b[k]
				}
				if want := map[bool]float64{true: 1}[i == j]; math.Abs(dot-want) > 1e-12 || math.Abs(sum) > 1e-12 {
					t.Fatalf("%d shares: product %g of %d and %d, sum %g", n, dot, i, j, sum)
				}
			}
		}
	}
}

// Every way to improve candidates keeps the bounds and proposes the same again; and
// the candidates that ascent and attacks bring are no worse than those of moves.
func TestImprove(t *testing.T) {
	w := newWorld(6, 3, 0.01, 1)
	p := w.problem([]int{20, 4}, 1)
	p.Bounds.Upper = []float64{0.5, 1, 1, 1, 1, 1}
	base := Auto{Candidates: 300, Shortlist: 40, Moves: 3}
	first, err := base.Propose(t.Context(), p, nil, 20)
	if err != nil {
		t.Fatal(err)
	}
	history, err := w.eval(0)(t.Context(), first, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []predict.Choice{predict.Choose(&predict.GP{}), fewTrees} {
		value := map[string]float64{}
		for _, how := range []string{"moves", "ascend", "attack"} {
			a := base
			a.Improve, a.Predictor = how, c
			one, err := a.Propose(t.Context(), p, history, 4)
			if err != nil {
				t.Fatal(err)
			}
			two, err := a.Propose(t.Context(), p, history, 4)
			if err != nil || len(one) != 4 || len(two) != 4 {
				t.Fatal(len(one), len(two), err)
			}
			for i, m := range one {
				if m.Hash() != two[i].Hash() || !p.Bounds.Contains(m) {
					t.Errorf("%s, %s: %v, the second time %v", c.Name(), how, m, two[i])
				}
			}
			s, err := newSurrogate(p, history, c)
			if err != nil {
				t.Fatal(err)
			}
			value[how] = s.mean(one[0])
		}
		if value["attack"] < value["moves"]-1e-9 || c.Name() == "gp" && value["ascend"] < value["moves"]-1e-9 {
			t.Errorf("%s: expected scores of the first proposal %v", c.Name(), value)
		}
	}
	if _, err := (Auto{Improve: "wings"}).Propose(t.Context(), p, history, 4); err == nil {
		t.Error("an unknown way to improve: no error")
	}
}
