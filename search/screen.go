package search

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/climb-go/climb/mix"
)

// A candidate is a mixture with its value and its number among the draws.
type candidate struct {
	mixture mix.Mixture
	value   float64
	number  int
}

// better orders candidates by falling value, ties by number.
func better(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.number, b.number))
}

// screen draws n candidates on all cores and returns the best keep of them,
// best first; with a pool every mixture of that is a candidate, once. Memory depends on keep, not on n. A value that is below the floor
// need not be known: any number below it will do. How high the floor is depends
// on the order in which the cores come by, what is returned does not.
func screen(ctx context.Context, p Problem, n, keep int, draw func(*rand.Rand) mix.Mixture, value func(m mix.Mixture, floor float64) float64) ([]mix.Mixture, error) {
	var mu sync.Mutex
	var top []candidate
	least := math.Inf(-1) // of the best keep so far
	if len(p.Pool) > 0 {
		n = len(p.Pool)
	}
	err := chunks(ctx, n, func(chunk, lo, hi int) {
		rng, part := p.rng(streamCandidates, chunk), make([]candidate, 0, hi-lo)
		mu.Lock()
		floor := least
		mu.Unlock()
		for i := lo; i < hi; i++ {
			var m mix.Mixture
			if len(p.Pool) > 0 {
				m = p.Pool[i]
			} else {
				m = draw(rng)
			}
			if v := value(m, floor); !(v < floor) {
				part = append(part, candidate{m, v, i})
			}
		}
		slices.SortFunc(part, better)
		mu.Lock()
		defer mu.Unlock()
		top = append(top, part[:min(keep, len(part))]...)
		if len(top) > 2*keep {
			slices.SortFunc(top, better)
			top = slices.Clone(top[:keep])
			least = top[keep-1].value
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(top, better)
	out := make([]mix.Mixture, min(keep, len(top)))
	for i := range out {
		out[i] = top[i].mixture
	}
	return out, nil
}

// whole makes a value of one that does not look at the floor.
func whole(value func(mix.Mixture) float64) func(mix.Mixture, float64) float64 {
	return func(m mix.Mixture, _ float64) float64 { return value(m) }
}

// anywhere returns a sampler of the bounded simplex for candidates: Dirichlet
// draws around the prior and around the uniform mixture, at strengths from
// sparse to concentrated, and draws around the centres, if there are any.
func (p Problem) anywhere(centres []mix.Mixture) func(*rand.Rand) mix.Mixture {
	limits, m := p.limits(), float64(len(p.Prior))
	even := make([]float64, len(p.Prior))
	for d, share := range p.Prior {
		if share > 0 {
			even[d] = 1 / m
		}
	}
	return func(rng *rand.Rand) mix.Mixture {
		centre, strength := []float64(p.Prior), m*math.Pow(4, 2*rng.Float64()-1)
		switch pick := rng.IntN(4); {
		case pick == 0:
			centre = even
		case pick > 1 && len(centres) > 0:
			c := centres[rng.IntN(len(centres))]
			centre, strength = make([]float64, len(p.Prior)), m*math.Pow(10, 2*rng.Float64())
			for d := range centre {
				centre[d] = 0.95*c[d] + 0.05*p.Prior[d]
			}
		}
		var space [64]float64 // on the stack
		alpha := append(space[:0], centre...)
		for d := range alpha {
			alpha[d] *= strength
		}
		return within(limits, mix.Dirichlet(rng, alpha))
	}
}

// improve climbs from the list to mixtures of higher value: in every
// generation each of them moves part of its tokens from one domain to another,
// or part of the way to another mixture of the list, and the best len(list)
// stay. The moves shrink from generation to generation.
func improve(p Problem, rng *rand.Rand, list []mix.Mixture, generations int, value func(mix.Mixture) float64) []mix.Mixture {
	if len(p.Pool) > 0 || len(p.Prior) < 2 {
		return list
	}
	limits, size := p.limits(), len(list)
	all := make([]candidate, 0, 2*size)
	for i, m := range list {
		all = append(all, candidate{m, value(m), i})
	}
	for g := range generations {
		reach := math.Pow(0.7, float64(g))
		for i := range size {
			m := moved(rng, all[i].mixture, all[rng.IntN(size)].mixture, reach, limits)
			all = append(all, candidate{m, value(m), len(all)})
		}
		slices.SortStableFunc(all, better)
		all = slices.Clone(all[:size])
		for i := range all {
			all[i].number = i
		}
	}
	out := make([]mix.Mixture, size)
	for i, c := range all {
		out[i] = c.mixture
	}
	return out
}

// moved is a step of improve.
func moved(rng *rand.Rand, m, other mix.Mixture, reach float64, limits mix.Bounds) mix.Mixture {
	out := slices.Clone(m)
	if rng.IntN(3) == 0 {
		t := rng.Float64()*2 - 0.5 // also beyond the other one, and away from it
		for d := range out {
			out[d] += reach * t * (other[d] - m[d])
		}
		return limits.Project(out)
	}
	for range 1 + rng.IntN(3) {
		from, to := rng.IntN(len(m)), rng.IntN(len(m))
		amount := out[from]
		if rng.IntN(3) > 0 {
			amount *= rng.Float64() * reach
		}
		out[from] -= amount
		out[to] += amount
	}
	return limits.Project(out)
}
