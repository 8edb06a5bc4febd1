package nn

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/solve"
)

// A Loss is what boosting lowers, of outputs F and targets y.
type Loss uint8

// Squared error of a number; log(1+exp(-2yF)) of two classes, y of -1 and 1; cross
// entropy of the softmax of K outputs, y of 0 to K-1.
const (
	Squared Loss = iota
	TwoClass
	Softmax
)

// Boost trains a network of one hidden layer unit by unit (GBNN: Emami and
// Martinez-Munoz, 2023, IEEE Access 11, arXiv 1909.12098): networks of Units
// logistic units each are fitted one after the other, by L-BFGS, to the negative
// gradient of the loss, and added. What comes out is one ordinary network with
// Networks x Units hidden units, of which any prefix is a model.
type Boost struct {
	Loss      Loss
	Classes   int     // of Softmax
	Units     int     // of a network, J
	Networks  int     // T
	Rate      float64 // eta, what a network is shrunk by
	Subsample float64 // share of the rows that a network is fitted to
	Alpha     float64 // L2 penalty on the weights: alpha/2n |w|^2
	Steps     int     // of L-BFGS at most, a network
	Tolerance float64 // and it ends when three of them gain less each
	Seed      uint64
}

// A Net is a network of one hidden layer of logistic units that came of Boost. The
// probability of two classes is the logistic function of its output.
type Net struct {
	In, Out, Units int       // Units: of one of the networks that were added
	W1, B1         []float64 // hidden x In; hidden
	W2             []float64 // hidden x Out
	B2             []float64 // networks + 1 x Out: what each adds to the output bias, the start first
}

// Networks is how many networks the net was made of.
func (f *Net) Networks() int { return len(f.B2)/f.Out - 1 }

// Prefix is the net after its first so many networks.
func (f *Net) Prefix(networks int) *Net {
	h := networks * f.Units
	return &Net{In: f.In, Out: f.Out, Units: f.Units, W1: f.W1[:h*f.In], B1: f.B1[:h], W2: f.W2[:h*f.Out], B2: f.B2[:(networks+1)*f.Out]}
}

// Bias returns the biases of the outputs.
func (f *Net) Bias() []float64 {
	out := make([]float64, f.Out)
	for i, v := range f.B2 {
		out[i%f.Out] += v
	}
	return out
}

// Outputs sets dst to the outputs at x.
func (f *Net) Outputs(dst, x []float64) {
	copy(dst, f.Bias())
	for h, b := range f.B1 {
		floats.AddScaled(dst, logistic(floats.Dot(f.W1[h*f.In:][:f.In], x)+b), f.W2[h*f.Out:][:f.Out])
	}
}

// Path returns the outputs at x after 0, 1, ... networks: networks + 1 x Out.
func (f *Net) Path(x []float64) []float64 {
	out := slices.Clone(f.B2)
	for t := range f.Networks() {
		now := out[(t+1)*f.Out:][:f.Out]
		floats.Add(now, out[t*f.Out:][:f.Out])
		for h := t * f.Units; h < (t+1)*f.Units; h++ {
			floats.AddScaled(now, logistic(floats.Dot(f.W1[h*f.In:][:f.In], x)+f.B1[h]), f.W2[h*f.Out:][:f.Out])
		}
	}
	return out
}

// Gradient sets dst to the derivatives of output 0 by the inputs.
func (f *Net) Gradient(dst, x []float64) {
	clear(dst)
	for h, b := range f.B1 {
		row := f.W1[h*f.In:][:f.In]
		a := logistic(floats.Dot(row, x) + b)
		floats.AddScaled(dst, a*(1-a)*f.W2[h*f.Out], row)
	}
}

