package cluster

import (
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/vec"
)

// Settings of the map: t-SNE costs points^2 each step.
const (
	mapPerplexity = 30   // effective neighbours, less for few points
	mapSteps      = 300  // of gradient descent
	mapEarly      = 75   // steps with the attraction multiplied by 12
	mapMost       = 2000 // points above which the map is the PCA alone
)

// Map2D lays the k rows of x (k x d) out in the plane so that near rows stay
// near: exact t-SNE (van der Maaten, Hinton 2008) from a PCA start, which
// keeps the large structure (Kobak, Berens 2019). It returns k x 2 numbers
// within [-1, 1], the same for any number of workers. Above 2,000 rows it is
// the PCA.
func Map2D(x []float32, k, d int, seed uint64, workers int) []float32 {
	y := principal(x, k, d, seed)
	if k >= 4 && k <= mapMost {
		tsne(y, affinities(x, k, d, workers), k, workers)
	}
	var most float64
	for i := range 2 {
		var mean float64
		for j := i; j < len(y); j += 2 {
			mean += y[j] / float64(k)
		}
		for j := i; j < len(y); j += 2 {
			y[j] -= mean
			most = max(most, math.Abs(y[j]))
		}
	}
	out := make([]float32, 2*k)
	for i := range out {
		if most > 0 {
			out[i] = float32(y[i] / most)
		}
	}
	return out
}

// principal returns the first two principal components (k x 2) by orthogonal
// iteration.
func principal(x []float32, k, d int, seed uint64) []float64 {
	mean := make([]float32, d)
	for i := range k {
		vec.Axpy(1/float32(k), x[i*d:(i+1)*d], mean)
	}
	c := append([]float32(nil), x...)
	for i := range k {
		vec.Axpy(-1, mean, c[i*d:(i+1)*d])
	}
	rng := rand.New(rand.NewPCG(seed, 0x6d6170))
	axis, proj := make([]float32, 2*d), make([]float32, 2*k)
	for i := range axis {
		axis[i] = float32(rng.NormFloat64())
	}
	for range 40 {
		vec.Gemm(false, true, k, 2, d, 1, c, d, axis, d, 0, proj, 2)
		vec.Gemm(true, false, 2, d, k, 1, proj, 2, c, d, 0, axis, d)
		for j := range 2 {
			a := axis[j*d : (j+1)*d]
			if j == 1 {
				vec.Axpy(-vec.Dot(a, axis[:d]), axis[:d], a)
			}
			if s := vec.SumSquares(a); s > 0 {
				vec.Scale(float32(1/math.Sqrt(s)), a)
			}
		}
	}
	vec.Gemm(false, true, k, 2, d, 1, c, d, axis, d, 0, proj, 2)
	y := make([]float64, 2*k)
	for i, v := range proj {
		y[i] = float64(v)
	}
	return y
}

// affinities returns the symmetric k x k probabilities that t-SNE is to
// reproduce: each row a Gaussian of the asked-for perplexity, found by
// bisection on its precision.
func affinities(x []float32, k, d, workers int) []float32 {
	goal := math.Log(min(mapPerplexity, float64(k-1)/3))
	p := make([]float32, k*k)
	vec.ForEach(workers, k, func(_, i int) {
		sq, row := make([]float64, k), p[i*k:(i+1)*k]
		nearest := math.Inf(1)
		for j := range k {
			sq[j] = float64(vec.SquaredDistance(x[i*d:(i+1)*d], x[j*d:(j+1)*d]))
			if j != i {
				nearest = min(nearest, sq[j])
			}
		}
		beta, lo, hi := 1.0, 0.0, math.Inf(1)
		for range 60 {
			var sum, dot float64
			for j := range k {
				if j != i {
					e := math.Exp(-beta * (sq[j] - nearest))
					row[j] = float32(e)
					sum, dot = sum+e, dot+e*(sq[j]-nearest)
				}
			}
			vec.Scale(float32(1/sum), row)
			if entropy := math.Log(sum) + beta*dot/sum; math.Abs(entropy-goal) < 1e-4 {
				break
			} else if entropy > goal {
				lo, beta = beta, min(beta*2, (beta+hi)/2)
			} else {
				hi, beta = beta, (beta+lo)/2
			}
		}
	})
	for i := range k {
		for j := range i {
			v := max((p[i*k+j]+p[j*k+i])/float32(2*k), 1e-12)
			p[i*k+j], p[j*k+i] = v, v
		}
	}
	return p
}

// tsne moves y (k x 2) down the gradient of the Kullback-Leibler divergence,
// 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2), with momentum and a
// gain for each coordinate.
func tsne(y []float64, p []float32, k, workers int) {
	var spread float64
	for i := 0; i < len(y); i += 2 {
		spread += y[i] * y[i] / float64(k)
	}
	px, py := make([]float32, k), make([]float32, k)
	for i := range k {
		if spread > 0 {
			y[2*i] *= 1e-2 / math.Sqrt(spread)
			y[2*i+1] *= 1e-2 / math.Sqrt(spread)
		}
		// Rows that coincide would never part: a fixed spiral far below the scale.
		y[2*i] += 1e-5 * math.Cos(float64(i))
		y[2*i+1] += 1e-5 * math.Sin(float64(i))
	}
	force := make([]tsneForce, k)
	speed, gain := make([]float64, 2*k), make([]float64, 2*k)
	for i := range gain {
		gain[i] = 1
	}
	for step := range mapSteps {
		pull, momentum := 12.0, 0.5
		if step >= mapEarly {
			pull, momentum = 1, 0.8
		}
		for i := range k {
			px[i], py[i] = float32(y[2*i]), float32(y[2*i+1])
		}
		const block = 32
		vec.ForEach(workers, (k+block-1)/block, func(_, b int) {
			for i := b * block; i < min(k, (b+1)*block); i++ {
				force[i] = forceOn(i, px, py, p[i*k:(i+1)*k])
			}
		})
		var z float64
		for i := range force {
			z += force[i].z
		}
		rate := max(float64(k)/12/4, 12)
		for i := range force {
			for c := range 2 {
				n := 2*i + c
				g := 4 * (pull*force[i].pull[c] - force[i].push[c]/z)
				if (g > 0) == (speed[n] > 0) {
					gain[n] = max(gain[n]*0.8, 0.01)
				} else {
					gain[n] += 0.2
				}
				speed[n] = momentum*speed[n] - rate*gain[n]*g
				y[n] += speed[n]
			}
		}
	}
}

// tsneForce is what the other points do to one: z is the sum of
// 1/(1+|y_i-y_j|^2).
type tsneForce struct {
	pull, push [2]float64
	z          float64
}

func forceOn(i int, x, y, p []float32) tsneForce {
	var ax, ay, rx, ry, z float32
	xi, yi := x[i], y[i]
	y, p = y[:len(x)], p[:len(x)]
	for j, xj := range x {
		dx, dy := xi-xj, yi-y[j]
		q := 1 / (1 + dx*dx + dy*dy)
		a, r := p[j]*q, q*q
		ax, ay = ax+a*dx, ay+a*dy
		rx, ry = rx+r*dx, ry+r*dy
		z += q
	}
	return tsneForce{[2]float64{float64(ax), float64(ay)}, [2]float64{float64(rx), float64(ry)}, float64(z) - 1}
}
