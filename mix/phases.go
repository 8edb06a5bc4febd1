package mix

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Phases are the shares of the tokens that the phases of a training have, in
// their order; of one phase, nil. A mixture with phases, a schedule, holds the
// share of all tokens that each domain has in each phase: phase after phase, the
// shares of a phase times its length. So they sum to 1, and those of a phase to
// its length.
type Phases []float64

// Check reports lengths that are no shares of one training.
func (p Phases) Check() error {
	if len(p) == 1 {
		return errors.New("phases: there is one; leave it out")
	}
	sum := 0.0
	for k, f := range p {
		if !(f > 0) || math.IsInf(f, 1) {
			return fmt.Errorf("phases: the length of phase %d is %v: it must be above 0", k, f)
		}
		sum += f
	}
	if len(p) > 0 && math.Abs(sum-1) > sumTolerance {
		return fmt.Errorf("phases: their lengths sum to %v, not 1", sum)
	}
	return nil
}

// CheckSchedule reports why m is no schedule of the phases.
func (p Phases) CheckSchedule(m Mixture) error {
	if err := errors.Join(p.Check(), m.Check()); err != nil || len(p) == 0 {
		return err
	}
	if len(m)%len(p) != 0 {
		return fmt.Errorf("%d shares in %d phases: every phase needs one of every domain", len(m), len(p))
	}
	for k, f := range p {
		sum := 0.0
		for _, w := range p.Block(m, k) {
			sum += w
		}
		if math.Abs(sum-f) > sumTolerance {
			return fmt.Errorf("shares of phase %d sum to %v, and its length is %v", k, sum, f)
		}
	}
	return nil
}

// Block is the part of m that is phase k's.
func (p Phases) Block(m []float64, k int) []float64 {
	n := len(m) / max(1, len(p))
	return m[k*n : (k+1)*n : (k+1)*n]
}

// Of returns the phase of share j of n, and its length: of one phase, 0 and 1.
func (p Phases) Of(j, n int) (k int, length float64) {
	if len(p) == 0 {
		return 0, 1
	}
	k = j / (n / len(p))
	return k, p[k]
}

// Within are the shares of m by phase: of the tokens of the phase.
func (p Phases) Within(m []float64) []float64 {
	out := slices.Clone(m)
	for j := range out {
		_, f := p.Of(j, len(m))
		out[j] /= f
	}
	return out
}

// Total are the shares of all tokens by domain, over the phases; m itself where
// there are none.
func (p Phases) Total(m Mixture) Mixture {
	if len(p) == 0 || m == nil {
		return m
	}
	out := make(Mixture, len(m)/len(p))
	for j, w := range m {
		out[j%len(out)] += w
	}
	return out
}

// Static is the schedule that has the mixture m in every phase.
func (p Phases) Static(m Mixture) Mixture {
	if len(p) == 0 {
		return m
	}
	out := make(Mixture, 0, len(p)*len(m))
	for _, f := range p {
		for _, w := range m {
			out = append(out, f*w)
		}
	}
	return out
}

// IsStatic tells whether m has one mixture in all phases, but for rounding.
func (p Phases) IsStatic(m Mixture) bool {
	return L1(p.Static(p.Total(m)), m) < 1e-9
}

// Keep scales the shares of every phase to its length.
func (p Phases) Keep(m Mixture) Mixture {
	for k, f := range p {
		part, sum := p.Block(m, k), 0.0
		for _, w := range part {
			sum += w
		}
		for j := range part {
			if part[j] *= f / sum; sum <= 0 {
				part[j] = f / float64(len(part))
			}
		}
	}
	return m
}

// Project is the nearest mixture within the bounds, phase by phase.
func (p Phases) Project(box Bounds, m Mixture) (Mixture, error) {
	if len(p) == 0 {
		if err := box.Feasible(len(m)); err != nil {
			return nil, err
		}
		return box.Project(m), nil
	}
	out := make(Mixture, 0, len(m))
	for k, f := range p {
		over := func(v []float64) []float64 {
			w := slices.Clone(p.Block(v, k))
			for j := range w {
				w[j] = min(w[j]/f, 1)
			}
			return w
		}
		one, err := Phases(nil).Project(Bounds{Lower: over(box.Lower), Upper: over(box.Upper)}, over(m))
		if err != nil {
			return nil, err
		}
		for _, w := range one {
			out = append(out, f*w)
		}
	}
	return out, nil
}
