package mix

import "math"

// Ascend maximises f over the mixtures within the bounds by projected gradient
// steps: w <- Project(w + s grad), s the spectral step of Barzilai and Borwein
// (IMA J. Numer. Anal. 8, 1988), halved until f rises by Armijo's rule. f
// returns its value at w and writes its gradient into grad; it must be finite
// within the bounds.
//
// It stops after the given number of steps, or when the Frank-Wolfe gap
// max_v grad.(v - w) over the mixtures v within the bounds is at most tol. The
// gap is returned: where f is concave, no mixture is better by more.
func Ascend(limits Bounds, start Mixture, f func(w Mixture, grad []float64) float64, steps int, tol float64) (w Mixture, value, gap float64) {
	n := len(start)
	w = limits.Project(start)
	grad, next, moved := make([]float64, n), make([]float64, n), make([]float64, n)
	value = f(w, grad)
	step := 0.0
	for range steps {
		if gap = dot(grad, limits.Vertex(grad)) - dot(grad, w); gap <= tol {
			return w, value, gap
		}
		if step == 0 {
			step = 0.1 / math.Sqrt(dot(grad, grad))
		}
		var to Mixture
		var got float64
		for ; ; step /= 2 {
			for i := range moved {
				moved[i] = w[i] + step*grad[i]
			}
			to = limits.Project(moved)
			rise := dot(grad, to) - dot(grad, w)
			if got = f(to, next); got >= value+1e-4*rise || rise <= 1e-16*(1+math.Abs(value)) {
				break
			}
		}
		if got <= value { // within rounding of the top
			return w, value, gap
		}
		var ss, sy float64
		for i := range w {
			s := to[i] - w[i]
			ss, sy = ss+s*s, sy-s*(next[i]-grad[i])
		}
		step *= 2
		if sy > 0 {
			step = ss / sy
		}
		w, value, grad, next = to, got, next, grad
	}
	gap = dot(grad, limits.Vertex(grad)) - dot(grad, w)
	return w, value, gap
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
