package history

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/eval"
)

// readResults reads a folder with results of lm-evaluation-harness: a file
// RUN.json or a folder RUN, as lm_eval --output_path writes it, for each run.
// The columns are task:metric.
func readResults(dir string) (*sheet, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	s := &sheet{path: dir}
	runs, columns := map[string]map[string]string{}, map[string]bool{}
	for _, e := range entries {
		run, isJSON := strings.CutSuffix(e.Name(), ".json")
		if !e.IsDir() && !isJSON {
			continue
		}
		if runs[run] != nil {
			return nil, fmt.Errorf("read %s: there is a file and a folder for run %s", dir, run)
		}
		r, err := eval.ReadResults(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		runs[run] = map[string]string{}
		for task := range r.Results {
			t, err := r.Task(task)
			if err != nil {
				return nil, err
			}
			for metric, v := range t.Metrics {
				runs[run][task+":"+metric] = strconv.FormatFloat(v, 'g', -1, 64)
				columns[task+":"+metric] = true
			}
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("read %s: no results; give a folder with RUN.json, or a folder RUN of lm_eval's, for each run", dir)
	}
	names := slices.Sorted(maps.Keys(columns))
	s.header = append([]string{"run"}, names...)
	for _, run := range slices.Sorted(maps.Keys(runs)) {
		row := []string{run}
		for _, name := range names {
			row = append(row, runs[run][name]) // "" where it was not measured
		}
		s.rows = append(s.rows, row)
	}
	return s, nil
}
