package search

import (
	"context"

	"github.com/climb-go/climb/mix"
)

// Uniform gives every domain that has tokens the same share, or the nearest
// to it that keeps the bounds. It measures this one mixture.
type Uniform struct{}

// Rounds implements Scheduler: one mixture.
func (Uniform) Rounds(Problem) []int { return []int{1} }

// Propose implements Strategy.
func (Uniform) Propose(_ context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	m, err := UniformMixture(p)
	return once(m, err, history, n)
}

// Best implements Strategy.
func (Uniform) Best(p Problem, _ []Trial) (mix.Mixture, error) { return UniformMixture(p) }

// UniformMixture returns the uniform mixture over the domains that have
// tokens, projected onto the bounds.
func UniformMixture(p Problem) (mix.Mixture, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if p.Schedule != nil {
		m, err := UniformMixture(p.flat())
		return p.phases().Static(m), err
	}
	w := make([]float64, len(p.Prior))
	for i, share := range p.Prior {
		if share > 0 {
			w[i] = 1
		}
	}
	m, err := mix.Normalize(w)
	if err != nil {
		return nil, err
	}
	return within(p.limits(), m), nil
}

// once proposes m unless it is in the history.
func once(m mix.Mixture, err error, history []Trial, n int) ([]mix.Mixture, error) {
	if err != nil || n < 1 {
		return nil, err
	}
	k := newPicker(history)
	k.add(m)
	return k.picked, nil
}
