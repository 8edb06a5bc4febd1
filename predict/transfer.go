package predict

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
)

// Transfer lets runs of a smaller model inform the fit to runs of a larger one, by
// the autoregressive scheme of Kennedy and O'Hagan (2000, Biometrika 87, eq. 1),
//
//	y(w) = rho low(w) + delta(w)
//
// low is what a predictor fitted to the smaller model's runs says, rho the
// regression slope of y on low(w) over the larger model's runs, and delta a
// Gaussian process on what is left. The two sets of runs need no mixture in
// common. They fit both processes at once by likelihood; here one follows the
// other, so that low may be any predictor.
//
// It is one of three predictors: rho low alone, delta being a constant; a predictor
// of the larger model's runs alone; and both. They are combined as Auto's members
// are, with weights that are shrunk towards the smaller model alone as if autoTrust
// runs more had been seen, and never to a held-out error above that of the best of
// the three. For held-out errors the slope, the process and (for intervals) the
// weights are fitted to the other runs.
//
// The deviation is that of delta and of rho low together, which is large where the
// smaller model has no runs near by; the intervals are conformal in that unit.
type Transfer struct {
	Low   Predictor        // fitted to the smaller model's runs
	Seen  [][]float64      // mixtures that Low was fitted to, in order; what it says of them is no prediction
	Rest  func() Predictor // an unfitted predictor of Methods, for the larger model's runs alone
	Delta GP               // hyper-parameters of the process

	fit transferFit
}

// The predictors that a Transfer combines.
const (
	lowAlone = iota
	ownAlone
	lowAndDelta
	transferParts
)

type transferFit struct {
	lift
	delta   *GP // of y - lift
	own     Predictor
	std     []float64 // claimed deviations of held-out rows
	rmse    []float64 // held out, by part
	weights []float64 // by part
	cross   []float64 // held-out predictions of the combination
	blended float64   // their error
	conformal
}

// A lift is the regression line of the larger model's scores on the smaller
// model's predictions.
type lift struct{ rho, centre, level float64 }

func newLift(low, y []float64) lift {
	l := lift{centre: mean(low), level: mean(y)}
	with, spread := 0.0, 0.0
	for i, v := range low {
		with += (v - l.centre) * (y[i] - l.level)
		spread += (v - l.centre) * (v - l.centre)
	}
	if rho := with / spread; spread > 0 && !math.IsInf(rho, 0) {
		l.rho = rho
	}
	return l
}

func (l lift) at(low float64) float64 { return l.level + l.rho*(low-l.centre) }

// left returns what the line leaves of y.
func (l lift) left(low, y []float64) []float64 {
	out := slices.Clone(y)
	for i, v := range low {
		out[i] -= l.at(v)
	}
	return out
}

// Fit implements Predictor.
func (t *Transfer) Fit(x [][]float64, y []float64) error {
	if err := check(x, y); err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	y = drawnIn(x, y)
	low, lowStd := t.lower(x)
	f := transferFit{lift: newLift(low, y), own: t.Rest()}
	if err := f.own.Fit(x, y); err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	h, ok := f.own.(heldOut)
	if !ok {
		return fmt.Errorf("transfer: %T is not one of predict.Methods", f.own)
	}
	var err error
	if f.delta, err = t.process(x, f.left(low, y)); err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	held, stds := make([][]float64, transferParts), make([][]float64, transferParts)
	held[ownAlone], stds[ownAlone] = h.heldOut()
	held[lowAlone], held[lowAndDelta], stds[lowAndDelta] = t.heldOuts(x, low, y)
	for _, v := range held {
		f.rmse = append(f.rmse, RMSE(v, y))
	}
	f.weigh(x, y, held, stds, lowStd)
	t.fit = f
	return nil
}

// lower returns what the smaller model's runs say of rows, and with what deviation:
// of mixtures among them what they would say without these runs.
func (t *Transfer) lower(x [][]float64) (low, std []float64) {
	var held, heldStd []float64
	seen := map[string]int{}
	if h, ok := t.Low.(heldOut); ok && len(t.Seen) > 0 {
		held, heldStd = h.heldOut()
		for i, row := range t.Seen {
			seen[fmt.Sprint(row)] = i
		}
	}
	low, std = make([]float64, len(x)), make([]float64, len(x))
	for i, row := range x {
		if at, ok := seen[fmt.Sprint(row)]; ok {
			low[i], std[i] = held[at], heldStd[at]
		} else {
			low[i], std[i] = t.Low.Predict(row), t.lowStd(row)
		}
	}
	return low, std
}

func (t *Transfer) lowStd(x []float64) float64 {
	if u, ok := t.Low.(Uncertain); ok {
		return u.Std(x)
	}
	return 0
}

// process fits a Gaussian process with the options of Delta.
func (t *Transfer) process(x [][]float64, y []float64) (*GP, error) {
	g := t.Delta
	return &g, g.Fit(x, y)
}

