package mix

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Bounds are the least and largest share of each domain. A nil Lower is all
// zeros, a nil Upper all ones.
type Bounds struct {
	Lower []float64 `json:"lower,omitempty"`
	Upper []float64 `json:"upper,omitempty"`
}

// boundTolerance is the slack that Contains and Feasible allow for rounding.
const boundTolerance = 1e-9

// At returns the bounds of domain i.
func (b Bounds) At(i int) (lo, hi float64) {
	hi = 1
	if b.Lower != nil {
		lo = b.Lower[i]
	}
	if b.Upper != nil {
		hi = min(hi, b.Upper[i])
	}
	return lo, hi
}

// Contains reports whether m keeps the bounds, with 1e-9 of slack a domain.
func (b Bounds) Contains(m Mixture) bool {
	for i, w := range m {
		lo, hi := b.At(i)
		if !(w >= lo-boundTolerance && w <= hi+boundTolerance) {
			return false
		}
	}
	return true
}

// Feasible returns nil if some mixture of n domains keeps the bounds, and
// otherwise says which bound or which sum rules all of them out.
func (b Bounds) Feasible(n int) error {
	if n <= 0 {
		return errors.New("bounds: no domains")
	}
	if b.Lower != nil && len(b.Lower) != n || b.Upper != nil && len(b.Upper) != n {
		return fmt.Errorf("bounds: %d lower and %d upper bounds for %d domains", len(b.Lower), len(b.Upper), n)
	}
	var least, most float64
	for i := range n {
		lo, hi := b.At(i)
		if !(lo >= 0 && lo <= 1) || !(hi >= 0) {
			return fmt.Errorf("bounds: domain %d has bounds [%v, %v] outside [0, 1]", i, lo, hi)
		}
		if lo > hi {
			return fmt.Errorf("bounds: domain %d has the lower bound %v above its upper bound %v", i, lo, hi)
		}
		least, most = least+lo, most+hi
	}
	if least > 1+boundTolerance {
		return fmt.Errorf("bounds: the lower bounds sum to %v, more than 1: lower some of them", least)
	}
	if most < 1-boundTolerance {
		return fmt.Errorf("bounds: the upper bounds sum to %v, less than 1: raise some of them", most)
	}
	return nil
}

// Intersect returns the bounds that keep both b and c, for n domains.
func (b Bounds) Intersect(c Bounds, n int) Bounds {
	out := Bounds{Lower: make([]float64, n), Upper: make([]float64, n)}
	for i := range n {
		lo, hi := b.At(i)
		lo2, hi2 := c.At(i)
		out.Lower[i], out.Upper[i] = max(lo, lo2), min(hi, hi2)
	}
	return out
}

// Project returns the mixture within the bounds that is nearest to m in
// Euclidean distance: clip(m - t, lower, upper) for the one shift t that makes
// it sum to 1. The sum falls piecewise linearly in t with a break where a
// domain meets a bound, so t is found exactly by sorting the 2n breaks and
// walking down the sum; O(n log n). m may be any finite vector. Bounds that
// are not Feasible are the caller's mistake and panic.
func (b Bounds) Project(m []float64) Mixture {
	if err := b.Feasible(len(m)); err != nil {
		panic("mix: project: " + err.Error())
	}
	var space [128]float64 // the shifts at which domains leave their upper bounds, and meet their lower ones
	leave, sum := space[:0:64], 0.0
	meet := space[64:64]
	for i, w := range m {
		lo, hi := b.At(i)
		leave, meet = append(leave, w-hi), append(meet, w-lo)
		sum += hi // at t = -Inf every domain is at its upper bound
	}
	slices.Sort(leave)
	slices.Sort(meet)
	t, falling := leave[0], 0.0
	for i, j := 0, 0; j < len(meet); {
		next, change := meet[j], -1.0
		if i < len(leave) && leave[i] <= next {
			next, change = leave[i], 1
		}
		if falling > 0 && sum-falling*(next-t) <= 1 {
			break
		}
		sum -= falling * (next - t)
		t, falling = next, falling+change
		if change > 0 {
			i++
		} else {
			j++
		}
	}
	if falling > 0 {
		t += (sum - 1) / falling
	}
	out := make(Mixture, len(m))
	for i, w := range m {
		lo, hi := b.At(i)
		out[i] = min(max(w-t, lo), hi)
	}
	return out
}

// BoundsFromSupply returns the upper bounds that keep a run of budget tokens
// from reading any domain more than epochs times: epochs*supply/budget, at
// most 1. supply is tokens per domain. epochs may be +Inf: then only domains
// without tokens are bounded. If no mixture fits, the error says how many
// tokens would do.
func BoundsFromSupply(supply []int64, budget int64, epochs float64) (Bounds, error) {
	if budget <= 0 || !(epochs > 0) {
		return Bounds{}, fmt.Errorf("bounds from supply: budget %d tokens and %v epochs must be positive", budget, epochs)
	}
	b, total := Bounds{Upper: make([]float64, len(supply))}, 0.0
	for i, s := range supply {
		if s < 0 {
			return Bounds{}, fmt.Errorf("bounds from supply: domain %d has %d tokens", i, s)
		}
		if s > 0 {
			b.Upper[i] = min(1, epochs*float64(s)/float64(budget))
		}
		total += float64(s)
	}
	if total == 0 {
		return Bounds{}, errors.New("bounds from supply: no domain has any tokens")
	}
	if err := b.Feasible(len(supply)); err != nil {
		most := epochs * total
		return Bounds{}, fmt.Errorf("bounds from supply: a budget of %d tokens is more than %v epochs of all %.0f tokens: "+
			"take a budget of at most %.0f tokens, or at least %.4g epochs", budget, epochs, total,
			math.Floor(most), math.Ceil(float64(budget)/total*1e3)/1e3)
	}
	return b, nil
}
