package simulate

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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

// NewTable makes a table of runs, one for each mixture. The natural mixture is
// the mean of the pool's: the tables do not say what the corpora held.
func NewTable(name string, domains []string, tasks []search.Task, runs []search.Trial) (*Table, error) {
	t := &Table{Name: name, trials: map[string]search.Trial{}, best: math.Inf(-1)}
	t.Problem = search.Problem{Domains: domains, Tasks: tasks}
	runs = t.Problem.Rescore(runs)
	prior := make([]float64, len(domains))
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
		for d, w := range r.Mixture {
			prior[d] += w
		}
	}
	var err error
	if t.Problem.Prior, err = mix.Normalize(prior); err != nil {
		return nil, fmt.Errorf("table %s: %w", name, err)
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

// RegMixTable reads a pair of RegMix's tables, mixtures and losses joined by
// their index, from train_mixture_1m.csv and its like in dir.
func RegMixTable(dir, half string) (*Table, error) {
	names, x, err := readTable(filepath.Join(dir, half+"_mixture_1m.csv"))
	if err != nil {
		return nil, err
	}
	metrics, y, err := readTable(filepath.Join(dir, half+"_pile_loss_1m.csv"))
	if err != nil {
		return nil, err
	}
	var tasks []search.Task
	for _, m := range metrics {
		tasks = append(tasks, search.Task{Name: m, Weight: 1, Lower: true})
	}
	var runs []search.Trial
	for _, row := range x.order {
		losses, ok := y.rows[row]
		if !ok {
			return nil, fmt.Errorf("%s: no losses for mixture %s", dir, row)
		}
		m, err := mix.Normalize(x.rows[row])
		if err != nil {
			return nil, fmt.Errorf("mixture %s: %w", row, err)
		}
		scores := map[string]float64{}
		for k, v := range losses {
			scores[metrics[k]] = v
		}
		runs = append(runs, search.Trial{Mixture: m, Scores: scores})
	}
	return NewTable("regmix-"+half, names, tasks, runs)
}

// An indexed is a table of numbers by the text of its first column.
type indexed struct {
	order []string
	rows  map[string][]float64
}

func readTable(path string) (columns []string, t indexed, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, t, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) < 2 {
		return nil, t, fmt.Errorf("read %s: %d lines, %w", path, len(lines), err)
	}
	for _, name := range lines[0][1:] {
		columns = append(columns, strings.TrimPrefix(name, "train_"))
	}
	t.rows = map[string][]float64{}
	for n, line := range lines[1:] {
		var row []float64
		for c, text := range line[1:] {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, t, fmt.Errorf("%s:%d: column %s: %w", path, n+2, lines[0][c+1], err)
			}
			row = append(row, v)
		}
		t.order = append(t.order, line[0])
		t.rows[line[0]] = row
	}
	return columns, t, nil
}
