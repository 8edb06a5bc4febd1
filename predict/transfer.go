package predict

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// Transfer lets runs of a smaller model inform those of a larger one: the
// autoregressive scheme of Kennedy and O'Hagan (2000, Biometrika 87, eq. 1),
//
//	y(w) = rho low(w) + delta(w)
//
// low is what a predictor fitted to the smaller model's runs says, delta a
// predictor of its own. The two sets of runs need no mixture in common. rho is
// the regression slope of y on low(w) over the larger model's runs, or 0, that
// is no help at all, whichever has the lesser error on held-out runs.
//
// They fit both processes at once by likelihood; here one follows the other,
// so that every predictor can take part.
type Transfer struct {
	Low  Predictor        // fitted to the smaller model's runs
	Rest func() Predictor // an unfitted predictor of Methods

	fit transferFit
}

type transferFit struct {
	rho, centre   float64 // of low
	rest          Predictor
	held, std     []float64
	with, without float64 // held-out errors of both fits
	conformal     func() conformal
}

// Fit implements Predictor.
func (t *Transfer) Fit(x [][]float64, y []float64) error {
	if err := check(x, y); err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	low := make([]float64, len(x))
	for i, row := range x {
		low[i] = t.Low.Predict(row)
	}
	centre := mean(low)
	rho, spread := 0.0, 0.0
	for i, v := range low {
		rho += (v - centre) * (y[i] - mean(y))
		spread += (v - centre) * (v - centre)
	}
	none, err := t.under(x, y, low, 0, 0)
	if err != nil {
		return err
	}
	none.with = none.without
	best := none
	if rho /= spread; spread > 0 && !math.IsInf(rho, 0) && rho != 0 {
		helped, err := t.under(x, y, low, rho, centre)
		if err != nil {
			return err
		}
		if helped.with, helped.without = helped.without, none.without; helped.with < helped.without {
			best = helped
		}
		best.with = helped.with
	}
	best.conformal = calibrated(&Transfer{fit: best}, x, y, true)
	t.fit = best
	return nil
}

// under fits the rest under a rho; without is its held-out error.
func (t *Transfer) under(x [][]float64, y, low []float64, rho, centre float64) (f transferFit, err error) {
	f = transferFit{rho: rho, centre: centre, rest: t.Rest()}
	rest := make([]float64, len(y))
	for i, v := range low {
		rest[i] = y[i] - rho*(v-centre)
	}
	if err := f.rest.Fit(x, rest); err != nil {
		return f, fmt.Errorf("transfer: %w", err)
	}
	h, ok := f.rest.(heldOut)
	if !ok {
		return f, fmt.Errorf("transfer: %T is not one of predict.Methods", f.rest)
	}
	f.held, f.std = h.heldOut()
	f.without = RMSE(f.held, rest)
	for i, v := range low {
		f.held[i] += rho * (v - centre)
	}
	return f, nil
}

// Predict implements Predictor.
func (t *Transfer) Predict(x []float64) float64 {
	return t.fit.rest.Predict(x) + t.Lifted(x)
}

// Lifted returns the part of a prediction that the smaller model's runs make.
func (t *Transfer) Lifted(x []float64) float64 {
	if t.fit.rho == 0 {
		return 0
	}
	return t.fit.rho * (t.Low.Predict(x) - t.fit.centre)
}

// Own returns the predictor of the rest, fitted to the larger model's runs.
func (t *Transfer) Own() Predictor { return t.fit.rest }

// Std implements Uncertain: that of the rest. Its noise holds what low errs.
func (t *Transfer) Std(x []float64) float64 { return t.fit.rest.(Uncertain).Std(x) }

// HalfWidth implements Calibrated.
func (t *Transfer) HalfWidth(x []float64, level float64) float64 {
	return t.fit.conformal().halfWidth(x, t.Std(x), level)
}

// Gradient implements Smooth where both parts are.
func (t *Transfer) Gradient(dst, x []float64) {
	clear(dst)
	one := make([]float64, len(x))
	if s, ok := t.fit.rest.(Smooth); ok {
		s.Gradient(one, x)
		floats.Add(dst, one)
	}
	if s, ok := t.Low.(Smooth); ok && t.fit.rho != 0 {
		s.Gradient(one, x)
		floats.AddScaled(dst, t.fit.rho, one)
	}
}

func (t *Transfer) heldOut() (predicted, std []float64) {
	return append(predicted, t.fit.held...), append(std, t.fit.std...)
}

// Rho returns the weight of the smaller model's prediction.
func (t *Transfer) Rho() float64 { return t.fit.rho }

// Why says what the smaller model's runs were worth.
func (t *Transfer) Why() string {
	return fmt.Sprintf("%.2f of the smaller model's prediction: held-out error %.4g with it, %.4g without", t.fit.rho, t.fit.with, t.fit.without)
}
