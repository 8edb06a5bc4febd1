// Package predict fits regressions from mixtures to scores: what a proxy run
// would have scored, without running it.
package predict

import (
	"errors"
	"fmt"
	"math"

	"github.com/climb-go/climb/option"
)

// A Predictor is a regression on rows of features, one row per measured
// mixture and one feature per domain. Whether a higher target is better is no
// concern of its. Fit forgets earlier fits and leaves its arguments alone;
// after it, Predict may be called from several goroutines. The same rows in
// the same order give the same bits, on any number of cores. Neither the unit
// nor the sign of the target matters: a + b y for y gives a + b times the
// prediction. At rows that it was fitted to a prediction is at most half the
// range of the scores beyond them.
//
// A score far beyond all others (a diverged run) is counted as the farthest of the
// other scores (see drawnIn); whoever reads tables says which they are.
//
// Fit refuses fewer than 2 rows, rows of different lengths, and NaN or
// infinite numbers. Constant features, a constant target and two equal rows
// are fine.
type Predictor interface {
	Fit(x [][]float64, y []float64) error
	Predict(x []float64) float64
}

// An Uncertain predictor also knows how far off it may be.
type Uncertain interface {
	// Std is the standard deviation, in units of the target, of what one
	// run at x would score around Predict(x), noise included.
	Std(x []float64) float64
}

// A Calibrated predictor has intervals that held-out errors vouch for.
type Calibrated interface {
	// HalfWidth is half the width of the interval around Predict(x) that
	// holds one run at x with probability level.
	HalfWidth(x []float64, level float64) float64
}

// HalfWidth is half the width of p's interval at a level: normal with p's Std,
// unless p is Calibrated.
func HalfWidth(p Predictor, x []float64, level float64) float64 {
	switch p := p.(type) {
	case Calibrated:
		return p.HalfWidth(x, level)
	case Uncertain:
		return math.Sqrt2 * math.Erfinv(level) * p.Std(x)
	}
	return math.NaN()
}

// A Smooth predictor has a gradient.
type Smooth interface {
	// Gradient sets dst[j] to the derivative of Predict by share x[j], the
	// other shares held fixed; it does not keep to the simplex.
	Gradient(dst, x []float64)
}

// Methods lists the predictors.
var Methods = option.Family[Predictor]{
	{Name: "ridge", Summary: "Linear regression on the shares, the penalty chosen by exact leave-one-out.",
		Paper: "Hoerl and Kennard, 1970, Technometrics 12(1)", New: func() Predictor { return &Ridge{} }},
	{Name: "gbdt", Summary: "Gradient-boosted histogram trees with LightGBM's semantics, as CLIMB and RegMix use.",
		Paper: "Ke et al., 2017, NeurIPS, LightGBM", New: func() Predictor { return &GBDT{} }},
	{Name: "gp", Summary: "Gaussian process with a linear part and a length for every domain (ARD Matern-5/2); learns its noise.",
		Paper: "Rasmussen and Williams, 2006, Gaussian Processes for Machine Learning", New: func() Predictor { return &GP{} }},
	{Name: "explaw", Summary: "The data mixing law c + exp(a.w), by a penalised fit from several starts.",
		Paper: "Ye et al., 2024, arXiv 2403.16952", New: func() Predictor { return &ExpLaw{} }},
	{Name: "powerlaw", Summary: "A power law in effective tokens: what a token of each domain is worth.",
		Paper: "after Kaplan et al., 2020, arXiv 2001.08361", New: func() Predictor { return &PowerLaw{} }},
	{Name: "gbnn", Summary: "Neural network trained unit by unit by gradient boosting: smooth, with a gradient.",
		Paper: "Emami and Martinez-Munoz, 2023, IEEE Access 11, arXiv 1909.12098", New: func() Predictor { return &GBNN{} }},
	{Name: "sparsebnn", Summary: "Small Bayesian network that is sparse throughout training (SSVI): its own uncertainty, with a gradient.",
		Paper: "Li et al., 2024, ICLR, arXiv 2402.11025", New: func() Predictor { return &SparseBNN{} }},
	{Name: "blend", Summary: "Convex combination of ridge, gp, explaw, powerlaw and gbdt by the error of held-out predictions.",
		Paper: "Breiman, 1996, Machine Learning 24, Stacked Regressions", New: func() Predictor { return &Blend{Learners: learners()} }},
	{Name: "auto", Summary: "The blend, its weights shrunk towards gp, the more so the fewer runs there are; says why.",
		New: func() Predictor { return &Auto{Learners: learners()} }},
}

type table struct{}

func (table) Family() option.Family[Predictor] { return Methods }

// A Choice is a predictor with its options, as a configuration names it.
type Choice = option.Choice[Predictor, table]

// Choose returns the choice of p, such as &GP{}.
func Choose(p Predictor) Choice { return option.Choose[Predictor, table](p) }

// check reports why x and y cannot be fitted.
func check(x [][]float64, y []float64) error {
	if len(x) != len(y) {
		return fmt.Errorf("%d rows of features for %d scores", len(x), len(y))
	}
	if len(x) < 2 {
		return fmt.Errorf("%d measured mixtures: a predictor needs at least 2", len(x))
	}
	if len(x[0]) == 0 {
		return errors.New("rows have no features")
	}
	for i, row := range x {
		if len(row) != len(x[0]) {
			return fmt.Errorf("row %d has %d features, row 0 has %d", i, len(row), len(x[0]))
		}
		for j, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("feature %d of row %d is %v", j, i, v)
			}
		}
		if math.IsNaN(y[i]) || math.IsInf(y[i], 0) {
			return fmt.Errorf("score of row %d is %v: leave failed runs out", i, y[i])
		}
	}
	return nil
}
