package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/predict"
)

// Limits of Screen. A run is suspected where its value is farther from the median
// than suspect times the robust standard deviation, 1.4826 times the median
// absolute deviation, and is left out if it is then farther than suspect times
// the predicted standard deviation from what the other runs' mixtures let expect.
// Where more than a fourth of the runs would go the table is left as it is.
const (
	suspect     = 6
	mostSuspect = 0.25
)

// An outlier is a value that does not fit the others.
type outlier struct {
	run           int
	metric        string
	got, expected float64
}

// Screen returns the table without the values that the other runs contradict, as
// those of runs that diverged, or 0 where nothing was measured; they become
// missing, so that their runs count as failed. A value that is only far from the
// others stays if its mixture explains it. The warnings name the runs.
func (t *Table) Screen(o Objective) (*Table, []string, error) {
	columns, _, err := t.Terms(o)
	if err != nil {
		return nil, nil, err
	}
	found, runs := []outlier{}, map[int]bool{}
	for _, c := range columns {
		bad, err := t.outliers(c)
		if err != nil {
			return nil, nil, fmt.Errorf("metric %s: %w", t.Metrics[c], err)
		}
		for _, b := range bad {
			found, runs[b.run] = append(found, b), true
		}
	}
	if len(found) == 0 {
		return t, nil, nil
	}
	leave := float64(len(runs)) <= mostSuspect*float64(len(t.Runs))
	out := *t
	out.Runs = slices.Clone(t.Runs)
	var warnings []string
	for _, i := range slices.Sorted(maps.Keys(runs)) {
		var parts []string
		r := &out.Runs[i]
		r.Values = slices.Clone(r.Values)
		for _, b := range found {
			if b.run == i {
				parts = append(parts, fmt.Sprintf("%s is %.4g where the other runs let expect %.4g", b.metric, b.got, b.expected))
				r.Values[slices.Index(t.Metrics, b.metric)] = math.NaN()
			}
		}
		end := "left out, as diverged or not measured"
		if !leave {
			end = "counted all the same, since so many are so"
		}
		warnings = append(warnings, fmt.Sprintf("run %s (row %d): %s: %s", r.Name, i+2, strings.Join(parts, ", "), end))
	}
	if !leave {
		return t, warnings, nil
	}
	return &out, warnings, nil
}

// outliers finds the values of a column that the others contradict.
func (t *Table) outliers(c int) ([]outlier, error) {
	var values []float64
	for _, r := range t.Runs {
		if v := r.Values[c]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	if len(values) < 8 {
		return nil, nil
	}
	centre := median(values)
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - centre)
	}
	limit := suspect * 1.4826 * median(away)
	var x [][]float64
	var y []float64
	var far []int
	for i, r := range t.Runs {
		switch v := r.Values[c]; {
		case math.IsNaN(v) || math.IsInf(v, 0):
		case limit > 0 && math.Abs(v-centre) > limit:
			far = append(far, i)
		default:
			x, y = append(x, r.Mixture), append(y, v)
		}
	}
	if len(far) == 0 {
		return nil, nil
	}
	var g predict.GP
	if err := g.Fit(x, y); err != nil {
		return nil, err
	}
	var out []outlier
	for _, i := range far {
		v, expected := t.Runs[i].Values[c], g.Predict(t.Runs[i].Mixture)
		if math.Abs(v-expected) > suspect*g.Std(t.Runs[i].Mixture) {
			out = append(out, outlier{i, t.Metrics[c], v, expected})
		}
	}
	return out, nil
}

// median of values, of which there is at least one.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}
