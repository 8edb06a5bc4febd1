package predict

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/option"
)

// GP is a Gaussian process (Rasmussen and Williams, 2006) on shares w and their
// logarithms z = log(w + Epsilon). The covariance of two runs is
//
//	1 + a w.w' + b z.z' + s M(r) + noise [same run],  r^2 = sum_j ((z_j - z'_j)/l_j)^2
//	M(r) = (1 + sqrt5 r + 5/3 r^2) exp(-sqrt5 r)
//
// that is, a linear law of the shares and of their logarithms, and a smooth
// departure from it with a length for every domain (ARD Matern-5/2). Targets
// are standardised; w and z are centred, and each of the two groups has one
// scale, as in Ridge. Runs of one mixture with several seeds are rows of their
// own: what they differ by is noise, and the likelihood learns it from them.
//
// All l, a, b, s and the noise maximise the posterior: the marginal likelihood
// (eq. 5.8, gradient 5.9) times priors, which keep it from inventing
// relevance where there are as many lengths as runs. Two of the priors are
// published defaults: log l ~ N(sqrt2 + log(d)/2, sqrt3) (Hvarfner et al.,
// 2024, arXiv 2402.02229) and log noise ~ N(-4, 1) (BoTorch 0.12). Those of
// log a, log b and log s are N(-log d, 2), N(-log d, 2) and N(0, 2): vague,
// around a function of unit variance.
//
// With more than Subset runs the search for the maximum is made on Subset of
// them, spread over the order of the targets, and Refine steps on all follow.
type GP struct {
	Epsilon float64 `json:"epsilon" default:"0.01" min:"1e-12" doc:"added to a weight before its logarithm"`
	Steps   int     `json:"steps" default:"60" min:"1" doc:"maximum steps of the hyper-parameter optimization (posterior mode)"`
	Subset  int     `json:"subset" default:"128" min:"2" doc:"number of runs used for the hyper-parameters; more are subsampled"`
	Refine  int     `json:"refine" default:"8" min:"1" doc:"further steps on all runs, if there are more than subset"`

	fit gpFit
}

// gpFit is what Fit learned: n rows of d domains, targets standardised.
type gpFit struct {
	gpKernel
	mean, unit float64 // of the targets
	t          []float64
	alpha      []float64 // n: K^-1 t
	level      float64   // of the linear part of the mean
	slope      []float64 // 2d: of the linear part of the mean
	scaled     []float64 // n x d: logarithms by 1/l
	sizes      []float64 // n: squared lengths of the rows of scaled
	linear     []float64 // n x 2d: shares by a, logarithms by b
	chol       mat.Cholesky
	white      []float64 // n x n: L^-1, where the covariance is L L'
	x          [][]float64
	y          []float64
	options    *GP
	held       func() (predicted, std []float64)
	conformal  func() conformal // made when first asked for
}

// Up to refitRows runs the held-out predictions of a GP come from refitFolds
// fits with hyper-parameters of their own; beyond, where these hardly depend
// on a single run, from leave-one-out in closed form (Rasmussen and Williams,
// eqs. 5.10-5.12).
const (
	refitRows  = 128
	refitFolds = 16
)

// heldOut implements heldOut.
func (g *GP) heldOut() (predicted, std []float64) { return g.fit.held() }

func (f *gpFit) heldOut() (predicted, std []float64) {
	n := len(f.alpha)
	if n <= refitRows && n > 2 {
		predicted, std = slices.Repeat([]float64{f.mean}, n), slices.Repeat([]float64{f.unit}, n)
		refit(predicted, std, f.x, f.y, refitFolds, func() Predictor { p := *f.options; return &p })
		return predicted, std
	}
	predicted, std = make([]float64, n), make([]float64, n)
	var inverse mat.SymDense
	if solved(f.chol.InverseTo(&inverse)) != nil {
		inverse = *mat.NewSymDense(n, slices.Repeat([]float64{1}, n*n))
	}
	for i := range n {
		predicted[i] = f.y[i] - f.unit*f.alpha[i]/inverse.At(i, i)
		std[i] = f.unit / math.Sqrt(inverse.At(i, i))
	}
	return predicted, std
}

