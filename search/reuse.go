package search

import (
	"slices"

	"github.com/climb-go/climb/mix"
)

// A Past is a search over other domains.
type Past struct {
	Domains []string
	Trials  []Trial
	// Split names the domains that a domain of the past has become, where it
	// is not there any more.
	Split map[string][]string
}

// Reuse returns the runs of an earlier search as knowledge for p, with round
// -1. It is another answer to changed domains than the mixture reuse of olmix
// (Chen et al., 2026, arXiv 2602.12237), which keeps the old answer's
// proportions of the domains that stayed, as Problem.Groups can. Domains are
// matched by name. One that is new has the share 0 in the old runs. One that was split
// has its share divided among its parts as the prior divides them: that is
// what a run on the whole of it read. A run that gave more than tolerance of
// its tokens to domains that are gone says too little and is left out; of
// others, the rest is normalised. DomainLoss is dropped: it was measured on
// other domains.
func (p Problem) Reuse(past Past, tolerance float64) []Trial {
	var out []Trial
	for _, t := range past.Trials {
		if len(t.Mixture) != len(past.Domains) {
			continue
		}
		w, lost := make([]float64, len(p.Domains)), 0.0
		for d, share := range t.Mixture {
			lost += share - p.spread(w, past, past.Domains[d], share)
		}
		m, err := mix.Normalize(w)
		if err != nil || lost > tolerance {
			continue
		}
		t.Mixture, t.Hash, t.Round, t.Tokens, t.DomainLoss = m, m.Hash(), -1, nil, nil
		out = append(out, t)
	}
	return out
}

// spread adds the share of a domain of the past to what it is now, and returns
// how much of it there was a place for.
func (p Problem) spread(w []float64, past Past, name string, share float64) float64 {
	if d := slices.Index(p.Domains, name); d >= 0 {
		w[d] += share
		return share
	}
	total := 0.0
	for _, part := range past.Split[name] {
		if d := slices.Index(p.Domains, part); d >= 0 {
			total += p.Prior[d]
		}
	}
	if total == 0 {
		return 0
	}
	for _, part := range past.Split[name] {
		if d := slices.Index(p.Domains, part); d >= 0 {
			w[d] += share * p.Prior[d] / total
		}
	}
	return share
}
