package simulate

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// A Table is a set of real proxy runs that is replayed: the search can measure
// these mixtures and no others, and each has the score that it had.
type Table struct {
	Name    string
	Problem search.Problem // its pool is the table
	trials  map[string]search.Trial
	best    float64 // score
	unit    float64 // regret of the run nearest to the natural mixture
}

// NewTable makes a table of the runs that a history holds, one for each
// mixture; all its metrics count alike. The natural mixture is the mean of the
// runs': the tables do not say what the corpora held.
func NewTable(name string, read *history.Table) (*Table, error) {
	t := &Table{Name: name, trials: map[string]search.Trial{}, best: math.Inf(-1)}
	var runs []search.Trial
	var err error
	if t.Problem, runs, err = read.Problem(history.Objective{}); err != nil {
		return nil, fmt.Errorf("table %s: %w", name, err)
	}
	runs = t.Problem.Rescore(runs)
	for _, r := range runs {
		if r.Failed != "" {
			continue
		}
		r.Hash, r.Round = r.Mixture.Hash(), 0
		if _, ok := t.trials[r.Hash]; ok {
			continue
		}
		t.trials[r.Hash] = r
		t.Problem.Pool = append(t.Problem.Pool, r.Mixture)
		t.best = max(t.best, r.Score)
	}
	natural, err := (search.Pooled{Strategy: search.Natural{}}).Best(t.Problem, nil)
	if err != nil {
		return nil, err
	}
	if t.unit = t.best - t.trials[natural.Hash()].Score; t.unit == 0 {
		t.unit = 1
	}
	return t, nil
}

// Evaluate implements search.Evaluator.
func (t *Table) Evaluate(_ context.Context, mixtures []mix.Mixture, round int) ([]search.Trial, error) {
	out := make([]search.Trial, len(mixtures))
	for i, m := range mixtures {
		r, ok := t.trials[m.Hash()]
		if !ok {
			return nil, fmt.Errorf("table %s has no run of mixture %s", t.Name, m.Hash())
		}
		r.Round = round
		out[i] = r
	}
	return out, nil
}

// Regret is how far m is from the best run of the table, in units of the run
// nearest to the natural mixture. m must be in the pool.
func (t *Table) Regret(m mix.Mixture) float64 {
	return (t.best - t.trials[m.Hash()].Score) / t.unit
}

// RegMixTable reads a pair of RegMix's tables, train or test, from
// train_mixture_1m.csv and train_pile_loss_1m.csv and their like in dir.
func RegMixTable(dir, half string) (*Table, error) {
	read, err := history.Read(filepath.Join(dir, half+"_mixture_1m.csv"), filepath.Join(dir, half+"_pile_loss_1m.csv"))
	if err != nil {
		return nil, err
	}
	return NewTable("regmix-"+half, read)
}
