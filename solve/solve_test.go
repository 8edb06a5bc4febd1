package solve

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// spd returns a random symmetric positive definite matrix with about a third of
// its elements, in both forms.
func spd(n int, rng *rand.Rand) (*mat.SymDense, *CSR) {
	dense := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i {
			if rng.IntN(3) == 0 {
				dense.SetSym(i, j, rng.NormFloat64())
			}
		}
	}
	for i := range n {
		sum := 0.1 + rng.Float64()
		for j := range n {
			if j != i {
				sum += math.Abs(dense.At(i, j))
			}
		}
		dense.SetSym(i, i, sum)
	}
	sparse := &CSR{N: n, Ptr: []int{0}}
	for i := range n {
		for j := range n {
			if v := dense.At(i, j); v != 0 {
				sparse.Idx, sparse.Val = append(sparse.Idx, int32(j)), append(sparse.Val, v)
			}
		}
		sparse.Ptr = append(sparse.Ptr, len(sparse.Val))
	}
	return dense, sparse
}

// linear are the solvers of symmetric positive definite systems.
var linear = map[string]func(t *testing.T, a *CSR, x, b []float64){
	"cg": func(_ *testing.T, a *CSR, x, b []float64) { CG(a.Apply, nil, x, b, 1e-13, 1000) },
	"ssor-cg": func(t *testing.T, a *CSR, x, b []float64) {
		m, err := SSOR(a, 1.2)
		if err != nil {
			t.Fatal(err)
		}
		CG(a.Apply, m, x, b, 1e-13, 1000)
	},
	"sor": func(t *testing.T, a *CSR, x, b []float64) {
		if _, err := (SOR{Omega: 1.2, Tolerance: 1e-14, Most: 10000}).Solve(a, x, b); err != nil {
			t.Fatal(err)
		}
	},
	"fista": func(_ *testing.T, a *CSR, x, b []float64) {
		values := Lanczos(a.Apply, a.N, 60, rand.New(rand.NewPCG(1, 1)))
		f := func(x, g []float64) float64 {
			a.Apply(g, x)
			v := floats.Dot(g, x)/2 - floats.Dot(b, x)
			floats.Sub(g, b)
			return v
		}
		FISTA{Mu: 0.9 * values[0], L: 1.1 * values[len(values)-1], Most: 10000}.Minimize(f, x, 1e-12)
	},
}

// Every linear solver gives what a Cholesky factorisation gives, and leaves a
// solution where it is.
func TestLinear(t *testing.T) {
	for name, solve := range linear {
		for _, n := range []int{1, 2, 7, 40} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(n), 2))
				dense, sparse := spd(n, rng)
				b := make([]float64, n)
				for i := range b {
					b[i] = rng.NormFloat64()
				}
				var chol mat.Cholesky
				var want mat.VecDense
				if !chol.Factorize(dense) {
					t.Fatal("not positive definite")
				}
				if err := chol.SolveVecTo(&want, mat.NewVecDense(n, b)); err != nil {
					t.Fatal(err)
				}
				x := make([]float64, n)
				solve(t, sparse, x, b)
				if d := floats.Distance(x, want.RawVector().Data, 2); d > 1e-9 {
					t.Errorf("off by %g", d)
				}
				clear(x)
				if solve(t, sparse, x, make([]float64, n)); floats.Norm(x, 2) != 0 {
					t.Errorf("0 is not left: %v", x)
				}
			})
		}
	}
}

// Minimisers find the minimum of Rosenbrock's function and of a quadratic whose
// eigenvalues are 1 to 10000.
func TestLBFGS(t *testing.T) {
	rosenbrock := func(x, g []float64) float64 {
		a, b := 1-x[0], x[1]-x[0]*x[0]
		g[0], g[1] = -2*a-400*x[0]*b, 200*b
		return a*a + 100*b*b
	}
	quadratic := func(x, g []float64) float64 {
		sum := 0.0
		for i, v := range x {
			e := math.Pow(1e4, float64(i)/float64(len(x)-1))
			g[i] = e * (v - 1)
			sum += e * (v - 1) * (v - 1) / 2
		}
		return sum
	}
	for _, far := range []float64{0, 0.5} {
		o := LBFGS{Steps: 2000, Tolerance: 1e-18, Farthest: far}
		for name, got := range map[string][]float64{"rosenbrock": o.Minimize(rosenbrock, []float64{-1.2, 1}), "quadratic": o.Minimize(quadratic, make([]float64, 20))} {
			for _, v := range got {
				if math.Abs(v-1) > 1e-6 {
					t.Errorf("%s, steps up to %g: %v", name, far, got)
				}
			}
		}
	}
	x := make([]float64, 20)
	if n := (FISTA{Mu: 1, L: 1e4, Most: 100000}).Minimize(quadratic, x, 1e-9); n > 5000 || math.Abs(x[0]-1) > 1e-9 {
		t.Errorf("fista: %d steps to %v", n, x)
	}
}

