package mix

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// No mixture within the bounds gains more than the vertex.
func TestVertex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		b, other, gain := bounds(t, n), mixture(t, n), make([]float64, n)
		for i := range gain {
			gain[i] = rapid.Float64Range(-1, 1).Draw(t, "gain")
		}
		v := b.Vertex(gain)
		if v.Check() != nil || !b.Contains(v) {
			t.Fatalf("%v is not within %v", v, b)
		}
		if o := b.Project(other); dot(gain, o) > dot(gain, v)+1e-9 {
			t.Fatalf("%v gains %v, the vertex %v only %v", o, dot(gain, o), v, dot(gain, v))
		}
	})
}

// The nearest mixture to a point is what Project returns, and the gap of a
// concave function says how far the value is from the best.
func TestAscend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		b, to := bounds(t, n), mixture(t, n)
		near := func(w Mixture, grad []float64) float64 {
			sum := 0.0
			for i := range w {
				d := w[i] - to[i]
				sum -= float64(i+1) * d * d
				grad[i] = -2 * float64(i+1) * d
			}
			return sum
		}
		w, value, gap := Ascend(b, mixture(t, n), near, 500, 1e-10)
		best := near(weighedNearest(b, to), make([]float64, n))
		// A value that is the best to rounding has a gap of about the root of what it lacks.
		if !b.Contains(w) || w.Check() != nil || gap > 1e-7 && best-value > 1e-13 || best-value > max(gap, 0)+1e-12 {
			t.Fatalf("%v with the gap %v, %v below the best", w, gap, best-value)
		}
		if other := near(b.Project(mixture(t, n)), make([]float64, n)); other > value+max(gap, 0)+1e-12 {
			t.Fatalf("%v is better than %v by more than the gap", other, value)
		}
	})
	// Logarithms: the maximum of sum p log w is p.
	p := Mixture{0.5, 0.3, 0.2}
	w, _, _ := Ascend(Bounds{}, Uniform(3), func(w Mixture, grad []float64) float64 {
		sum := 0.0
		for i, v := range w {
			v = max(v, 1e-9)
			grad[i] = p[i] / v
			sum += p[i] * math.Log(v)
		}
		return sum
	}, 200, 1e-9)
	if L1(w, p) > 1e-4 {
		t.Errorf("%v, want %v", w, p)
	}
}

// weighedNearest is the mixture within the bounds that maximises the sum of
// -(i+1) (w_i - to_i)^2: w_i = to_i - lambda/(i+1), cut to the bounds, with the
// multiplier lambda found by bisection.
func weighedNearest(b Bounds, to Mixture) Mixture {
	w := make(Mixture, len(to))
	lo, hi := -1e3, 1e3
	for range 200 {
		lambda, sum := lo+(hi-lo)/2, 0.0
		for i := range w {
			least, most := b.At(i)
			w[i] = min(max(to[i]-lambda/float64(i+1), least), most)
			sum += w[i]
		}
		if sum > 1 {
			lo = lambda
		} else {
			hi = lambda
		}
	}
	return w
}
