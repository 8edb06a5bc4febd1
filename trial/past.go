package trial

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/wire"
)

// mostScore bounds scores measured elsewhere. A larger one is no measurement, and
// sums of such scores would overflow.
const mostScore = 1e30

// A pastSearch is what is read of the search.json of another run.
type pastSearch struct {
	Problem struct {
		Domains []string `json:"domains"`
	} `json:"problem"`
	Trials []struct {
		search.Trial
		Score *float64 `json:"score"`
	} `json:"trials"`
}

// parsePast reads an earlier search. Mixtures, their hashes and the scores are
// checked: a run that is wrong would mislead every predictor.
func parsePast(data []byte) (past search.Past, err error) {
	object, _, err := task.Unseal(data)
	if err != nil {
		return past, err
	}
	var s pastSearch
	if err := wire.JSON(object, &s); err != nil {
		return past, fmt.Errorf("is not the search.json of a run: %w", err)
	}
	past.Domains = s.Problem.Domains
	for i, name := range past.Domains {
		if name == "" || slices.Index(past.Domains, name) < i {
			return past, fmt.Errorf("problem.domains: %q is empty or there twice", name)
		}
	}
	if len(past.Domains) == 0 || len(s.Trials) == 0 {
		return past, fmt.Errorf("is not the search.json of a run: %d domains and %d trials", len(past.Domains), len(s.Trials))
	}
	for i, t := range s.Trials {
		if t.Score != nil {
			t.Trial.Score = *t.Score
		}
		if err := checkPast(t.Trial, len(past.Domains), t.Score != nil); err != nil {
			return past, fmt.Errorf("trials[%d]: %w", i, err)
		}
		past.Trials = append(past.Trials, t.Trial)
	}
	return past, nil
}

func checkPast(t search.Trial, domains int, scored bool) error {
	if len(t.Mixture) != domains {
		return fmt.Errorf("mixture has %d shares, and there are %d domains", len(t.Mixture), domains)
	}
	if err := t.Mixture.Check(); err != nil {
		return fmt.Errorf("mixture: %w", err)
	}
	if hash := t.Mixture.Hash(); t.Hash != hash {
		return fmt.Errorf("hash is %q, that of its mixture %q; one of the two was changed", t.Hash, hash)
	}
	if t.Failed == "" && !scored {
		return errors.New("has neither a score nor a reason why it failed")
	}
	numbers := append(slices.Clone(t.LogProbs), t.Score, t.Seconds)
	for _, v := range t.Scores {
		numbers = append(numbers, v)
	}
	return checkMeasured(numbers)
}

func checkMeasured(numbers []float64) error {
	for _, v := range numbers {
		if !(math.Abs(v) <= mostScore) {
			return fmt.Errorf("%v is no measurement", v)
		}
	}
	return nil
}
