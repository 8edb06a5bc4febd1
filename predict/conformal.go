package predict

import (
	"math"
	"slices"
	"sync"
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
// level (n+1)-th ratio of n, between its neighbours where that is no whole
// number; n+1 is the finite-sample correction. With too few rows for the level
// it is the largest. The next whole number is the usual choice, which never
// holds too few but with 32 runs 82 % for 80.
func (c conformal) times(level float64) float64 {
	n := len(c.ratio)
	at := min(max(level*float64(n+1), 1), float64(n))
	k := int(at)
	low, high := c.ratio[k-1], c.ratio[min(k, n-1)]
	return low + (at-float64(k))*(high-low)
}

// calibrated returns what makes p's intervals, made when first asked for.
func calibrated(p heldOut, y []float64) func() conformal {
	y = slices.Clone(y)
	return sync.OnceValue(func() conformal {
		predicted, std := p.heldOut()
		return newConformal(predicted, std, y)
	})
}

// HalfWidth implements Calibrated, as of the predictors that follow. The
// held-out predictions are made on the first call after Fit.
func (g *GP) HalfWidth(x []float64, level float64) float64 {
	return g.fit.conformal().times(level) * g.Std(x)
}

// HalfWidth implements Calibrated.
func (r *Ridge) HalfWidth(x []float64, level float64) float64 {
	return r.fit.conformal().times(level) * r.Std(x)
}

// HalfWidth implements Calibrated.
func (g *GBDT) HalfWidth(x []float64, level float64) float64 {
	return g.fit.conformal().times(level) * g.Std(x)
}

// HalfWidth implements Calibrated.
func (l *ExpLaw) HalfWidth(x []float64, level float64) float64 {
	return l.fit.conformal().times(level) * l.Std(x)
}

// HalfWidth implements Calibrated.
func (l *PowerLaw) HalfWidth(x []float64, level float64) float64 {
	return l.fit.conformal().times(level) * l.Std(x)
}
