package solve

import (
	"math"
	"math/rand/v2"
)

// A Relaxer chooses the relaxation of one system after another. Khodak, Chow,
// Balcan and Talwalkar (2024, Learning to Relax, arXiv 2310.02246) show that the
// numbers of iterations alone are enough to learn it.
type Relaxer interface {
	// Omega returns the relaxation for a system with this context, such as the
	// shift c of A + cI.
	Omega(context float64) float64
	// Observe takes the number of iterations that the solve took.
	Observe(iterations int)
}

// Grid returns n relaxations from 1 to 1.95, the paper's range. With fewer than
// 1000 systems to come and no context 5 of them are enough, and 20 too many.
func Grid(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1 + 0.95*float64(i)/float64(max(1, n-1))
	}
	return out
}

// Bandit chooses among arms by their costs alone: Tsallis-INF (Zimmert and Seldin,
// 2021, JMLR 22, arXiv 1807.07623), with importance-weighted sums of costs in units
// of their running mean, so that costs need no known range. It can choose among
// anything: relaxations, solvers.
type Bandit struct {
	Arms int

	sums  []float64 // of cost / probability, by arm
	p     []float64 // of the last Pick
	mean  float64   // of the costs
	round int
}

// Pick draws an arm.
func (b *Bandit) Pick(rng *rand.Rand) int {
	if b.sums == nil {
		b.sums, b.p = make([]float64, b.Arms), make([]float64, b.Arms)
	}
	unit := 1.0
	if b.mean > 0 {
		unit = b.mean
	}
	scaled := make([]float64, b.Arms)
	for i, v := range b.sums {
		scaled[i] = v / unit
	}
	tsallis(b.p, scaled, 2/math.Sqrt(float64(b.round+1)))
	return draw(b.p, rng)
}

// Update takes what the arm that was picked has cost, at least 0.
func (b *Bandit) Update(arm int, cost float64) {
	b.round++
	b.mean += (cost - b.mean) / float64(b.round)
	b.sums[arm] += cost / b.p[arm]
}

// tsallis sets p to 4 (eta (loss - x))^-2 with the x for which it sums to 1. From
// min loss - 2/eta, where one term alone is 1, Newton's method falls to it
// monotonously: the sum is convex and rises with x. The published script starts
// elsewhere and leaves sums off by some per cent.
func tsallis(p, loss []float64, eta float64) {
	x := math.Inf(1)
	for _, v := range loss {
		x = min(x, v)
	}
	x -= 2 / eta
	for range 100 {
		sum, slope := 0.0, 0.0
		for i, v := range loss {
			root := 2 / (eta * (v - x))
			p[i] = root * root
			sum += p[i]
			slope += eta * p[i] * root
		}
		if math.Abs(sum-1) < 1e-14 {
			break
		}
		x -= (sum - 1) / slope
	}
	sum := 0.0
	for _, v := range p {
		sum += v
	}
	for i := range p {
		p[i] /= sum
	}
}

// draw returns an index with the probabilities p, which sum to 1.
func draw(p []float64, rng *rand.Rand) int {
	u := rng.Float64()
	for i, v := range p {
		if u -= v; u < 0 {
			return i
		}
	}
	return len(p) - 1
}

// Blind is a Relaxer that does not look at the context: a Bandit over the grid.
// The cost of a solve is its iterations less 1.
type Blind struct {
	Grid []float64
	Rng  *rand.Rand

	bandit Bandit
	arm    int
}

// Omega implements Relaxer.
func (r *Blind) Omega(float64) float64 {
	r.bandit.Arms = len(r.Grid)
	r.arm = r.bandit.Pick(r.Rng)
	return r.Grid[r.arm]
}

// Observe implements Relaxer.
func (r *Blind) Observe(iterations int) { r.bandit.Update(r.arm, float64(iterations-1)) }

// Binned is a Relaxer with a bandit for each of Bins equal parts of the contexts
// from Low to High (Tsallis-INF-CB).
type Binned struct {
	Grid      []float64
	Low, High float64
	Bins      int
	Rng       *rand.Rand

	parts []Blind
	part  int
}

// Omega implements Relaxer.
func (r *Binned) Omega(context float64) float64 {
	if r.parts == nil {
		r.parts = make([]Blind, r.Bins)
		for i := range r.parts {
			r.parts[i] = Blind{Grid: r.Grid, Rng: r.Rng}
		}
	}
	r.part = min(max(int(float64(r.Bins)*(context-r.Low)/(r.High-r.Low)), 0), r.Bins-1)
	return r.parts[r.part].Omega(context)
}

// Observe implements Relaxer.
func (r *Binned) Observe(iterations int) { r.parts[r.part].Observe(iterations) }
