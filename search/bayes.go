package search

import (
	"context"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// Bayes is Bayesian optimisation over the bounded simplex. The first round is
// random, as CLIMB's; every later one fits a Gaussian process to all scores
// and fills a batch from the Shortlist of Candidates with the highest upper
// confidence bound, mean + 2 standard deviations:
//
//   - thompson: each mixture of the batch is the best one of a draw from the
//     joint posterior (Kandasamy et al., 2018, arXiv 1705.09236);
//   - ei: each is the one with the largest expected improvement on the best
//     mean of the measured ones, the uncertainty reduced by the runs chosen
//     before it, whatever they will score (Desautels et al., 2014, JMLR 15).
//
// The answer is the candidate, measured or not, with the highest posterior
// mean.
type Bayes struct {
	Acquisition string     `json:"acquisition" default:"thompson" choices:"thompson,ei" doc:"acquisition function: Thompson sampling (draws from the posterior), or expected improvement"`
	Candidates  int        `json:"candidates" default:"10000" min:"1" doc:"number of candidate mixtures in each round"`
	Shortlist   int        `json:"shortlist" default:"500" min:"2" doc:"a batch is chosen from so many candidates with the highest upper confidence bound"`
	First       Random     `json:"first" doc:"sampler of the first round"`
	GP          predict.GP `json:"gp" doc:"Gaussian process (surrogate model)"`
}

// Needs implements Needy.
func (Bayes) Needs() Needs { return Needs{Smaller: true} }

// Propose implements Strategy.
func (b Bayes) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("bayes", &b, p); err != nil {
		return nil, err
	}
	runs := Measured(p.Rescore(history))
	if len(runs) == 0 && len(history) > 0 {
		return nil, noScores(history)
	}
	if len(runs) < 2 {
		return b.First.Propose(ctx, p, history, n)
	}
	s, err := newSurrogate(p, history, predict.Choose(&b.GP))
	if err != nil {
		return nil, err
	}
	k := newPicker(history)
	left, ok := k.unmeasured(p)
	if !ok {
		return nil, nil
	}
	list, err := screen(ctx, left, b.Candidates, max(b.Shortlist, 2*n), p.anywhere(nil), s.upper)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(m mix.Mixture) bool { return !k.fresh(m) })
	if b.Acquisition == "ei" {
		return k.gains(s, list, n)
	}
	return k.thompson(s, p.rng(streamRound, len(k.seen)), list, n)
}

// Best implements Strategy. With one score only it is that mixture.
func (b Bayes) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("bayes", &b, p); err != nil {
		return nil, err
	}
	switch runs := Measured(p.Rescore(history)); len(runs) {
	case 0:
		return nil, noScores(history)
	case 1:
		return runs[0].Mixture, nil
	}
	s, err := newSurrogate(p, history, predict.Choose(&b.GP))
	if err != nil {
		return nil, err
	}
	list, err := screen(context.Background(), p, b.Candidates, 1, p.anywhere(nil), whole(s.mean))
	if err != nil {
		return nil, err
	}
	measured, err := s.bestMeasured(history)
	if err != nil || s.mean(measured) >= s.mean(list[0]) {
		return measured, err
	}
	return list[0], nil
}

// bestMeasured is the measured mixture within the bounds that the surrogate
// expects most of: the noise of its own runs is taken out by all the others.
// If none is within the bounds it is the best one, moved there.
func (s *surrogate) bestMeasured(history []Trial) (mix.Mixture, error) {
	runs := TopMeasured(s.p.Rescore(history), len(history))
	if len(runs) == 0 {
		return nil, noScores(history)
	}
	var best mix.Mixture
	for _, r := range runs {
		if s.p.limits().Contains(r.Mixture) && (best == nil || s.mean(r.Mixture) > s.mean(best)) {
			best = r.Mixture
		}
	}
	if best == nil {
		best = within(s.p.limits(), runs[0].Mixture)
	}
	return best, nil
}
