package bilevel

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/solve"
)

// Logistic is multinomial logistic regression whose features come in groups with a
// penalty exp(theta_g) each, judged by its loss on held-out rows:
//
//	h = mean of c_i * -log softmax(W'x_i)_y  +  1/2 sum_j exp(theta_g(j)) |w_j|^2
//
// W is features x Classes, row-major. A bias is a feature of its own that is 1
// everywhere; it has a penalty too, since h has to be strongly convex.
type Logistic struct {
	Classes     int
	Group       []int // of each feature, from 0
	Groups      int
	Train, Held Rows

	l    float64 // bound of the eigenvalues of h without the penalty; 0 = not known yet
	at   []float64
	prob []float64 // of the training rows at at
	side []float64
}

// Rows are sparse rows of features with their labels.
type Rows struct {
	Ptr    []int // of row i: Idx[Ptr[i]:Ptr[i+1]]
	Idx    []int32
	Val    []float64
	Label  []int
	Weight []float64 // of each row in the mean; nil = 1
}

// Add appends a row.
func (r *Rows) Add(idx []int32, val []float64, label int) {
	if len(r.Ptr) == 0 {
		r.Ptr = []int{0}
	}
	r.Idx, r.Val, r.Label = append(r.Idx, idx...), append(r.Val, val...), append(r.Label, label)
	r.Ptr = append(r.Ptr, len(r.Idx))
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.Label) }

// weight is that of row i in the mean.
func (r *Rows) weight(i int) float64 {
	if r.Weight == nil {
		return 1 / float64(len(r.Label))
	}
	return r.Weight[i] / float64(len(r.Label))
}

// apply sets dst, rows x k, to the products of the rows with w.
func (r *Rows) apply(dst, w []float64, k int) {
	clear(dst)
	for i := range r.Label {
		to := dst[i*k:][:k]
		for e := r.Ptr[i]; e < r.Ptr[i+1]; e++ {
			v, from := r.Val[e], w[int(r.Idx[e])*k:][:k]
			for c, x := range from {
				to[c] += v * x
			}
		}
	}
}

// spread adds the rows times delta, rows x k, to grad.
func (r *Rows) spread(grad, delta []float64, k int) {
	for i := range r.Label {
		from := delta[i*k:][:k]
		for e := r.Ptr[i]; e < r.Ptr[i+1]; e++ {
			v, to := r.Val[e], grad[int(r.Idx[e])*k:][:k]
			for c, x := range from {
				to[c] += v * x
			}
		}
	}
}

// loss returns the mean loss and sets the gradient; prob, if it is not nil, gets the
// probabilities.
func (r *Rows) loss(w, grad, prob []float64, k int) (sum float64) {
	p := make([]float64, len(r.Label)*k)
	r.apply(p, w, k)
	for i, y := range r.Label {
		row := p[i*k:][:k]
		top, total := floats.Max(row), 0.0
		for c, v := range row {
			row[c] = math.Exp(v - top)
			total += row[c]
		}
		floats.Scale(1/total, row)
		sum -= r.weight(i) * math.Log(max(row[y], 1e-300))
	}
	copy(prob, p)
	for i, y := range r.Label {
		row := p[i*k:][:k]
		row[y]--
		floats.Scale(r.weight(i), row)
	}
	clear(grad)
	r.spread(grad, p, k)
	return sum
}

// Lower implements Problem.
func (p *Logistic) Lower(w, theta, g []float64) float64 {
	v := p.Train.loss(w, g, nil, p.Classes)
	k := p.Classes
	for j, group := range p.Group {
		e := math.Exp(theta[group])
		for c := j * k; c < (j+1)*k; c++ {
			g[c] += e * w[c]
			v += e * w[c] * w[c] / 2
		}
	}
	return v
}

// Hessian implements Problem: two passes over the rows.
func (p *Logistic) Hessian(dst, w, theta, v []float64) {
	k := p.Classes
	if p.at == nil || !floats.Equal(p.at, w) {
		p.at = append(p.at[:0], w...)
		p.prob = make([]float64, p.Train.Len()*k)
		p.side = make([]float64, len(p.prob))
		p.Train.loss(w, dst, p.prob, k)
	}
	p.Train.apply(p.side, v, k)
	for i := range p.Train.Label {
		u, q := p.side[i*k:][:k], p.prob[i*k:][:k]
		mean := floats.Dot(u, q)
		for c := range u {
			u[c] = p.Train.weight(i) * q[c] * (u[c] - mean)
		}
	}
	clear(dst)
	p.Train.spread(dst, p.side, k)
	for j, group := range p.Group {
		floats.AddScaled(dst[j*k:][:k], math.Exp(theta[group]), v[j*k:][:k])
	}
}

// Cross implements Problem.
func (p *Logistic) Cross(dst, w, theta, q []float64) {
	clear(dst)
	k := p.Classes
	for j, group := range p.Group {
		dst[group] += floats.Dot(w[j*k:][:k], q[j*k:][:k])
	}
	for g, t := range theta {
		dst[g] *= math.Exp(t)
	}
}

// Upper implements Problem.
func (p *Logistic) Upper(w, g []float64) float64 { return p.Held.loss(w, g, nil, p.Classes) }

// Bounds implements Problem. The Hessian of softmax is at most 1/2.
func (p *Logistic) Bounds(_, theta []float64) (mu, l float64) {
	if p.l == 0 {
		n := p.Train.Len()
		rows := make([]float64, n)
		values := solve.Lanczos(func(dst, v []float64) {
			p.Train.apply(rows, v, 1)
			for i := range rows {
				rows[i] *= p.Train.weight(i)
			}
			clear(dst)
			p.Train.spread(dst, rows, 1)
		}, len(p.Group), 30, rand.New(rand.NewPCG(1, 2)))
		p.l = 1.05 * values[len(values)-1] / 2
	}
	return math.Exp(floats.Min(theta)), p.l + math.Exp(floats.Max(theta))
}
