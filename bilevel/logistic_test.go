package bilevel

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// logistic is a random problem whose classes depend on the first features.
func logistic(features, classes, groups, rows int, seed uint64) *Logistic {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := &Logistic{Classes: classes, Groups: groups, Group: make([]int, features)}
	for j := range p.Group {
		p.Group[j] = j * groups / features
	}
	for _, r := range []*Rows{&p.Train, &p.Held} {
		for i := range rows {
			var idx []int32
			var val []float64
			for j := range features {
				if rng.IntN(3) == 0 {
					idx, val = append(idx, int32(j)), append(val, math.Abs(rng.NormFloat64()))
				}
			}
			label := i % classes
			if len(idx) > 0 && int(idx[0]) < classes {
				label = int(idx[0])
			}
			r.Add(idx, val, label)
		}
	}
	p.Train.Weight = make([]float64, rows)
	for i := range p.Train.Weight {
		p.Train.Weight[i] = 0.5 + rng.Float64()
	}
	return p
}

// Gradients, products with second derivatives and cross derivatives are those of
// differences, and the eigenvalues of the Hessian keep their bounds.
func TestLogisticDerivatives(t *testing.T) {
	p := logistic(12, 3, 4, 30, 5)
	rng := rand.New(rand.NewPCG(6, 1))
	n, m := 36, 4
	w, v, theta := make([]float64, n), make([]float64, n), make([]float64, m)
	for i := range w {
		w[i], v[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	for j := range theta {
		theta[j] = rng.NormFloat64() - 1
	}
	const h = 1e-5
	along := func(f func(x, g []float64) float64, x, d []float64) (slope float64, turned []float64) {
		up, down := make([]float64, n), make([]float64, n)
		at := make([]float64, len(x))
		floats.AddScaledTo(at, x, h, d)
		a := f(at, up)
		floats.AddScaledTo(at, x, -h, d)
		b := f(at, down)
		floats.Sub(up, down)
		floats.Scale(1/(2*h), up)
		return (a - b) / (2 * h), up
	}
	lower := func(x, g []float64) float64 { return p.Lower(x, theta, g) }
	g := make([]float64, n)
	for name, f := range map[string]func(x, g []float64) float64{"lower": lower, "upper": p.Upper} {
		f(w, g)
		if slope, _ := along(f, w, v); math.Abs(slope-floats.Dot(g, v)) > 1e-7 {
			t.Errorf("%s: the slope is %g, by differences %g", name, floats.Dot(g, v), slope)
		}
	}
	p.Hessian(g, w, theta, v)
	if _, turned := along(lower, w, v); floats.Distance(turned, g, 2) > 1e-7 {
		t.Errorf("the product with the Hessian is off by %g", floats.Distance(turned, g, 2))
	}
	cross, unit := make([]float64, m), make([]float64, m)
	p.Cross(cross, w, theta, v)
	for j := range theta {
		unit[j] = 1
		_, turned := along(func(theta, g []float64) float64 { return p.Lower(w, theta, g) }, theta, unit)
		unit[j] = 0
		if d := floats.Dot(turned, v); math.Abs(d-cross[j]) > 1e-7 {
			t.Errorf("cross derivative %d is %g, by differences %g", j, cross[j], d)
		}
	}
	mu, l := p.Bounds(w, theta)
	full, e := mat.NewSymDense(n, nil), make([]float64, n)
	for i := range n {
		e[i] = 1
		p.Hessian(g, w, theta, e)
		e[i] = 0
		for j := range n {
			full.SetSym(i, j, g[j])
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(full, false)
	if s := eigen.Values(nil); s[0] < mu-1e-9 || s[n-1] > l {
		t.Errorf("eigenvalues from %g to %g, bounds %g and %g", s[0], s[n-1], mu, l)
	}
}

// Features that only disturb get the larger penalty, and the loss on held-out rows
// falls below that of the start.
func TestMAIDLogistic(t *testing.T) {
	p := logistic(40, 3, 2, 200, 7) // group 0 has the features that matter
	start := []float64{-4, -4}
	w := make([]float64, 120)
	first := MAID{Steps: 1, Step: 1e-9, Accuracy: 1e-4}
	before, err := first.Minimize(t.Context(), p, w, start)
	if err != nil {
		t.Fatal(err)
	}
	after, err := MAID{Gain: 1e-4, Step: 1}.Minimize(t.Context(), p, w, start)
	if err != nil {
		t.Fatal(err)
	}
	if after.Theta[1] < after.Theta[0]+1 || after.Value > before.Value-0.01 || !after.Settled {
		t.Errorf("held-out loss from %g to %g with %v in %d steps, work %d", before.Value, after.Value, after.Theta, after.Steps, after.Work)
	}
}
