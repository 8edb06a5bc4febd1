package history

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// Forms are the names of the forms that Write knows.
var Forms = []string{"climb", "regmix", "olmix", "curator"}

// Write writes the table into a folder in one of Forms and returns the files:
//
//	climb    runs.csv
//	regmix   mixture.csv, loss.csv
//	olmix    ratios.csv, metrics.csv
//	curator  n1.sh, n2.sh, ... and lm_harness_results.csv
//
// A table without metrics, such as proposals, has no file of scores.
func (t *Table) Write(folder, form string) ([]string, error) {
	if len(t.Phases) > 0 && form != "climb" {
		return nil, fmt.Errorf("form %s has no place for the mixtures of %d phases: climb has", form, len(t.Phases))
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	switch form {
	case "climb":
		return t.writeOne(folder, "runs.csv", "run", domainPrefix, metricPrefix, true)
	case "regmix":
		return t.writePair(folder, "mixture.csv", "loss.csv", "index", regmixDomain, regmixMetric)
	case "olmix":
		return t.writePair(folder, "ratios.csv", "metrics.csv", "run", "", "")
	case "curator":
		return t.writeCurator(folder)
	}
	return nil, fmt.Errorf("no form of tables is called %q: there are %v", form, Forms)
}

func (t *Table) writeOne(folder, name, id, domain, metric string, seed bool) ([]string, error) {
	header := []string{id}
	if seed {
		header = append(header, "seed")
	}
	if len(t.Phases) > 0 { // the columns are called phase_0_web
		domain = ""
	}
	header = append(append(header, prefixed(domain, t.Domains)...), prefixed(metric, t.Metrics)...)
	return t.file(folder, name, header, func(r Run) []string {
		row := []string{r.Name}
		if seed {
			row = append(row, strconv.FormatUint(r.Seed, 10))
		}
		return append(append(row, cells(t.Phases.Within(r.Mixture))...), cells(r.Values)...)
	})
}

func (t *Table) writePair(folder, mixtures, scores, id, domain, metric string) ([]string, error) {
	files, err := t.file(folder, mixtures, append([]string{id}, prefixed(domain, t.Domains)...), func(r Run) []string {
		return append([]string{r.Name}, cells(r.Mixture)...)
	})
	if err != nil || len(t.Metrics) == 0 {
		return files, err
	}
	more, err := t.file(folder, scores, append([]string{id}, prefixed(metric, t.Metrics)...), func(r Run) []string {
		return append([]string{r.Name}, cells(r.Values)...)
	})
	return append(files, more...), err
}

// writeCurator names the scripts after the runs, as the recipe joins them. A
// table without a metric valid_avg is given one, the mean of the others.
func (t *Table) writeCurator(folder string) ([]string, error) {
	var files []string
	for _, r := range t.Runs {
		file := filepath.Join(folder, r.Name+".sh")
		if err := os.WriteFile(file, []byte(t.script(r.Mixture)), 0o777); err != nil {
			return files, err
		}
		files = append(files, file)
	}
	if len(t.Metrics) == 0 {
		return files, nil
	}
	var order []int
	average := -1
	for c, name := range t.Metrics {
		if name == "valid_avg" {
			average = c
		} else {
			order = append(order, c)
		}
	}
	header := []string{"model_benchmark_path"}
	for _, c := range order {
		header = append(header, t.Metrics[c])
	}
	header = append(append(header, "valid_avg"), t.Domains...)
	more, err := t.file(folder, "lm_harness_results.csv", header, func(r Run) []string {
		row, mean := []string{r.Name}, 0.0
		for _, c := range order {
			row = append(row, cells(r.Values[c:c+1])...)
			mean += r.Values[c] / float64(len(order))
		}
		if average >= 0 {
			mean = r.Values[average]
		}
		return append(append(row, cells([]float64{mean})...), cells(r.Mixture)...)
	})
	return append(files, more...), err
}

// file writes one CSV file and returns its path.
func (t *Table) file(folder, name string, header []string, row func(Run) []string) ([]string, error) {
	file := filepath.Join(folder, name)
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	w := csv.NewWriter(f)
	err = w.Write(header)
	for i := 0; i < len(t.Runs) && err == nil; i++ {
		err = w.Write(row(t.Runs[i]))
	}
	w.Flush()
	for _, e := range []error{err, w.Error(), f.Close()} {
		if e != nil {
			return nil, fmt.Errorf("write %s: %w", file, e)
		}
	}
	return []string{file}, nil
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = prefix + name
	}
	return out
}

// cells writes numbers; NaN is an empty cell.
func cells(v []float64) []string {
	out := make([]string, len(v))
	for i, x := range v {
		if !math.IsNaN(x) {
			out[i] = decimal(x)
		}
	}
	return out
}