// The eigenvalues of a matrix that is known.
func TestLanczos(t *testing.T) {
	dense, sparse := spd(30, rand.New(rand.NewPCG(3, 3)))
	var eigen mat.EigenSym
	eigen.Factorize(dense, false)
	got := Lanczos(sparse.Apply, 30, 60, rand.New(rand.NewPCG(1, 1)))
	if !floats.EqualApprox(got, eigen.Values(nil), 1e-8) {
		t.Errorf("%v, want %v", got, eigen.Values(nil))
	}
	if few := Lanczos(sparse.Apply, 30, 10, rand.New(rand.NewPCG(1, 1))); few[9] > got[29]*(1+1e-12) || few[9] < 0.9*got[29] {
		t.Errorf("the largest of 10 steps is %g, of all %g", few[9], got[29])
	}
	same := Lanczos(func(dst, v []float64) { copy(dst, v) }, 5, 5, rand.New(rand.NewPCG(1, 1)))
	if len(same) != 1 || math.Abs(same[0]-1) > 1e-12 {
		t.Errorf("of the identity: %v", same)
	}
}

// Gauss-Seidel and its relaxations on the Laplacian of a grid, where Young's theory
// is exact: with omega = 2/(1+sqrt(1-rho^2)), rho that of Jacobi's method, the
// residual falls by omega - 1 a sweep in the end.
func TestSORTheory(t *testing.T) {
	const side = 10
	a := &CSR{N: side * side, Ptr: []int{0}}
	for i := range side * side {
		for _, d := range []int{-side, -1, 0, 1, side} {
			if j := i + d; j >= 0 && j < a.N && (d%side == 0 || j/side == i/side) {
				a.Idx, a.Val = append(a.Idx, int32(j)), append(a.Val, map[bool]float64{true: 4, false: -1}[d == 0])
			}
		}
		a.Ptr = append(a.Ptr, len(a.Val))
	}
	b := make([]float64, a.N)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = rng.NormFloat64()
	}
	sweeps := func(omega float64) int {
		n, err := SOR{Omega: omega, Tolerance: 1e-12, Most: 10000}.Solve(a, make([]float64, a.N), b)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	rho := math.Cos(math.Pi / (side + 1))
	best := 2 / (1 + math.Sqrt(1-rho*rho))
	if got, want := float64(sweeps(1)), math.Log(1e-12)/math.Log(rho*rho); math.Abs(got-want) > 0.15*want {
		t.Errorf("Gauss-Seidel: %g sweeps, theory says %g", got, want)
	}
	if got := sweeps(best); got > sweeps(best-0.15) || got > sweeps(best+0.15) {
		t.Errorf("%d sweeps with the optimal relaxation, %d and %d beside it", got, sweeps(best-0.15), sweeps(best+0.15))
	}
	if n, err := (SOR{Omega: 1, Tolerance: 1e-12, Most: 7}).Solve(a, make([]float64, a.N), b); n != 7 || err != nil {
		t.Errorf("%d sweeps of 7, %v", n, err)
	}
	a.Val[0] = -4
	if _, err := (SOR{Omega: 1, Tolerance: 1e-12, Most: 7}).Solve(a, make([]float64, a.N), b); err == nil {
		t.Error("a negative diagonal: no error")
	}
	if _, err := SSOR(a, 1); err == nil {
		t.Error("a negative diagonal: no error")
	}
}

// On a diagonal matrix SSOR is the inverse but for a factor, and one step of CG is
// the solution.
func TestSSORDiagonal(t *testing.T) {
	a := &CSR{N: 4, Ptr: []int{0, 1, 2, 3, 4}, Idx: []int32{0, 1, 2, 3}, Val: []float64{1, 10, 100, 1000}}
	m, err := SSOR(a, 1.3)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 4)
	if n, _ := CG(a.Apply, m, x, []float64{1, 2, 3, 4}, 1e-9, 10); n != 1 {
		t.Errorf("%d steps, want 1", n)
	}
	clear(x)
	if n, _ := CG(a.Apply, nil, x, []float64{1, 2, 3, 4}, 1e-9, 10); n != 4 {
		t.Errorf("%d steps without it, want 4", n)
	}
}
