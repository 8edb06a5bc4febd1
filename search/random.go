package search

import (
	"context"

	"github.com/climb-go/climb/mix"
)

// Random measures draws of a Dirichlet distribution centred on the prior,
// projected onto the bounds, and recommends the best measured one: CLIMB's
// first round with the whole budget and no predictor.
type Random struct {
	Concentration float64 `json:"concentration" min:"0" doc:"Dirichlet concentration (sum of the parameters); 0 = the number of domains"`
}

// Rounds implements Scheduler: everything at once.
func (r Random) Rounds(p Problem) []int { return oneRound(p) }

// Propose implements Strategy.
func (r Random) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("random", &r, p); err != nil {
		return nil, err
	}
	k := newPicker(history)
	from, err := r.sample(ctx, p, 2*(n+len(k.seen)))
	if err != nil {
		return nil, err
	}
	return k.draw(p.rng(streamRound, len(k.seen)), from, n), nil
}

// Best implements Strategy.
func (r Random) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("random", &r, p); err != nil {
		return nil, err
	}
	top := TopMeasured(p.Rescore(history), 1)
	if len(top) == 0 {
		return nil, noScores(history)
	}
	return top[0].Mixture, nil
}

func (r Random) sample(ctx context.Context, p Problem, n int) ([]mix.Mixture, error) {
	concentration := r.Concentration
	if concentration == 0 {
		concentration = float64(len(p.Domains))
	}
	return around(ctx, p, concentration, n)
}

// RandomMixture returns the mixture that the paper's random baseline trains
// the target model on: one draw as of Random, from a generator with this seed.
func RandomMixture(p Problem, seed uint64) (mix.Mixture, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if p.Schedule != nil {
		m, err := RandomMixture(p.flat(), seed)
		return p.phases().Static(m), err
	}
	alpha := make([]float64, len(p.Prior))
	for i, share := range p.Prior {
		alpha[i] = share * float64(len(p.Domains))
	}
	p.Seed = seed
	return within(p.limits(), mix.Dirichlet(p.rng(streamBaseline, 0), alpha)), nil
}
