package search

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/mix"
)

// A process is a Gaussian process (Rasmussen and Williams, 2006) on mixtures w
// and their logarithms z = log(w + 0.01), with the joint uncertainty of several
// mixtures that batches are chosen by. The covariance of two runs is
//
//	1 + a w.w' + b z.z' + s M(r) + noise [same run],   r^2 = sum_j ((z_j - z'_j)/l_j)^2
//	M(r) = (1 + sqrt5 r + 5/3 r^2) exp(-sqrt5 r)
//
// that is, linear laws of the shares and of their logarithms, and a smooth
// departure from them with a length for every domain. w and z are centred, and
// all shares have one scale and all logarithms another, which makes their mean
// variance 1; scores are standardised. Runs of one mixture with several seeds
// are rows of their own: what they differ by is noise.
//
// The hyper-parameters maximise the marginal likelihood (eq. 5.8, gradient
// 5.9) times priors. Those of the lengths, log l ~ N(sqrt2 + log(d)/2, sqrt3),
// and of the noise, log noise ~ N(-4, 1), are published defaults (Hvarfner et
// al., 2024, arXiv 2402.02229; BoTorch 0.12), the others are vague:
// log a, log b ~ N(-log d, 2), log s ~ N(0, 2).
type process struct {
	n, d          int
	centre        []float64 // 2d: of the shares, of their logarithms
	unit          [2]float64
	w, z          *mat.Dense // n x d
	mean, scale   float64    // of the scores
	a, b, s, vary float64    // vary is the variance of a run's noise
	inverse       []float64  // d: 1/l
	alpha         *mat.VecDense
	chol          mat.Cholesky
	weights       *mat.VecDense // d: what the linear part of the shares says
	logs          *mat.VecDense
	runs          *mat.Dense // n x d: z over the lengths
	lower         *mat.TriDense
}

// epsilon is added to a share before its logarithm.
const epsilon = 0.01

// processSteps is the most steps of the search for the hyper-parameters.
const processSteps = 40

// newProcess fits a process to the scores y of the mixtures x.
func newProcess(x [][]float64, y []float64) (*process, error) {
	if len(x) < 2 || len(x) != len(y) {
		return nil, fmt.Errorf("gaussian process: %d mixtures and %d scores, at least 2 are needed", len(x), len(y))
	}
	g := &process{n: len(x), d: len(x[0]), scale: 1}
	g.features(x)
	target := g.standardise(y)
	theta := g.search(target)
	if math.IsInf(g.posterior(theta, target, nil), 1) {
		return nil, errors.New("gaussian process: covariance of the runs is not positive definite")
	}
	g.weights, g.logs = mat.NewVecDense(g.d, nil), mat.NewVecDense(g.d, nil)
	g.runs, g.lower = g.scaled(), mat.NewTriDense(g.n, mat.Lower, nil)
	g.chol.LTo(g.lower)
	g.weights.MulVec(g.w.T(), g.alpha)
	g.logs.MulVec(g.z.T(), g.alpha)
	return g, nil
}

// search returns the parameters of the highest posterior that resilient
// propagation finds (Igel and Husken, 2003: every parameter has a step of its
// own, which grows while the sign of its slope stays and shrinks when it
// turns).
func (g *process) search(target *mat.VecDense) []float64 {
	theta := g.start()
	best, lowest := theta, math.Inf(1)
	grad, last, step := make([]float64, len(theta)), make([]float64, len(theta)), make([]float64, len(theta))
	for i := range step {
		step[i] = 0.2
	}
	for range processSteps {
		if v := g.posterior(theta, target, grad); v < lowest {
			best, lowest = slices.Clone(theta), v
		}
		for i, slope := range grad {
			switch {
			case slope*last[i] > 0:
				step[i] = min(1, step[i]*1.2)
			case slope*last[i] < 0:
				step[i] *= 0.5
				slope = 0 // do not move back at once
			}
			switch {
			case slope > 0:
				theta[i] -= step[i]
			case slope < 0:
				theta[i] += step[i]
			}
			last[i] = slope
		}
	}
	return best
}

