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

func TestMaterns(t *testing.T) {
	worst, v := 0.0, []float64{0}
	for r2 := 1e-9; r2 < 1e4; r2 *= 1.00013 {
		v[0] = r2
		materns(v)
		want, _ := matern(r2)
		worst = max(worst, math.Abs(v[0]-want))
	}
	if worst > 6e-11 {
		t.Errorf("error %v", worst)
	}
	for r2, want := range map[float64]float64{0: 1, -1e-15: 1, 1e6: 0, math.Inf(1): 0} {
		v[0] = r2
		materns(v)
		if v[0] != want {
			t.Errorf("materns of %v is %v, want %v", r2, v[0], want)
		}
	}
}

// Predict, Std, Upper and Posterior say the same.
func TestUpper(t *testing.T) {
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
		mean, std := g.Predict(row), math.Sqrt(max(0, cov.At(i, i)))
		if all := math.Hypot(std, g.Noise()); math.Abs(mean-means[i]) > 1e-9 || math.Abs(g.Std(row)-all) > 1e-7*all {
			t.Errorf("row %d: mean %v, std %v; Posterior %v and %v", i, mean, g.Std(row), means[i], all)
		}
		upper := g.Upper(row, 2, math.Inf(-1))
		if math.Abs(upper-mean-2*std) > 1e-5*(1+std) {
			t.Errorf("row %d: upper bound %v, want %v", i, upper, mean+2*std)
		}
		if got := g.Upper(row, 2, upper); got != upper {
			t.Errorf("row %d: upper bound %v with a floor at %v", i, got, upper)
		}
		if got := g.Upper(row, 2, upper+0.01); got >= upper+0.01 {
			t.Errorf("row %d: upper bound %v with a floor at %v", i, got, upper+0.01)
		}
	}
}
