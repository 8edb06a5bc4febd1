package history

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/mix"
)

// Prefixes of columns: of ours, and of RegMix's files.
const (
	domainPrefix = "domain:"
	metricPrefix = "metric:"
	regmixDomain = "train_"
	regmixMetric = "metric/"
)

// Read reads a table: one file that holds mixtures and scores (ours, or
// Curator's lm_harness_results.csv), or a file of mixtures and one of scores
// (RegMix, olmix), joined by the run's id and never by position. A folder in
// place of the mixtures is one of Curator's scripts n1.sh, n2.sh, ...; one in
// place of the scores holds results of lm-evaluation-harness by run (see
// readResults).
//
// Mixtures are normalised; a sum that is off by more than 5 % is an error, as
// are two rows with one id, and runs in one of the files only. An empty cell or
// NaN in a metric is a value that is missing.
func Read(paths ...string) (*Table, error) { return Hints{}.Read(paths...) }

// Hints say of a table what its columns do not. Ours needs none.
type Hints struct {
	Shares []string  // columns of the shares: names, or what a name begins with before a *, as in config.weights.*
	Phases []float64 // tokens of each phase of the training, in any unit, where a table has columns of phases
}

// Read is Read with hints. One file may also be what a tracker of experiments
// writes (see tracked), and one folder holds a CSV file of mixtures beside results
// of lm-evaluation-harness.
func (h Hints) Read(paths ...string) (*Table, error) {
	var t *Table
	var err error
	switch len(paths) {
	case 1:
		t, err = h.one(paths[0])
	case 2:
		t, err = h.pair(paths[0], paths[1])
	default:
		return nil, fmt.Errorf("%d files of runs: give one, or mixtures and scores", len(paths))
	}
	if err != nil {
		return nil, err
	}
	if len(t.Runs) == 0 {
		return nil, fmt.Errorf("read %s: no runs", strings.Join(paths, ", "))
	}
	if len(h.Phases) > 0 && len(t.Phases) == 0 {
		return nil, fmt.Errorf("read %s: the lengths of phases are given, and no column is called phase_0_DOMAIN", strings.Join(paths, ", "))
	}
	return t, nil
}

// A sheet is a CSV file.
type sheet struct {
	path   string
	header []string
	rows   [][]string
	failed map[int]bool // rows of runs that did not finish: what they measured does not count
}

func readSheet(path string) (*sheet, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := parse(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	s.path = path
	return s, s.panel()
}

func parse(r io.Reader) (*sheet, error) {
	c := csv.NewReader(r)
	all, err := c.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("the file is empty: a header is needed")
	}
	s := &sheet{header: all[0], rows: all[1:]}
	s.header[0] = strings.TrimPrefix(s.header[0], "\ufeff")
	for i, name := range s.header {
		if name != "" && slices.Contains(s.header[:i], name) {
			return nil, fmt.Errorf("two columns are called %q", name)
		}
	}
	return s, nil
}

// id returns the column that names the run, or -1.
func (s *sheet) id() int {
	for _, name := range ids {
		if i := slices.Index(s.header, name); i >= 0 {
			return i
		}
	}
	if s.state() < 0 {
		return -1
	}
	return slices.IndexFunc(s.header, func(name string) bool { return slices.Contains(trackerIDs, name) })
}

// common returns the columns that name the runs in two files: of one name if
// they have one in common.
func common(a, b *sheet) (int, int) {
	for _, name := range ids {
		i, j := slices.Index(a.header, name), slices.Index(b.header, name)
		if i >= 0 && j >= 0 {
			return i, j
		}
	}
	return a.id(), b.id()
}

