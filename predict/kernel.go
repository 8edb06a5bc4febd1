package predict

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/solve"
)

// A gpKernel is the covariance of GP with its hyper-parameters.
type gpKernel struct {
	expansion
	z              *mat.Dense // n x 2d: standardised shares, then logarithms
	inverse        []float64  // d: 1/l
	a, b, s, noise float64
}

// set takes the rows z and the logarithms theta of l (d), a, b, s and noise.
func (k *gpKernel) set(z *mat.Dense, theta []float64) {
	d := len(theta) - 4
	k.z, k.inverse = z, make([]float64, d)
	for j := range k.inverse {
		k.inverse[j] = math.Exp(-theta[j])
	}
	k.a, k.b, k.s, k.noise = math.Exp(theta[d]), math.Exp(theta[d+1]), math.Exp(theta[d+2]), math.Exp(theta[d+3])
}

// covariances sets dst[i] to the covariance of features z with row i, without
// the noise.
func (k *gpKernel) covariances(dst, z []float64) {
	for i := range dst {
		dst[i] = k.covariance(k.z.RawRowView(i), z)
	}
}

func (k *gpKernel) covariance(p, q []float64) float64 {
	d := len(k.inverse)
	m, _ := matern(k.distance2(p, q))
	return 1 + k.a*floats.Dot(p[:d], q[:d]) + k.b*floats.Dot(p[d:], q[d:]) + k.s*m
}

// distance2 returns r^2.
func (k *gpKernel) distance2(p, q []float64) float64 {
	d, r2 := len(k.inverse), 0.0
	p, q = p[d:2*d], q[d:2*d]
	for j, inverse := range k.inverse {
		e := (p[j] - q[j]) * inverse
		r2 += e * e
	}
	return r2
}

// matern returns M(r) and -2 dM/d(r^2) = 5/3 (1 + sqrt5 r) exp(-sqrt5 r).
func matern(r2 float64) (value, fall float64) {
	r := math.Sqrt(5 * max(0, r2))
	e := decay(r)
	return (1 + r + r*r/3) * e, 5. / 3 * (1 + r) * e
}

// decay is exp(-r) for r >= 0 to two units in the last place, twice as fast as
// math.Exp: 2^-(n/64) from a table times a polynomial of what is left, which is
// at most log(2)/128. Beyond 700 it is 0.
func decay(r float64) float64 {
	if !(r < 700) {
		return 0
	}
	n := int(r*(64/math.Ln2) + 0.5)
	const high, low = 6.93147180369123816490e-01 / 64, 1.90821492927058770002e-10 / 64 // log(2)/64; n*high is exact
	x := float64(n)*high - r + float64(n)*low
	p := x + x*x*(1./2+x*(1./6+x*(1./24+x*(1./120+x*(1./720)))))
	two := halves[n&63]
	return math.Float64frombits(math.Float64bits(two+two*p) - uint64(n>>6)<<52)
}

// materns sets every r^2 of v to M(r), but for 6e-11, in a third of matern's
// time: by the polynomial of degree 3 that meets it in the four Chebyshev nodes
// of the 64th of an octave that r^2 lies in.
func materns(v []float64) {
	for i, r2 := range v {
		part := math.Float64bits(r2)>>maternShift - maternFrom
		if part >= uint64(len(maternParts)) { // below 2^-20, beyond 2^9
			v[i] = 0
			if r2 < 1 {
				v[i] = 1 - 5./6*max(0, r2)
			}
			continue
		}
		p := &maternParts[part]
		x := r2 - math.Float64frombits((part+maternFrom)<<maternShift)
		v[i] = p[0] + x*(p[1]+x*(p[2]+x*p[3]))
	}
}

const (
	maternShift = 52 - 6           // the exponent and six more bits of r^2 number its part
	maternFrom  = (1023 - 20) << 6 // that of 2^-20
	maternTotal = (9 + 20) << 6
)

// maternParts are the coefficients of the polynomials, by r^2 less where the
// part begins.
var maternParts = func() *[maternTotal][4]float64 {
	var parts [maternTotal][4]float64
	for i := range parts {
		from := math.Float64frombits(uint64(i+maternFrom) << maternShift)
		width := math.Float64frombits(uint64(i+1+maternFrom)<<maternShift) - from
		var x, d [4]float64 // nodes, and divided differences (Newton)
		for k := range x {
			x[k] = width / 2 * (1 - math.Cos((2*float64(k)+1)/8*math.Pi))
			d[k], _ = matern(from + x[k])
		}
		for order := 1; order < 4; order++ {
			for k := 3; k >= order; k-- {
				d[k] = (d[k] - d[k-1]) / (x[k] - x[k-order])
			}
		}
		p := &parts[i]
		for k := 3; k >= 0; k-- { // p = p (x - x[k]) + d[k]
			p[3], p[2], p[1], p[0] = p[2]-x[k]*p[3], p[1]-x[k]*p[2], p[0]-x[k]*p[1], d[k]-x[k]*p[0]
		}
	}
	return &parts
}()

// halves[i] is 2^-(i/64).
var halves = func() (h [64]float64) {
	for i := range h {
		h[i] = math.Exp2(-float64(i) / 64)
	}
	return h
}()

// gpPrior returns mean and deviation of the logarithm of hyper-parameter i of
// a GP on d domains; see GP for their sources.
func gpPrior(i, d int) (centre, sd float64) {
	switch i - d {
	case 0, 1: // a, b
		return -math.Log(float64(d)), 2
	case 2: // s
		return 0, 2
	case 3: // noise
		return -4, 1
	}
	return math.Sqrt2 + math.Log(float64(d))/2, math.Sqrt(3)
}

