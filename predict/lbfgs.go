package predict

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// lbfgs lowers f from x in up to steps steps of L-BFGS (Nocedal and Wright,
// 2006, algorithm 7.4) with a backtracking line search, and returns the best
// point. f returns its value and sets the gradient. The search ends before
// that when three steps in a row gain less than tolerance each.
func lbfgs(f func(x, gradient []float64) float64, x []float64, steps int, tolerance float64) []float64 {
	const memory = 10
	n := len(x)
	x = append([]float64(nil), x...)
	gradient, next, nextGradient := make([]float64, n), make([]float64, n), make([]float64, n)
	value := f(x, gradient)
	var moves, turns [][]float64 // steps of x and of the gradient, oldest first
	small := 0
	for range steps {
		way := twoLoops(gradient, moves, turns)
		slope := floats.Dot(way, gradient)
		if !(slope < 0) {
			break
		}
		length := 1.0
		if len(moves) == 0 {
			length = min(1, 1/floats.Norm(gradient, 2))
		}
		length = min(length, 3/floats.Norm(way, math.Inf(1))) // logarithms: no further than e^3 at once
		found := math.Inf(1)
		for range 20 {
			floats.AddScaledTo(next, x, length, way)
			if found = f(next, nextGradient); found <= value+1e-4*length*slope {
				break
			}
			length /= 3
		}
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
		if small++; value-found >= tolerance {
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
