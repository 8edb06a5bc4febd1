package predict

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// A lawForm is what the exponent of a law is.
type lawForm interface {
	// values returns what exponent needs of the parameters: computed once for
	// all rows.
	values(theta []float64) []float64
	// exponent returns u at shares x and, if du is not nil, sets it to the
	// derivatives of u by the parameters.
	exponent(values, x, du []float64) float64
	// start returns the parameters that come nearest to u = slope.x.
	start(slope []float64) []float64
	// shared is how many parameters come before the d of the domains.
	shared() int
	// byShare sets dst to the gradient of u by the shares.
	byShare(values, x, dst []float64)
}

// lawFit is what Fit learned: f(x) = mean + unit (c + sign exp(u(x))).
type lawFit struct {
	form       lawForm
	mean, unit float64
	sign       float64
	theta      []float64 // c, then those of the form
	values     []float64 // of the form, at theta
	lambda     float64
	h          mat.Cholesky // of J'J + penalty
	noise      float64
	loo        float64   // mean squared leave-one-out error
	left       []float64 // leave-one-out predictions, standardised
	leverage   []float64
	refit      func(x [][]float64, t []float64) *lawFit // from the start that led here
	x          [][]float64
	t          []float64 // standardised targets
	held       func() (predicted, std []float64)
	conformal  func() conformal
}

