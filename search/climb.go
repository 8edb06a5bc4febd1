package search

import (
	"context"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
)

// Climb is the search of CLIMB (arXiv 2504.13161). The first
// round measures random mixtures. Every later round fits a predictor to all
// scores so far, ranks the candidates that are not yet measured, keeps the
// best Pool of them and measures n drawn from these at random. The answer is
// the candidate that the last predictor likes best.
//
// Sampler "paper" has one set of candidates for the whole search, draws of a
// Dirichlet distribution centred on the prior; the first round takes n of
// them at random. The paper names neither the concentration nor the pool
// size. Sampler "recipe" is the public tutorial: the first round comes from
// Recipe, candidates of later rounds are draws of Dirichlet(prior).
//
// Bounds are kept by projecting every candidate onto them. With fewer than
// two scores in the history there is nothing to fit, and mixtures are drawn
// as in a first round; if all trials failed, that is an error.
type Climb struct {
	Sampler       string         `json:"sampler" default:"paper" choices:"paper,recipe" doc:"sampler of mixtures: as the paper describes, or as the public recipe does"`
	Concentration float64        `json:"concentration" min:"0" doc:"Dirichlet concentration of the paper sampler; 0 = the number of domains, which is uniform over the simplex if the prior is uniform"`
	Recipe        Recipe         `json:"recipe" doc:"first round of the recipe sampler"`
	Candidates    int            `json:"candidates" default:"100000" min:"1" doc:"number of candidate mixtures that the predictor ranks"`
	Pool          int            `json:"pool" min:"0" doc:"a round is drawn from so many top candidates; 0 = the larger of 128 and the square of the round's size"`
	Predictor     predict.Choice `json:"predictor" default:"auto" doc:"predictor: regression from mixture to score; gbdt is the published choice"`
}

// Propose implements Strategy.
func (c Climb) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("climb", &c, p); err != nil {
		return nil, err
	}
	k, runs := newPicker(history), Measured(p.Rescore(history))
	if len(runs) == 0 && len(history) > 0 {
		return nil, noScores(history)
	}
	rng := p.rng(streamRound, len(k.seen))
	if len(runs) < 2 {
		first, err := c.first(ctx, p, n)
		if err != nil {
			return nil, err
		}
		return k.draw(rng, first, n), nil
	}
	ranked, err := c.ranked(ctx, p, runs)
	if err != nil {
		return nil, err
	}
	size := c.Pool
	if size == 0 {
		size = max(n*n, 128)
	}
	pool, rest := k.top(ranked, max(size, n))
	k.draw(rng, pool, n)
	for _, m := range rest { // if the pool was full of duplicates
		if len(k.picked) == n {
			break
		}
		k.add(m)
	}
	return k.picked, nil
}

// Best implements Strategy: the candidate, measured or not, with the highest
// prediction. With one score only it is that mixture.
func (c Climb) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("climb", &c, p); err != nil {
		return nil, err
	}
	switch runs := Measured(p.Rescore(history)); len(runs) {
	case 0:
		return nil, noScores(history)
	case 1:
		return runs[0].Mixture, nil
	default:
		ranked, err := c.ranked(context.Background(), p, runs)
		if err != nil {
			return nil, err
		}
		return ranked[0], nil
	}
}

// prepare fills and checks the options *o of a strategy and checks p.
func prepare(name string, o any, p Problem) error {
	option.Fill(o)
	if err := option.Check(name, o); err != nil {
		return err
	}
	return p.Check()
}

// first returns at least n mixtures to draw the first round from, unless the
// bounds leave no room for so many.
func (c Climb) first(ctx context.Context, p Problem, n int) ([]mix.Mixture, error) {
	if c.Sampler == "recipe" {
		return c.Recipe.sample(ctx, p, n)
	}
	return c.candidates(ctx, p)
}

// candidates returns what the predictor may choose from.
func (c Climb) candidates(ctx context.Context, p Problem) ([]mix.Mixture, error) {
	concentration := 1.0
	if c.Sampler == "paper" {
		concentration = c.Concentration
		if concentration == 0 {
			concentration = float64(len(p.Domains))
		}
	}
	return around(ctx, p, concentration, c.Candidates)
}

// ranked returns the measured mixtures within the bounds and the candidates in
// the order of their predicted scores, best first. Ties go to what was
// measured, the best of these first: a predictor that found no signal and
// says the same of all mixtures must not recommend an arbitrary one.
func (c Climb) ranked(ctx context.Context, p Problem, runs []Trial) ([]mix.Mixture, error) {
	all, err := c.candidates(ctx, p)
	if err != nil {
		return nil, err
	}
	var measured []mix.Mixture
	limits := p.limits()
	for _, r := range TopMeasured(runs, len(runs)) {
		if limits.Contains(r.Mixture) {
			measured = append(measured, r.Mixture)
		}
	}
	all = append(measured, all...)
	f, err := fit(c.Predictor, runs)
	if err != nil {
		return nil, err
	}
	return rank(ctx, p, f, all)
}

// rank returns the mixtures in the order of their predictions less the
// problem's penalty, highest first.
func rank(ctx context.Context, p Problem, f predict.Predictor, all []mix.Mixture) ([]mix.Mixture, error) {
	score, order := make([]float64, len(all)), make([]int, len(all))
	err := chunks(ctx, len(all), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			score[i], order[i] = f.Predict(all[i])-p.penalty(all[i]), i
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case score[i] > score[j]:
			return -1
		case score[i] < score[j]:
			return 1
		}
		return i - j
	})
	out := make([]mix.Mixture, len(all))
	for i, from := range order {
		out[i] = all[from]
	}
	return out, nil
}

// top returns the first n mixtures of the ranking that are not in the history,
// and what comes after them.
func (k *picker) top(ranked []mix.Mixture, n int) (pool, rest []mix.Mixture) {
	for i, m := range ranked {
		if len(pool) == n {
			return pool, ranked[i:]
		}
		if k.fresh(m) {
			pool = append(pool, m)
		}
	}
	return pool, nil
}

// draw picks fresh mixtures from the set in random order until there are n.
func (k *picker) draw(rng *rand.Rand, from []mix.Mixture, n int) []mix.Mixture {
	for _, i := range rng.Perm(len(from)) {
		if len(k.picked) == n {
			break
		}
		k.add(from[i])
	}
	return k.picked
}
