// Package nn has small neural networks, of float32 or float64: dense layers with a
// backward pass written by hand, and boosting of them.
package nn

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/climb-go/climb/vec"
)

// A Float is what a network computes in.
type Float interface{ float32 | float64 }

// An Activation is the function between two layers.
type Activation uint8

// The activations. Softplus is log(1+e^10z)/10, a ReLU with gradients.
const (
	Logistic Activation = iota
	ReLU
	Softplus
)

// apply returns the activation of z and its slope there.
func (a Activation) apply(z float64) (value, slope float64) {
	switch a {
	case Logistic:
		value = 1 / (1 + math.Exp(-z))
		return value, value * (1 - value)
	case ReLU:
		if z > 0 {
			return z, 1
		}
		return 0, 0
	}
	if z > 3 { // as good as linear
		return z, 1
	}
	e := math.Exp(10 * z)
	return math.Log1p(e) / 10, e / (1 + e)
}

// An MLP is a multi-layer perceptron: dense layers from Sizes[0] inputs to the last
// of Sizes outputs, which are linear. Its parameters are one slice: of each layer
// the weights, out x in, row-major, then the biases.
type MLP[F Float] struct {
	Sizes []int
	Act   Activation
}

// Len is the number of parameters.
func (m MLP[F]) Len() int {
	sum := 0
	for l := 1; l < len(m.Sizes); l++ {
		sum += m.Sizes[l] * (m.Sizes[l-1] + 1)
	}
	return sum
}

// Start sets the parameters to uniform numbers within the root of 2/(in+out), biases
// too (Glorot and Bengio, 2010, for logistic units).
func (m MLP[F]) Start(w []F, rng *rand.Rand) {
	at := 0
	for l := 1; l < len(m.Sizes); l++ {
		most := math.Sqrt(2 / float64(m.Sizes[l-1]+m.Sizes[l]))
		for range m.Sizes[l] * (m.Sizes[l-1] + 1) {
			w[at] = F((2*rng.Float64() - 1) * most)
			at++
		}
	}
}

// Weights calls f with the weights of every layer, biases left out, as a part of w.
func (m MLP[F]) Weights(w []F, f func(part []F)) {
	for l := 1; l < len(m.Sizes); l++ {
		size := m.Sizes[l] * m.Sizes[l-1]
		f(w[:size])
		w = w[size+m.Sizes[l]:]
	}
}

// A Trace is what Forward leaves for Backward. It is used again by the next call.
type Trace[F Float] struct {
	n     int
	layer [][]F // activations, the inputs first; n x Sizes[l]
	slope [][]F // of the activations
	delta [2][]F
}

// Forward returns the outputs of n rows of inputs, n x Sizes[last].
func (m MLP[F]) Forward(t *Trace[F], w, x []F, n int) []F {
	depth := len(m.Sizes)
	if len(t.layer) != depth {
		t.layer, t.slope = make([][]F, depth), make([][]F, depth)
	}
	t.n, t.layer[0] = n, x
	for l := 1; l < depth; l++ {
		in, out := m.Sizes[l-1], m.Sizes[l]
		t.layer[l], t.slope[l] = room(t.layer[l], n*out), room(t.slope[l], n*out)
		z, bias := t.layer[l], w[out*in:][:out]
		for i := range n {
			copy(z[i*out:], bias)
		}
		Gemm(false, true, n, out, in, 1, t.layer[l-1], in, w, in, 1, z, out)
		if l < depth-1 {
			for i, v := range z {
				a, s := m.Act.apply(float64(v))
				z[i], t.slope[l][i] = F(a), F(s)
			}
		}
		w = w[out*(in+1):]
	}
	return t.layer[depth-1]
}

// Backward sets grad to the derivatives by the parameters and, if dx is not nil, dx
// to those by the inputs, given those by the outputs of the last Forward.
func (m MLP[F]) Backward(t *Trace[F], w, dOut, grad, dx []F) {
	delta, at := dOut, m.Len()
	for l := len(m.Sizes) - 1; l > 0; l-- {
		in, out := m.Sizes[l-1], m.Sizes[l]
		at -= out * (in + 1)
		bias := grad[at+out*in:][:out]
		clear(bias)
		for i := range t.n {
			for j, v := range delta[i*out:][:out] {
				bias[j] += v
			}
		}
		Gemm(true, false, out, in, t.n, 1, delta, out, t.layer[l-1], in, 0, grad[at:], in)
		below := dx
		if l > 1 {
			t.delta[l%2] = room(t.delta[l%2], t.n*in)
			below = t.delta[l%2]
		}
		if below == nil {
			return
		}
		Gemm(false, false, t.n, in, out, 1, delta, out, w[at:], in, 0, below, in)
		if l > 1 {
			for i, s := range t.slope[l-1] {
				below[i] *= s
			}
		}
		delta = below
	}
}

// room returns a slice of n elements, v's if that has them.
func room[F Float](v []F, n int) []F {
	if cap(v) < n {
		return make([]F, n)
	}
	return v[:n]
}

// Gemm is vec.Gemm, or gonum's of float64.
func Gemm[F Float](transA, transB bool, m, n, k int, alpha F, a []F, lda int, b []F, ldb int, beta F, c []F, ldc int) {
	if a, ok := any(a).([]float32); ok {
		vec.Gemm(transA, transB, m, n, k, float32(alpha), a, lda, any(b).([]float32), ldb, float32(beta), any(c).([]float32), ldc)
		return
	}
	turn, rows := [2]blas.Transpose{blas.NoTrans, blas.NoTrans}, [4]int{m, k, k, n}
	if transA {
		turn[0], rows[0], rows[1] = blas.Trans, k, m
	}
	if transB {
		turn[1], rows[2], rows[3] = blas.Trans, n, k
	}
	blas64.Gemm(turn[0], turn[1], float64(alpha),
		blas64.General{Rows: rows[0], Cols: rows[1], Stride: lda, Data: any(a).([]float64)},
		blas64.General{Rows: rows[2], Cols: rows[3], Stride: ldb, Data: any(b).([]float64)}, float64(beta),
		blas64.General{Rows: m, Cols: n, Stride: ldc, Data: any(c).([]float64)})
}

// Adam is the optimizer of Kingma and Ba (2015, arXiv 1412.6980) with its usual
// constants.
type Adam[F Float] struct {
	Rate float64

	M, V  []F // moments; whoever changes a parameter's meaning clears its
	steps int
}

// Step moves the parameters against the gradient.
func (o *Adam[F]) Step(w, grad []F) {
	if o.M == nil {
		o.M, o.V = make([]F, len(w)), make([]F, len(w))
	}
	o.steps++
	c1, c2 := 1-math.Pow(0.9, float64(o.steps)), 1-math.Pow(0.999, float64(o.steps))
	for i, g := range grad {
		o.M[i] = 0.9*o.M[i] + 0.1*g
		o.V[i] = 0.999*o.V[i] + 0.001*g*g
		w[i] -= F(o.Rate * float64(o.M[i]) / c1 / (math.Sqrt(float64(o.V[i])/c2) + 1e-8))
	}
}