// priorMode is where the search for the hyper-parameters of d domains starts.
func priorMode(d int) []float64 {
	theta := make([]float64, d+4)
	for i := range theta {
		theta[i], _ = gpPrior(i, d)
	}
	return theta
}

// An evidence computes the negative log posterior of the hyper-parameters of
// a GP, with its gradient.
type evidence struct {
	n, d               int
	t                  []float64
	logs               *mat.Dense // n x d
	shareDots, logDots *mat.Dense // n x n, products of rows; fixed
	scaled, weighted   *mat.Dense // n x d: logs by 1/l, and weight times that
	value, weight      *mat.Dense // n x n: of matern
	k, inverse         *mat.SymDense
	chol               mat.Cholesky
}

func newEvidence(z *mat.Dense, t []float64) *evidence {
	n, p := z.Dims()
	d := p / 2
	square := func() *mat.Dense { return mat.NewDense(n, n, nil) }
	e := &evidence{n: n, d: d, t: t, logs: mat.DenseCopyOf(z.Slice(0, n, d, p)), shareDots: square(), logDots: square(),
		scaled: mat.NewDense(n, d, nil), weighted: mat.NewDense(n, d, nil), value: square(), weight: square(),
		k: mat.NewSymDense(n, nil), inverse: mat.NewSymDense(n, nil)}
	shares := z.Slice(0, n, 0, d)
	e.shareDots.Mul(shares, shares.T())
	e.logDots.Mul(e.logs, e.logs.T())
	return e
}

// maximise returns the most probable hyper-parameters that up to steps steps
// from theta find.
func (e *evidence) maximise(theta []float64, steps int) []float64 {
	o := solve.LBFGS{Steps: steps, Tolerance: 0.01, Farthest: 3} // logarithms: no further than e^3 at once
	return o.Minimize(e.at, theta)
}

// at returns the negative log posterior at theta, up to a constant, and sets
// gradient. It is infinite where the covariance is not positive definite.
func (e *evidence) at(theta, gradient []float64) float64 {
	clear(gradient)
	var k gpKernel
	k.set(nil, theta)
	e.build(&k)
	var alpha mat.VecDense
	if !e.chol.Factorize(e.k) || solved(e.chol.SolveVecTo(&alpha, mat.NewVecDense(e.n, e.t))) != nil ||
		solved(e.chol.InverseTo(e.inverse)) != nil {
		return math.Inf(1)
	}
	e.slopes(&k, alpha.RawVector().Data, gradient)
	out := 0.5*floats.Dot(alpha.RawVector().Data, e.t) + 0.5*e.chol.LogDet()
	for i, v := range theta {
		centre, sd := gpPrior(i, e.d)
		out += (v - centre) * (v - centre) / (2 * sd * sd)
		gradient[i] += (v - centre) / (sd * sd)
	}
	return out
}

// build computes the covariance matrix and the parts that slopes needs.
func (e *evidence) build(k *gpKernel) {
	n := e.n
	e.scaled.Apply(func(_, j int, v float64) float64 { return v * k.inverse[j] }, e.logs)
	e.weight.Mul(e.scaled, e.scaled.T()) // until the end of the row it holds dot products
	norm := make([]float64, n)
	for i := range norm {
		norm[i] = e.weight.At(i, i)
	}
	for i := range n {
		value, weight := e.value.RawRowView(i), e.weight.RawRowView(i)
		shares, logs, row := e.shareDots.RawRowView(i), e.logDots.RawRowView(i), e.k.RawSymmetric().Data[i*n:][:n]
		for j := i; j < n; j++ {
			value[j], weight[j] = matern(norm[i] + norm[j] - 2*weight[j])
			row[j] = 1 + k.a*shares[j] + k.b*logs[j] + k.s*value[j]
		}
		row[i] += k.noise
	}
}

// slopes sets the gradient of the negative log likelihood: -1/2 tr(W dK) with
// W = alpha alpha' - K^-1. For the lengths dK has (z_j - z'_j)^2/l_j^2, and
// the sum over all pairs of G (u - u')^2 is 2 sum_i u_i^2 G_i. - 2 u'G u.
func (e *evidence) slopes(k *gpKernel, alpha, gradient []float64) {
	n, d := e.n, e.d
	for i := range n {
		value, weight := e.value.RawRowView(i), e.weight.RawRowView(i)
		shares, logs, inverse := e.shareDots.RawRowView(i), e.logDots.RawRowView(i), e.inverse.RawSymmetric().Data[i*n:][:n]
		for j := i; j < n; j++ {
			w := alpha[i]*alpha[j] - inverse[j]
			if j == i {
				w /= 2
				gradient[d+3] -= w * k.noise
			}
			gradient[d] -= w * k.a * shares[j]
			gradient[d+1] -= w * k.b * logs[j]
			gradient[d+2] -= w * k.s * value[j]
			weight[j] *= w * k.s
		}
		weight[i] = 0 // a row is at no distance from itself
		for j := range i {
			weight[j] = e.weight.At(j, i)
		}
	}
	e.weighted.Mul(e.weight, e.scaled)
	for i := range n {
		sum := floats.Sum(e.weight.RawRowView(i))
		for j := range d {
			u := e.scaled.At(i, j)
			gradient[j] -= u * (sum*u - e.weighted.At(i, j))
		}
	}
}
