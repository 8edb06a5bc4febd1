package predict

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The leave-one-out error of the hat matrix is that of n refits.
func TestLeaveOneOutIsExact(t *testing.T) {
	x, y := world(12, 4, 0.3, 3)
	r := &Ridge{}
	if err := r.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	best, bestErr := 0.0, math.Inf(1)
	for step := 90; step >= 0; step-- {
		lambda := math.Pow(10, float64(step)/10-6)
		if e := refitError(x, y, r.fit.scale[0], lambda); e < bestErr-1e-12 {
			best, bestErr = lambda, e
		}
	}
	if math.Abs(math.Log(best/r.Chosen())) > 1e-9 {
		t.Errorf("closed form chose %v, refits %v", r.Chosen(), best)
	}
	if want := math.Sqrt(bestErr / 12); math.Abs(r.LeaveOneOut()-want) > 1e-9 {
		t.Errorf("closed form has the error %v, refits %v", r.LeaveOneOut(), want)
	}
	// The penalty per run is held at its sum while a run is left out.
	if e := refitError(x, y, r.fit.scale[0], 10*best); e <= bestErr {
		t.Errorf("error %v at ten times the best penalty, %v at the best: the test shows nothing", e, bestErr)
	}
}

// refitError sums the squared errors of fits without each row in turn, from the
// normal equations of (b0, b).
func refitError(x [][]float64, y []float64, scale, lambda float64) float64 {
	sum := 0.0
	for out := range x {
		d := len(x[0]) + 1
		a := make([][]float64, d)
		for i := range a {
			a[i] = make([]float64, d+1)
			if i > 0 {
				a[i][i] = lambda * float64(len(x))
			}
		}
		row := func(i int) []float64 {
			z := []float64{1}
			for _, v := range x[i] {
				z = append(z, v*scale)
			}
			return z
		}
		for i := range x {
			if i == out {
				continue
			}
			z := row(i)
			for p := range d {
				for q := range d {
					a[p][q] += z[p] * z[q]
				}
				a[p][d] += z[p] * y[i]
			}
		}
		predicted := 0.0
		for p, b := range gauss(a) {
			predicted += b * row(out)[p]
		}
		sum += (predicted - y[out]) * (predicted - y[out])
	}
	return sum
}

// gauss solves the augmented system a with partial pivoting.
func gauss(a [][]float64) []float64 {
	n := len(a)
	for p := range n {
		for q := p + 1; q < n; q++ {
			if math.Abs(a[q][p]) > math.Abs(a[p][p]) {
				a[p], a[q] = a[q], a[p]
			}
		}
		for q := range n {
			if q != p {
				f := a[q][p] / a[p][p]
				for k := p; k <= n; k++ {
					a[q][k] -= f * a[p][k]
				}
			}
		}
	}
	out := make([]float64, n)
	for p := range n {
		out[p] = a[p][n] / a[p][p]
	}
	return out
}

// With hardly a penalty ridge finds a linear law, and its 80 % and 95 %
// intervals hold that share of new runs.
func TestRidgeIntervals(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	in80, in95, runs := 0.0, 0.0, 0.0
	for range 40 {
		x, y := world(60, 5, 0, rng.Uint64())
		for i, row := range x {
			y[i] = 2 + row[0] - 3*row[1] + 0.1*rng.NormFloat64()
		}
		r := &Ridge{}
		if err := r.Fit(x[:40], y[:40]); err != nil {
			t.Fatal(err)
		}
		for i := 40; i < 60; i++ {
			z := math.Abs(r.Predict(x[i])-y[i]) / r.Std(x[i])
			runs++
			if z < 1.2816 {
				in80++
			}
			if z < 1.96 {
				in95++
			}
		}
	}
	if s := in80 / runs; s < 0.75 || s > 0.85 {
		t.Errorf("80 %% intervals hold %.3f", s)
	}
	if s := in95 / runs; s < 0.92 || s > 0.98 {
		t.Errorf("95 %% intervals hold %.3f", s)
	}
}
