package solve

import (
	"math"
	"math/rand/v2"
)

// Chebyshev is a Relaxer that learns how the iterations of each relaxation depend
// on the context, from Low to High: a polynomial of degree 5 an arm, by least
// squares whose coefficients are bounded as those of a Lipschitz function are, and
// arms drawn by inverse gaps (ChebCB of Khodak et al., 2024, arXiv 2310.02246, on
// the SquareCB of Foster and Rakhlin, 2020). It is the one to take where there is
// a context.
//
// With K the largest cost seen, L the range of the costs over High - Low, and N =
// 2 + 4 (High-Low) (L/K) (1 + log 6), costs are fitted in units of KN under
// |theta_0| <= 1/N and |theta_j| <= 2 (High-Low) L/(KNj). The published script
// takes 0 as the least cost until the end, by a minimum over an array that is not
// full yet; here it is the least one observed.
type Chebyshev struct {
	Grid      []float64
	Low, High float64
	Rng       *rand.Rand

	arms        []chebArm
	feature     [chebSize]float64 // of the last context
	arm         int
	said        float64 // of the arm, in units of KN
	least, most float64
	unit, bound float64 // KN, and (High-Low) L
	round       int
	errors      float64 // sum of (said - cost/KN)^2
	held        float64 // squared residual of the round's last fit, if its bounds hold it back
}

const chebSize = 6 // coefficients an arm

// A chebArm has the normal equations of an arm, costs in iterations.
type chebArm struct {
	a     [chebSize][chebSize]float64
	b     [chebSize]float64
	c     float64 // sum of squared costs
	theta [chebSize]float64
}

// Omega implements Relaxer.
func (r *Chebyshev) Omega(context float64) float64 {
	if r.arms == nil {
		r.arms, r.unit, r.least = make([]chebArm, len(r.Grid)), 1, math.Inf(1)
	}
	x := min(max(2*(context-r.Low)/(r.High-r.Low)-1, -1), 1)
	r.feature[0], r.feature[1] = 1, x
	for j := 2; j < chebSize; j++ {
		r.feature[j] = 2*x*r.feature[j-1] - r.feature[j-2]
	}
	d, t := float64(len(r.arms)), float64(r.round+1)
	alpha := (math.Pi + 2/math.Pi*math.Log(2*chebSize+1)) / (2 * r.unit * (chebSize + 1)) * r.bound
	eta := 2 * t * math.Sqrt(d*t/(max(0, r.errors-r.held)+2*alpha*alpha*t+1e-300))
	said, best := make([]float64, len(r.arms)), 0
	for i := range r.arms {
		for j, f := range r.feature {
			said[i] += f * r.arms[i].theta[j]
		}
		if said[i] < said[best] {
			best = i
		}
	}
	p, rest := make([]float64, len(r.arms)), 1.0
	for i, v := range said {
		if i != best {
			p[i] = 1 / (d + eta*(v-said[best]))
			rest -= p[i]
		}
	}
	p[best] = rest
	r.arm = draw(p, r.Rng)
	r.said = said[r.arm]
	return r.Grid[r.arm]
}

// Observe implements Relaxer.
func (r *Chebyshev) Observe(iterations int) {
	cost := float64(iterations - 1)
	r.round++
	a := &r.arms[r.arm]
	for i, f := range r.feature {
		for j, g := range r.feature {
			a.a[i][j] += f * g
		}
		a.b[i] += f * cost
	}
	a.c += cost * cost
	before := r.unit
	r.least, r.most = min(r.least, cost), max(r.most, cost, 1)
	width := r.High - r.Low
	r.bound = r.most - r.least // width times L
	n := 2 + 4*r.bound/r.most*(1+math.Log(chebSize))
	r.unit = r.most * n
	if r.unit != before {
		for i := range r.arms {
			r.fit(&r.arms[i], n, width)
		}
	}
	r.held = r.fit(a, n, width)
	r.errors += (r.said - cost/r.unit) * (r.said - cost/r.unit)
}

// fit sets the coefficients of an arm by coordinate descent, which for a convex
// quadratic in a box ends at the minimum, and returns the squared residual if a
// bound holds it back, else 0.
func (r *Chebyshev) fit(a *chebArm, n, width float64) float64 {
	bound := false
	for range 200 {
		moved := 0.0
		bound = false
		for j := range a.theta {
			if a.a[j][j] == 0 {
				continue
			}
			most := 1 / n
			if j > 0 {
				most = 2 * r.bound / (r.unit * float64(j))
			}
			gradient := -a.b[j] / r.unit
			for k, v := range a.theta {
				gradient += a.a[j][k] * v
			}
			to := a.theta[j] - gradient/a.a[j][j]
			if math.Abs(to) > most {
				to, bound = math.Copysign(most, to), true
			}
			moved = max(moved, math.Abs(to-a.theta[j]))
			a.theta[j] = to
		}
		if moved < 1e-10 {
			break
		}
	}
	if !bound {
		return 0
	}
	sum := a.c / (r.unit * r.unit)
	for i, v := range a.theta {
		sum -= 2 * v * a.b[i] / r.unit
		for j, w := range a.theta {
			sum += v * w * a.a[i][j]
		}
	}
	return max(0, sum)
}
