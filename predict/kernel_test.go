package predict

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDecay(t *testing.T) {
	worst := 0.0
	for r := 0.0; r < 699; r += 0.00731 {
		want := math.Exp(-r)
		worst = max(worst, math.Abs(decay(r)-want)/want)
	}
	if worst > 5e-16 {
		t.Errorf("relative error %v", worst)
	}
	if decay(0) != 1 || decay(701) != 0 || decay(math.Inf(1)) != 0 {
		t.Errorf("decay of 0, 701 and +Inf is %v, %v, %v; want 1, 0, 0", decay(0), decay(701), decay(math.Inf(1)))
	}
}

// MeanStd, Predict and Posterior say the same in three ways.
func TestMeanStd(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var x [][]float64
	var y []float64
	for range 30 {
		a, b := rng.Float64(), rng.Float64()
		x, y = append(x, []float64{a * b, a * (1 - b), 1 - a}), append(y, math.Log(0.1+a*b)-a*a+0.05*rng.NormFloat64())
	}
	g := &GP{}
	if err := g.Fit(x[:25], y[:25]); err != nil {
		t.Fatal(err)
	}
	means, cov, err := g.Posterior(x)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range x {
		mean, std := g.MeanStd(row)
		want := math.Sqrt(max(0, cov.At(i, i)) + g.Noise()*g.Noise())
		if math.Abs(mean-g.Predict(row)) > 1e-9 || math.Abs(mean-means[i]) > 1e-9 || math.Abs(std-want) > 1e-7*want || std != g.Std(row) {
			t.Errorf("row %d: mean %v, std %v; Predict %v, Std %v, Posterior %v and %v", i, mean, std, g.Predict(row), g.Std(row), means[i], want)
		}
	}
}
