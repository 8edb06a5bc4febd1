package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Backward gives the differences of Forward, by parameters and by inputs, for
// every activation and number of layers.
func TestBackward(t *testing.T) {
	for _, act := range []Activation{Logistic, Softplus, ReLU} {
		for _, sizes := range [][]int{{3, 2}, {3, 5, 2}, {4, 6, 5, 1}} {
			t.Run(fmt.Sprint(act, sizes), func(t *testing.T) {
				m := MLP[float64]{Sizes: sizes, Act: act}
				rng := rand.New(rand.NewPCG(1, 1))
				const n = 7
				w, x := make([]float64, m.Len()), make([]float64, n*sizes[0])
				m.Start(w, rng)
				for i := range x {
					x[i] = rng.NormFloat64()
				}
				weight := make([]float64, n*sizes[len(sizes)-1])
				for i := range weight {
					weight[i] = rng.NormFloat64()
				}
				var trace Trace[float64]
				value := func() (sum float64) {
					for i, v := range m.Forward(&trace, w, x, n) {
						sum += weight[i] * v
					}
					return sum
				}
				grad, dx := make([]float64, len(w)), make([]float64, len(x))
				value()
				m.Backward(&trace, w, weight, grad, dx)
				for name, part := range map[string]struct{ at, got []float64 }{"parameter": {w, grad}, "input": {x, dx}} {
					for i := range part.at {
						const h = 1e-6
						old := part.at[i]
						part.at[i] = old + h
						up := value()
						part.at[i] = old - h
						down := value()
						part.at[i] = old
						if want := (up - down) / (2 * h); math.Abs(want-part.got[i]) > 1e-6*(1+math.Abs(want)) {
							t.Fatalf("%s %d: %g, differences say %g", name, i, part.got[i], want)
						}
					}
				}
			})
		}
	}
}

// A network of float32 computes what one of float64 does, to its precision.
func TestFloat32(t *testing.T) {
	a, b := MLP[float64]{Sizes: []int{5, 8, 3}}, MLP[float32]{Sizes: []int{5, 8, 3}}
	w, v := make([]float64, a.Len()), make([]float32, b.Len())
	a.Start(w, rand.New(rand.NewPCG(1, 1)))
	b.Start(v, rand.New(rand.NewPCG(1, 1)))
	x, y := []float64{1, -2, 0.5, 3, 0}, []float32{1, -2, 0.5, 3, 0}
	var ta Trace[float64]
	var tb Trace[float32]
	out, got := a.Forward(&ta, w, x, 1), b.Forward(&tb, v, y, 1)
	ga, gb := make([]float64, len(w)), make([]float32, len(v))
	a.Backward(&ta, w, []float64{1, 2, 3}, ga, nil)
	b.Backward(&tb, v, []float32{1, 2, 3}, gb, nil)
	for i := range out {
		if math.Abs(out[i]-float64(got[i])) > 1e-5 {
			t.Errorf("output %d: %g and %g", i, out[i], got[i])
		}
	}
	for i := range ga {
		if math.Abs(ga[i]-float64(gb[i])) > 1e-4 {
			t.Errorf("gradient %d: %g and %g", i, ga[i], gb[i])
		}
	}
}

// Adam finds the minimum of a badly scaled quadratic.
func TestAdam(t *testing.T) {
	w, o := []float64{3, -2}, Adam[float64]{Rate: 0.01}
	for range 3000 {
		o.Step(w, []float64{100 * (w[0] - 1), 0.01 * (w[1] - 1)})
	}
	if math.Abs(w[0]-1) > 1e-3 || math.Abs(w[1]-1) > 0.05 {
		t.Error(w)
	}
}
