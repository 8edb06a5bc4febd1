package handover

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/task"
)

// checkPhases refuses phases that the trainer has no place for.
func (o *Options) checkPhases(needs export.Needs) error {
	if needs.Stages == nil {
		can := ""
		for _, m := range export.Trainers {
			if m.New().Needs().Stages != nil {
				can += ", " + m.Name
			}
		}
		return fmt.Errorf("the mixture has phases, and %s takes one mixture for all of a training; those that can change it are %s; else export each phase by itself", o.To, can[2:])
	}
	if o.Batch == 0 {
		return fmt.Errorf("the mixture has phases, and %s changes it at a step: say --batch, the sequences of a step", o.To)
	}
	return nil
}

// phased re-weighs the shares of every phase, and returns those of the whole
// training. A phase keeps its share of the tokens.
func (s *settler) phased(out []bool) (mix.Mixture, error) {
	if s.gone == nil {
		for range s.o.Phases {
			s.gone = append(s.gone, map[int]bool{})
		}
	}
	s.phase = nil
	all := make([]float64, len(s.share))
	for k, p := range s.o.Phases {
		w := make([]float64, len(s.share))
		for d, share := range p.Mixture {
			if !out[d] && !s.gone[k][d] {
				w[d] = share * s.rate[d]
			}
		}
		m, err := mix.Normalize(w)
		if err != nil {
			return nil, task.Permanent(fmt.Errorf("phase %d: no domain is left: it is shorter than a sequence of each, or the data is; lower --context, or raise --tokens or --budget", k))
		}
		for d := range m {
			all[d] += p.Share * m[d]
		}
		s.phase = append(s.phase, m)
	}
	return mix.Normalize(all)
}

// thin leaves out of each phase the domains of which it would read less than one
// sequence, and tells whether there were any.
func (s *settler) thin() (some bool) {
	for k, w := range s.phase {
		tokens := s.o.Phases[k].Share * float64(s.tokens)
		for d, share := range w {
			if n := share * tokens / float64(s.o.Context); s.needs.Rows && share > 0 && n < 1 {
				s.gone[k][d], some = true, true
				s.say("Phase %d leaves out %q: its %.4g %% comes to %.2g sequences.", k, s.names[d], 100*share, n)
			}
		}
	}
	return some
}

// cut sets the steps of the phases, and their weights by domain that is kept.
func (s *settler) cut(index []int) error {
	h := &s.out.Handover
	if len(s.phase) == 0 {
		return nil
	}
	h.Batch = s.o.Batch
	for k, w := range s.phase {
		p := export.HandoverPhase{Share: s.o.Phases[k].Share}
		for d, i := range index {
			if i >= 0 {
				p.Asked = append(p.Asked, w[d])
			}
		}
		p.Weights = p.Asked // of tokens: trainers that draw documents have no phases
		h.Phases = append(h.Phases, p)
	}
	var weights [][]float64
	for _, p := range h.Phases {
		weights = append(weights, p.Weights)
	}
	grain := s.needs.Stages(weights, h.Batch)
	steps := int64(math.Ceil(float64(s.tokens) / float64(h.Context) / float64(h.Batch)))
	if err := export.Cut(h.Phases, steps, grain); err != nil {
		return task.Permanent(err)
	}
	for k, p := range h.Phases {
		if got := float64(p.Steps) / float64(steps); math.Abs(got-p.Share) > 0.0005 {
			s.say("Phase %d has %d of %d steps, %.2f %% of the training where %.2f %% were asked for: the mixture changes at multiples of %d steps.", k, p.Steps, steps, 100*got, 100*p.Share, grain)
		}
	}
	return nil
}