func logistic(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// Fit boosts on n rows of inputs, n x p, and targets.
func (o Boost) Fit(x, y []float64, p int) *Net {
	n, k := len(y), 1
	if o.Loss == Softmax {
		k = o.Classes
	}
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	f := &Net{In: p, Out: k, Units: o.Units, B2: o.start(y, k)}
	now, residual, step := make([]float64, n*k), make([]float64, n*k), make([]float64, n*k)
	for i := range n {
		copy(now[i*k:], f.B2)
	}
	unit := MLP[float64]{Sizes: []int{p, o.Units, k}}
	var trace Trace[float64]
	for range o.Networks {
		o.negative(residual, now, y, k)
		w := o.fitUnit(unit, x, residual, n, rng)
		copy(step, unit.Forward(&trace, w, x, n))
		shrink := o.steps(step, residual, y, k)
		for j := range shrink {
			shrink[j] *= o.Rate
		}
		for i, v := range step {
			now[i] += shrink[i%k] * v
		}
		f.add(w, shrink)
	}
	if o.Loss == TwoClass {
		floats.Scale(2, f.W2)
		floats.Scale(2, f.B2)
	}
	return f
}

// add appends a network, whose outputs are shrunk.
func (f *Net) add(w, shrink []float64) {
	hidden := f.Units * f.In
	f.W1, f.B1 = append(f.W1, w[:hidden]...), append(f.B1, w[hidden:][:f.Units]...)
	v := w[hidden+f.Units:] // Out x Units, then Out biases
	for h := range f.Units {
		for j, s := range shrink {
			f.W2 = append(f.W2, s*v[j*f.Units+h])
		}
	}
	for j, s := range shrink {
		f.B2 = append(f.B2, s*v[f.Out*f.Units+j])
	}
}

// start is the constant that boosting starts from.
func (o Boost) start(y []float64, k int) []float64 {
	mean := floats.Sum(y) / float64(max(1, len(y)))
	switch o.Loss {
	case Squared:
		return []float64{mean}
	case TwoClass:
		mean = min(max(mean, -1+1e-9), 1-1e-9)
		return []float64{math.Log((1+mean)/(1-mean)) / 2}
	}
	return make([]float64, k)
}

// negative sets r to the negative gradient of the loss at the outputs.
func (o Boost) negative(r, now, y []float64, k int) {
	for i, v := range y {
		switch o.Loss {
		case Squared:
			r[i] = v - now[i]
		case TwoClass:
			r[i] = 2 * v / (1 + math.Exp(2*v*now[i]))
		default:
			probabilities(r[i*k:][:k], now[i*k:][:k])
			floats.Scale(-1, r[i*k:][:k])
			r[i*k+int(v)]++
		}
	}
}

// probabilities sets p to the softmax of z.
func probabilities(p, z []float64) {
	top, sum := floats.Max(z), 0.0
	for j, v := range z {
		p[j] = math.Exp(v - top)
		sum += p[j]
	}
	floats.Scale(1/sum, p)
}

// fitUnit fits a network to a sample of the rows.
func (o Boost) fitUnit(unit MLP[float64], x, residual []float64, n int, rng *rand.Rand) []float64 {
	p, k := unit.Sizes[0], unit.Sizes[2]
	rows := rng.Perm(n)[:max(1, int(o.Subsample*float64(n)))]
	slices.Sort(rows)
	some, goal := make([]float64, 0, len(rows)*p), make([]float64, 0, len(rows)*k)
	for _, i := range rows {
		some, goal = append(some, x[i*p:][:p]...), append(goal, residual[i*k:][:k]...)
	}
	w := make([]float64, unit.Len())
	unit.Start(w, rng)
	var trace Trace[float64]
	return solve.LBFGS{Steps: o.Steps, Tolerance: o.Tolerance}.Minimize(func(w, grad []float64) float64 {
		return RidgeLoss(unit, &trace, w, some, goal, len(rows), o.Alpha, grad)
	}, w)
}

// RidgeLoss is half the mean squared error of a network on n rows plus alpha/2n
// times the squared weights, biases left out; it sets the gradient.
func RidgeLoss(m MLP[float64], t *Trace[float64], w, x, goal []float64, n int, alpha float64, grad []float64) float64 {
	out := m.Forward(t, w, x, n)
	delta, sum, each := make([]float64, len(out)), 0.0, 1/float64(n)
	for i, v := range out {
		e := v - goal[i]
		delta[i] = e * each
		sum += e * e * each / 2
	}
	m.Backward(t, w, delta, grad, nil)
	return sum + penalty(m, w, grad, alpha*each)
}

// penalty adds strength/2 times the squared weights to a loss and its gradient.
func penalty(m MLP[float64], w, grad []float64, strength float64) (sum float64) {
	var parts [][]float64
	m.Weights(grad, func(part []float64) { parts = append(parts, part) })
	m.Weights(w, func(part []float64) {
		floats.AddScaled(parts[0], strength, part)
		parts = parts[1:]
		sum += strength / 2 * floats.Dot(part, part)
	})
	return sum
}

// steps returns the factor of a network's outputs f, by class: 1 for squared error,
// else the step of Newton's method along f.
func (o Boost) steps(f, r, y []float64, k int) []float64 {
	if o.Loss == Squared {
		return []float64{1}
	}
	with, curve := make([]float64, k), make([]float64, k)
	for i, v := range f {
		j := i % k
		with[j] += v * r[i]
		if o.Loss == TwoClass {
			curve[j] += r[i] * v * v * (2*y[i] - r[i])
			continue
		}
		p := -r[i]
		if int(y[i/k]) == j {
			p++
		}
		curve[j] += v * v * p * (1 - p)
	}
	for j := range with {
		if with[j] /= curve[j]; !(curve[j] > 1e-12) {
			with[j] = 0
		}
	}
	return with
}