// numbers returns the named columns of row i.
func (s *sheet) numbers(i int, columns []int, missing bool) ([]float64, error) {
	out := make([]float64, len(columns))
	for k, c := range columns {
		cell := strings.TrimSpace(s.rows[i][c])
		if missing && (cell == "" || strings.EqualFold(cell, "nan") || s.failed[i]) {
			out[k] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil || strings.ContainsAny(cell, "_xX") { // Go's own notations
			return nil, fmt.Errorf("read %s: row %d, column %s: %q is no number", s.path, i+2, s.header[c], cell)
		}
		out[k] = v
	}
	return out, nil
}

// mixture returns the shares in the named columns of row i. t knows which others
// were left out.
func (s *sheet) mixture(i int, columns []int, t *Table) (mix.Mixture, error) {
	w, err := s.numbers(i, columns, false)
	if err != nil {
		return nil, err
	}
	m, err := scheduled(t.Phases, w)
	if err != nil {
		return nil, fmt.Errorf("read %s: row %d: %w%s", s.path, i+2, err, t.leftOut())
	}
	return m, nil
}

func normalize(w []float64) (mix.Mixture, error) {
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	if math.Abs(sum-100) < 5 {
		return nil, fmt.Errorf("shares sum to %.4g: are they per cent? want 1", sum)
	}
	if math.Abs(sum-1) > 0.05 {
		return nil, fmt.Errorf("shares sum to %.4g, want 1", sum)
	}
	return mix.Normalize(w)
}

// one reads ours, Curator's or a tracker's table, or a folder.
func (h Hints) one(path string) (*Table, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return h.folder(path)
	}
	s, err := readSheet(path)
	if err != nil {
		return nil, err
	}
	id, seed := s.id(), slices.Index(s.header, "seed")
	t := &Table{}
	domains, metrics := t.oneFile(s, id, seed)
	if len(h.Shares) > 0 || len(domains) == 0 && s.tracker() {
		t := &Table{}
		return t, h.tracked(t, s)
	}
	if len(domains) == 0 {
		return nil, fmt.Errorf("read %s: no column begins with %q and there is no column valid_avg: "+
			"give mixtures and scores as two files, say --shares COLUMN,..., or see docs/format.md", path, domainPrefix)
	}
	for i, row := range s.rows {
		r := Run{Name: strconv.Itoa(i + 1)}
		if id >= 0 {
			r.Name = strings.TrimSpace(row[id])
		}
		if r.Mixture, err = s.mixture(i, domains, t); err != nil {
			return nil, err
		}
		if r.Values, err = s.numbers(i, metrics, true); err != nil {
			return nil, err
		}
		if seed >= 0 {
			if r.Seed, err = strconv.ParseUint(row[seed], 10, 64); err != nil {
				return nil, fmt.Errorf("read %s: row %d: seed %q is no number", path, i+2, row[seed])
			}
		}
		t.Runs = append(t.Runs, r)
	}
	if err := t.distinct(path, id >= 0, seed >= 0); err != nil {
		return nil, err
	}
	if seed < 0 {
		t.seeds()
	}
	return t, nil
}

// oneFile tells the columns of ours or Curator's table apart.
func (t *Table) oneFile(s *sheet, id, seed int) (domains, metrics []int) {
	average := slices.Index(s.header, "valid_avg")
	for c, name := range s.header {
		d, isDomain := strings.CutPrefix(name, domainPrefix)
		m, isMetric := strings.CutPrefix(name, metricPrefix)
		why := beside(name)
		switch {
		case c == id || c == seed:
		case isDomain:
			t.Domains, domains = append(t.Domains, d), append(domains, c)
		case isMetric:
			t.Metrics, metrics = append(t.Metrics, m), append(metrics, c)
		case why != "":
			t.ignore(name, why)
		case average <= 0:
			t.ignore(name, "begins with neither "+domainPrefix+" nor "+metricPrefix)
		case c <= average:
			t.Metrics, metrics = append(t.Metrics, name), append(metrics, c)
		default:
			t.Domains, domains = append(t.Domains, name), append(domains, c)
		}
	}
	return domains, metrics
}

// distinct refuses a run that stands in two rows of one file: by its id and, if
// there is one, its seed; without an id by all that its row says.
func (t *Table) distinct(path string, named, seeded bool) error {
	seen := map[string]int{}
	for i, r := range t.Runs {
		key := r.Name
		if !named {
			key = fmt.Sprint(r.Mixture, r.Values)
		}
		if seeded {
			key = fmt.Sprint(key, " with seed ", r.Seed)
		}
		if first, twice := seen[key]; twice {
			if !named {
				return fmt.Errorf("read %s: rows %d and %d are the same: take one out, or give a column run if they are two runs", path, first, i+2)
			}
			return fmt.Errorf("read %s: rows %d and %d are both run %s: take one out, or give two runs two ids", path, first, i+2, key)
		}
		seen[key] = i + 2
	}
	return nil
}

// folder reads a folder of results by run that holds the mixtures too.
func (h Hints) folder(dir string) (*Table, error) {
	tables, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		return nil, err
	}
	if len(tables) != 1 {
		return nil, fmt.Errorf("read %s: there are %d files *.csv in the folder; give the file of mixtures and the folder of results", dir, len(tables))
	}
	return h.pair(tables[0], dir)
}

