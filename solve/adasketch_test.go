package solve

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// program is 1/2 x'Qx - b'x + s sum x_i^4 under Ax = d and, if it is not 0, |x|^2 = r.
type program struct {
	q, a *mat.Dense
	b, d []float64
	s, r float64
}

func (p *program) Objective(x, g []float64) (v float64) {
	n := len(x)
	mat.NewVecDense(n, g).MulVec(p.q, mat.NewVecDense(n, x))
	v = floats.Dot(g, x)/2 - floats.Dot(p.b, x)
	floats.Sub(g, p.b)
	for i, w := range x {
		v += p.s * w * w * w * w
		g[i] += 4 * p.s * w * w * w
	}
	return v
}

func (p *program) Constraints(c, jac, x []float64) {
	rows, n := p.a.Dims()
	copy(jac, p.a.RawMatrix().Data)
	for i := range rows {
		c[i] = floats.Dot(p.a.RawRowView(i), x) - p.d[i]
	}
	if p.r != 0 {
		c[rows] = floats.Dot(x, x) - p.r
		floats.ScaleTo(jac[rows*n:][:n], 2, x)
	}
}

func (p *program) Hessian(h, x, lambda []float64) {
	rows, n := p.a.Dims()
	copy(h, p.q.RawMatrix().Data)
	for i := range n {
		h[i*n+i] += 12 * p.s * x[i] * x[i]
		if p.r != 0 {
			h[i*n+i] += 2 * lambda[rows]
		}
	}
}

func newProgram(n, m int, s, r float64, seed uint64) *program {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := &program{q: mat.NewDense(n, n, nil), a: mat.NewDense(m, n, nil), s: s, r: r}
	root := mat.NewDense(n, n, nil)
	for i := range n {
		p.b = append(p.b, rng.NormFloat64())
		for j := range n {
			root.Set(i, j, rng.NormFloat64())
		}
		for k := range m {
			p.a.Set(k, i, rng.NormFloat64())
		}
	}
	p.q.Mul(root, root.T())
	for range m {
		p.d = append(p.d, rng.NormFloat64())
	}
	return p
}

// A quadratic under linear equations takes one iteration; the point keeps them, and
// the gradient is a combination of theirs.
func TestAdaSketchQuadratic(t *testing.T) {
	p := newProgram(8, 3, 0, 0, 1)
	x, lambda, r, err := AdaSketch{Tolerance: 1e-8}.Minimize(p, make([]float64, 8), 3)
	if err != nil || len(r.Residuals) != 2 {
		t.Fatalf("%d iterations, %v", len(r.Residuals)-1, err)
	}
	g, c, jac := make([]float64, 8), make([]float64, 3), make([]float64, 24)
	p.Objective(x, g)
	p.Constraints(c, jac, x)
	for i, l := range lambda {
		floats.AddScaled(g, l, jac[i*8:][:8])
	}
	if floats.Norm(g, 2) > 1e-8 || floats.Norm(c, 2) > 1e-8 {
		t.Errorf("derivatives %g, constraints %g", floats.Norm(g, 2), floats.Norm(c, 2))
	}
}

// The sketched solvers end where the factorisation does, and say how many
// projections that took.
func TestAdaSketchSketches(t *testing.T) {
	p := newProgram(4, 1, 0.1, 3, 2)
	start := []float64{1, 1, 1, 0.5}
	want, _, first, err := AdaSketch{Tolerance: 1e-6}.Minimize(p, start, 2)
	if err != nil || first.Sketches != 0 {
		t.Fatal(err)
	}
	for _, linear := range []string{"gauss", "kaczmarz"} {
		x, _, r, err := AdaSketch{Linear: linear, Tolerance: 1e-6, Seed: 3}.Minimize(p, start, 2)
		if err != nil || floats.Distance(x, want, 2) > 1e-5 || r.Sketches < 100 {
			t.Errorf("%s: %v after %d projections, want %v (%v)", linear, x, r.Sketches, want, err)
		}
	}
}

// The gradient of the merit function is that of differences.
func TestAdaSketchMerit(t *testing.T) {
	p := newProgram(5, 2, 0.3, 2, 4)
	rng := rand.New(rand.NewPCG(5, 1))
	s := &newton{p: p, n: 5, m: 3, x: make([]float64, 5), lambda: make([]float64, 3), h: mat.NewSymDense(5, nil),
		slope: make([]float64, 5), lagrange: make([]float64, 5), c: make([]float64, 3), jac: make([]float64, 15), eta1: 1.7, eta2: 0.4}
	for i := range s.x {
		s.x[i] = rng.NormFloat64()
	}
	for i := range s.lambda {
		s.lambda[i] = rng.NormFloat64()
	}
	s.evaluate(s.x, s.lambda)
	s.second()
	got := s.meritSlope()
	for k := range got {
		at := s.x
		i := k
		if k >= 5 {
			at, i = s.lambda, k-5
		}
		const h = 1e-5
		was := at[i]
		at[i] = was + h
		s.evaluate(s.x, s.lambda)
		up := s.merit(s.lambda)
		at[i] = was - h
		s.evaluate(s.x, s.lambda)
		down := s.merit(s.lambda)
		at[i] = was
		if want := (up - down) / (2 * h); math.Abs(got[k]-want) > 1e-5*(1+math.Abs(want)) {
			t.Errorf("derivative %d is %g, by differences %g", k, got[k], want)
		}
	}
}

// The rival's merit function ends at the same point.
func TestAdaSketchL1(t *testing.T) {
	p := newProgram(6, 2, 0.1, 3, 7)
	start := []float64{1, 1, 1, 0.5, 0, 1}
	want, _, _, err := AdaSketch{Tolerance: 1e-7}.Minimize(p, start, 3)
	x, _, _, other := AdaSketch{Tolerance: 1e-7, L1: true}.Minimize(p, start, 3)
	if err != nil || other != nil || floats.Distance(x, want, 2) > 1e-5 {
		t.Errorf("%v and %v (%v, %v)", want, x, err, other)
	}
}

// Constraints that repeat each other are named.
func TestAdaSketchContradiction(t *testing.T) {
	p := newProgram(4, 3, 0, 0, 6)
	for j := range 4 {
		p.a.Set(2, j, -2*p.a.At(0, j))
	}
	_, _, _, err := AdaSketch{}.Minimize(p, make([]float64, 4), 3)
	if err == nil || !strings.Contains(err.Error(), "constraints 0 and 2") {
		t.Error(err)
	}
}
