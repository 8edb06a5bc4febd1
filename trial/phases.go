package trial

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
)

// Lengths are those of the phases that are searched, as shares of the tokens; nil
// where a mixture is one throughout.
func (c *SearchConfig) Lengths() (mix.Phases, error) {
	if c.Phases < 2 {
		if len(c.PhaseShares) > 0 || len(c.LastPhase) > 0 {
			return nil, &option.ConfigError{Text: "search.phases: is less than 2, and there are phase_shares or a last_phase; say how many phases there are"}
		}
		return nil, nil
	}
	shares := c.PhaseShares
	if len(shares) == 0 {
		shares = slices.Repeat([]float64{1}, c.Phases)
	}
	if len(shares) != c.Phases {
		return nil, &option.ConfigError{Text: fmt.Sprintf("search.phase_shares: %d shares of %d phases", len(shares), c.Phases)}
	}
	lengths, err := mix.Normalize(shares)
	if err == nil {
		err = mix.Phases(lengths).Check()
	}
	if err != nil {
		return nil, &option.ConfigError{Text: "search.phase_shares: " + err.Error()}
	}
	return mix.Phases(lengths), nil
}

// inPhases is the problem with its phases, if there are any.
func (c *SearchConfig) inPhases(p search.Problem) (search.Problem, error) {
	phases, err := c.Lengths()
	if err != nil || phases == nil {
		return p, err
	}
	var last mix.Mixture
	if len(c.LastPhase) > 0 {
		w := make([]float64, len(p.Domains))
		for _, name := range slices.Sorted(maps.Keys(c.LastPhase)) {
			d := slices.Index(p.Domains, name)
			if d < 0 {
				return p, &option.ConfigError{Text: fmt.Sprintf("search.last_phase: no domain is called %q; there are %s", name, strings.Join(p.Domains, ", "))}
			}
			w[d] = c.LastPhase[name]
		}
		if last, err = mix.Normalize(w); err != nil {
			return p, &option.ConfigError{Text: "search.last_phase: " + err.Error()}
		}
	}
	out, err := p.InPhases(phases, last)
	if err != nil {
		return p, &option.ConfigError{Text: "search.phases: " + err.Error()}
	}
	return out, nil
}

// checkPhases refuses what does not go with phases, before anything is spent.
func (c *Config) checkPhases() error {
	phases, err := c.Search.Lengths()
	if err != nil || phases == nil {
		return err
	}
	refuse := func(format string, args ...any) error {
		return &option.ConfigError{Text: "search.phases: " + fmt.Sprintf(format, args...)}
	}
	needs := search.NeedsOf(c.Search.Strategy.Value())
	switch {
	case needs.DomainLoss || needs.LogProbs:
		return refuse("the strategy %s looks at single domains, and does not know phases; take climb-auto or climb", c.Search.Strategy.Name())
	case len(c.Search.Domains.Keep) > 0:
		return refuse("search.domains.keep holds for a mixture that is one throughout; leave one of the two out")
	case len(c.Search.Reuse.Files) > 0:
		return refuse("the runs of search.reuse had other phases, or none; leave one of the two out")
	case len(c.Shared) > 0:
		return refuse("climb compare trains its targets on one mixture throughout; compare with climb run, whose confirmation has the best static mixture beside the schedules")
	}
	return c.Proxy.knows(phases)
}

// InPhases says what each phase of a row reads, by the names of the domains; "" where
// there are no phases.
func (c *Confirmation) InPhases(row *ConfirmedRow, names []string) string {
	switch {
	case len(c.Phases) == 0:
		return ""
	case c.Phases.IsStatic(row.Mixture):
		return fmt.Sprintf("The search had %d phases, and its answer, %s, has one mixture in all of them.", len(c.Phases), row.Name)
	}
	text := fmt.Sprintf("The mixture changes during the training (%s). Shares elsewhere are of all its tokens.", row.Name)
	for k, m := range Schedule(c.Phases, row.Mixture) {
		text += fmt.Sprintf(" Phase %d, %.4g %% of the tokens:", k, 100*c.Phases[k])
		for i, name := range names {
			text += fmt.Sprintf(" %s %.1f %%,", name, 100*m[i])
		}
		text = text[:len(text)-1] + "."
	}
	return text
}

// Schedule is the mixture of each phase of m, of the tokens of the phase.
func Schedule(phases mix.Phases, m mix.Mixture) (out []mix.Mixture) {
	within := phases.Within(m)
	for k := range phases {
		out = append(out, mix.Mixture(phases.Block(within, k)))
	}
	return out
}
