package export

import (
	"fmt"
	"math"
	"strings"
)

// A HandoverPhase is a part of a training that has a mixture of its own.
type HandoverPhase struct {
	Share   float64   `json:"share"`   // of the tokens of the training, as it was given
	From    int64     `json:"from"`    // first step, 0-based
	Steps   int64     `json:"steps"`   // of it
	Asked   []float64 `json:"asked"`   // shares of its tokens, by domain as in Handover.Domains
	Weights []float64 `json:"weights"` // what the trainer is given
}

// staged lists the weights of each phase, or of the one there is.
func (h *Handover) staged() []HandoverPhase {
	if len(h.Phases) > 0 {
		return h.Phases
	}
	one := HandoverPhase{Share: 1}
	for _, d := range h.Domains {
		one.Weights = append(one.Weights, d.Weight)
	}
	return []HandoverPhase{one}
}

// Cut sets where each phase begins: at the step that its share of the training
// comes to, in multiples of grain steps.
func Cut(phases []HandoverPhase, steps, grain int64) error {
	at, before := 0.0, int64(0)
	for k := range phases {
		p := &phases[k]
		at += p.Share
		end := int64(math.Round(at*float64(steps)/float64(grain))) * grain
		if k == len(phases)-1 {
			end = steps
		}
		if p.From, p.Steps = before, end-before; p.Steps <= 0 || end > steps {
			return fmt.Errorf("phase %d has %.4g %% of %d steps, and the trainer changes its mixture at multiples of %d steps only: make the training or the phase longer (--tokens), or take a smaller --batch", k, 100*p.Share, steps, grain)
		}
		before = end
	}
	return nil
}

// Lengths of Levanter's blocks, sequences.
const (
	leastBlock = 1 << 11 // Levanter's own
	mostBlock  = 1 << 15 // it packs a place in the block into 16 bits, and refuses 1 << 16
)

// blockOf is the length of a block, a power of two that has a sequence of the rarest
// domain of every phase, as far as there is one.
func blockOf(phases ...[]float64) int64 {
	least := 1.0
	for _, weights := range phases {
		for _, w := range weights {
			if w > 0 {
				least = min(least, w)
			}
		}
	}
	block := int64(leastBlock)
	for float64(block)*least < 1 && block < mostBlock {
		block *= 2
	}
	return block
}

// inBlock apportions a block among the domains, at least one sequence to each that
// has a share: Levanter cuts weight x block down to whole numbers and gives the rest
// to the largest, which of 40 domains can be a point. Counts over the block, a power
// of two, are numbers that it takes as they are.
func inBlock(weights []float64, block int64) []int64 {
	counts := make([]int64, len(weights))
	exact(weights, block, counts)
	for d, w := range weights {
		if w <= 0 || counts[d] > 0 {
			continue
		}
		most := 0
		for i, n := range counts {
			if n > counts[most] {
				most = i
			}
		}
		if counts[most] < 2 {
			break
		}
		counts[d]++
		counts[most]--
	}
	return counts
}

// dyadic writes n/block exactly: block is a power of two.
func dyadic(n, block int64) string {
	s := strings.TrimRight(fmt.Sprintf("%.16f", float64(n)/float64(block)), "0")
	return strings.TrimSuffix(s, ".")
}

// greatest common divisor.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
