package solve

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// FISTA minimises mu-strongly convex functions with an l-Lipschitz gradient by
// the accelerated method of Beck and Teboulle (2009) in the form for strong
// convexity (Chambolle and Pock, 2016, Acta Numerica, algorithm 5).
type FISTA struct {
	Mu, L float64
	Most  int // steps
}

// Minimize moves x until |gradient| <= tolerance, so that x is at most
// tolerance/Mu away from the minimum, and returns the number of gradients that
// this took. What it finds is the minimum to within that only if fewer than Most.
func (o FISTA) Minimize(f Function, x []float64, tolerance float64) (steps int) {
	q, step := o.Mu/o.L, 1/o.L
	at, before, g := append([]float64(nil), x...), append([]float64(nil), x...), make([]float64, len(x))
	t := 1.0
	for steps < o.Most {
		f(at, g)
		steps++
		if floats.Norm(g, 2) <= tolerance {
			copy(x, at)
			return steps
		}
		floats.AddScaledTo(x, at, -step, g)
		next := (1 - q*t*t + math.Sqrt((1-q*t*t)*(1-q*t*t)+4*t*t)) / 2
		momentum := (t - 1) / next * (1 - next*q) / (1 - q)
		if q == 1 {
			momentum = 0
		}
		for i := range at {
			at[i] = x[i] + momentum*(x[i]-before[i])
		}
		copy(before, x)
		t = next
	}
	return steps
}
