package solve

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// An Equality is the problem to minimise an objective of n numbers under m equations
// c(x) = 0.
type Equality interface {
	// Objective returns f and sets its gradient.
	Objective(x, gradient []float64) float64
	// Constraints sets c, of length m, and its Jacobian, m x n, row-major.
	Constraints(c, jacobian, x []float64)
	// Hessian sets h, n x n, symmetric, to the second derivatives of f + lambda'c.
	Hessian(h, x, lambda []float64)
}

// AdaSketch is Newton's method for equality constraints on an exact augmented
// Lagrangian (AdaSketch-Newton: Hong, Na, Mahoney and Kolar, 2023, ICML, arXiv
// 2305.18379). With L = f + lambda'c and G the Jacobian it solves
//
//	[B G'; G 0] z = -(grad L, c),  B = hess L + t I
//
// where t makes B positive on the null space of G, and steps along z, in x and lambda
// together, until the merit function
//
//	L + eta1/2 |c|^2 + eta2/2 |grad L|^2
//
// falls by Armijo's rule. eta1 grows and eta2 shrinks until z goes down it.
//
// Linear says how the system is solved: by factorisation, or to the accuracy that the
// merit function asks for by projections on random combinations (gauss) or random
// rows (kaczmarz) of the system. The rule is so strict that the factorisation is
// quicker, so that it is the default: with 98 unknowns it took 6 ms, where 100,000
// projections a system were not enough for either sketch (climb repro adasketch).
//
// It differs from the authors' program in the gradient of the merit function, which
// has the Hessian of L in its second term and not that of f, and in that a Jacobian
// counts as singular below 1e-8 in place of 1e-2.
type AdaSketch struct {
	Linear    string  // "" or "direct", "gauss", "kaczmarz"
	Tolerance float64 // of |(grad L, c)|; 0 = 1e-4
	Most      int     // iterations; 0 = 200
	// Superlinear lets the accuracy of iteration k be 1/k of the rule's.
	Superlinear bool
	Seed        uint64 // of the projections
	// L1 takes f + mu |c|_1 as merit function, with mu above the multipliers: the
	// sequential quadratic programming that the method is compared with.
	L1 bool
}

// A Descent says how a minimisation under constraints went.
type Descent struct {
	Value      float64
	Residual   float64   // |(grad L, c)|
	Residuals  []float64 // at the start and after every iteration
	Objectives int       // evaluations of f, with its gradient
	Sketches   int       // projections
}

// What the paper's program starts with.
const (
	sketchEta1, sketchEta2 = 1.0, 0.1
	sketchXiB, sketchBeta  = 0.1, 0.1
	sketchNu               = 1.5
	sketchMost             = 100000 // projections a system
)

// newton is a run of AdaSketch.
type newton struct {
	AdaSketch
	p                 Equality
	n, m              int
	x, lambda         []float64
	value             float64
	slope, c, jac     []float64 // gradient of f, constraints, Jacobian
	lagrange          []float64 // gradient of L by x
	h                 *mat.SymDense
	eta1, eta2, delta float64
	report            Descent
	rng               *rand.Rand
}

// Minimize starts from x and returns a point where the derivatives of the Lagrangian
// vanish, with the multipliers. m is the number of equations.
func (o AdaSketch) Minimize(p Equality, start []float64, m int) (x, lambda []float64, report Descent, err error) {
	if o.Tolerance == 0 {
		o.Tolerance = 1e-4
	}
	if o.Most == 0 {
		o.Most = 200
	}
	n := len(start)
	s := &newton{AdaSketch: o, p: p, n: n, m: m, x: append([]float64(nil), start...), lambda: make([]float64, m), h: mat.NewSymDense(n, nil),
		slope: make([]float64, n), lagrange: make([]float64, n), c: make([]float64, m), jac: make([]float64, m*n),
		eta1: sketchEta1, eta2: sketchEta2, delta: 0.1, rng: rand.New(rand.NewPCG(o.Seed, 1))}
	s.evaluate(s.x, s.lambda)
	for k := 1; ; k++ {
		s.report.Value, s.report.Residual = s.value, s.residual()
		s.report.Residuals = append(s.report.Residuals, s.report.Residual)
		if s.report.Residual <= o.Tolerance {
			return s.x, s.lambda, s.report, nil
		}
		if math.IsNaN(s.report.Residual) || k > o.Most {
			return s.x, s.lambda, s.report, fmt.Errorf("after %d iterations the derivatives of the Lagrangian are %.3g, not %.3g", k-1, s.report.Residual, o.Tolerance)
		}
		theta := 1.0
		if o.Superlinear {
			theta = 1 / float64(k)
		}
		if err := s.iterate(theta); err != nil {
			return s.x, s.lambda, s.report, err
		}
	}
}

