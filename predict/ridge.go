package predict

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/option"
)

// Ridge is linear regression with an L2 penalty (Hoerl and Kennard, 1970): it
// minimises
//
//	1/n sum_i (y_i - b0 - b.z_i)^2 + lambda |b|^2
//
// over centred features z; b0 is free. All shares have one scale, their mean
// variance becomes 1, and so have all logarithms: a domain that varies little
// is not blown up to the size of the others, as a scale for each would do
// (fitted to 32 of RegMix's 512 training runs and ranked on the other 480, one
// scale has a rank correlation of 80.4, a scale for each 75.7). A Lambda
// of 0 is chosen from 1e-6, 10^-5.9, ..., 1e3 by the exact leave-one-out
// error, which for a linear smoother y^ = Hy is the mean of
// ((y_i - y^_i)/(1 - H_ii))^2 (Allen, 1974); all of them come from one
// singular value decomposition. The scales of the features are not
// recomputed for the row left out.
//
// With Groups the shares and the logarithms have a penalty each: those with the
// least error of 8 folds, found by descent from the one that leave-one-out chose
// for both (see bilevel.MAID). Their ratio is kept; leave-one-out chooses Lambda,
// the geometric mean, again.
type Ridge struct {
	Features string  `json:"features" default:"weights" choices:"weights,log,both" doc:"features: the mixture weights, log(weight + epsilon), or both"`
	Epsilon  float64 `json:"epsilon" default:"0.01" min:"1e-12" doc:"added to a weight before its logarithm"`
	Lambda   float64 `json:"lambda" min:"0" doc:"L2 penalty per run on standardized features; 0 = chosen by leave-one-out cross-validation"`
	Groups   bool    `json:"groups" doc:"with features: both, one penalty for the weights and one for their logarithms, chosen by MAID (bilevel optimization) on the error of 8 folds, from lambda on"`

	ratio float64 // of the scales of both groups, if it is known already
	fit   ridgeFit
}

// ridgeFit is what Fit learned; p is the number of features after expansion.
type ridgeFit struct {
	expansion
	lambda    float64
	coef      []float64 // p, on standardised features
	intercept float64
	loo       float64
	left      []float64 // leave-one-out predictions
	leverage  []float64
	noise     float64    // variance of the residuals
	n         float64    // rows
	sing      []float64  // r singular values of the standardised features
	v         *mat.Dense // p x r
	held      func() (predicted, std []float64)
	conformal func() conformal
}

// Chosen returns the penalty that the last Fit used.
func (r *Ridge) Chosen() float64 { return r.fit.lambda }

// LeaveOneOut returns the root of the mean squared leave-one-out error of the
// last Fit, in units of the target.
func (r *Ridge) LeaveOneOut() float64 { return r.fit.loo }

// Fit implements Predictor.
func (r *Ridge) Fit(x [][]float64, y []float64) error {
	o := *r
	option.Fill(&o)
	o.fit = ridgeFit{}
	if err := option.Check("ridge", o); err != nil {
		return err
	}
	if err := check(x, y); err != nil {
		return fmt.Errorf("ridge: %w", err)
	}
	y = drawnIn(x, y)
	f := ridgeFit{expansion: expansion{features: o.Features, epsilon: o.Epsilon}, lambda: o.Lambda, n: float64(len(x))}
	z, err := f.standardise(x)
	if err != nil {
		return fmt.Errorf("ridge: %w", err)
	}
	f.intercept = mean(y)
	if o.Groups && o.Features != "both" {
		return errors.New("ridge: groups needs features: both, the weights and their logarithms are the groups")
	}
	centred := make([]float64, len(y))
	for i := range y {
		centred[i] = y[i] - f.intercept
	}
	if err := f.decompose(z, centred); err != nil {
		return err
	}
	if o.Groups && f.noise > 0 && (o.ratio > 0 || len(x) >= 2*ridgeGroupFolds) {
		if o.ratio == 0 {
			if o.ratio, err = f.groupRatio(z, centred, deal(x, ridgeGroupFolds, 1)); err != nil {
				return fmt.Errorf("ridge: %w", err)
			}
		}
		f.rescale(z, o.ratio)
		f.lambda = o.Lambda
		if err := f.decompose(z, centred); err != nil {
			return err
		}
	}
	x, y = slices.Clone(x), slices.Clone(y)
	f.held = once(func() (predicted, std []float64) {
		predicted, std = f.closed()
		if len(x) <= refitRows && len(x) > 2 {
			refit(predicted, std, x, y, ridgeFolds, func() Predictor { p := o; return &p })
		}
		return predicted, std
	})
	f.conformal = calibrated(f.held, x, y, true)
	r.fit = f
	return nil
}

