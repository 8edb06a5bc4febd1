package search

import (
	"context"

	"github.com/climb-go/climb/mix"
)

// Natural gives every domain its share of the corpus's tokens, or the nearest
// to it that keeps the bounds. It measures this one mixture.
type Natural struct{}

// Rounds implements Scheduler: one mixture.
func (Natural) Rounds(Problem) []int { return []int{1} }

// Propose implements Strategy.
func (Natural) Propose(_ context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	m, err := NaturalMixture(p)
	return once(m, err, history, n)
}

// Best implements Strategy.
func (Natural) Best(p Problem, _ []Trial) (mix.Mixture, error) { return NaturalMixture(p) }

// NaturalMixture returns the prior, projected onto the bounds; with phases, in all of
// them.
func NaturalMixture(p Problem) (mix.Mixture, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if p.Schedule != nil {
		m, err := NaturalMixture(p.flat())
		return p.phases().Static(m), err
	}
	m, err := mix.Normalize(p.Prior)
	if err != nil {
		return nil, err
	}
	return within(p.limits(), m), nil
}