// Fit implements Predictor.
func (g *GP) Fit(x [][]float64, y []float64) error {
	o := *g
	option.Fill(&o)
	o.fit = gpFit{}
	if err := option.Check("gp", o); err != nil {
		return err
	}
	if err := check(x, y); err != nil {
		return fmt.Errorf("gp: %w", err)
	}
	y = drawnIn(x, y)
	f := gpFit{x: x, y: slices.Clone(y), options: &o, gpKernel: gpKernel{expansion: expansion{features: "both", epsilon: o.Epsilon}}}
	z, err := f.standardise(x)
	if err != nil {
		return fmt.Errorf("gp: %w", err)
	}
	f.t, f.mean, f.unit = standard(y)
	round(f.t)
	theta, steps := priorMode(len(x[0])), o.Steps
	if len(x) > o.Subset {
		some, targets := spread(z, f.t, o.Subset)
		theta, steps = newEvidence(some, targets).maximise(theta, steps), o.Refine
	}
	theta = newEvidence(z, f.t).maximise(theta, steps)
	f.set(z, theta)
	if err := f.condition(); err != nil {
		return fmt.Errorf("gp: %w", err)
	}
	f.held = once(f.heldOut)
	f.conformal = calibrated(f.held, x, y, true)
	g.fit = f
	return nil
}

// spread returns n of the rows.
func spread(z *mat.Dense, t []float64, n int) (*mat.Dense, []float64) {
	_, p := z.Dims()
	some, targets := mat.NewDense(n, p, nil), make([]float64, n)
	for i, row := range evenly(t, n) {
		some.SetRow(i, z.RawRowView(row))
		targets[i] = t[row]
	}
	return some, targets
}

// evenly returns n of the rows: every so many-th in the order of the targets.
func evenly(t []float64, n int) []int {
	order, rows := ascending(t), make([]int, n)
	for i := range rows {
		rows[i] = order[(2*i+1)*len(t)/(2*n)]
	}
	return rows
}

// condition computes what predictions need from the targets.
func (f *gpFit) condition() error {
	n := len(f.t)
	k := mat.NewSymDense(n, nil)
	for i := range n {
		row := k.RawSymmetric().Data[i*n:][:n]
		f.covariances(row, f.z.RawRowView(i))
		row[i] += f.noise
	}
	if !f.chol.Factorize(k) {
		return errors.New("covariance matrix is not positive definite")
	}
	var alpha mat.VecDense
	if err := solved(f.chol.SolveVecTo(&alpha, mat.NewVecDense(n, f.t))); err != nil {
		return err
	}
	f.alpha = alpha.RawVector().Data
	if err := f.whiten(); err != nil {
		return err
	}
	d := len(f.inverse)
	f.level, f.slope, f.scaled, f.sizes, f.linear = floats.Sum(f.alpha), make([]float64, 2*d), nil, nil, nil
	for i, v := range f.alpha {
		row := f.z.RawRowView(i)
		floats.AddScaled(f.slope[:d], v*f.a, row[:d])
		floats.AddScaled(f.slope[d:], v*f.b, row[d:])
		for j, inverse := range f.inverse {
			f.scaled = append(f.scaled, row[d+j]*inverse)
		}
		own := f.scaled[i*d:]
		f.sizes = append(f.sizes, floats.Dot(own, own))
		for j, v := range row {
			f.linear = append(f.linear, v*[2]float64{f.a, f.b}[j/d])
		}
	}
	return nil
}

// whiten sets white.
func (f *gpFit) whiten() error {
	var lower, inverse mat.TriDense
	f.chol.LTo(&lower)
	if err := solved(inverse.InverseTri(&lower)); err != nil {
		return err
	}
	f.white = inverse.RawTriangular().Data
	return nil
}

// solved returns err unless it only warns of an ill-conditioned matrix.
func solved(err error) error {
	var c mat.Condition
	if errors.As(err, &c) && !math.IsInf(float64(c), 0) {
		return nil
	}
	return err
}

// Predict implements Predictor.
func (g *GP) Predict(x []float64) float64 {
	f := &g.fit
	mean, _ := f.expected(f.row(x))
	return mean
}

// expected returns the mean at features z, in units of the target, and M of every
// run there. The linear part of the covariance sums to a linear function.
func (f *gpFit) expected(z []float64) (mean float64, m []float64) {
	d, n := len(f.inverse), len(f.alpha)
	space := make([]float64, n+d)
	m, scaled := space[:n], floats.MulTo(space[n:], z[d:], f.inverse)
	size := floats.Dot(scaled, scaled)
	for i, own := range f.sizes {
		m[i] = own + size - 2*floats.Dot(f.scaled[i*d:][:d], scaled)
	}
	materns(m)
	return f.mean + f.unit*(f.level+floats.Dot(f.slope, z)+f.s*floats.Dot(f.alpha, m)), m
}

// Std implements Uncertain by the posterior variance (eq. 2.26) and the noise.
func (g *GP) Std(x []float64) float64 {
	_, variance := g.fit.moments(x, 0, math.Inf(-1))
	return g.fit.unit * math.Sqrt(max(0, variance)+g.fit.noise)
}

