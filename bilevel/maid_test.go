package bilevel

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// The gradient by theta is that of the exact upper function, by differences.
func TestQuadraticGradient(t *testing.T) {
	q := NewQuadratic(200, 6, 3)
	theta := []float64{0.1, -0.4, 0.3, 0.9, 0, 0.2}
	_, _, slope := q.Exact(theta)
	for j := range theta {
		const h = 1e-4
		at := append([]float64(nil), theta...)
		at[j] += h
		up, _, _ := q.Exact(at)
		at[j] -= 2 * h
		down, _, _ := q.Exact(at)
		if got := (up - down) / (2 * h); math.Abs(got-slope[j]) > 1e-6*floats.Norm(slope, 2) {
			t.Errorf("parameter %d: %g by differences, %g", j, got, slope[j])
		}
	}
}

// At every step the bound holds the error of the gradient and epsilon that of the
// lower solution, F falls, and the start hardly matters.
func TestMAIDBound(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		q := NewQuadratic(1000, 10, seed)
		for _, accuracy := range []float64{1e-1, 1e-3, 1e-5} {
			for _, step := range []float64{0.01, 1} {
				last, steps := math.Inf(1), 0
				o := MAID{Accuracy: accuracy, Step: step, Work: 6000, Steps: 1e6, Low: -1e6, High: 1e6}
				o.Watch = func(at Iterate) {
					value, x, slope := q.Exact(at.Theta)
					if off := floats.Distance(at.Gradient, slope, 2); off > at.Bound*(1+1e-9) {
						t.Errorf("step %d: the gradient is off by %g, its bound is %g", steps, off, at.Bound)
					}
					if off := floats.Distance(at.X, x, 2); off > at.Accuracy*(1+1e-9) {
						t.Errorf("step %d: the lower solution is off by %g, not %g", steps, off, at.Accuracy)
					}
					if value > last {
						t.Errorf("step %d: F rose from %g to %g", steps, last, value)
					}
					last, steps = value, steps+1
				}
				r, err := o.Minimize(t.Context(), q, make([]float64, 10), make([]float64, 10))
				if err != nil {
					t.Fatal(err)
				}
				first, _, _ := q.Exact(make([]float64, 10))
				value, _, _ := q.Exact(r.Theta)
				if steps < 10 || r.Steps != steps || value > 0.05*first {
					t.Errorf("seed %d, %g, %g: from %g to %g in %d steps, work %d", seed, accuracy, step, first, value, steps, r.Work)
				}
			}
		}
	}
}

// ridge is the problem of one penalty exp(theta) of a ridge regression, by the error
// on held-out rows.
type ridge struct {
	x, held mat.Dense
	y, test []float64
}

func (p *ridge) Lower(w, theta, g []float64) float64 {
	v := squares(&p.x, p.y, w, g)
	floats.AddScaled(g, math.Exp(theta[0]), w)
	return v + math.Exp(theta[0])*floats.Dot(w, w)/2
}

func (p *ridge) Upper(w, g []float64) float64 { return squares(&p.held, p.test, w, g) }

func (p *ridge) Hessian(dst, _, theta, v []float64) {
	squares(&p.x, make([]float64, len(p.y)), v, dst)
	floats.AddScaled(dst, math.Exp(theta[0]), v)
}

func (p *ridge) Cross(dst, w, theta, q []float64) { dst[0] = math.Exp(theta[0]) * floats.Dot(w, q) }

func (p *ridge) Bounds(_, theta []float64) (mu, l float64) {
	n, _ := p.x.Dims()
	return math.Exp(theta[0]), mat.Norm(&p.x, 2)*mat.Norm(&p.x, 2)/float64(n) + math.Exp(theta[0])
}

// squares is half the mean squared error of x w, with its gradient.
func squares(x *mat.Dense, y, w, g []float64) float64 {
	var e, slope mat.VecDense
	e.MulVec(x, mat.NewVecDense(len(w), w))
	e.SubVec(&e, mat.NewVecDense(len(y), y))
	slope.MulVec(x.T(), &e)
	floats.ScaleTo(g, 1/float64(len(y)), slope.RawVector().Data)
	return mat.Dot(&e, &e) / 2 / float64(len(y))
}

// The penalty that is found has the least held-out error of a grid's.
func TestMAIDRidge(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	const n, d = 40, 20
	truth := make([]float64, d)
	for j := range truth {
		truth[j] = rng.NormFloat64()
	}
	draw := func(m *mat.Dense) (y []float64) {
		*m = *mat.NewDense(n, d, nil)
		for i := range n {
			row := m.RawRowView(i)
			for j := range row {
				row[j] = rng.NormFloat64()
			}
			y = append(y, floats.Dot(row, truth)+3*rng.NormFloat64())
		}
		return y
	}
	p := &ridge{}
	p.y, p.test = draw(&p.x), draw(&p.held)
	value := func(theta float64) float64 {
		var a mat.Dense
		a.Mul(p.x.T(), &p.x)
		h, rhs, w := mat.NewSymDense(d, nil), make([]float64, d), make([]float64, d)
		for i := range d {
			for j := range d {
				h.SetSym(i, j, a.At(i, j)/n)
			}
			h.SetSym(i, i, h.At(i, i)+math.Exp(theta))
			rhs[i] = mat.Dot(p.x.ColView(i), mat.NewVecDense(n, p.y)) / n
		}
		var chol mat.Cholesky
		chol.Factorize(h)
		chol.SolveVecTo(mat.NewVecDense(d, w), mat.NewVecDense(d, rhs))
		return p.Upper(w, make([]float64, d))
	}
	best, least := 0.0, math.Inf(1)
	for theta := -6.0; theta <= 4; theta += 0.01 {
		if v := value(theta); v < least {
			best, least = theta, v
		}
	}
	if best < -5 || best > 3 {
		t.Fatalf("the least error is at the edge, %g", best)
	}
	for _, start := range []float64{-4, 0, 2} {
		r, err := MAID{Step: 1, Gain: 1e-7}.Minimize(t.Context(), p, make([]float64, d), []float64{start})
		if err != nil {
			t.Fatal(err)
		}
		if got := value(r.Theta[0]); got > least*(1+1e-5) || !r.Settled || r.Work > 20000 {
			t.Errorf("from %g: %g with an error of %g; the grid has %g with %g", start, r.Theta[0], got, best, least)
		}
	}
}

// flat is a problem without a penalty.
type flat struct{ ridge }

func (p *flat) Bounds(_, _ []float64) (mu, l float64) { return 0, 1 }

// A lower problem that is not strongly convex is refused; a canceled context gives
// the best so far; parameters keep their bounds.
func TestMAIDRefuses(t *testing.T) {
	p := &flat{}
	p.x, p.held, p.y, p.test = *mat.NewDense(1, 1, []float64{1}), *mat.NewDense(1, 1, []float64{1}), []float64{1}, []float64{1}
	if _, err := (MAID{}).Minimize(t.Context(), p, []float64{0}, []float64{0}); err == nil || !strings.Contains(err.Error(), "strongly convex") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := MAID{}.Minimize(ctx, &p.ridge, []float64{0}, []float64{0})
	if !errors.Is(err, context.Canceled) || r == nil || r.Theta[0] != 0 {
		t.Error(r, err)
	}
	// The target is met best without a penalty: theta falls to its bound.
	r, err = MAID{Low: -2, High: 2, Step: 1, Steps: 300}.Minimize(t.Context(), &p.ridge, []float64{0}, []float64{9})
	if err != nil || math.Abs(r.Theta[0]+2) > 1e-9 {
		t.Error(r, err)
	}
}