// features sets the centred and scaled shares and logarithms of x.
func (g *process) features(x [][]float64) {
	g.w, g.z, g.centre = mat.NewDense(g.n, g.d, nil), mat.NewDense(g.n, g.d, nil), make([]float64, 2*g.d)
	for _, row := range x {
		for j, v := range row {
			g.centre[j] += v / float64(g.n)
			g.centre[g.d+j] += math.Log(v+epsilon) / float64(g.n)
		}
	}
	var square [2]float64
	for _, row := range x {
		for j, v := range row {
			p, q := v-g.centre[j], math.Log(v+epsilon)-g.centre[g.d+j]
			square[0], square[1] = square[0]+p*p, square[1]+q*q
		}
	}
	for k, v := range square {
		if v > 1e-20 {
			g.unit[k] = 1 / math.Sqrt(v/float64(g.n*g.d))
		}
	}
	for i, row := range x {
		g.expand(g.w.RawRowView(i), g.z.RawRowView(i), row)
	}
}

// expand writes the features of mixture x.
func (g *process) expand(w, z, x []float64) {
	for j, v := range x {
		w[j] = (v - g.centre[j]) * g.unit[0]
		z[j] = (math.Log(v+epsilon) - g.centre[g.d+j]) * g.unit[1]
	}
}

// standardise returns the scores less their mean in units of their deviation.
func (g *process) standardise(y []float64) *mat.VecDense {
	g.mean, g.scale = moments(y)
	t := mat.NewVecDense(len(y), nil)
	for i, v := range y {
		t.SetVec(i, (v-g.mean)/g.scale)
	}
	return t
}

// start is the mode of the priors: log a, log b, log s, log noise, log l.
func (g *process) start() []float64 {
	theta := make([]float64, 4+g.d)
	for i := range theta {
		theta[i], _ = g.prior(i)
	}
	return theta
}

// prior is the mean and the standard deviation of parameter i.
func (g *process) prior(i int) (mean, sd float64) {
	switch i {
	case 0, 1:
		return -math.Log(float64(g.d)), 2
	case 2:
		return 0, 2
	case 3:
		return -4, 1
	}
	return math.Sqrt2 + math.Log(float64(g.d))/2, math.Sqrt(3)
}

// posterior sets the parameters and returns minus the logarithm of their
// posterior, and its gradient if grad is not nil; +Inf where the covariance is
// not positive definite.
func (g *process) posterior(theta []float64, target *mat.VecDense, grad []float64) float64 {
	g.a, g.b, g.s, g.vary = math.Exp(theta[0]), math.Exp(theta[1]), math.Exp(theta[2]), math.Exp(theta[3])
	g.inverse = make([]float64, g.d)
	for j := range g.inverse {
		g.inverse[j] = math.Exp(-theta[4+j])
	}
	ww, zz, cov := mat.NewSymDense(g.n, nil), mat.NewSymDense(g.n, nil), mat.NewSymDense(g.n, nil)
	ww.SymOuterK(1, g.w)
	zz.SymOuterK(1, g.z)
	scaled := g.scaled()
	slope := mat.NewSymDense(g.n, nil) // of s M by r^2, times -2
	bend := mat.NewSymDense(g.n, nil)  // s M
	for i := range g.n {
		for j := range i + 1 {
			m, dm := matern(distance2(scaled.RawRowView(i), scaled.RawRowView(j)))
			bend.SetSym(i, j, g.s*m)
			slope.SetSym(i, j, g.s*dm)
			cov.SetSym(i, j, 1+g.a*ww.At(i, j)+g.b*zz.At(i, j)+g.s*m)
		}
		cov.SetSym(i, i, cov.At(i, i)+g.vary+1e-9)
	}
	value := 0.0
	for i, t := range theta {
		mean, sd := g.prior(i)
		value += (t - mean) * (t - mean) / (2 * sd * sd)
		if grad != nil {
			grad[i] = (t - mean) / (sd * sd)
		}
	}
	if !g.chol.Factorize(cov) {
		return math.Inf(1)
	}
	g.alpha = mat.NewVecDense(g.n, nil)
	if err := g.chol.SolveVecTo(g.alpha, target); err != nil && grad == nil {
		return math.Inf(1) // all but singular
	}
	value += mat.Dot(target, g.alpha)/2 + g.chol.LogDet()/2
	if grad != nil {
		g.gradient(grad, ww, zz, bend, slope, scaled)
	}
	return value
}