// Upper returns the upper confidence bound Predict(x) + times the standard
// deviation of the function, without the noise of a run; or, where that is below
// the floor, any number that is. It costs 3 d n + n^2/2 multiplications for n runs
// on d domains, and most points that are below the best ones' bounds a part of that.
func (g *GP) Upper(x []float64, times, floor float64) float64 {
	mean, variance := g.fit.moments(x, times, floor)
	return mean + times*g.fit.unit*math.Sqrt(max(0, variance))
}

// moments returns the mean at x in units of the target and the variance in units
// of unit^2. Every run that is looked at takes variance away and none adds any,
// so that it stops, with what is left then, when mean + times the deviation is
// below the floor.
func (f *gpFit) moments(x []float64, times, floor float64) (mean, variance float64) {
	n, d, z := len(f.alpha), len(x), f.row(x)
	mean, k := f.expected(z)
	variance = f.covariance(z, z)
	for i, m := range k {
		k[i] = 1 + floats.Dot(f.linear[i*2*d:][:2*d], z) + f.s*m
		v := floats.Dot(f.white[i*n:][:i+1], k[:i+1])
		variance -= v * v
		if i%8 == 7 && mean+times*f.unit*math.Sqrt(max(0, variance)) < floor {
			break
		}
	}
	return mean, variance
}

// Noise returns the standard deviation of a run around the function, as the
// last Fit learned it, in units of the target.
func (g *GP) Noise() float64 { return g.fit.unit * math.Sqrt(g.fit.noise) }

// Gradient implements Smooth.
func (g *GP) Gradient(dst, x []float64) {
	f := &g.fit
	d := len(x)
	z, slope := f.row(x), slices.Clone(f.slope)
	for i, alpha := range f.alpha {
		row := f.z.RawRowView(i)
		_, fall := matern(f.distance2(row, z))
		for j := range d {
			slope[d+j] -= alpha * f.s * fall * (z[d+j] - row[d+j]) * f.inverse[j] * f.inverse[j]
		}
	}
	f.slopes(dst, x, slope)
	floats.Scale(f.unit, dst)
}

// Posterior returns the means of the function at the rows of x and their
// joint covariance, both in units of the target, without the noise of a run:
// what Thompson sampling draws from. It costs n^2 len(x) + n len(x)^2.
func (g *GP) Posterior(x [][]float64) ([]float64, *mat.SymDense, error) {
	f := &g.fit
	n, m := len(f.alpha), len(x)
	z, k := make([][]float64, m), mat.NewDense(m, n, nil)
	means := make([]float64, m)
	for i := range x {
		z[i] = f.row(x[i])
		f.covariances(k.RawRowView(i), z[i])
		means[i] = f.mean + f.unit*floats.Dot(k.RawRowView(i), f.alpha)
	}
	var v, explained mat.Dense
	if err := solved(f.chol.SolveTo(&v, k.T())); err != nil {
		return nil, nil, fmt.Errorf("gp posterior: %w", err)
	}
	explained.Mul(k, &v)
	cov := mat.NewSymDense(m, nil)
	for i := range m {
		for j := i; j < m; j++ {
			cov.SetSym(i, j, f.unit*f.unit*(f.covariance(z[i], z[j])-explained.At(i, j)))
		}
	}
	return means, cov, nil
}

// Draws returns k draws of a normal distribution, such as Posterior's.
func Draws(rng *rand.Rand, means []float64, cov *mat.SymDense, k int) ([][]float64, error) {
	n := len(means)
	shifted := mat.NewSymDense(n, nil)
	shifted.CopySym(cov)
	for i := range n { // rounding leaves variances that are a little negative
		shifted.SetSym(i, i, cov.At(i, i)+1e-8*(mat.Trace(cov)/float64(n)+1e-300))
	}
	var chol mat.Cholesky
	for jitter := 1e-8; !chol.Factorize(shifted); jitter *= 10 {
		if jitter > 1 {
			return nil, errors.New("draw from the posterior: covariance is not positive definite")
		}
		for i := range n {
			shifted.SetSym(i, i, shifted.At(i, i)+jitter*(mat.Trace(cov)/float64(n)+1e-300))
		}
	}
	var lower mat.TriDense
	chol.LTo(&lower)
	out := make([][]float64, k)
	for d := range out {
		white := mat.NewVecDense(n, nil)
		for i := range n {
			white.SetVec(i, rng.NormFloat64())
		}
		var v mat.VecDense
		v.MulVec(&lower, white)
		v.AddVec(&v, mat.NewVecDense(n, means))
		out[d] = v.RawVector().Data
	}
	return out, nil
}
