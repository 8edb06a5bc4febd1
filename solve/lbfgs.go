package solve

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// A Function returns its value at x and sets its gradient.
type Function func(x, gradient []float64) float64

// LBFGS minimises by the limited-memory method of Broyden, Fletcher, Goldfarb and
// Shanno (Nocedal and Wright, 2006, algorithm 7.4) with a backtracking line search.
type LBFGS struct {
	Steps     int     // at most
	Tolerance float64 // ends when three steps in a row gain less than this each
	Farthest  float64 // no coordinate moves further in a step; 0 = any way
}

// Minimize lowers f from x and returns the best point.
func (o LBFGS) Minimize(f Function, x []float64) []float64 {
	const memory = 10
	n := len(x)
	x = append([]float64(nil), x...)
	gradient, next, nextGradient := make([]float64, n), make([]float64, n), make([]float64, n)
	value := f(x, gradient)
	var moves, turns [][]float64 // steps of x and of the gradient, oldest first
	small := 0
	for range o.Steps {
		way := twoLoops(gradient, moves, turns)
		slope := floats.Dot(way, gradient)
		if !(slope < 0) {
			break
		}
		length := 1.0
		if len(moves) == 0 {
			length = min(1, 1/floats.Norm(gradient, 2))
		}
		if o.Farthest > 0 {
			length = min(length, o.Farthest/floats.Norm(way, math.Inf(1)))
		}
		found := Armijo(func(length float64) float64 {
			floats.AddScaledTo(next, x, length, way)
			return f(next, nextGradient)
		}, value, slope, length)
		if !(found < value) {
			break
		}
		move, turn := make([]float64, n), make([]float64, n)
		floats.SubTo(move, next, x)
		floats.SubTo(turn, nextGradient, gradient)
		if floats.Dot(move, turn) > 1e-10*floats.Dot(turn, turn) {
			moves, turns = append(moves, move), append(turns, turn)
			if len(moves) > memory {
				moves, turns = moves[1:], turns[1:]
			}
		}
		if small++; value-found >= o.Tolerance {
			small = 0
		}
		copy(x, next)
		copy(gradient, nextGradient)
		value = found
		if small == 3 {
			break
		}
	}
	return x
}

// twoLoops returns minus the inverse Hessian's estimate times the gradient.
func twoLoops(gradient []float64, moves, turns [][]float64) []float64 {
	q := append([]float64(nil), gradient...)
	alpha := make([]float64, len(moves))
	for i := len(moves) - 1; i >= 0; i-- {
		alpha[i] = floats.Dot(moves[i], q) / floats.Dot(moves[i], turns[i])
		floats.AddScaled(q, -alpha[i], turns[i])
	}
	if i := len(moves) - 1; i >= 0 {
		floats.Scale(floats.Dot(moves[i], turns[i])/floats.Dot(turns[i], turns[i]), q)
	}
	for i := range moves {
		beta := floats.Dot(turns[i], q) / floats.Dot(moves[i], turns[i])
		floats.AddScaled(q, alpha[i]-beta, moves[i])
	}
	floats.Scale(-1, q)
	return q
}

// Armijo shortens a step to a third until the value falls by the rule of Armijo
// (1966), value + length slope / 10000, up to 20 times, and returns the last value
// that along, which moves there, gave.
func Armijo(along func(length float64) float64, value, slope, length float64) float64 {
	found := math.Inf(1)
	for range 20 {
		if found = along(length); found <= value+1e-4*length*slope {
			break
		}
		length /= 3
	}
	return found
}