// evaluate computes everything but the Hessian at a point.
func (s *newton) evaluate(x, lambda []float64) {
	s.value = s.p.Objective(x, s.slope)
	s.report.Objectives++
	s.p.Constraints(s.c, s.jac, x)
	copy(s.lagrange, s.slope)
	for i, l := range lambda {
		floats.AddScaled(s.lagrange, l, s.jac[i*s.n:][:s.n])
	}
}

func (s *newton) residual() float64 {
	return math.Hypot(floats.Norm(s.lagrange, 2), floats.Norm(s.c, 2))
}

// merit is the exact augmented Lagrangian where evaluate was last.
func (s *newton) merit(lambda []float64) float64 {
	return s.value + floats.Dot(lambda, s.c) + s.eta1/2*floats.Dot(s.c, s.c) + s.eta2/2*floats.Dot(s.lagrange, s.lagrange)
}

// meritSlope is the gradient of merit at the point of the last Hessian, by x and by
// lambda.
func (s *newton) meritSlope() []float64 {
	g := make([]float64, s.n+s.m)
	gx, gl := g[:s.n], g[s.n:]
	mat.NewVecDense(s.n, gx).MulVec(s.h, mat.NewVecDense(s.n, s.lagrange))
	floats.Scale(s.eta2, gx)
	floats.Add(gx, s.lagrange)
	for i, c := range s.c {
		row := s.jac[i*s.n:][:s.n]
		floats.AddScaled(gx, s.eta1*c, row)
		gl[i] = c + s.eta2*floats.Dot(row, s.lagrange)
	}
	return g
}

// second sets the Hessian of the Lagrangian.
func (s *newton) second() {
	flat := make([]float64, s.n*s.n)
	s.p.Hessian(flat, s.x, s.lambda)
	for i := range s.n {
		for j := i; j < s.n; j++ {
			s.h.SetSym(i, j, (flat[i*s.n+j]+flat[j*s.n+i])/2)
		}
	}
}

// iterate does a step.
func (s *newton) iterate(theta float64) error {
	s.second()
	a, psi, upsilon, err := s.system()
	if err != nil {
		return err
	}
	b := make([]float64, s.n+s.m)
	floats.ScaleTo(b[:s.n], -1, s.lagrange)
	floats.ScaleTo(b[s.n:], -1, s.c)
	size := floats.Norm(b, 2)
	z := make([]float64, s.n+s.m)
	var slope float64
	for {
		bound := (0.5 - sketchBeta) * s.eta2 / ((1 + s.eta1 + s.eta2) * upsilon * upsilon * psi * psi)
		s.delta = max(1e-6, min(s.delta, bound))
		if err := s.solve(a, z, b, theta*s.delta*size/psi); err != nil {
			return err
		}
		slope = floats.Dot(s.meritSlope(), z)
		if s.L1 || slope <= -s.eta2/2*size*size || s.eta1 > 1e8 || s.eta2 < 1e-8 {
			break
		}
		s.eta1, s.eta2, s.delta = s.eta1*sketchNu*sketchNu, s.eta2/sketchNu, s.delta/math.Pow(sketchNu, 4)
	}
	merit := s.merit
	if s.L1 {
		merit, slope = s.sums(z)
	}
	before, x, lambda := merit(s.lambda), make([]float64, s.n), make([]float64, s.m)
	for step := 1.0; ; step /= 2 {
		floats.AddScaledTo(x, s.x, step, z[:s.n])
		floats.AddScaledTo(lambda, s.lambda, step, z[s.n:])
		s.evaluate(x, lambda)
		if after := merit(lambda); after <= before+sketchBeta*step*slope+1e-12*math.Abs(before) || step < 1e-10 {
			break
		}
	}
	copy(s.x, x)
	copy(s.lambda, lambda)
	return nil
}

// sums returns the merit function of L1 and its slope along z.
func (s *newton) sums(z []float64) (merit func([]float64) float64, slope float64) {
	mu := 0.0
	for i, l := range s.lambda {
		mu = max(mu, 1.1*math.Abs(l+z[s.n+i]))
	}
	merit = func([]float64) float64 { return s.value + mu*floats.Norm(s.c, 1) }
	return merit, floats.Dot(s.slope, z[:s.n]) - mu*floats.Norm(s.c, 1)
}