var lambdas = []float64{1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

// startRows is how many rows, spread over the order of the targets, decide which
// start is the best.
const startRows = 128

// fitLaw fits a form to rows x and targets y.
func fitLaw(name string, form lawForm, x [][]float64, y []float64, lambda float64, steps int) (lawFit, error) {
	if err := check(x, y); err != nil {
		return lawFit{}, fmt.Errorf("%s: %w", name, err)
	}
	for i, row := range x {
		for j, w := range row {
			if w < 0 {
				return lawFit{}, fmt.Errorf("%s: row %d: share of domain %d is %v, want at least 0", name, i, j, w)
			}
		}
	}
	y = drawnIn(x, y)
	t, centre, unit := standard(y)
	round(t)
	grid := lambdas
	if lambda > 0 {
		grid = []float64{lambda}
	}
	begin := func(i int) func(x [][]float64, t []float64) *lawFit {
		return func(x [][]float64, t []float64) *lawFit {
			f := &lawFit{form: form, mean: centre, unit: unit, sign: []float64{1, -1}[i/2]}
			f.path(x, t, []float64{0.3, 3}[i%2], grid, steps)
			return f
		}
	}
	some, targets := x, t
	if len(x) > startRows {
		some, targets = nil, nil
		for _, row := range evenly(t, startRows) {
			some, targets = append(some, x[row]), append(targets, t[row])
		}
	}
	starts := make([]*lawFit, 4)
	var wg sync.WaitGroup
	for i := range starts {
		wg.Go(func() { starts[i] = begin(i)(some, targets) })
	}
	wg.Wait()
	best := 0
	for i := range starts {
		if starts[i].loo < starts[best].loo*(1-1e-9) {
			best = i
		}
	}
	f := starts[best]
	if len(x) > startRows {
		f = begin(best)(x, t)
	}
	if !(f.loo < math.Inf(1)) || !f.judge(x, t) {
		return lawFit{}, fmt.Errorf("%s: no start leads to a fit", name)
	}
	f.refit, f.x, f.t = begin(best), x, t
	f.held = once(f.heldOut)
	f.conformal = calibrated(f.held, x, y, true)
	return *f, nil
}

// path fits under one penalty after the other, each from where the last one
// ended, and keeps what has the least leave-one-out error.
func (f *lawFit) path(x [][]float64, t []float64, beyond float64, grid []float64, steps int) {
	f.lambda, f.loo = grid[0], math.Inf(1)
	f.begin(x, t, beyond)
	best := *f
	for _, f.lambda = range grid {
		f.descend(x, t, steps)
		least := best.loo
		if f.judge(x, t) && f.loo < least*(1-1e-9) {
			best = *f
			best.theta = append([]float64(nil), f.theta...)
			best.values = f.form.values(best.theta[1:])
		}
	}
	*f = best
}

// begin sets the parameters to a start: c lies beyond the scores, and log
// |t - c| is regressed on the shares.
func (f *lawFit) begin(x [][]float64, t []float64, beyond float64) {
	least := math.Inf(1)
	for _, v := range t {
		least = min(least, f.sign*v)
	}
	c := f.sign * (least - beyond)
	d := len(x[0])
	a, b := mat.NewSymDense(d, nil), mat.NewVecDense(d, nil)
	for i, row := range x {
		target := math.Log(f.sign * (t[i] - c))
		for j, w := range row {
			b.SetVec(j, b.AtVec(j)+w*target)
			for k := j; k < d; k++ {
				a.SetSym(j, k, a.At(j, k)+w*row[k])
			}
		}
	}
	for j := range d {
		a.SetSym(j, j, a.At(j, j)+1e-2*float64(len(x)))
	}
	slope := mat.NewVecDense(d, nil)
	var chol mat.Cholesky
	if chol.Factorize(a) {
		_ = chol.SolveVecTo(slope, b) // of full rank by the penalty
	}
	f.theta = append([]float64{c}, f.form.start(slope.RawVector().Data)...)
}

// at returns the standardised prediction at x and, if slope is not nil, its
// derivatives by theta.
func (f *lawFit) at(x, slope []float64) float64 {
	if slope == nil {
		return f.theta[0] + f.sign*math.Exp(f.form.exponent(f.values, x, nil))
	}
	e := math.Exp(f.form.exponent(f.values, x, slope[1:]))
	slope[0] = 1
	floats.Scale(f.sign*e, slope[1:])
	return f.theta[0] + f.sign*e
}

// penalty returns lambda times the squared distances of the parameters of the
// domains from their mean.
func (f *lawFit) penalty() float64 {
	own := f.theta[1+f.form.shared():]
	return f.lambda * meanSquare(own, mean(own)) * float64(len(own))
}

// loss is the mean squared error and the penalty.
func (f *lawFit) loss(x [][]float64, t []float64) float64 {
	f.values = f.form.values(f.theta[1:])
	sum := 0.0
	for i, row := range x {
		e := f.at(row, nil) - t[i]
		sum += e * e
	}
	return sum/float64(len(x)) + f.penalty()
}

// normal returns the matrix and the gradient of the Gauss-Newton step, of half
// the loss times the number of rows, the slopes by parameter and row, and the
// errors.
func (f *lawFit) normal(x [][]float64, t []float64) (h *mat.SymDense, gradient []float64, slopes *mat.Dense, errors []float64) {
	p, first := len(f.theta), 1+f.form.shared()
	f.values = f.form.values(f.theta[1:])
	h, gradient = mat.NewSymDense(p, nil), make([]float64, p)
	slopes, errors = mat.NewDense(p, len(x), nil), make([]float64, len(x))
	slope, columns := make([]float64, p), slopes.RawMatrix().Data
	for i, row := range x {
		errors[i] = f.at(row, slope) - t[i]
		for j, v := range slope {
			columns[j*len(x)+i] = v
		}
	}
	h.SymOuterK(1, slopes)
	weight, centre, raw := f.lambda*float64(len(x)), mean(f.theta[first:]), h.RawSymmetric().Data
	for j := range p {
		gradient[j] = floats.Dot(slopes.RawRowView(j), errors)
		raw[j*p+j] += 1e-6 * float64(len(x)) // what no row tells apart stays where it is
	}
	for j := first; j < p; j++ {
		gradient[j] += weight * (f.theta[j] - centre)
		for k := j; k < p; k++ {
			raw[j*p+k] -= weight / float64(p-first)
		}
		raw[j*p+j] += weight
	}
	return h, gradient, slopes, errors
}

// descend lowers the loss in up to steps steps of Levenberg-Marquardt.
func (f *lawFit) descend(x [][]float64, t []float64, steps int) {
	value, damp := f.loss(x, t), 1e-3
	step, space := make([]float64, len(f.theta)), make([]float64, len(f.theta)*len(f.theta))
	for range steps {
		h, gradient, _, _ := f.normal(x, t)
		old, before := append([]float64(nil), f.theta...), value
		for range 12 {
			if copy(step, gradient); dampedStep(step, space, h, damp) {
				floats.SubTo(f.theta, old, step)
				if next := f.loss(x, t); next <= value {
					value, damp = next, max(damp/5, 1e-12)
					break
				}
			}
			copy(f.theta, old)
			damp *= 4
		}
		if before-value <= 1e-6*before {
			return
		}
	}
}

// dampedStep divides step by h, the diagonal of which grows by the share damp;
// not ok where that is not positive definite. space has room for h. It is what
// mat.Cholesky does without the condition number, which costs half as much again.
func dampedStep(step, space []float64, h *mat.SymDense, damp float64) bool {
	a := h.RawSymmetric()
	copy(space, a.Data)
	a.Data = space
	for j := range step {
		space[j*a.Stride+j] *= 1 + damp
	}
	u, ok := lapack64.Potrf(a)
	if ok {
		lapack64.Potrs(u, blas64.General{Rows: len(step), Cols: 1, Stride: 1, Data: step})
	}
	return ok
}

// judge computes the leave-one-out error, the noise and h at the parameters.
func (f *lawFit) judge(x [][]float64, t []float64) bool {
	h, _, slopes, errors := f.normal(x, t)
	if !f.h.Factorize(h) {
		return false
	}
	n, u := len(x), f.h.RawU().(*mat.TriDense).RawTriangular()
	blas64.Trsm(blas.Left, blas.Trans, 1, u, slopes.RawMatrix()) // h is U'U
	f.left, f.leverage = make([]float64, n), make([]float64, n)
	for j := range f.theta {
		for i, v := range slopes.RawRowView(j) {
			f.leverage[i] += v * v
		}
	}
	sum, squares, freedom := 0.0, 0.0, float64(n)
	for i, e := range errors {
		f.leverage[i] = min(f.leverage[i], 0.99)
		left := e / (1 - f.leverage[i])
		f.left[i] = t[i] + left
		sum += left * left
		squares += e * e
		freedom -= f.leverage[i]
	}
	f.loo, f.noise = sum/float64(n), squares/max(freedom, 0.5)
	return !math.IsNaN(f.loo)
}

// spread returns slope' H^-1 slope.
func (f *lawFit) spread(slope []float64) float64 {
	var v mat.VecDense
	s := mat.NewVecDense(len(slope), slope)
	if solved(f.h.SolveVecTo(&v, s)) != nil {
		return 1
	}
	return mat.Dot(s, &v)
}

func (f *lawFit) predict(x []float64) float64 { return f.mean + f.unit*f.at(x, nil) }

// std is the standard deviation of the linearized law's prediction.
func (f *lawFit) std(x []float64) float64 {
	slope := make([]float64, len(f.theta))
	f.at(x, slope)
	return f.unit * math.Sqrt(f.noise*(1+f.spread(slope)))
}

func (f *lawFit) gradient(dst, x []float64) {
	f.form.byShare(f.values, x, dst)
	floats.Scale(f.unit*(f.at(x, nil)-f.theta[0]), dst)
}

// heldOut implements heldOut: up to refitRows rows by fits to the other folds,
// which choose their own penalty, and beyond by leave-one-out of the linearised
// law, which with few rows says too well of laws that run away elsewhere.
func (f *lawFit) heldOut() (predicted, std []float64) {
	predicted, std = make([]float64, len(f.t)), make([]float64, len(f.t))
	for i, v := range f.left {
		predicted[i], std[i] = f.mean+f.unit*v, f.unit*math.Sqrt(f.noise/(1-f.leverage[i]))
	}
	if len(f.t) > refitRows || len(f.t) <= 2 {
		return predicted, std
	}
	fold := deal(f.x, refitFolds, 1)
	var wg sync.WaitGroup
	for k := range slices.Max(fold) + 1 {
		wg.Go(func() {
			x, t := without(f.x, fold, k), without(f.t, fold, k)
			if len(t) == 0 {
				return
			}
			g := f.refit(x, t)
			for i, row := range f.x {
				if fold[i] == k && g.judge(x, t) {
					predicted[i], std[i] = g.predict(row), g.std(row)
				}
			}
		})
	}
	wg.Wait()
	return predicted, std
}
