package predict

import (
	"math"
	"testing"
)

// A few runs of the larger model are enough where the smaller one's say what
// it will do up to a scale, a level and a little; where they say nothing, they
// are left out.
func TestTransfer(t *testing.T) {
	x, y := world(60, 6, 0.01, 1)
	low := &GP{}
	if err := low.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	var alone, helped, misled float64
	for seed := range uint64(5) {
		lx, ly := world(10, 6, 0.01, 10+seed)
		vx, vy := world(100, 6, 0, 20+seed)
		for i, row := range lx {
			ly[i] = 5 - 2*ly[i] + 0.3*row[0]
		}
		for i, row := range vx {
			vy[i] = 5 - 2*vy[i] + 0.3*row[0]
		}
		for _, c := range []struct {
			sum *float64
			p   Predictor
		}{{&alone, &GP{}}, {&helped, &Transfer{Low: low, Rest: func() Predictor { return &GP{} }}}, {&misled, &Transfer{Low: waves{}, Rest: func() Predictor { return &GP{} }}}} {
			if err := c.p.Fit(lx, ly); err != nil {
				t.Fatal(err)
			}
			*c.sum += RMSE(predictAll(c.p, vx), vy) / 5
		}
	}
	if helped > alone/2 || misled > 1.2*alone {
		t.Errorf("error %.4f alone, %.4f with the smaller model's runs, %.4f with noise in their place", alone, helped, misled)
	}
	p := &Transfer{Low: low, Rest: func() Predictor { return &GP{} }}
	if err := p.Fit(x, y); err != nil || math.Abs(p.Rho()-1) > 0.1 {
		t.Errorf("weight %v of a model's own prediction, want 1; %v", p.Rho(), err)
	}
	x[3][2] = math.NaN()
	if err := p.Fit(x, y); err == nil {
		t.Error("NaN: no error")
	}
}

// waves is a predictor that knows nothing.
type waves struct{}

func (waves) Fit([][]float64, []float64) error { return nil }
func (waves) Predict(x []float64) float64      { return math.Sin(1e4 * x[0]) }
