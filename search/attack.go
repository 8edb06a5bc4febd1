package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/climb-go/climb/mix"
)

// Constants of attack: radii are in shares.
const (
	attackStart  = 0.05
	attackLeast  = 1e-5
	attackMost   = 0.5
	attackGain   = 1e-3 // relative, for the attack radius to grow by attackGrow
	attackGrow   = 1.3
	attackBudget = 40 // evaluations a start and tangent dimension
)

// Climber improves one mixture by directional attacks (Bouchet and Vidal, 2025,
// arXiv 2510.01461), a direct search whose first try is the step that an attack on a
// network would make: as far as the radius allows in every share, by the sign of its
// slope. Covering steps, random searches and a rotated poll follow where it fails,
// so that a gradient that is missing or misleads costs a try and no more.
//
// On the bounded simplex the attack is the best vertex of the box around the mixture
// within its bounds (mix.Bounds.Vertex); other directions are projected, and poll in
// the tangent space of the simplex. Theirs hands the gradient to an attack library
// as a soft label, whose loss has no gradient where there is one output, so that it
// cannot be followed here; and its rotation writes 2 x 2 blocks over each other,
// which is none: ours is in one random plane.
type Climber struct {
	Limits mix.Bounds
	Value  func(mix.Mixture) float64
	Slope  func(dst []float64, m mix.Mixture) // nil: direct search alone
	// AttackOnly leaves the direct search out.
	AttackOnly bool

	best            mix.Mixture
	top             float64
	left            int
	attack, direct  float64 // radii
	searches        int
	rng             *rand.Rand
	basis           [][]float64
	gradient, space []float64
}

// Climb returns the best mixture found from m within the budget of evaluations, of
// which a gradient is one, and its value.
func (c *Climber) Climb(rng *rand.Rand, m mix.Mixture, budget int) (mix.Mixture, float64) {
	n := len(m)
	c.rng, c.left, c.attack, c.direct, c.searches = rng, budget-1, attackStart, attackStart, 0
	c.gradient, c.space, c.basis = make([]float64, n), make([]float64, n), tangents(n)
	c.best, c.top = m, c.Value(m)
	if math.IsNaN(c.top) {
		c.top = math.Inf(-1)
	}
	for c.left > 0 && (c.attack > attackLeast && c.Slope != nil || c.direct > attackLeast && !c.AttackOnly) {
		if c.Slope != nil && c.left > 1 && c.attacks() || c.AttackOnly {
			if c.AttackOnly && c.left <= 1 {
				break
			}
			continue
		}
		if c.cover() {
			continue
		}
		if c.direct > attackLeast && !c.searched() {
			c.poll()
		}
	}
	return c.best, c.top
}

// try evaluates the mixture nearest to best + d, and takes it if it is better.
func (c *Climber) try(d []float64) bool {
	if c.left <= 0 {
		return false
	}
	for i := range d {
		c.space[i] = c.best[i] + d[i]
	}
	return c.take(c.Limits.Project(c.space))
}

func (c *Climber) take(m mix.Mixture) bool {
	c.left--
	v := c.Value(m)
	if !(v > c.top) {
		return false
	}
	c.best, c.top = m, v
	return true
}

// attacks goes to the vertex of the box of radius attack around best. It tells
// whether the value rose by enough for the iteration to end.
func (c *Climber) attacks() bool {
	if c.attack <= attackLeast {
		return false
	}
	before := c.top
	c.left--
	c.Slope(c.gradient, c.best)
	box := mix.Bounds{Lower: make([]float64, len(c.best)), Upper: make([]float64, len(c.best))}
	for i, w := range c.best {
		lo, hi := c.Limits.At(i)
		box.Lower[i], box.Upper[i] = max(lo, w-c.attack), min(hi, w+c.attack)
		box.Lower[i] = min(box.Lower[i], w)
		box.Upper[i] = max(box.Upper[i], w)
	}
	if box.Feasible(len(c.best)) != nil || !c.take(box.Vertex(c.gradient)) {
		c.attack = max(attackLeast, c.attack/attackGrow)
		return false
	}
	if (c.top-before)/(math.Abs(before)+1e-10) < attackGain {
		c.attack = min(attackMost, 1.1*c.attack)
		return false
	}
	c.attack = min(attackMost, attackGrow*c.attack)
	if c.direct <= attackLeast {
		c.direct *= 2
	}
	return true
}

// along returns a random direction of the tangent space whose largest share is 1.
func (c *Climber) along() []float64 {
	d, most := make([]float64, len(c.best)), 0.0
	for _, b := range c.basis {
		u := c.rng.NormFloat64()
		for i, v := range b {
			d[i] += u * v
		}
	}
	for _, v := range d {
		most = max(most, math.Abs(v))
	}
	for i := range d {
		d[i] /= most + 1e-300
	}
	return d
}

func scaled(d []float64, by float64) []float64 {
	for i := range d {
		d[i] *= by
	}
	return d
}

// cover looks anywhere: in a random direction at a random distance, mostly far.
func (c *Climber) cover() bool {
	reach := math.Pow(c.rng.Float64()*attackStart, 1/float64(max(1, len(c.basis))))
	return c.try(scaled(c.along(), reach))
}