// system returns the matrix, and the constants Psi and Upsilon of the accuracy rule.
func (s *newton) system() (a *mat.Dense, psi, upsilon float64, err error) {
	n, m := s.n, s.m
	g := mat.NewDense(m, n, s.jac)
	var svd mat.SVD
	if !svd.Factorize(g, mat.SVDFull) {
		return nil, 0, 0, errors.New("the Jacobian of the constraints has no singular values: it is not finite")
	}
	values := svd.Values(nil)
	xi := values[m-1] * values[m-1]
	if !(xi > 1e-8) {
		return nil, 0, 0, fmt.Errorf("the constraints contradict or repeat each other: %s", s.dependent(g))
	}
	shift := 0.0
	if n > m {
		var v, reduced mat.Dense
		svd.VTo(&v)
		null := v.Slice(0, n, m, n)
		var half mat.Dense
		half.Mul(s.h, null)
		reduced.Mul(null.T(), &half)
		sym := mat.NewSymDense(n-m, nil)
		for i := range n - m {
			for j := i; j < n-m; j++ {
				sym.SetSym(i, j, (reduced.At(i, j)+reduced.At(j, i))/2)
			}
		}
		var eigen mat.EigenSym
		if !eigen.Factorize(sym, false) || !(eigen.Values(nil)[0] >= 1e-6) {
			shift = sketchXiB + mat.Norm(s.h, 2)
		}
	}
	a = mat.NewDense(n+m, n+m, nil)
	squares := 0.0
	for i := range n {
		for j := range n {
			v := s.h.At(i, j)
			if i == j {
				v += shift
			}
			a.Set(i, j, v)
			squares += v * v
		}
		for j := range m {
			a.Set(i, n+j, g.At(j, i))
			a.Set(n+j, i, g.At(j, i))
		}
	}
	psi = 20 * max(squares, 1) / (min(xi, 1) * sketchXiB)
	upsilon = max(values[0], mat.Norm(s.h, 2), 1)
	return a, psi, upsilon, nil
}

// dependent names the two constraints that take most part in what is singular.
func (s *newton) dependent(g *mat.Dense) string {
	var gram mat.Dense
	gram.Mul(g, g.T())
	sym := mat.NewSymDense(s.m, nil)
	for i := range s.m {
		for j := i; j < s.m; j++ {
			sym.SetSym(i, j, gram.At(i, j))
		}
	}
	var eigen mat.EigenSym
	var v mat.Dense
	if !eigen.Factorize(sym, true) {
		return "their Jacobian is not finite"
	}
	eigen.VectorsTo(&v)
	first, second := 0, -1
	for i := 1; i < s.m; i++ {
		switch size := math.Abs(v.At(i, 0)); {
		case size > math.Abs(v.At(first, 0)):
			first, second = i, first
		case second < 0 || size > math.Abs(v.At(second, 0)):
			second = i
		}
	}
	if second < 0 {
		return "the gradient of constraint 0 vanishes"
	}
	return fmt.Sprintf("constraints %d and %d", min(first, second), max(first, second))
}

// solve improves z until |a z - b| is at most goal over |a|.
func (s *newton) solve(a *mat.Dense, z, b []float64, goal float64) error {
	n := len(b)
	if s.Linear == "" || s.Linear == "direct" {
		var lu mat.LU
		lu.Factorize(a)
		if err := lu.SolveVecTo(mat.NewVecDense(n, z), false, mat.NewVecDense(n, b)); err != nil {
			var condition mat.Condition
			if !errors.As(err, &condition) || math.IsInf(float64(condition), 1) {
				return fmt.Errorf("the Newton system is singular: %w", err)
			}
		}
		return nil
	}
	size := mat.Norm(a, 2)
	sketch, row, r := make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range sketchMost {
		if k%n == 0 { // the residual costs as much as n rows
			mat.NewVecDense(n, r).MulVec(a, mat.NewVecDense(n, z))
			floats.Sub(r, b)
			if size*floats.Norm(r, 2) <= goal {
				return nil
			}
		}
		left := 0.0
		if s.Linear == "kaczmarz" {
			i := s.rng.IntN(n)
			copy(row, a.RawRowView(i))
			left = floats.Dot(row, z) - b[i]
		} else {
			for i := range sketch {
				sketch[i] = s.rng.NormFloat64()
			}
			mat.NewVecDense(n, row).MulVec(a.T(), mat.NewVecDense(n, sketch)) // a is symmetric
			left = floats.Dot(row, z) - floats.Dot(sketch, b)
		}
		if square := floats.Dot(row, row); square > 0 {
			floats.AddScaled(z, -left/square, row)
		}
		s.report.Sketches++
	}
	return nil
}
