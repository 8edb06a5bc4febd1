package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/mix"
)

// Run carries out all rounds of s on p and returns the history extended by
// what eval measured, in the order of the proposals.
//
// A history from an earlier, interrupted Run is replayed: rounds that it
// holds in full are not proposed again, and of a round that it holds in part
// only the missing mixtures are measured. If it holds a mixture in such a
// round that s does not propose, it was made with other settings, and Run
// refuses. Trials with Round -1 count as knowledge, not as budget.
//
// watch, if not nil, is called before eval with the round (0-based) and its
// mixtures, measured or not. A round for which s has nothing left to propose
// is skipped.
func Run(ctx context.Context, p Problem, s Strategy, eval Evaluator, history []Trial, watch func(round int, proposed []mix.Mixture)) ([]Trial, error) {
	if err := p.Check(); err != nil {
		return history, err
	}
	rounds := Rounds(p, s)
	if len(rounds) == 0 || slices.Min(rounds) < 1 {
		return history, fmt.Errorf("rounds %v: at least one, of at least one mixture each", rounds)
	}
	history = slices.Clone(history)
	for r, n := range rounds {
		if err := ctx.Err(); err != nil {
			return history, err
		}
		if len(hashesOf(history, r)) >= n {
			continue
		}
		before := slices.DeleteFunc(slices.Clone(history), func(t Trial) bool { return t.Round >= r })
		proposed, err := s.Propose(ctx, p, before, n)
		if err != nil {
			return history, fmt.Errorf("propose round %d: %w", r, err)
		}
		pending, err := missing(history, proposed, r)
		if err != nil {
			return history, err
		}
		if watch != nil && len(proposed) > 0 {
			watch(r, proposed)
		}
		if len(pending) == 0 {
			continue
		}
		trials, err := eval(ctx, pending, r)
		if err != nil {
			return history, fmt.Errorf("evaluate round %d: %w", r, err)
		}
		trials, err = accept(trials, pending, r)
		if err != nil {
			return history, fmt.Errorf("evaluate round %d: %w", r, err)
		}
		history = append(history, trials...)
	}
	return history, nil
}

// hashesOf returns the mixtures that the history holds for a round.
func hashesOf(history []Trial, round int) map[string]bool {
	out := map[string]bool{}
	for _, t := range history {
		if t.Round == round {
			out[t.Mixture.Hash()] = true
		}
	}
	return out
}

// missing returns the proposed mixtures that the history does not hold for
// the round.
func missing(history []Trial, proposed []mix.Mixture, round int) ([]mix.Mixture, error) {
	known, want := hashesOf(history, round), map[string]bool{}
	var pending []mix.Mixture
	for _, m := range proposed {
		hash := m.Hash()
		want[hash] = true
		if !known[hash] {
			pending = append(pending, m)
		}
	}
	for _, t := range history {
		if hash := t.Mixture.Hash(); t.Round == round && !want[hash] {
			return nil, fmt.Errorf("round %d of the history holds mixture %s, which the strategy does not propose: "+
				"it was made with other options, another seed or another version; start a new search, or give its trials round -1", round, hash)
		}
	}
	return pending, nil
}

// accept checks that the trials are those of the pending mixtures, completes
// them, and puts them in the order of the proposals.
func accept(trials []Trial, pending []mix.Mixture, round int) ([]Trial, error) {
	order := map[string]int{}
	for i, m := range pending {
		order[m.Hash()] = i
	}
	trials, got := slices.Clone(trials), make([]int, len(pending))
	for i := range trials {
		t := &trials[i]
		hash := t.Mixture.Hash()
		if t.Hash != "" && t.Hash != hash {
			return nil, fmt.Errorf("trial with the hash %s holds the mixture %s", t.Hash, hash)
		}
		at, ok := order[hash]
		if !ok {
			return nil, fmt.Errorf("trial %s was not asked for", hash)
		}
		got[at]++
		t.Hash, t.Round = hash, round
		if t.Failed == "" && (math.IsNaN(t.Score) || math.IsInf(t.Score, 0)) {
			t.Failed = fmt.Sprintf("score is %v", t.Score)
		}
		if t.Failed != "" {
			t.Score = 0 // NaN has no JSON form
		}
	}
	if i := slices.Index(got, 0); i >= 0 {
		return nil, errors.New("no trial for mixture " + pending[i].Hash())
	}
	slices.SortStableFunc(trials, func(a, b Trial) int { return order[a.Hash] - order[b.Hash] })
	return trials, nil
}
