package simulate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
)

func world(t *testing.T, kind Kind, domains int, seed uint64) *World {
	t.Helper()
	w, err := New(kind, domains, seed)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Problem.Check(); err != nil {
		t.Fatal(err)
	}
	return w
}

// draw is a random mixture within the bounds of the world.
func draw(w *World, rng *rand.Rand) mix.Mixture {
	alpha := make([]float64, len(w.Problem.Prior))
	for j := range alpha {
		alpha[j] = 0.7
	}
	return w.Problem.Bounds.Project(mix.Dirichlet(rng, alpha))
}

// The gradient is that of the score, by finite differences.
func TestSlope(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, kind := range Kinds {
		w := world(t, kind, 6, 3)
		m, grad := w.Problem.Bounds.Project(mix.Uniform(6)), make([]float64, 6)
		for j := range m { // off the kink where the first epoch ends
			m[j] += 0.003 * rng.Float64()
		}
		w.slope(m, grad)
		for j := range m {
			up, down := append(mix.Mixture(nil), m...), append(mix.Mixture(nil), m...)
			up[j] += 1e-6
			down[j] -= 1e-6
			if want := (w.Score(up) - w.Score(down)) / 2e-6; math.Abs(grad[j]-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("%s: slope %d is %v, want %v", kind.Name, j, grad[j], want)
			}
		}
	}
}

// The best mixture is the best: the gap is closed, and no random mixture and
// no small step from it is better.
func TestBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for _, kind := range Kinds {
		for _, domains := range []int{2, 16, 40} {
			w := world(t, kind, domains, 5)
			best, score, gap := w.Best()
			if gap > 1e-4 || !w.Problem.Bounds.Contains(best) {
				t.Errorf("%s, %d domains: gap %v at %v", kind.Name, domains, gap, best)
			}
			for range 200 {
				other := draw(w, rng)
				near := make(mix.Mixture, domains)
				for j := range near {
					near[j] = 0.95*best[j] + 0.05*other[j]
				}
				if got := max(w.Score(other), w.Score(near)); got > score+gap+1e-12 {
					t.Fatalf("%s, %d domains: %v is above the optimum %v", kind.Name, domains, got, score)
				}
			}
		}
	}
}

// Runs scatter as the kind says, and the same run measures the same.
func TestNoise(t *testing.T) {
	for _, kind := range Kinds {
		w := world(t, kind, 16, 1)
		rng := rand.New(rand.NewPCG(3, 1))
		var truth, noise []float64
		for range 400 {
			m := draw(w, rng)
			run := w.Measure(m, 1)
			if d := cmp.Diff(run, w.Measure(m, 1)); d != "" {
				t.Fatal(d)
			}
			truth, noise = append(truth, w.Score(m)), append(noise, run.Score-w.Score(m))
		}
		if ratio := deviation(noise) / deviation(truth); ratio < kind.Noise/2 || ratio > kind.Noise*2 {
			t.Errorf("%s: noise is %.3f of the spread, the kind has %.3f ", kind.Name, ratio, kind.Noise)
		}
		other := w.Measure(w.Problem.Prior, 2)
		if one := w.Measure(w.Problem.Prior, 1); one.Score == other.Score {
			t.Errorf("%s: seeds make no difference", kind.Name)
		}
	}
}
