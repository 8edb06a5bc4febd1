// Package solve has the numerical methods that several packages need: linear
// systems, eigenvalues, minimisers, and what chooses their parameters.
package solve

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
)

// An Operator sets dst to a symmetric matrix times v.
type Operator func(dst, v []float64)

// CG solves a x = b for a symmetric positive definite operator by conjugate
// gradients (Hestenes and Stiefel, 1952), from the x that it is given, until the
// residual's norm is at most tolerance or after most steps. A precondition is an
// approximate inverse of a, symmetric positive definite too, or nil. It returns
// the number of steps and the residual's norm.
func CG(a, precondition Operator, x, b []float64, tolerance float64, most int) (steps int, residual float64) {
	n := len(b)
	r, z, way, ahead := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	a(r, x)
	floats.SubTo(r, b, r)
	size := 0.0 // r'z of the step before
	for {
		if residual = floats.Norm(r, 2); !(residual > tolerance) || steps == most {
			return steps, residual
		}
		if copy(z, r); precondition != nil {
			precondition(z, r)
		}
		before := size
		if size = floats.Dot(r, z); steps == 0 {
			copy(way, z)
		} else {
			floats.AddScaledTo(way, z, size/before, way)
		}
		a(ahead, way)
		curvature := floats.Dot(way, ahead)
		if !(curvature > 0) { // not definite, or rounding is all that is left
			return steps, residual
		}
		floats.AddScaled(x, size/curvature, way)
		floats.AddScaled(r, -size/curvature, ahead)
		steps++
	}
}

// CSR is a square sparse matrix in compressed rows: those of row i are
// Val[Ptr[i]:Ptr[i+1]] in the columns Idx, which rise.
type CSR struct {
	N   int
	Ptr []int
	Idx []int32
	Val []float64
}

// Apply sets dst to the matrix times v.
func (m *CSR) Apply(dst, v []float64) {
	for i := range m.N {
		sum := 0.0
		for k := m.Ptr[i]; k < m.Ptr[i+1]; k++ {
			sum += m.Val[k] * v[m.Idx[k]]
		}
		dst[i] = sum
	}
}

// Diagonal returns the diagonal. An element that is not positive is an error: the
// matrix is not positive definite.
func (m *CSR) Diagonal() ([]float64, error) {
	d := make([]float64, m.N)
	for i := range m.N {
		for k := m.Ptr[i]; k < m.Ptr[i+1]; k++ {
			if int(m.Idx[k]) == i {
				d[i] = m.Val[k]
			}
		}
		if !(d[i] > 0) || math.IsInf(d[i], 1) {
			return nil, fmt.Errorf("diagonal element %d of the matrix is %v: relaxation needs positive ones", i, d[i])
		}
	}
	return d, nil
}

// SOR is successive over-relaxation (Young, 1954): x <- x + (D/omega + L)^-1 r,
// where D and L are the diagonal and what is below it, which converges for a
// symmetric positive definite matrix and 0 < omega < 2.
type SOR struct {
	Omega     float64
	Tolerance float64 // of the residual's norm, in units of that at the start
	Most      int     // sweeps; a solve that reaches them counts as so many
}

// Solve improves x until a x = b, and returns the number of sweeps.
func (s SOR) Solve(a *CSR, x, b []float64) (int, error) {
	d, err := a.Diagonal()
	if err != nil {
		return 0, err
	}
	first := residual2(a, x, b)
	if first == 0 {
		return 0, nil
	}
	goal := s.Tolerance * s.Tolerance * first
	for sweep := 1; sweep <= s.Most; sweep++ {
		for i := range a.N {
			r := b[i]
			for k := a.Ptr[i]; k < a.Ptr[i+1]; k++ {
				r -= a.Val[k] * x[a.Idx[k]]
			}
			x[i] += s.Omega * r / d[i]
		}
		if residual2(a, x, b) < goal {
			return sweep, nil
		}
	}
	return s.Most, nil
}

// residual2 is |b - a x|^2.
func residual2(a *CSR, x, b []float64) float64 {
	sum := 0.0
	for i := range a.N {
		r := b[i]
		for k := a.Ptr[i]; k < a.Ptr[i+1]; k++ {
			r -= a.Val[k] * x[a.Idx[k]]
		}
		sum += r * r
	}
	return sum
}

// SSOR returns the preconditioner of symmetric over-relaxation,
//
//	M^-1 = omega (2-omega) (D + omega U)^-1 D (D + omega L)^-1,
//
// for a symmetric matrix with a positive diagonal.
func SSOR(a *CSR, omega float64) (Operator, error) {
	d, err := a.Diagonal()
	if err != nil {
		return nil, err
	}
	return func(dst, v []float64) {
		for i := range a.N { // (D + omega L) y = v
			sum := v[i]
			for k := a.Ptr[i]; k < a.Ptr[i+1] && int(a.Idx[k]) < i; k++ {
				sum -= omega * a.Val[k] * dst[a.Idx[k]]
			}
			dst[i] = sum / d[i]
		}
		for i := a.N - 1; i >= 0; i-- { // (D + omega U) dst = D y
			sum := dst[i] * d[i]
			for k := a.Ptr[i+1] - 1; k >= a.Ptr[i] && int(a.Idx[k]) > i; k-- {
				sum -= omega * a.Val[k] * dst[a.Idx[k]]
			}
			dst[i] = sum / d[i]
		}
		floats.Scale(omega*(2-omega), dst[:a.N])
	}, nil
}
