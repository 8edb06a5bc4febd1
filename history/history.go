// Package history reads and writes tables of measured mixtures as people keep
// them who train elsewhere: RegMix's pair of CSV files, olmix's ratios.csv and
// metrics.csv, lm_harness_results.csv and the mixture scripts of the CLIMB
// recipe in NeMo Curator, the tables of Weights & Biases and of marin, results of
// lm-evaluation-harness, and a form of our own. docs/format.md has the columns.
package history

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// A Table holds runs: a mixture of the domains each, and what it measured.
type Table struct {
	Domains []string
	Metrics []string
	Runs    []Run
	Better  map[string]Direction // of metrics of which the file says it; the others go by their names
	Ignored []Ignored            // columns of the files that do not count
	Paths   map[string]string    // of domains, where the file has paths of their data rather than names
	// Phases are the shares of the tokens that the phases of a training have, where
	// the table has a mixture of each: Domains are then those of every phase in turn,
	// phase_0_web before phase_1_web, and the shares of a phase sum to its own.
	Phases Phases
	Said   []string // what a person should know of how the table was read
}

// A Run is one row of a table.
type Run struct {
	Name    string // its id in the file
	Seed    uint64
	Mixture mix.Mixture
	Values  []float64 // one per metric; NaN where there is none
	StdErr  []float64 // of Values over the items of their tasks, NaN where it is not known; nil where none is
}

// An Objective says what a run's values are worth.
type Objective struct {
	Metrics []string           // that count; none means all that are not Ignored
	Weights map[string]float64 // of a metric in the weighted mean; 1 unless named
	Lower   []string           // metrics of which less is better, whatever their name
	Higher  []string           // metrics of which more is better, whatever their name
}

// Terms returns the metrics that count, as columns of the table, with their
// weights, which sum to 1 in size and are negative where less is better.
func (t *Table) Terms(o Objective) (columns []int, weights []float64, err error) {
	names := o.Metrics
	if len(names) == 0 {
		names = t.counting()
	}
	for _, list := range [][]string{names, o.Lower, o.Higher} {
		for _, name := range list {
			if !slices.Contains(t.Metrics, name) {
				return nil, nil, fmt.Errorf("no metric is called %q; there are %s", name, strings.Join(t.Metrics, ", "))
			}
		}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, nil, fmt.Errorf("metric %s is named twice: a weight says that one counts more", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Weights)) {
		if !slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("a weight is given to %q, which is none of the metrics that count: %s", name, strings.Join(names, ", "))
		}
	}
	if err := t.directions(o, names); err != nil {
		return nil, nil, err
	}
	if err := t.mixed(o, names); err != nil {
		return nil, nil, err
	}
	total := 0.0
	for _, name := range names {
		w, ok := o.Weights[name]
		if !ok {
			w = 1
		}
		if !(w > 0) || math.IsInf(w, 0) {
			return nil, nil, fmt.Errorf("weight of metric %s is %v, want a positive number", name, w)
		}
		total += w
		if t.Direction(o, name) == Lower {
			w = -w
		}
		columns, weights = append(columns, slices.Index(t.Metrics, name)), append(weights, w)
	}
	if len(columns) == 0 {
		return nil, nil, errors.New("the table has no metrics that count: name them with --metric, or give the scores as a second file")
	}
	for i := range weights {
		weights[i] /= total
	}
	return columns, weights, nil
}

// Trials returns the runs as trials of a search from elsewhere (Round -1).
// The score is the weighted mean of the metrics that count, the sign turned
// where less is better; Scores holds these metrics, so turned, by name. A run
// that lacks one of them is a failed trial.
func (t *Table) Trials(o Objective) ([]search.Trial, error) {
	columns, weights, err := t.Terms(o)
	if err != nil {
		return nil, err
	}
	var out []search.Trial
	for _, r := range t.Runs {
		trial := search.Trial{Mixture: r.Mixture, Hash: r.Mixture.Hash(), Seed: r.Seed, Round: -1, Scores: map[string]float64{}}
		for i, c := range columns {
			v := r.Values[c]
			if math.IsNaN(v) || math.IsInf(v, 0) {
				trial.Failed = fmt.Sprintf("run %s has no %s", r.Name, t.Metrics[c])
				trial.Score, trial.Scores = 0, nil
				break
			}
			trial.Score += weights[i] * v
			trial.Scores[t.Metrics[c]] = math.Copysign(1, weights[i]) * v
		}
		out = append(out, trial)
	}
	return out, nil
}

// Prior is the mean mixture of the runs: a stand-in for the natural shares
// where nobody knows them.
func (t *Table) Prior() mix.Mixture {
	mean := make([]float64, len(t.Domains))
	for _, r := range t.Runs {
		for i, w := range r.Mixture {
			mean[i] += w / float64(len(t.Runs))
		}
	}
	out, err := mix.Normalize(mean)
	if err != nil {
		return mix.Uniform(len(t.Domains))
	}
	return out
}

// seeds numbers the runs of one mixture from 0 where the file has no seeds.
func (t *Table) seeds() {
	count := map[string]uint64{}
	for i := range t.Runs {
		hash := t.Runs[i].Mixture.Hash()
		t.Runs[i].Seed = count[hash]
		count[hash]++
	}
}

// natural compares names with numbers in them as people do: n2 before n10.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := number(a), number(b)
		if x != "" && y != "" {
			m, _ := strconv.ParseFloat(x, 64)
			n, _ := strconv.ParseFloat(y, 64)
			if m != n {
				return cmp.Compare(m, n)
			}
			a, b = a[len(x):], b[len(y):]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// number returns the digits that s begins with.
func number(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
