package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/mix"
)

// A Schedule is what a problem with phases has beside the others.
type Schedule struct {
	Phases mix.Phases `json:"phases"`
	// Natural is the prior over all phases.
	Natural mix.Mixture `json:"natural"`
	// Totals bound the share of all tokens that a domain has over the phases.
	Totals mix.Bounds `json:"totals"`
	// Last is the mixture of the last phase, of its tokens, if that is fixed.
	Last mix.Mixture `json:"last,omitempty"`
}

// InPhases is p, which has no phases, where a mixture may change: its domains are
// those of p in every phase, phase_0_NAME and so on, its mixtures the schedules of
// mix.Phases. The epoch cap, and every other bound of p, is of a domain's tokens
// over all phases: one phase may read more of it. last, unless it is nil, fixes the
// mixture of the last phase.
func (p Problem) InPhases(phases mix.Phases, last mix.Mixture) (Problem, error) {
	if err := errors.Join(p.Check(), phases.Check()); err != nil {
		return p, err
	}
	if len(phases) < 2 {
		return p, errors.New("a schedule has at least 2 phases")
	}
	if len(p.Groups) > 0 || len(p.Pool) > 0 || len(p.Smaller) > 0 {
		return p, errors.New("phases go with no groups of domains, no pool of mixtures and no runs of a smaller model")
	}
	out := p
	out.Schedule = &Schedule{Phases: phases, Natural: p.Prior, Totals: p.limits(), Last: last}
	out.Domains, out.Bounds = nil, mix.Bounds{Lower: make([]float64, 0), Upper: nil}
	for k, f := range phases {
		for d, name := range p.Domains {
			lo, hi := 0.0, min(f, out.Schedule.Totals.Upper[d])
			if last != nil && k == len(phases)-1 {
				lo, hi = f*last[d], f*last[d]
			}
			out.Domains = append(out.Domains, fmt.Sprintf("phase_%d_%s", k, name))
			out.Bounds.Lower, out.Bounds.Upper = append(out.Bounds.Lower, lo), append(out.Bounds.Upper, hi)
		}
	}
	if out.Prior = phases.Static(p.Prior); last != nil {
		at := len(out.Prior) - len(last)
		for d, w := range last {
			out.Prior[at+d] = phases[len(phases)-1] * w
		}
	}
	return out, out.Check()
}

// phases are those of the problem, nil if its mixtures are what they are throughout.
func (p Problem) phases() mix.Phases {
	if p.Schedule == nil {
		return nil
	}
	return p.Schedule.Phases
}

// flat is a problem with phases as one without.
func (p Problem) flat() Problem {
	f := p
	f.Prior, f.Bounds = p.Schedule.Natural, p.Schedule.Totals
	f.Domains, f.Schedule, f.Pool = p.Domains[:len(f.Prior)], nil, nil
	return f
}

// checkSchedule reports phases that no schedule keeps.
func (p Problem) checkSchedule() error {
	if p.Schedule == nil {
		return nil
	}
	s := p.Schedule
	if err := s.Phases.CheckSchedule(p.Prior); err != nil {
		return err
	}
	if len(s.Phases) < 2 || len(s.Natural)*len(s.Phases) != len(p.Prior) {
		return fmt.Errorf("%d phases and %d natural shares do not make %d domains", len(s.Phases), len(s.Natural), len(p.Prior))
	}
	if err := s.Totals.Feasible(len(p.Domains) / len(s.Phases)); err != nil {
		return fmt.Errorf("over all phases: %w", err)
	}
	if s.Last == nil {
		return nil
	}
	if len(s.Last) != len(p.Domains)/len(s.Phases) {
		return fmt.Errorf("the last phase has %d shares of %d domains", len(s.Last), len(p.Domains)/len(s.Phases))
	}
	_, err := p.anchor()
	return err
}

// anchor is a schedule within the bounds: the prior in all phases but a last one
// that is fixed, as near as the bounds let it.
func (p Problem) anchor() (mix.Mixture, error) {
	s := p.Schedule
	prior := s.Natural
	if s.Last == nil {
		return s.Phases.Static(s.Totals.Project(prior)), nil
	}
	f := s.Phases[len(s.Phases)-1]
	box := mix.Bounds{Lower: make([]float64, len(prior)), Upper: make([]float64, len(prior))}
	for d := range prior {
		lo, hi := s.Totals.At(d)
		box.Lower[d], box.Upper[d] = max(0, (lo-f*s.Last[d])/(1-f)), min(1, (hi-f*s.Last[d])/(1-f))
		if box.Upper[d] < 0 {
			return nil, fmt.Errorf("the fixed last phase has %.4g of all tokens of %s, and at most %.4g may be used: shorten the phase, or give it less of that domain", f*s.Last[d], p.Domains[d], hi)
		}
	}
	if err := box.Feasible(len(prior)); err != nil {
		return nil, fmt.Errorf("the fixed last phase leaves no mixture for the others: %w", err)
	}
	return p.under(box.Project(prior)), nil
}

// under is the schedule with m in all phases, but for a last one that is fixed.
func (p Problem) under(m mix.Mixture) mix.Mixture {
	s := p.Schedule
	out := s.Phases.Static(m)
	if s.Last != nil {
		at := len(out) - len(m)
		for d, w := range s.Last {
			out[at+d] = s.Phases[len(s.Phases)-1] * w
		}
	}
	return out
}

