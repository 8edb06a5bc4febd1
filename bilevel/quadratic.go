package bilevel

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Quadratic is the synthetic problem that bilevel methods are compared on
// (Ehrhardt and Roberts, 2021, arXiv 2009.03863, section 4.1):
//
//	h = 1/2 |A2 x + A3 theta - b2|^2,  g = 1/2 |A1 x - b1|^2
//
// with rows x m matrices of numbers from U(0,1), b1 = A1 u + 0.01 n and
// b2 = A2 v + A3 w + 0.01 n with u, v, w from U(0,1) and normal n. F has a closed
// form. The products of the matrices are kept, m x m, and not themselves.
type Quadratic struct {
	upper, lower, cross *mat.Dense // A1'A1, A2'A2, A2'A3
	toward, from        []float64  // A1'b1, A2'b2
	constant            [2]float64 // |b1|^2/2, |b2|^2/2
	third               *mat.Dense // A3'A3
	thirdTo             []float64  // A3'b2
	mu, l               float64
}

// NewQuadratic draws a problem.
func NewQuadratic(rows, m int, seed uint64) *Quadratic {
	rng := rand.New(rand.NewPCG(seed, 1))
	uniform := func(r, c int) *mat.Dense {
		a := mat.NewDense(r, c, nil)
		for i := range r {
			for j := range c {
				a.Set(i, j, rng.Float64())
			}
		}
		return a
	}
	a1, a2, a3 := uniform(rows, m), uniform(rows, m), uniform(rows, m)
	u, v, w := uniform(m, 1), uniform(m, 1), uniform(m, 1)
	var b1, b2, also mat.Dense
	b1.Mul(a1, u)
	b2.Mul(a2, v)
	also.Mul(a3, w)
	b2.Add(&b2, &also)
	for i := range rows {
		b1.Set(i, 0, b1.At(i, 0)+0.01*rng.NormFloat64())
		b2.Set(i, 0, b2.At(i, 0)+0.01*rng.NormFloat64())
	}
	times := func(a, b *mat.Dense) *mat.Dense {
		var c mat.Dense
		c.Mul(a.T(), b)
		return &c
	}
	q := &Quadratic{upper: times(a1, a1), lower: times(a2, a2), cross: times(a2, a3), third: times(a3, a3),
		toward: times(a1, &b1).RawMatrix().Data, from: times(a2, &b2).RawMatrix().Data, thirdTo: times(a3, &b2).RawMatrix().Data,
		constant: [2]float64{times(&b1, &b1).At(0, 0) / 2, times(&b2, &b2).At(0, 0) / 2}}
	var svd mat.SVD
	svd.Factorize(a2, mat.SVDNone)
	s := svd.Values(nil)
	q.mu, q.l = s[m-1]*s[m-1], s[0]*s[0]
	return q
}

// Lower implements Problem.
func (q *Quadratic) Lower(x, theta, g []float64) float64 {
	value := q.constant[1] - floats.Dot(x, q.from) - floats.Dot(theta, q.thirdTo)
	product(g, q.third, theta)
	value += floats.Dot(theta, g) / 2
	product(g, q.cross, theta)
	value += floats.Dot(x, g)
	ahead := make([]float64, len(x))
	product(ahead, q.lower, x)
	value += floats.Dot(x, ahead) / 2
	floats.Add(g, ahead)
	floats.Sub(g, q.from)
	return value
}

// Hessian implements Problem.
func (q *Quadratic) Hessian(dst, _, _, v []float64) { product(dst, q.lower, v) }

// Cross implements Problem.
func (q *Quadratic) Cross(dst, _, _, v []float64) {
	mat.NewVecDense(len(dst), dst).MulVec(q.cross.T(), mat.NewVecDense(len(v), v))
}

// Upper implements Problem.
func (q *Quadratic) Upper(x, g []float64) float64 {
	product(g, q.upper, x)
	value := q.constant[0] + floats.Dot(x, g)/2 - floats.Dot(x, q.toward)
	floats.Sub(g, q.toward)
	return value
}

// Bounds implements Problem.
func (q *Quadratic) Bounds(_, _ []float64) (mu, l float64) { return q.mu, q.l }

// Exact returns F, the lower solution and the gradient of F, by factorisation.
func (q *Quadratic) Exact(theta []float64) (value float64, x, gradient []float64) {
	m := len(theta)
	x, gradient = make([]float64, m), make([]float64, m)
	product(x, q.cross, theta)
	floats.SubTo(x, q.from, x)
	q.solve(x, x)
	slope := make([]float64, m)
	value = q.Upper(x, slope)
	q.solve(slope, slope)
	q.Cross(gradient, x, theta, slope)
	floats.Scale(-1, gradient)
	return value, x, gradient
}

// Least returns the least of F, that of g: the lower solution can be anything.
func (q *Quadratic) Least() float64 {
	var x mat.VecDense
	m := len(q.toward)
	if err := x.SolveVec(q.upper, mat.NewVecDense(m, q.toward)); err != nil {
		return math.NaN()
	}
	return q.Upper(x.RawVector().Data, make([]float64, m))
}

// Curvature is the largest second derivative of F.
func (q *Quadratic) Curvature() float64 {
	m := len(q.from)
	zero, unit := make([]float64, m), make([]float64, m)
	_, _, first := q.Exact(zero)
	h := mat.NewSymDense(m, nil)
	for j := range m {
		unit[j] = 1
		_, _, g := q.Exact(unit)
		unit[j] = 0
		for i := range m {
			h.SetSym(i, j, g[i]-first[i])
		}
	}
	return mat.Norm(h, 2)
}

func (q *Quadratic) solve(dst, b []float64) {
	var x mat.VecDense
	if err := x.SolveVec(q.lower, mat.NewVecDense(len(b), b)); err == nil {
		copy(dst, x.RawVector().Data)
	}
}

func product(dst []float64, a *mat.Dense, v []float64) {
	mat.NewVecDense(len(dst), dst).MulVec(a, mat.NewVecDense(len(v), v))
}
