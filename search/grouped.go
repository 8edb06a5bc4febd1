package search

import (
	"context"
	"fmt"
	"slices"

	"github.com/climb-go/climb/mix"
)

// Grouped searches with Problem.Groups in force: the domains of a group keep
// the proportions that they have in the prior, so the strategy sees one domain
// in their place. Runs of the history that do not keep them count with the
// group's whole share, as the nearest thing that the strategy knows.
type Grouped struct{ Strategy }

// Rounds implements Scheduler.
func (s Grouped) Rounds(p Problem) []int {
	if small, err := reduce(p); err == nil {
		p = small.p
	}
	return Rounds(p, s.Strategy)
}

// Propose implements Strategy.
func (s Grouped) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	small, err := reduce(p)
	if err != nil {
		return nil, err
	}
	proposed, err := s.Strategy.Propose(ctx, small.p, small.history(history), n)
	for i, m := range proposed {
		proposed[i] = small.expand(m)
	}
	return proposed, err
}

// Best implements Strategy.
func (s Grouped) Best(p Problem, history []Trial) (mix.Mixture, error) {
	small, err := reduce(p)
	if err != nil {
		return nil, err
	}
	m, err := s.Strategy.Best(small.p, small.history(history))
	if err != nil {
		return nil, err
	}
	return small.expand(m), nil
}

// A reduction is a problem with one domain for each group.
type reduction struct {
	p      Problem
	of     []int     // domain -> domain of the reduced problem
	inside []float64 // share of a domain in its group
}

func reduce(p Problem) (r reduction, err error) {
	if err := p.Check(); err != nil {
		return r, err
	}
	n := len(p.Domains)
	r.of, r.inside = slices.Repeat([]int{-1}, n), make([]float64, n)
	groups := slices.Clone(p.Groups)
	for g, members := range groups {
		for _, d := range members {
			if d < 0 || d >= n || r.of[d] >= 0 {
				return r, fmt.Errorf("group %d: domain %d is not one of the %d domains, or is in two groups", g, d, n)
			}
			r.of[d] = g
		}
	}
	for d := range n {
		if r.of[d] < 0 {
			r.of[d] = len(groups)
			groups = append(groups, []int{d})
		}
	}
	r.p = p
	r.p.Groups, r.p.Domains, r.p.Prior = nil, nil, nil
	r.p.Bounds = mix.Bounds{Lower: make([]float64, len(groups)), Upper: make([]float64, len(groups))}
	for g, members := range groups {
		r.group(p, g, members)
	}
	r.p.Smaller = r.history(p.Smaller)
	if r.p.Pool = nil; len(p.Pool) > 0 {
		for _, m := range p.Pool {
			r.p.Pool = append(r.p.Pool, r.sum(m))
		}
	}
	if err := r.p.Check(); err != nil {
		return r, fmt.Errorf("domains in groups: %w", err)
	}
	return r, nil
}

// group adds the domain that stands for the members.
func (r *reduction) group(p Problem, g int, members []int) {
	name, total := "", 0.0
	for i, d := range members {
		if i > 0 {
			name += "+"
		}
		name += p.Domains[d]
		total += p.Prior[d]
	}
	least, most := 0.0, 1.0
	for _, d := range members {
		r.inside[d] = 1 / float64(len(members))
		if total > 0 {
			r.inside[d] = p.Prior[d] / total
		}
		if lo, hi := p.Bounds.At(d); r.inside[d] > 0 {
			least, most = max(least, lo/r.inside[d]), min(most, hi/r.inside[d])
		}
	}
	r.p.Domains, r.p.Prior = append(r.p.Domains, name), append(r.p.Prior, total)
	r.p.Bounds.Lower[g], r.p.Bounds.Upper[g] = least, most
}

// sum is a mixture of all domains as one of the groups.
func (r *reduction) sum(m mix.Mixture) mix.Mixture {
	out := make(mix.Mixture, len(r.p.Domains))
	for d, w := range m {
		out[r.of[d]] += w
	}
	return out
}

func (r *reduction) expand(m mix.Mixture) mix.Mixture {
	out := make(mix.Mixture, len(r.of))
	for d, g := range r.of {
		out[d] = m[g] * r.inside[d]
	}
	return out
}

// history is the history in terms of the groups. The losses of a group's
// domains are averaged by their shares in it.
func (r *reduction) history(history []Trial) []Trial {
	out := slices.Clone(history)
	for i, t := range history {
		out[i].Mixture = r.sum(t.Mixture)
		out[i].Hash = out[i].Mixture.Hash()
		if len(t.DomainLoss) == len(r.of) {
			out[i].DomainLoss = make([]float64, len(r.p.Domains))
			for d, loss := range t.DomainLoss {
				out[i].DomainLoss[r.of[d]] += loss * r.inside[d]
			}
		}
	}
	return out
}