// repair moves m towards the anchor, which keeps the totals, as far as they ask.
func (p Problem) repair(m, anchor mix.Mixture) mix.Mixture {
	totals, home, step := p.phases().Total(m), p.phases().Total(anchor), 0.0
	for d, t := range totals {
		switch lo, hi := p.Schedule.Totals.At(d); {
		case t > hi && home[d] < t:
			step = max(step, min(1, (t-hi)/(t-home[d])))
		case t < lo && home[d] > t:
			step = max(step, min(1, (lo-t)/(home[d]-t)))
		}
	}
	if step > 0 {
		m = blend(m, anchor, step)
	}
	return m
}

// blend is the part of the way from a to b.
func blend(a, b mix.Mixture, part float64) mix.Mixture {
	out := make(mix.Mixture, len(a))
	for i := range a {
		out[i] = (1-part)*a[i] + part*b[i]
	}
	return out
}

// Phased lets any strategy search a problem with phases, through a pool
// (Pooled) of schedules that keep the bounds: what was measured, the natural and
// the uniform mixture in every phase, other static mixtures and schedules at
// random, and points between the best measured ones and these. Half of the first
// round, the natural mixture first, is static: static mixtures compete with those
// that change, for the same proxies. Strategies that look at
// runs of single domains do not know phases.
//
// What a strategy expects of a schedule it expects from the share of all tokens that
// each domain has in each phase, the coordinates of published two-phase tables.
type Phased struct{ Strategy }

// Rounds implements Scheduler.
func (s Phased) Rounds(p Problem) []int { return Rounds(p, s.Strategy) }

// Propose implements Strategy.
func (s Phased) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	p, err := p.pooled(history)
	if err != nil {
		return nil, err
	}
	if len(history) > 0 || n < 2 {
		return Pooled(s).Propose(ctx, p, history, n)
	}
	k, static := newPicker(nil), p
	static.Pool = p.Pool[:3+poolStatic]
	k.add(static.Pool[1])
	for _, from := range []struct {
		p Problem
		n int
	}{{static, (n + 1) / 2}, {p, n}} {
		list, err := Pooled(s).Propose(ctx, from.p, nil, from.n)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			if len(k.picked) < from.n {
				k.add(m)
			}
		}
	}
	return k.picked, nil
}

// Best implements Strategy.
func (s Phased) Best(p Problem, history []Trial) (mix.Mixture, error) {
	p, err := p.pooled(history)
	if err != nil {
		return nil, err
	}
	return Pooled(s).Best(p, history)
}

// Sizes of a pool of schedules.
const (
	poolStatic, poolPhased = 512, 1024
	poolCentres, poolNear  = 8, 128 // best measured schedules, and points near each
)

// pooled is p with a pool of schedules. It depends on the history, in no order.
func (p Problem) pooled(history []Trial) (Problem, error) {
	if err := p.Check(); err != nil {
		return p, err
	}
	if p.Schedule == nil {
		return p, errors.New("the problem has no phases")
	}
	anchor, err := p.anchor()
	if err != nil {
		return p, err
	}
	flat := p.flat()
	natural, err := NaturalMixture(flat)
	if err != nil {
		return p, err
	}
	uniform, err := UniformMixture(flat)
	if err != nil {
		return p, err
	}
	pool := []mix.Mixture{anchor, p.repair(p.under(natural), anchor), p.repair(p.under(uniform), anchor)}
	rng := p.rng(streamSchedules, len(history))
	for range poolStatic {
		pool = append(pool, p.repair(p.under(flat.random(rng)), anchor))
	}
	for range poolPhased {
		pool = append(pool, p.repair(p.random(rng), anchor))
	}
	random := pool[:len(pool):len(pool)]
	for _, t := range TopMeasured(p.Rescore(history), poolCentres) {
		for range poolNear {
			other := random[rng.IntN(len(random))]
			pool = append(pool, p.repair(blend(t.Mixture, other, 0.5*rng.Float64()*rng.Float64()), anchor))
		}
	}
	var measured []mix.Mixture
	for _, t := range Measured(history) {
		measured = append(measured, t.Mixture)
	}
	p.Pool = append(measured, pool...)
	return p, nil
}

// random is a mixture of a problem without phases.
func (p Problem) random(rng *rand.Rand) mix.Mixture {
	if p.Schedule == nil {
		return p.anywhere(nil)(rng)
	}
	// A mixture of its own for each phase, of which one may read more of a scarce
	// domain than all may on average.
	flat, out := p.flat(), mix.Mixture{}
	totals := flat.Bounds
	for _, f := range p.Schedule.Phases {
		flat.Bounds = mix.Bounds{Lower: totals.Lower, Upper: slices.Clone(totals.Upper)}
		for d := range flat.Bounds.Upper {
			flat.Bounds.Upper[d] = min(1, totals.Upper[d]/f)
		}
		for _, w := range flat.random(rng) {
			out = append(out, f*w)
		}
	}
	if last := p.Schedule.Last; last != nil {
		k := len(p.Schedule.Phases) - 1
		for d, w := range last {
			p.phases().Block(out, k)[d] = p.Schedule.Phases[k] * w
		}
	}
	return out
}
