package predict

import (
	"math"
	"slices"
)

// A conformal compares held-out errors with the deviations that were claimed
// for them (Lei et al., 2018, JASA 113, section 5.2; leave-fold-out for the
// split).
type conformal struct {
	ratio []float64 // |error|/deviation, ascending
	unit  float64   // root mean square of ratio
}

func newConformal(predicted, std, y []float64) conformal {
	c := conformal{ratio: make([]float64, len(y))}
	for i, v := range y {
		if e := math.Abs(predicted[i] - v); e > 1e-12*math.Abs(v) {
			c.ratio[i] = min(e/(std[i]+1e-150), 1e6)
		}
		c.unit += c.ratio[i] * c.ratio[i] / float64(len(y))
	}
	c.unit = math.Sqrt(c.unit)
	slices.Sort(c.ratio)
	return c
}

// times is how many deviations to either side hold a share level of runs: the
// ceil(level (n+1))-th ratio of n, which is the finite-sample correction. With
// too few rows for the level it is the largest.
func (c conformal) times(level float64) float64 {
	n := len(c.ratio)
	return c.ratio[min(max(int(math.Ceil(level*float64(n+1))), 1), n)-1]
}

// HalfWidth implements Calibrated. The held-out predictions are made on the
// first call after Fit.
func (g *GP) HalfWidth(x []float64, level float64) float64 {
	return g.fit.conformal().times(level) * g.Std(x)
}

// calibrated returns what makes g's intervals.
func (g *GP) calibrated() conformal {
	predicted, std := g.heldOut()
	return newConformal(predicted, std, g.fit.y)
}
