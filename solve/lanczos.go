package solve

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// lanczosMost is how many steps Lanczos does at most: all its vectors are kept.
const lanczosMost = 60

// Lanczos returns estimates of eigenvalues of a symmetric operator on n numbers,
// ascending: those of its projection on the Krylov space of up to steps random
// vectors, with full re-orthogonalisation (Golub and Van Loan, Matrix
// Computations, section 10.3). The outermost are the first to be right; the
// largest is never too large. steps is at most 60.
func Lanczos(a Operator, n, steps int, rng *rand.Rand) []float64 {
	steps = min(steps, n, lanczosMost)
	q, next := make([]float64, n), make([]float64, n)
	for i := range q {
		q[i] = rng.NormFloat64()
	}
	floats.Scale(1/floats.Norm(q, 2), q)
	var basis [][]float64
	var diagonal, beside []float64
	for range steps {
		basis = append(basis, append([]float64(nil), q...))
		a(next, q)
		size := floats.Norm(next, 2)
		diagonal = append(diagonal, floats.Dot(next, q))
		for range 2 { // twice is enough (Parlett)
			for _, v := range basis {
				floats.AddScaled(next, -floats.Dot(next, v), v)
			}
		}
		left := floats.Norm(next, 2)
		if left <= 1e-12*size {
			break // the space is invariant
		}
		beside = append(beside, left)
		floats.ScaleTo(q, 1/left, next)
	}
	k := len(diagonal)
	t := mat.NewSymDense(k, nil)
	for i, v := range diagonal {
		t.SetSym(i, i, v)
		if i+1 < k {
			t.SetSym(i, i+1, beside[i])
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(t, false)
	return eigen.Values(nil)
}
