package search

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/climb-go/climb/mix"
)

// Recipe is the sampler of first rounds that RegMix published and that the
// public CLIMB recipe took over: Dirichlet draws around the tempered prior at
// strengths from almost one-hot to almost the prior itself. We differ in two
// points: shares are not rounded to multiples of MinShare (the rounded ones
// would not sum to 1), and where the ratio cap rejects nearly every draw, the
// rest are projected onto it instead of returning fewer mixtures than asked.
type Recipe struct {
	Temperature float64 `json:"temperature" default:"0.5" min:"1e-3" max:"10" doc:"temperature: exponent on the prior before it is renormalized"`
	MinStrength float64 `json:"min_strength" default:"0.1" min:"1e-6" doc:"smallest Dirichlet concentration (sum of the parameters)"`
	MaxStrength float64 `json:"max_strength" default:"5" min:"1e-6" doc:"largest Dirichlet concentration"`
	Strengths   int     `json:"strengths" default:"15" min:"1" doc:"number of concentrations, log-spaced between the two"`
	MaxRatio    float64 `json:"max_ratio" default:"15" min:"1" doc:"rejection: a mixture with a weight above this multiple of the prior's is redrawn"`
	MinShare    float64 `json:"min_share" default:"2e-4" min:"0" max:"1" doc:"shares below this become 0"`
	Oversample  int     `json:"oversample" default:"100" min:"1" doc:"oversampling: draws per mixture needed, among which mixtures are picked at random"`
}

// draw returns one mixture of the recipe within the limits. A draw beyond the
// ratio cap is projected onto it if project is set and nil if it is not.
func (r Recipe) draw(rng *rand.Rand, tempered []float64, ratio, limits mix.Bounds, project bool) mix.Mixture {
	step := 0.0
	if r.Strengths > 1 {
		step = float64(rng.IntN(r.Strengths)) / float64(r.Strengths-1)
	}
	strength := r.MinStrength * math.Pow(r.MaxStrength/r.MinStrength, step)
	alpha := make([]float64, len(tempered))
	for i, v := range tempered {
		alpha[i] = strength * v
	}
	m := mix.Dirichlet(rng, alpha)
	if !ratio.Contains(m) && !project {
		return nil
	}
	for i, w := range m {
		if w < r.MinShare {
			m[i] = 0
		}
	}
	if clean, err := mix.Normalize(m); err == nil {
		m = clean
	}
	if project {
		m = within(ratio, m)
	}
	return within(limits, m)
}

// sample returns up to about n*Oversample mixtures of the recipe.
func (r Recipe) sample(ctx context.Context, p Problem, n int) ([]mix.Mixture, error) {
	tempered, ratio := make([]float64, len(p.Prior)), mix.Bounds{Upper: make([]float64, len(p.Prior))}
	for i, share := range p.Prior {
		if share > 0 {
			tempered[i] = math.Pow(share, r.Temperature)
		}
		ratio.Upper[i] = min(1, r.MaxRatio*share)
	}
	tempered, err := mix.Normalize(tempered)
	if err != nil {
		return nil, err
	}
	limits, total := p.limits(), n*r.Oversample
	drawn, err := draws(ctx, p, total, func(rng *rand.Rand) mix.Mixture {
		return r.draw(rng, tempered, ratio, limits, false)
	})
	if err != nil || len(drawn) >= n {
		return drawn, err
	}
	rest, err := draws(ctx, p, 2*n, func(rng *rand.Rand) mix.Mixture {
		return r.draw(rng, tempered, ratio, limits, true)
	})
	return append(drawn, rest...), err
}

// around returns n draws of the Dirichlet distribution with mean p.Prior and
// the given sum of parameters, projected onto the limits.
func around(ctx context.Context, p Problem, concentration float64, n int) ([]mix.Mixture, error) {
	alpha, limits := make([]float64, len(p.Prior)), p.limits()
	for i, share := range p.Prior {
		alpha[i] = concentration * share
	}
	return draws(ctx, p, n, func(rng *rand.Rand) mix.Mixture {
		return within(limits, mix.Dirichlet(rng, alpha))
	})
}

// within returns m, projected onto the limits if it is outside.
func within(limits mix.Bounds, m mix.Mixture) mix.Mixture {
	if limits.Contains(m) {
		return m
	}
	return limits.Project(m)
}

// drawChunk is the number of draws that share a generator.
const drawChunk = 1024

// draws calls draw n times on all cores and returns what is not nil, in an
// order that does not depend on the number of cores. With a pool it returns
// all of that.
func draws(ctx context.Context, p Problem, n int, draw func(*rand.Rand) mix.Mixture) ([]mix.Mixture, error) {
	if len(p.Pool) > 0 {
		return slices.Clone(p.Pool), ctx.Err()
	}
	all := make([]mix.Mixture, n)
	err := chunks(ctx, n, func(chunk, lo, hi int) {
		rng := p.rng(streamCandidates, chunk)
		for i := lo; i < hi; i++ {
			all[i] = draw(rng)
		}
	})
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, m := range all {
		if m != nil {
			kept = append(kept, m)
		}
	}
	return kept, nil
}

// chunks calls f for the ranges [lo, hi) that divide 0..n, on all cores.
func chunks(ctx context.Context, n int, f func(chunk, lo, hi int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				chunk := int(next.Add(1)) - 1
				if chunk*drawChunk >= n || ctx.Err() != nil {
					return
				}
				f(chunk, chunk*drawChunk, min(n, (chunk+1)*drawChunk))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
