package predict

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat/distuv"
)

// A conformal makes intervals from held-out errors: the CV+ of Barber, Candes,
// Ramdas and Tibshirani (2021, Annals of Statistics 49, arXiv 1905.02928, section
// 3), whose quantile has the finite-sample correction n+1. It differs in three
// things. Intervals lie around the prediction of the fit to all rows, as in their
// jackknife, and not around the predictions of the folds' fits, which need not be
// kept. Errors are counted in units of the deviations that were claimed for them
// (Lei et al., 2018, JASA 113, section 5.2), so that intervals are wide where the
// predictor knows little. And how the two differ by where a mixture lies is
// learned: errors in units of their deviations are divided by what a scaling says
// of them that has not seen them, before their quantiles are taken. Their bounds
// (1 - 2 alpha for CV+, none for the jackknife) therefore do not hold as proofs;
// what is held is measured: go run ./bench/predict -parts coverage.
type conformal struct {
	ratio   []float64 // |error| / (deviation x scaling), ascending
	unit    float64   // root mean square of |error| / deviation
	alike   bool      // deviations of held-out rows are computed as for new rows
	common  float64   // mean deviation of held-out rows
	scaling scaling
}

func newConformal(x [][]float64, predicted, std, y []float64, alike bool) conformal {
	c := conformal{ratio: make([]float64, len(y)), alike: alike, common: mean(std)}
	places, logs := make([]place, len(y)), make([]float64, len(y))
	for i, v := range y {
		if e := math.Abs(predicted[i] - v); e > 1e-12*math.Abs(v) {
			c.ratio[i] = min(e/(c.counted(std[i])+1e-150), 1e6)
		}
		c.unit += c.ratio[i] * c.ratio[i] / float64(len(y))
		places[i], logs[i] = c.placeOf(x[i], std[i]), math.Log(max(c.ratio[i], leastRatio))
	}
	c.unit = math.Sqrt(c.unit)
	fold := deal(x, stackFolds, 2)
	for f := range stackFolds {
		others := newScaling(without(places, fold, f), without(logs, fold, f))
		for i := range y {
			if fold[i] == f {
				c.ratio[i] /= others.of(places[i])
			}
		}
	}
	slices.Sort(c.ratio)
	c.scaling = newScaling(places, logs)
	return c
}

// halfWidth is half the width of the interval at x, given the claimed deviation.
func (c conformal) halfWidth(x []float64, std, level float64) float64 {
	return c.times(level) * c.scaling.of(c.placeOf(x, std)) * c.counted(std)
}

// counted is the deviation that errors are measured by: the claimed one or, where
// deviations of held-out rows are another model's, half of it, on the logarithmic
// scale, and half the mean of all.
func (c conformal) counted(std float64) float64 {
	if c.alike {
		return std
	}
	return math.Sqrt(std * c.common)
}

// A place is what the size of errors may depend on beside the claimed deviation:
// how lopsided the mixture is, by its negative entropy, and the logarithm of the
// deviation itself, which may differ too much from mixture to mixture or too
// little. The latter is left out, 0, where held-out deviations are another
// model's.
type place [2]float64

func (c conformal) placeOf(x []float64, std float64) (p place) {
	if c.alike {
		p[1] = math.Log(std + 1e-150)
	}
	for _, v := range x {
		if v > 0 {
			p[0] += v * math.Log(v)
		}
	}
	return p
}

// A scaling is a linear model of the logarithm of |error| / deviation, with slopes
// by deviation of the place.
type scaling struct{ mean, deviation, slope place }

// scalingTrust is how many rows that show no dependence are added to those seen,
// and scalingReach how many deviations from its mean a place counts at most. See
// docs/design/2026-11-26-predictors.md.
const (
	scalingTrust = 16
	scalingReach = 2
	leastRatio   = 1e-3 // what errors of 0 count as
)

func newScaling(places []place, logs []float64) (s scaling) {
	n := float64(len(logs))
	if n == 0 {
		return s
	}
	mean := 0.0
	for i, p := range places {
		mean += logs[i] / n
		for k, v := range p {
			s.mean[k] += v / n
		}
	}
	for _, p := range places {
		for k, v := range p {
			s.deviation[k] += (v - s.mean[k]) * (v - s.mean[k]) / n
		}
	}
	for k := range s.deviation {
		s.deviation[k] = math.Sqrt(s.deviation[k])
	}
	var both float64 // of the two, in their units
	var with place   // of each with the logarithms
	for i, p := range places {
		z := s.standard(p)
		both += z[0] * z[1]
		for k, v := range z {
			with[k] += v * (logs[i] - mean)
		}
	}
	each := n + scalingTrust
	det := each*each - both*both
	s.slope = place{(each*with[0] - both*with[1]) / det, (each*with[1] - both*with[0]) / det}
	return s
}