// heldOuts returns what the line and the line with the process say of rows that
// neither was fitted to, and the deviations of the second: fitted to all rows where
// no two rows differ.
func (t *Transfer) heldOuts(x [][]float64, low, y []float64) (line, both, std []float64) {
	line, both, std = slices.Clone(low), slices.Clone(low), make([]float64, len(y))
	fold := deal(x, refitFolds, 1)
	for k := range slices.Max(fold) + 1 {
		l, lows, ys := newLift(low, y), low, y
		if others := without(low, fold, k); len(others) > 0 {
			lows, ys = others, without(y, fold, k)
			l = newLift(lows, ys)
		}
		left := l.left(lows, ys)
		unit := math.Sqrt(meanSquare(left, 0))
		g, err := t.process(without(x, fold, k), left)
		for i, row := range x {
			if fold[i] != k {
				continue
			}
			line[i] = l.at(low[i])
			if both[i], std[i] = line[i], unit; err == nil {
				both[i], std[i] = line[i]+g.Predict(row), g.Std(row)
			}
		}
	}
	return line, both, std
}

// weigh chooses the weights of the parts and computes what follows from them.
func (f *transferFit) weigh(x [][]float64, y []float64, held, stds [][]float64, low []float64) {
	f.weights = stackWeights(held, y, autoTrust, lowAlone, nil)
	f.cross = crossBlend(x, y, held, autoTrust, lowAlone)
	lean(f.weights, f.cross, held, f.rmse, y)
	f.blended = RMSE(f.cross, y)
	f.std = make([]float64, len(y))
	for i := range x {
		f.std[i] = f.together(stds[ownAlone][i], stds[lowAndDelta][i], low[i])
	}
	f.conformal = newConformal(x, f.cross, f.std, y, true)
}

// together is the deviation of the combination: by the weights of the predictors
// with and without the smaller model.
func (f *transferFit) together(own, delta, low float64) float64 {
	w := f.weights[ownAlone]
	return math.Sqrt(w*own*own + (1-w)*(delta*delta+f.rho*f.rho*low*low))
}

// claimed is the deviation before calibration.
func (t *Transfer) claimed(x []float64) float64 {
	f := &t.fit
	delta := f.delta.Std(x)
	own, low := delta, 0.0
	if u, ok := f.own.(Uncertain); ok && f.weights[ownAlone] > 0 {
		own = u.Std(x)
	}
	if f.weights[ownAlone] < 1 {
		low = t.lowStd(x)
	}
	return f.together(own, delta, low)
}

// Predict implements Predictor.
func (t *Transfer) Predict(x []float64) float64 {
	f := &t.fit
	sum := 0.0
	if w := f.weights[ownAlone]; w > 0 {
		sum += w * f.own.Predict(x)
	}
	if w := 1 - f.weights[ownAlone]; w > 0 {
		sum += w * f.at(t.Low.Predict(x))
	}
	if w := f.weights[lowAndDelta]; w > 0 {
		sum += w * f.delta.Predict(x)
	}
	return sum
}

// Process returns the Gaussian process that knows how uncertain predictions are:
// delta's or, where that counts for more, the one of the larger model's runs alone.
func (t *Transfer) Process() *GP {
	if g, ok := t.fit.own.(*GP); ok && t.fit.weights[ownAlone] > 0.5 {
		return g
	}
	return t.fit.delta
}

// Std implements Uncertain.
func (t *Transfer) Std(x []float64) float64 { return t.fit.unit * t.claimed(x) }

// HalfWidth implements Calibrated.
func (t *Transfer) HalfWidth(x []float64, level float64) float64 {
	return t.fit.halfWidth(x, t.claimed(x), level)
}

// Gradient implements Smooth where all parts are.
func (t *Transfer) Gradient(dst, x []float64) {
	clear(dst)
	f, one := &t.fit, make([]float64, len(x))
	add := func(p Predictor, weight float64) {
		if s, ok := p.(Smooth); ok && weight != 0 {
			s.Gradient(one, x)
			floats.AddScaled(dst, weight, one)
		}
	}
	add(f.own, f.weights[ownAlone])
	add(t.Low, t.Rho())
	add(f.delta, f.weights[lowAndDelta])
}

func (t *Transfer) heldOut() (predicted, std []float64) {
	f := &t.fit
	std = slices.Clone(f.std)
	floats.Scale(f.unit, std)
	return slices.Clone(f.cross), std
}

// Rho returns the weight of the smaller model's prediction.
func (t *Transfer) Rho() float64 { return t.fit.rho * (1 - t.fit.weights[ownAlone]) }

// Why says what the smaller model's runs were worth.
func (t *Transfer) Why() string {
	f := &t.fit
	var parts []string
	for i, name := range []string{"the smaller model alone", "the larger model's runs alone", "both"} {
		parts = append(parts, fmt.Sprintf("%s %.2f (held-out error %.4g)", name, f.weights[i], f.rmse[i]))
	}
	return fmt.Sprintf("%.2f of the smaller model's prediction: %s; held-out error %.4g together", t.Rho(), strings.Join(parts, ", "), f.blended)
}
