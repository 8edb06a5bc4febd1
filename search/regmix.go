package search

import (
	"context"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// RegMix is the one-shot regression of Liu et al. (arXiv 2407.01492): the
// whole budget goes into one round of Recipe mixtures, a predictor is fitted
// to their scores, and the answer is the mean of the Top best among many
// simulated draws of Dirichlet(prior). The number of trees comes from
// cross-validation inside the training runs; the published notebook stops on
// its test set. Bounds are kept by projection. From a pool the best one is taken:
// a mean of its mixtures is not in it.
type RegMix struct {
	Recipe     Recipe         `json:"recipe" doc:"sampler of the mixtures that proxies are trained on"`
	Candidates int            `json:"candidates" default:"100000" min:"1" doc:"number of simulated candidate mixtures"`
	Top        int            `json:"top" default:"128" min:"1" doc:"top-k: the answer is the mean of the best so many candidates"`
	Predictor  predict.Choice `json:"predictor" default:"auto" doc:"predictor: regression from mixture to score; gbdt is the published choice"`
}

// Rounds implements Scheduler: everything at once.
func (r RegMix) Rounds(p Problem) []int { return oneRound(p) }

// Propose implements Strategy. Scores in the history make no difference.
func (r RegMix) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("regmix", &r, p); err != nil {
		return nil, err
	}
	k := newPicker(history)
	from, err := r.Recipe.sample(ctx, p, n+len(k.seen))
	if err != nil {
		return nil, err
	}
	return k.draw(p.rng(streamRound, len(k.seen)), from, n), nil
}

// Best implements Strategy. With one score only it is that mixture.
func (r RegMix) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("regmix", &r, p); err != nil {
		return nil, err
	}
	runs := Measured(p.Rescore(history))
	switch len(runs) {
	case 0:
		return nil, noScores(history)
	case 1:
		return runs[0].Mixture, nil
	}
	f, err := fit(r.Predictor, runs)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	all, err := around(ctx, p, 1, r.Candidates)
	if err != nil {
		return nil, err
	}
	all, err = rank(ctx, p, f, all)
	if err != nil {
		return nil, err
	}
	if len(p.Pool) > 0 {
		return all[0], nil
	}
	top := all[:min(r.Top, len(all))]
	mean := make([]float64, len(p.Domains))
	for _, m := range top {
		for i, w := range m {
			mean[i] += w / float64(len(top))
		}
	}
	return p.limits().Project(mean), nil
}

// oneRound is the whole budget of p in one round.
func oneRound(p Problem) []int {
	sum := 0
	for _, n := range p.Rounds {
		sum += n
	}
	return []int{sum}
}