// standard is p in deviations from the mean; what does not vary is 0.
func (s scaling) standard(p place) (z place) {
	for k, v := range p {
		if s.deviation[k] > 1e-9*(1+math.Abs(s.mean[k])) {
			z[k] = (v - s.mean[k]) / s.deviation[k]
		}
	}
	return z
}

// of is by how much errors at p exceed those elsewhere, in units of their
// deviations.
func (s scaling) of(p place) float64 {
	sum := 0.0
	for k, v := range s.standard(p) {
		sum += s.slope[k] * min(max(v, -scalingReach), scalingReach)
	}
	return math.Exp(sum)
}

// times is how many deviations to either side hold a share level of runs: the
// level (n+1)-th ratio of n, between its neighbours where that is no whole
// number; n+1 is the finite-sample correction. The next whole number is the usual
// choice, which never holds too few but with 32 runs 82 % for 80. With too few
// rows for the level, where the correct interval is all numbers, it is the
// largest ratio, which holds n/(n+1), times what Student's t with n-1 degrees of
// freedom grows by from there to the level.
func (c conformal) times(level float64) float64 {
	n := len(c.ratio)
	at := max(level*float64(n+1), 1)
	if at > float64(n) {
		t := distuv.StudentsT{Sigma: 1, Nu: float64(max(n-1, 1))}
		return c.ratio[n-1] * t.Quantile((1+level)/2) / t.Quantile((1+float64(n)/float64(n+1))/2)
	}
	k := int(at)
	low, high := c.ratio[k-1], c.ratio[min(k, n-1)]
	return low + (at-float64(k))*(high-low)
}

// once makes held-out predictions when first asked for, and hands out copies.
func once(heldOut func() (predicted, std []float64)) func() (predicted, std []float64) {
	made := sync.OnceValues(heldOut)
	return func() ([]float64, []float64) {
		predicted, std := made()
		return slices.Clone(predicted), slices.Clone(std)
	}
}

// calibrated returns what makes intervals of held-out predictions, made when first
// asked for.
func calibrated(heldOut func() (predicted, std []float64), x [][]float64, y []float64, alike bool) func() conformal {
	x, y = slices.Clone(x), slices.Clone(y)
	return sync.OnceValue(func() conformal {
		predicted, std := heldOut()
		return newConformal(x, predicted, std, y, alike)
	})
}

// refit predicts the rows of every fold, with deviations, by a fresh predictor that
// is fitted to the other folds. Where that predictor has no fit, the rows keep what
// they had.
func refit(predicted, std []float64, x [][]float64, y []float64, folds int, fresh func() Predictor) {
	fold := deal(x, folds, 1)
	var wg sync.WaitGroup
	for k := range slices.Max(fold) + 1 {
		wg.Go(func() {
			p := fresh()
			if p.Fit(without(x, fold, k), without(y, fold, k)) != nil {
				return
			}
			for i, row := range x {
				if fold[i] == k {
					predicted[i], std[i] = p.Predict(row), p.(Uncertain).Std(row)
				}
			}
		})
	}
	wg.Wait()
}

// HalfWidth implements Calibrated, as of the predictors that follow. The
// held-out predictions are made on the first call after Fit.
func (g *GP) HalfWidth(x []float64, level float64) float64 {
	return g.fit.conformal().halfWidth(x, g.Std(x), level)
}

// HalfWidth implements Calibrated.
func (r *Ridge) HalfWidth(x []float64, level float64) float64 {
	return r.fit.conformal().halfWidth(x, r.Std(x), level)
}

// HalfWidth implements Calibrated.
func (l *ExpLaw) HalfWidth(x []float64, level float64) float64 {
	return l.fit.conformal().halfWidth(x, l.Std(x), level)
}

// HalfWidth implements Calibrated.
func (l *PowerLaw) HalfWidth(x []float64, level float64) float64 {
	return l.fit.conformal().halfWidth(x, l.Std(x), level)
}