// gradient adds minus half the trace of (alpha alpha' - K^-1) dK.
func (g *process) gradient(grad []float64, ww, zz, bend, slope *mat.SymDense, scaled *mat.Dense) {
	var pull mat.SymDense
	if err := g.chol.InverseTo(&pull); err != nil {
		return
	}
	pull.SymRankOne(&pull, -1, g.alpha) // K^-1 - alpha alpha'
	h, sums := mat.NewDense(g.n, g.n, nil), make([]float64, g.n)
	for i := range g.n {
		for j := range g.n {
			p := pull.At(i, j) / 2
			grad[0] += p * g.a * ww.At(i, j)
			grad[1] += p * g.b * zz.At(i, j)
			grad[2] += p * bend.At(i, j)
			v := p * slope.At(i, j)
			h.Set(i, j, v)
			sums[i] += v
		}
		grad[3] += pull.At(i, i) / 2 * g.vary
	}
	// sum_ij h_ij (u_ik - u_jk)^2 for every domain k.
	var hu mat.Dense
	hu.Mul(h, scaled)
	for i := range g.n {
		u, v := scaled.RawRowView(i), hu.RawRowView(i)
		for k := range u {
			grad[4+k] += 2 * (sums[i]*u[k]*u[k] - u[k]*v[k])
		}
	}
}

// scaled are the logarithms of the runs over their lengths.
func (g *process) scaled() *mat.Dense {
	out := mat.NewDense(g.n, g.d, nil)
	for i := range g.n {
		to := out.RawRowView(i)
		for j, v := range g.z.RawRowView(i) {
			to[j] = v * g.inverse[j]
		}
	}
	return out
}

func distance2(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return sum
}

// matern is M at the squared distance, and its derivative by the logarithm of
// a length of a pair that differs in that coordinate alone, over r^2.
func matern(r2 float64) (m, slope float64) {
	r := math.Sqrt(5 * r2)
	e := math.Exp(-r)
	return (1 + r + r*r/3) * e, 5.0 / 3 * (1 + r) * e
}

// A place is a mixture as the process sees it.
type place struct {
	w, z, u []float64 // features, and z over the lengths
}

func (g *process) place(x []float64) place {
	buf := make([]float64, 3*g.d)
	p := place{buf[:g.d], buf[g.d : 2*g.d], buf[2*g.d:]}
	g.expand(p.w, p.z, x)
	for j, v := range p.z {
		p.u[j] = v * g.inverse[j]
	}
	return p
}

// predict is the expected score of x.
func (g *process) predict(x []float64) float64 {
	p := g.place(x)
	sum := g.a*dot(p.w, g.weights.RawVector().Data) + g.b*dot(p.z, g.logs.RawVector().Data)
	for i, alpha := range g.alpha.RawVector().Data {
		m, _ := matern(distance2(p.u, g.runs.RawRowView(i)))
		sum += alpha * (1 + g.s*m)
	}
	return g.mean + g.scale*sum
}

// between is the prior covariance of two places, in standardised units.
func (g *process) between(p, q place) float64 {
	m, _ := matern(distance2(p.u, q.u))
	return 1 + g.a*dot(p.w, q.w) + g.b*dot(p.z, q.z) + g.s*m
}

// noise is the standard deviation of a run.
func (g *process) noise() float64 { return g.scale * math.Sqrt(g.vary) }

// cross writes the covariances of a place with the runs.
func (g *process) cross(dst []float64, p place) {
	for i := range dst {
		dst[i] = g.between(p, place{w: g.w.RawRowView(i), z: g.z.RawRowView(i), u: g.runs.RawRowView(i)})
	}
}

// std is the standard deviation of the expected score of x, a run's noise not
// included.
func (g *process) std(x []float64) float64 {
	p, half := g.place(x), make([]float64, g.n)
	g.cross(half, p)
	l := g.lower.RawTriangular()
	left := g.between(p, p)
	for i := range half { // half becomes L^-1 k, whose square is k' K^-1 k
		row := l.Data[i*l.Stride : i*l.Stride+i+1]
		half[i] = (half[i] - dot(row[:i], half)) / row[i]
		left -= half[i] * half[i]
	}
	return g.scale * math.Sqrt(max(0, left))
}

// covariances returns the posterior covariance of the scores of the list, the
// noise of runs not included.
func (g *process) covariances(list []mix.Mixture) *mat.SymDense {
	places, half := make([]place, len(list)), mat.NewDense(g.n, len(list), nil)
	column := make([]float64, g.n)
	for c, m := range list {
		places[c] = g.place(m)
		g.cross(column, places[c])
		half.SetCol(c, column)
	}
	blas64.Trsm(blas.Left, blas.NoTrans, 1, g.lower.RawTriangular(), half.RawMatrix())
	out := mat.NewSymDense(len(list), nil)
	out.SymOuterK(-1, half.T())
	unit := g.scale * g.scale
	for c := range list {
		for r := range c + 1 {
			out.SetSym(r, c, unit*(out.At(r, c)+g.between(places[r], places[c])))
		}
	}
	return out
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
