package history

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/eval"
)

// readResults reads a folder with results of lm-evaluation-harness: a file
// RUN.json or a folder RUN, as lm_eval --output_path writes it, for each run.
// The columns are task:metric; what is better is taken from the files, and tasks
// are ignored whose group has figures of its own. Of a folder with several results
// files the newest counts.
func (t *Table) readResults(dir string) (*sheet, stderrs, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	s, errs := &sheet{path: dir}, stderrs{}
	runs, columns, grouped := map[string]map[string]string{}, map[string]bool{}, map[string]string{}
	for _, e := range entries {
		run, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !e.IsDir() && !isJSON {
			continue
		}
		if runs[run] != nil {
			return nil, nil, fmt.Errorf("read %s: there is a file and a folder for run %s", dir, run)
		}
		r, err := eval.ReadResults(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, nil, err
		}
		runs[run] = map[string]string{}
		for task := range r.Results {
			figures, err := r.Task(task)
			if err != nil {
				return nil, nil, err
			}
			group := r.Group(task)
			for metric, v := range figures.Metrics {
				column := task + ":" + metric
				runs[run][column] = strconv.FormatFloat(v, 'g', -1, 64)
				columns[column] = true
				if se, ok := figures.StdErr[metric]; ok {
					errs.put(run, column, se)
				}
				if group != "" {
					grouped[column] = group
				}
				if err := t.direct(column, r.Higher[task], metric); err != nil {
					return nil, nil, fmt.Errorf("read %s: %w", filepath.Join(dir, e.Name()), err)
				}
			}
		}
	}
	if len(runs) == 0 {
		return nil, nil, fmt.Errorf("read %s: no results; give a folder with RUN.json, or a folder RUN of lm_eval's, for each run", dir)
	}
	names := slices.Sorted(maps.Keys(columns))
	for _, name := range slices.Sorted(maps.Keys(grouped)) {
		t.ignore(name, "is a part of "+grouped[name])
	}
	s.header = append([]string{"run"}, names...)
	for _, run := range slices.Sorted(maps.Keys(runs)) {
		row := []string{run}
		for _, name := range names {
			row = append(row, runs[run][name]) // "" where it was not measured
		}
		s.rows = append(s.rows, row)
	}
	return s, errs, nil
}

// stderrs are standard errors by run and column.
type stderrs map[string]map[string]float64

func (s stderrs) put(run, column string, se float64) {
	if s[run] == nil {
		s[run] = map[string]float64{}
	}
	s[run][column] = se
}

// of returns those of a run, nil if there is none.
func (s stderrs) of(run string, metrics []string) []float64 {
	if s[run] == nil {
		return nil
	}
	out := make([]float64, len(metrics))
	for i, name := range metrics {
		se, ok := s[run][name]
		if out[i] = se; !ok {
			out[i] = math.NaN()
		}
	}
	return out
}

// direct enters what a results file says of a metric's direction.
func (t *Table) direct(column string, higher map[string]bool, metric string) error {
	up, said := higher[metric]
	if !said {
		return nil
	}
	d := Lower
	if up {
		d = Higher
	}
	if before := t.Better[column]; before != Unknown && before != d {
		return fmt.Errorf("higher_is_better of %s: %s, but %s in another run's file", column, d, before)
	}
	if t.Better == nil {
		t.Better = map[string]Direction{}
	}
	t.Better[column] = d
	return nil
}