// decompose factorises the standardised features and solves.
func (f *ridgeFit) decompose(z *mat.Dense, centred []float64) error {
	var svd mat.SVD
	if !svd.Factorize(z, mat.SVDThin) {
		return errors.New("ridge: singular value decomposition did not converge")
	}
	var u mat.Dense
	f.v = new(mat.Dense)
	svd.UTo(&u)
	svd.VTo(f.v)
	f.sing = svd.Values(nil)
	f.solve(&u, centred)
	return nil
}

// solve chooses the penalty and computes the coefficients from the singular
// vectors u (n x r) and the centred targets.
func (f *ridgeFit) solve(u *mat.Dense, y []float64) {
	n, r := u.Dims()
	uy := make([]float64, r)
	for i := range n {
		for k := range r {
			uy[k] += u.At(i, k) * y[i]
		}
	}
	f.leaveOneOut(u, uy, y)
	f.coef = make([]float64, len(f.mean))
	explained := 0.0
	for k, s := range f.sing {
		b := s / (s*s + f.n*f.lambda) * uy[k]
		explained += s * b * uy[k]
		for j := range f.coef {
			f.coef[j] += b * f.v.At(j, k)
		}
	}
	total := 0.0
	for _, v := range y {
		total += v * v
	}
	// The evidence estimate y'(I-H)y/(n-1): positive however few the rows.
	f.noise = max(0, total-explained) / (f.n - 1)
}

// leaveOneOut computes the leave-one-out error of f.lambda or, if that is 0,
// sets it to the penalty of the grid with the least error, the largest one
// among equals.
func (f *ridgeFit) leaveOneOut(u *mat.Dense, uy, y []float64) {
	grid := []float64{f.lambda}
	if f.lambda == 0 {
		grid = nil
		for step := 90; step >= 0; step-- {
			grid = append(grid, math.Pow(10, float64(step)/10-6))
		}
	}
	f.loo = math.Inf(1)
	f.left, f.leverage = make([]float64, len(y)), make([]float64, len(y))
	held, leverages := make([]float64, len(y)), make([]float64, len(y))
	shrink := make([]float64, len(f.sing))
	for _, lambda := range grid {
		for k, s := range f.sing {
			shrink[k] = s * s / (s*s + f.n*lambda)
		}
		sum := 0.0
		for i := range y {
			fitted, leverage := 0.0, 1/f.n
			for k, u := range u.RawRowView(i) {
				fitted += u * shrink[k] * uy[k]
				leverage += u * u * shrink[k]
			}
			e := (y[i] - fitted) / (1 - leverage)
			held[i], leverages[i] = y[i]-e+f.intercept, leverage
			sum += e * e
		}
		if rmse := math.Sqrt(sum / f.n); rmse < f.loo {
			f.lambda, f.loo = lambda, rmse
			copy(f.left, held)
			copy(f.leverage, leverages)
		}
	}
}

// Predict implements Predictor.
func (r *Ridge) Predict(x []float64) float64 {
	sum := r.fit.intercept
	for j, z := range r.fit.row(x) {
		sum += r.fit.coef[j] * z
	}
	return sum
}

// Gradient implements Smooth.
func (r *Ridge) Gradient(dst, x []float64) { r.fit.slopes(dst, x, r.fit.coef) }

// Std implements Uncertain by the posterior of Bayesian ridge regression with
// the chosen penalty: noise * (1 + 1/n + z'(Z'Z + n lambda I)^-1 z).
func (r *Ridge) Std(x []float64) float64 {
	f := &r.fit
	z := f.row(x)
	outside, spread := 0.0, 0.0
	for _, v := range z {
		outside += v * v
	}
	for k, s := range f.sing {
		along := 0.0
		for j, v := range z {
			along += v * f.v.At(j, k)
		}
		outside -= along * along
		spread += along * along / (s*s + f.n*f.lambda)
	}
	spread += max(0, outside) / (f.n * f.lambda)
	return math.Sqrt(f.noise * (1 + 1/f.n + spread))
}

// ridgeFolds is the number of fits that give Ridge's held-out predictions where
// there are at most refitRows. Each chooses a penalty of its own: leave-one-out in
// closed form knows the penalty that all rows chose, and with both features of 28
// runs its errors are a third too small.
const ridgeFolds = 32

// heldOut implements heldOut.
func (r *Ridge) heldOut() (predicted, std []float64) { return r.fit.held() }

// closed returns the leave-one-out predictions.
func (f *ridgeFit) closed() (predicted, std []float64) {
	for i, v := range f.left {
		predicted = append(predicted, v)
		std = append(std, math.Sqrt(f.noise/max(1-f.leverage[i], 1e-6)))
	}
	return predicted, std
}