// pair joins mixtures and scores by the run's id.
func (h Hints) pair(mixtures, scores string) (*Table, error) {
	read, t := readSheet, &Table{}
	var errs stderrs
	if info, err := os.Stat(scores); err == nil && info.IsDir() {
		read = func(dir string) (s *sheet, err error) {
			s, errs, err = t.readResults(dir)
			return s, err
		}
	}
	s, err := read(scores)
	if err != nil {
		return nil, err
	}
	id, err := h.readMixtures(t, mixtures, s)
	if err != nil {
		return nil, err
	}
	if id < 0 {
		return nil, fmt.Errorf("read %s: no column run, run_id, index or model_benchmark_path names the run", scores)
	}
	columns := t.scores(s, id)
	row := map[string]int{}
	for i, r := range s.rows {
		name := runName(s.header[id], r[id])
		if first, twice := row[name]; twice {
			return nil, fmt.Errorf("read %s: rows %d and %d are both run %s", scores, first+2, i+2, name)
		}
		row[name] = i
	}
	for i := range t.Runs {
		r := &t.Runs[i]
		at, ok := row[r.Name]
		if !ok {
			return nil, fmt.Errorf("run %s is in %s but not in %s", r.Name, mixtures, scores)
		}
		if r.Values, err = s.numbers(at, columns, true); err != nil {
			return nil, err
		}
		r.StdErr = errs.of(r.Name, t.Metrics)
		delete(row, r.Name)
	}
	for _, r := range s.rows {
		name := runName(s.header[id], r[id])
		if _, left := row[name]; left {
			return nil, fmt.Errorf("run %s is in %s but not in %s", name, scores, mixtures)
		}
	}
	t.seeds()
	return t, nil
}

// scores tells the metrics from the other columns of a file of scores. Of
// Curator's table, whose mixtures come from the scripts, the domains are left.
func (t *Table) scores(s *sheet, id int) (columns []int) {
	if s.state() >= 0 {
		t.unfinished(s, id)
		return t.measures(s, func(c int) bool { return c == id || slices.Contains(t.Domains, s.header[c]) })
	}
	for c, name := range s.header {
		switch why := beside(name); {
		case c == id || slices.Contains(t.Domains, name):
		case why != "":
			t.ignore(name, why)
		default:
			columns, t.Metrics = append(columns, c), append(t.Metrics, strings.TrimPrefix(name, regmixMetric))
		}
	}
	return columns
}

// runName is the id of a run in a cell: of a path, its last part.
func runName(column, cell string) string {
	if column == "model_benchmark_path" {
		return filepath.Base(cell)
	}
	return strings.TrimSpace(cell)
}

// readMixtures reads a CSV file of mixtures or a folder of Curator's scripts into t,
// and says which column of the scores names the run.
func (h Hints) readMixtures(t *Table, path string, scores *sheet) (id int, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if id = slices.Index(scores.header, "model_benchmark_path"); id < 0 {
			id = scores.id()
		}
		return id, t.readScripts(path)
	}
	s, err := readSheet(path)
	if err != nil {
		return 0, err
	}
	own, id := common(s, scores)
	if own < 0 {
		return 0, fmt.Errorf("read %s: no column run, run_id or index names the run", path)
	}
	columns, err := h.mixtureColumns(t, s, own)
	if err != nil {
		return 0, err
	}
	seen := map[string]int{}
	for i, row := range s.rows {
		m, err := s.mixture(i, columns, t)
		if err != nil {
			return 0, err
		}
		name := runName(s.header[own], row[own])
		if first, twice := seen[name]; twice {
			return 0, fmt.Errorf("read %s: rows %d and %d are both run %s", path, first, i+2, name)
		}
		seen[name] = i + 2
		t.Runs = append(t.Runs, Run{Name: name, Mixture: m})
	}
	return id, nil
}

// mixtureColumns are the columns of shares in a file of mixtures.
func (h Hints) mixtureColumns(t *Table, s *sheet, own int) (columns []int, err error) {
	if columns, err = h.phased(t, s); err != nil || columns != nil {
		return columns, err
	}
	if len(h.Shares) > 0 {
		return h.named(t, s)
	}
	for c, name := range s.header {
		if why := beside(name); c != own && why != "" {
			t.ignore(name, why)
		} else if c != own {
			columns, t.Domains = append(columns, c), append(t.Domains, strings.TrimPrefix(name, regmixDomain))
		}
	}
	return columns, nil
}
