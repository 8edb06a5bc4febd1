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
// the same order give the same bits.
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

// A Smooth predictor has a gradient.
type Smooth interface {
	// Gradient sets dst[j] to the derivative of Predict by share x[j], the
	// other shares held fixed; it does not keep to the simplex.
	Gradient(dst, x []float64)
}

// Options hold the hyper-parameters of every predictor, one section each.
type Options struct {
	Ridge Ridge `json:"ridge" doc:"linear regression"`
	GBDT  GBDT  `json:"gbdt" doc:"boosted trees"`
	GP    GP    `json:"gp" doc:"Gaussian process"`
}

// Methods lists the predictors.
var Methods = []option.Method{
	{Name: "ridge", Summary: "Linear regression on the shares, the penalty chosen by exact leave-one-out.",
		Paper: "Hoerl and Kennard, 1970, Technometrics 12(1)", Options: Ridge{}},
	{Name: "gbdt", Summary: "Gradient-boosted histogram trees with LightGBM's semantics, as CLIMB and RegMix use.",
		Paper: "Ke et al., 2017, NeurIPS, LightGBM", Options: GBDT{}},
	{Name: "gp", Summary: "Gaussian process with a linear part and a length for every domain (ARD Matern-5/2); learns its noise.",
		Paper: "Rasmussen and Williams, 2006, Gaussian Processes for Machine Learning", Options: GP{}},
}

// New returns an unfitted predictor by its name in Methods.
func New(name string, o Options) (Predictor, error) {
	switch name {
	case "ridge":
		return &o.Ridge, nil
	case "gbdt":
		return &o.GBDT, nil
	case "gp":
		return &o.GP, nil
	}
	return nil, fmt.Errorf("unknown predictor %q: see predict.Methods (ridge, gbdt, gp)", name)
}

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