// searched tries a random direction, farther from time to time.
func (c *Climber) searched() bool {
	reach := min(attackMost, attackStart*math.Sqrt(float64(c.searches+1)))
	c.searches++
	if c.try(scaled(c.along(), reach)) {
		c.direct = min(attackMost, 2*c.direct)
		return true
	}
	return false
}

// poll tries a positive spanning set of directions, the columns of a random
// reflection and minus their sum, turned in a random plane, until one is better.
func (c *Climber) poll() {
	k := len(c.basis)
	u, p, q := unit(c.rng, k), unit(c.rng, k), unit(c.rng, k)
	overlap := 0.0
	for i := range p {
		overlap += p[i] * q[i]
	}
	size := 0.0
	for i := range q {
		q[i] -= overlap * p[i]
		size += q[i] * q[i]
	}
	angle := c.rng.Float64() * math.Acos(1/float64(max(k, 1)))
	for column := range k + 1 {
		v := make([]float64, k)
		for i := range v {
			if column == k { // minus the sum of the others
				sum := 0.0
				for _, w := range u {
					sum += w
				}
				v[i] = 2*u[i]*sum - 1
				continue
			}
			v[i] = -2 * u[i] * u[column]
			if i == column {
				v[i]++
			}
		}
		if size > 1e-20 {
			turn(v, p, q, size, angle)
		}
		if c.try(scaled(c.lift(v), c.direct)) {
			c.direct = min(attackMost, 2*c.direct)
			return
		}
		if c.left <= 0 {
			return
		}
	}
	c.direct /= 2
}

// lift takes coordinates in the tangent space to shares, the largest of which is 1.
func (c *Climber) lift(v []float64) []float64 {
	d, most := make([]float64, len(c.best)), 0.0
	for j, b := range c.basis {
		for i := range d {
			d[i] += v[j] * b[i]
		}
	}
	for _, w := range d {
		most = max(most, math.Abs(w))
	}
	return scaled(d, 1/(most+1e-300))
}

// turn rotates v by an angle in the plane of p, of length 1, and q, orthogonal to it
// with the given squared length.
func turn(v, p, q []float64, size, angle float64) {
	a, b := 0.0, 0.0
	for i := range v {
		a += v[i] * p[i]
		b += v[i] * q[i] / math.Sqrt(size)
	}
	sin, cos := math.Sincos(angle)
	for i := range v {
		v[i] += (a*cos-b*sin-a)*p[i] + (a*sin+b*cos-b)*q[i]/math.Sqrt(size)
	}
}

// unit is a random direction.
func unit(rng *rand.Rand, k int) []float64 {
	v, size := make([]float64, k), 0.0
	for i := range v {
		v[i] = rng.NormFloat64()
		size += v[i] * v[i]
	}
	return scaled(v, 1/math.Sqrt(size+1e-300))
}

// tangents returns an orthonormal basis of the directions that keep the sum of n
// shares: the columns but the first of the reflection that takes the first axis to
// that of equal shares (Householder).
func tangents(n int) [][]float64 {
	h, size := slices.Repeat([]float64{-1 / math.Sqrt(float64(n))}, n), 0.0
	h[0]++
	for _, v := range h {
		size += v * v
	}
	out := make([][]float64, 0, max(0, n-1))
	for j := 1; j < n; j++ {
		b := make([]float64, n)
		for i := range b {
			b[i] = -2 * h[i] * h[j] / (size + 1e-300)
		}
		b[j]++
		out = append(out, b)
	}
	return out
}

// sharpen replaces the best of a list by what climbing from each of them finds: by
// projected gradient steps (mix.Ascend) or by attacks. Where there is no gradient
// ascend leaves them as they are, and attacks are direct search.
func sharpen(p Problem, rng *rand.Rand, how string, list []mix.Mixture, value func(mix.Mixture) float64, slope func(dst []float64, m mix.Mixture)) []mix.Mixture {
	if len(p.Pool) > 0 || len(p.Prior) < 2 || how == "ascend" && slope == nil {
		return list
	}
	limits, budget, seeds := p.limits(), attackBudget*len(p.Prior), make([]uint64, len(list))
	for i := range seeds {
		seeds[i] = rng.Uint64()
	}
	all := make([]candidate, 2*len(list))
	var wg sync.WaitGroup
	for i, m := range list {
		wg.Go(func() {
			all[i] = candidate{m, value(m), i}
			var to mix.Mixture
			if how == "ascend" {
				to, _, _ = mix.Ascend(limits, m, func(w mix.Mixture, grad []float64) float64 { slope(grad, w); return value(w) }, ascendSteps, 1e-9)
			} else {
				c := Climber{Limits: limits, Value: value, Slope: slope}
				to, _ = c.Climb(rand.New(rand.NewPCG(seeds[i], 0)), m, budget)
			}
			all[len(list)+i] = candidate{to, value(to), len(list) + i}
		})
	}
	wg.Wait()
	slices.SortStableFunc(all, better)
	out := make([]mix.Mixture, len(all))
	for i, c := range all {
		out[i] = c.mixture
	}
	return out
}

// ascendSteps is how many steps of projected gradient ascent a start gets.
const ascendSteps = 100
