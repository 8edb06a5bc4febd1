package mix

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Dirichlet draws a mixture from the Dirichlet distribution with the given
// parameters, one per domain. A parameter of 0 gives its domain no tokens.
// It panics if a parameter is negative or not finite, or if all are 0.
//
// Gamma variates come from Marsaglia and Tsang, "A simple method for
// generating gamma variables", ACM TOMS 26(3), 2000, boosted below 1 by
// log G(a) = log G(a+1) - E/a with E exponential. Everything stays in log
// space until the largest variate is divided out, so that parameters of 1e-5,
// whose variates are below the smallest float64, still draw correctly.
func Dirichlet(rng *rand.Rand, alpha []float64) Mixture {
	m, largest, total := make(Mixture, len(alpha)), math.Inf(-1), 0.0
	for i, a := range alpha {
		if !(a >= 0) || math.IsInf(a, 1) {
			panic(fmt.Sprintf("mix: Dirichlet parameter %d is %v", i, a))
		}
		m[i] = math.Inf(-1)
		if a > 0 {
			m[i] = logGamma(rng, a)
		}
		largest = max(largest, m[i])
		total += a
	}
	if total == 0 {
		panic("mix: no Dirichlet parameter is positive")
	}
	if math.IsInf(largest, -1) {
		return vertex(rng, alpha, total)
	}
	sum := 0.0
	for i, v := range m {
		m[i] = math.Exp(v - largest)
		sum += m[i]
	}
	for i := range m {
		m[i] /= sum
	}
	return m
}

// logGamma draws the logarithm of a gamma variate with shape a > 0.
func logGamma(rng *rand.Rand, a float64) float64 {
	boost := 0.0
	if a < 1 {
		boost = rng.ExpFloat64() / a
		a++
	}
	d := a - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		u := 1 - rng.Float64()
		if u < 1-0.0331*x*x*x*x || math.Log(u) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return math.Log(d*v) - boost
		}
	}
}

// vertex is the limit of the Dirichlet as its parameters go to 0: all tokens
// to one domain, drawn in proportion to the parameters.
func vertex(rng *rand.Rand, alpha []float64, total float64) Mixture {
	m, u, last := make(Mixture, len(alpha)), rng.Float64()*total, 0
	for i, a := range alpha {
		if a == 0 {
			continue
		}
		last = i
		if u -= a; u < 0 {
			break
		}
	}
	m[last] = 1
	return m
}
