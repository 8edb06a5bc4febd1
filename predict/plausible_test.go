package predict

import (
	"math"
	"math/rand/v2"
	"testing"
)

// scattered are n runs on d domains of a law with scatter.
func scattered(n, d int, noise float64) (x [][]float64, y []float64) {
	rng := rand.New(rand.NewPCG(8, uint64(n)))
	for range n {
		row, total := make([]float64, d), 0.0
		for j := range row {
			row[j] = rng.ExpFloat64()
			total += row[j]
		}
		for j := range row {
			row[j] /= total
		}
		x, y = append(x, row), append(y, -math.Pow(0.05+row[0]+0.3*row[1], -0.3)+noise*rng.NormFloat64())
	}
	return x, y
}

// The curvature is that of second differences of the posterior itself.
func TestCurvature(t *testing.T) {
	x, y := scattered(20, 3, 0.05)
	var g GP
	if err := g.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	theta, e := g.fit.logarithms(), newEvidence(g.fit.z, g.fit.t)
	var k gpKernel
	if k.set(g.fit.z, theta); k.noise != g.fit.noise && math.Abs(k.noise/g.fit.noise-1) > 1e-12 {
		t.Errorf("noise %v of logarithms, %v before", k.noise, g.fit.noise)
	}
	got, none, h := e.curvature(theta), make([]float64, len(theta)), 0.02
	at := func(i, j int, a, b float64) float64 {
		moved := append([]float64(nil), theta...)
		_, one := gpPrior(i, 3)
		_, two := gpPrior(j, 3)
		moved[i] += a * one
		moved[j] += b * two
		return e.at(moved, none)
	}
	for i := range theta {
		for j := range i + 1 {
			want := (at(i, j, h, h) - at(i, j, h, -h) - at(i, j, -h, h) + at(i, j, -h, -h)) / (4 * h * h)
			if math.Abs(got.At(i, j)-want) > 0.02*(1+math.Abs(want)) {
				t.Errorf("curvature %d, %d is %v, want %v", i, j, got.At(i, j), want)
			}
		}
	}
}

// Plausible processes agree the more, the more runs there are; the fit that they
// are drawn around stays as it was, and lies among them.
func TestPlausible(t *testing.T) {
	spreads := map[int]float64{}
	for _, n := range []int{12, 48, 200} { // the last has more than Subset
		x, y := scattered(n, 4, 0.1)
		var g GP
		if err := g.Fit(x, y); err != nil {
			t.Fatal(err)
		}
		before, std := g.Predict(x[0]), g.Std(x[0])
		draws, err := g.Plausible(rand.New(rand.NewPCG(1, 1)), 40)
		if err != nil {
			t.Fatal(err)
		}
		again, err := g.Plausible(rand.New(rand.NewPCG(1, 1)), 2)
		if err != nil {
			t.Fatal(err)
		}
		var logs, sum, square float64
		for i, p := range draws {
			if i < 2 && (p.Predict(x[1]) != again[i].Predict(x[1]) || p.Noise() != again[i].Noise()) {
				t.Errorf("%d runs: process %d differs from itself", n, i)
			}
			v := math.Log(p.Noise() / g.Noise())
			logs, sum, square = logs+v/40, sum+p.Predict(x[2])/40, square+v*v/40
		}
		spreads[n] = math.Sqrt(square - logs*logs)
		if math.Abs(logs) > 3*spreads[n]/math.Sqrt(40) {
			t.Errorf("%d runs: logarithms of the noise lie %.3f from the fit's, their deviation is %.3f", n, logs, spreads[n])
		}
		if off := math.Abs(sum - g.Predict(x[2])); off > 0.5*g.Std(x[2]) {
			t.Errorf("%d runs: the mean of the processes is %v from the fit", n, off)
		}
		if g.Predict(x[0]) != before || g.Std(x[0]) != std {
			t.Errorf("%d runs: the fit has changed", n)
		}
	}
	if !(spreads[12] > 1.2*spreads[48] && spreads[12] < 1 && spreads[200] < spreads[12]) {
		t.Errorf("deviations of the noise's logarithm, by runs: %v", spreads)
	}
}
