package search

import (
	"context"

	"github.com/climb-go/climb/mix"
)

// Pooled lets any strategy search a finite pool: what it proposes or answers
// is replaced by the nearest mixture, in L1, of Problem.Pool that is not yet
// measured (in an answer: any). Strategies that rank candidates take them from
// the pool to begin with, so for these nothing changes.
type Pooled struct{ Strategy }

// Rounds implements Scheduler.
func (s Pooled) Rounds(p Problem) []int { return Rounds(p, s.Strategy) }

// Propose implements Strategy.
func (s Pooled) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	proposed, err := s.Strategy.Propose(ctx, p, history, n)
	if err != nil {
		return nil, err
	}
	k := newPicker(history)
	for _, m := range proposed {
		if i := nearest(p.Pool, m, k.fresh); i >= 0 {
			k.add(p.Pool[i])
		}
	}
	return k.picked, nil
}

// Best implements Strategy.
func (s Pooled) Best(p Problem, history []Trial) (mix.Mixture, error) {
	m, err := s.Strategy.Best(p, history)
	if err != nil {
		return nil, err
	}
	return p.InPool(m), nil
}

// InPool is the mixture of the pool, which is not empty, that is nearest to m.
// How near says whether it can stand for m.
func (p Problem) InPool(m mix.Mixture) mix.Mixture {
	return p.Pool[nearest(p.Pool, m, func(mix.Mixture) bool { return true })]
}

// nearest is the number of the mixture of the pool that is nearest to m among
// those allowed; -1 if none is.
func nearest(pool []mix.Mixture, m mix.Mixture, allowed func(mix.Mixture) bool) int {
	at, least := -1, 0.0
	for i, c := range pool {
		if d := mix.L1(c, m); (at < 0 || d < least) && allowed(c) {
			at, least = i, d
		}
	}
	return at
}
