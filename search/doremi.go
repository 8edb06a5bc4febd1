package search

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/climb-go/climb/mix"
)

// DoReMi (Xie et al., 2023, arXiv 2305.10429) looks for the mixture that does
// best on the domain where it does worst against a reference model. The first
// run is the reference, on the natural mixture. Then the weights start
// uniform, and every further run measures the loss of each domain on the
// weights so far and updates them as in Algorithm 1,
//
//	a_d <- a_d exp(Rate max(0, loss_d - reference loss_d)),  then (1-c) a + c uniform,
//
// and the answer is the mean of the weights. No score is looked at.
//
// We differ in one thing: the paper updates the weights at every step of one
// proxy, we update them between runs, with losses on held-out text. So the
// method works with every trainer that measures the domains, and each of its
// runs can be repeated. Bounds are kept by projection of what is run and of
// the answer.
type DoReMi struct {
	Runs   int     `json:"runs" default:"16" min:"2" doc:"maximum number of proxy runs, reference model included; they run in sequence"`
	Rate   float64 `json:"rate" default:"1" min:"1e-6" doc:"step size (learning rate) of the domain weights, per nat of excess loss"`
	Smooth float64 `json:"smooth" default:"1e-3" min:"1e-9" max:"1" doc:"smoothing: share of the uniform mixture in the weights"`
}

// Needs implements Needy.
func (DoReMi) Needs() Needs { return Needs{DomainLoss: true} }

// Rounds implements Scheduler: one run after the other.
func (s DoReMi) Rounds(p Problem) []int {
	runs := s.Runs
	if runs == 0 {
		runs = 16
	}
	return slices.Repeat([]int{1}, min(runs, oneRound(p)[0]))
}

// Propose implements Strategy: one mixture, or none when the weights have come
// to rest or a run of theirs failed.
func (s DoReMi) Propose(_ context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("doremi", &s, p); err != nil {
		return nil, err
	}
	path, err := s.path(p, history)
	if err != nil || len(path) == 0 {
		return nil, err
	}
	return once(within(p.limits(), path[len(path)-1]), nil, history, n)
}

// Best implements Strategy.
func (s DoReMi) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("doremi", &s, p); err != nil {
		return nil, err
	}
	path, err := s.path(p, history)
	if err != nil {
		return nil, err
	}
	if len(Measured(history)) == 0 {
		return nil, noScores(history)
	}
	if len(path) < 2 { // the reference has not run, or nothing else has
		return NaturalMixture(p)
	}
	mean := make([]float64, len(p.Prior))
	for _, a := range path[1:] {
		for d, v := range a {
			mean[d] += v / float64(len(path)-1)
		}
	}
	return within(p.limits(), mean), nil
}

// path returns the reference and the weights one after the other, up to the
// first whose run is not in the history.
func (s DoReMi) path(p Problem, history []Trial) ([]mix.Mixture, error) {
	runs := map[string]Trial{}
	for _, r := range Measured(history) {
		runs[r.Hash] = r
		runs[r.Mixture.Hash()] = r
	}
	natural, err := NaturalMixture(p)
	if err != nil {
		return nil, err
	}
	path := []mix.Mixture{natural}
	reference, ok := runs[natural.Hash()]
	if !ok {
		return path, nil
	}
	weights, even := mix.Mixture(nil), make([]float64, len(p.Prior))
	for d, share := range p.Prior {
		if share > 0 {
			even[d] = 1
		}
	}
	if weights, err = mix.Normalize(even); err != nil {
		return nil, err
	}
	uniform := weights
	for range s.Runs {
		path = append(path, weights)
		r, ok := runs[within(p.limits(), weights).Hash()]
		if !ok {
			return path, nil
		}
		if len(r.DomainLoss) != len(weights) || len(reference.DomainLoss) != len(weights) {
			return nil, errors.New("doremi needs the loss of every domain with each run: let target.holdout be above 0, or give domain_loss")
		}
		next := make([]float64, len(weights))
		for d, a := range weights {
			next[d] = a * math.Exp(s.Rate*max(0, r.DomainLoss[d]-reference.DomainLoss[d]))
		}
		if weights, err = mix.Normalize(next); err != nil {
			return nil, err
		}
		for d := range weights {
			weights[d] = (1-s.Smooth)*weights[d] + s.Smooth*uniform[d]
		}
	}
	return path, nil
}
