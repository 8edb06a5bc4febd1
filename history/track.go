package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Trackers of experiments: Weights & Biases writes a CSV file of its table of runs
// with the columns Name and State, those of the configuration (nested ones with
// dots), and the last value of every metric; marin's collect_results, from the
// interface of the same, run_id, wandb_run_id, status and so on.

// trackerIDs name the runs of a tracker's table.
var trackerIDs = []string{"Name", "wandb_run_name", "wandb_run_id", "ID"}

// ended are the states of runs that finished, in lower case.
var ended = []string{"finished", "completed", "complete", "succeeded", "success", "done"}

// configPrefix is of columns that pandas makes of a run's configuration, and
// summaryPrefix of those of its metrics.
const (
	configPrefix  = "config."
	summaryPrefix = "summary."
)

// state is the column of the runs' states, or -1.
func (s *sheet) state() int {
	return slices.IndexFunc(s.header, func(name string) bool {
		return name == "State" || name == "state" || name == "status"
	})
}

// tracker tells whether a table is a tracker's.
func (s *sheet) tracker() bool {
	return s.state() >= 0 || slices.ContainsFunc(s.header, func(name string) bool {
		return strings.HasPrefix(name, configPrefix) || phaseColumn.MatchString(name)
	})
}

// panel refuses what is no table of runs: the history that a panel of Weights &
// Biases exports, and dictionaries of Python in cells.
func (s *sheet) panel() error {
	axis, lines := strings.ToLower(s.header[0]), 0
	for _, name := range s.header[1:] {
		if strings.Contains(name, " - ") {
			lines++
		}
	}
	if along := strings.Contains(axis, "step") || strings.Contains(axis, "time") || strings.Contains(axis, "epoch") || strings.Contains(axis, "token"); along && lines > 0 && lines == len(s.header)-1 {
		return fmt.Errorf("read %s: the columns are %q, %q, ...: the history of a panel of Weights & Biases, which has no mixtures; "+
			"export the table of runs instead (Runs, Export to CSV), with the columns of the shares and of the metrics", s.path, s.header[0], s.header[1])
	}
	for c, name := range s.header {
		if len(s.rows) > 0 && (name == "config" || name == "summary") && strings.HasPrefix(strings.TrimSpace(s.rows[0][c]), "{") {
			return fmt.Errorf("read %s: the column %s holds dictionaries: write a column for each of their entries, as pandas.json_normalize does", s.path, name)
		}
	}
	return nil
}

// tracked reads the table of a tracker, or another of one file, into t: of its
// columns, shares are those of phases, those that are named, or those that begin
// alike and sum to 1 in every run; metrics are the numbers whose names say what is
// better. Runs that did not finish count as failed.
func (h Hints) tracked(t *Table, s *sheet) error {
	id := s.id()
	t.unfinished(s, id)
	domains, err := h.phased(t, s)
	if err == nil && domains == nil {
		domains, err = h.named(t, s)
	}
	if err == nil && domains == nil {
		domains, err = t.alike(s)
	}
	if err != nil {
		return err
	}
	seed := slices.IndexFunc(s.header, func(name string) bool { return name == "seed" || name == configPrefix+"seed" })
	if seed >= 0 && !s.whole(seed) {
		seed = -1
	}
	if id >= 0 && slices.Contains(trackerIDs, s.header[id]) && s.twice(id, seed) {
		if other := slices.Index(s.header, "ID"); other >= 0 {
			id = other
		}
	}
	metrics := t.measures(s, func(c int) bool { return c == id || c == seed || slices.Contains(domains, c) })
	if len(metrics) == 0 {
		return fmt.Errorf("read %s: there are shares of %d domains and no metrics: give the scores as a second file", s.path, len(domains))
	}
	for i, row := range s.rows {
		if s.failed[i] && s.blank(i, domains) {
			continue
		}
		r := Run{Name: strconv.Itoa(i + 1)}
		if id >= 0 {
			r.Name = strings.TrimSpace(row[id])
		}
		s.fill(i, domains)
		if r.Mixture, err = s.mixture(i, domains, t); err != nil && s.failed[i] {
			continue
		} else if err != nil {
			return err
		}
		if r.Values, err = s.numbers(i, metrics, true); err != nil {
			return err
		}
		if seed >= 0 {
			r.Seed, _ = strconv.ParseUint(strings.TrimSpace(row[seed]), 10, 64) // see whole
		}
		t.Runs = append(t.Runs, r)
	}
	if err := t.distinct(s.path, id >= 0, seed >= 0); err != nil {
		return err
	}
	if seed < 0 {
		t.seeds()
	}
	return nil
}

// unfinished marks the rows of runs that did not finish, and says which.
func (t *Table) unfinished(s *sheet, id int) {
	column := s.state()
	if column < 0 {
		return
	}
	s.failed = map[int]bool{}
	by := map[string][]string{}
	for i, row := range s.rows {
		state := strings.ToLower(strings.TrimSpace(row[column]))
		if slices.Contains(ended, state) {
			continue
		}
		s.failed[i] = true
		name := "row " + strconv.Itoa(i+2)
		if id >= 0 {
			name = strings.TrimSpace(row[id])
		}
		by[state] = append(by[state], name)
	}
	for _, state := range slices.Sorted(maps.Keys(by)) {
		names := by[state]
		more := ""
		if n := len(names) - 5; n > 0 {
			names, more = names[:5], fmt.Sprintf(" and %d more", n)
		}
		t.Said = append(t.Said, fmt.Sprintf("%d runs are %q, not finished, and count as failed: %s%s", len(by[state]), state, strings.Join(names, ", "), more))
	}
}

// named are the columns of Hints.Shares, nil if none is said.
func (h Hints) named(t *Table, s *sheet) (columns []int, err error) {
	for _, want := range h.Shares {
		prefix, many := strings.CutSuffix(want, "*")
		before := len(columns)
		for c, name := range s.header {
			if (name == want || many && strings.HasPrefix(name, prefix) && name != prefix) && !slices.Contains(columns, c) {
				columns = append(columns, c)
				if !many {
					prefix = ""
				}
				t.Domains = append(t.Domains, strings.TrimPrefix(name, prefix))
			}
		}
		if len(columns) == before {
			return nil, fmt.Errorf("read %s: shares: no column is called %q", s.path, want)
		}
	}
	return columns, nil
}

// A family is columns that begin alike.
type family struct {
	prefix  string
	columns []int
}

// alike finds the columns of the shares: those below the longest common prefix
// (up to a dot or slash) that sum to 1 in every run, or all columns that can be
// shares.
func (t *Table) alike(s *sheet) ([]int, error) {
	var can []int
	families := map[string][]int{}
	for c, name := range s.header {
		if beside(strings.TrimPrefix(name, configPrefix)) != "" || DirectionOf(name) != Unknown || !s.shares(c) {
			continue
		}
		can = append(can, c)
		for i := range name {
			if name[i] == '.' || name[i] == '/' {
				families[name[:i+1]] = append(families[name[:i+1]], c)
			}
		}
	}
	var found []family
	for _, prefix := range slices.Sorted(maps.Keys(families)) { // a longer prefix comes after what it begins with
		if one := (family{prefix, families[prefix]}); len(one.columns) > 1 && s.sum(one.columns) {
			found = slices.DeleteFunc(found, func(f family) bool { return strings.HasPrefix(prefix, f.prefix) })
			found = append(found, one)
		}
	}
	if len(found) == 0 && len(can) > 1 && s.sum(can) {
		found = []family{{"", can}}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("read %s: which columns are the shares? None that begin alike sum to 1 in every run that finished: "+
			"name them, as in --shares web,code or --shares 'config.weights.*', or give mixtures and scores as two files; docs/format.md has the forms", s.path)
	case len(found) > 1:
		return nil, fmt.Errorf("read %s: which columns are the shares? Those that begin with %s sum to 1 in every run, and those with %s too: say --shares '%[2]s*' or the like", s.path, found[0].prefix, found[1].prefix)
	}
	for _, c := range found[0].columns {
		name := strings.TrimPrefix(strings.TrimPrefix(s.header[c], found[0].prefix), configPrefix)
		t.Domains = append(t.Domains, strings.TrimPrefix(name, regmixDomain))
	}
	return found[0].columns, nil
}

// cell is the number in a cell: NaN in an empty one, and false if it is text.
func (s *sheet) cell(i, c int) (float64, bool) {
	v, err := s.numbers(i, []int{c}, true)
	if err != nil {
		return 0, false
	}
	return v[0], true
}

// shares tells whether the finished runs have shares in a column, or nothing.
func (s *sheet) shares(c int) bool {
	some := false
	for i := range s.rows {
		if s.failed[i] {
			continue
		}
		v, ok := s.cell(i, c)
		if !ok || v < 0 || v > 1 {
			return false
		}
		some = some || !math.IsNaN(v)
	}
	return some
}

// sum tells whether the columns sum to 1 in every finished run, to 0.02.
func (s *sheet) sum(columns []int) bool {
	for i := range s.rows {
		if s.failed[i] {
			continue
		}
		sum := 0.0
		for _, c := range columns {
			if v, _ := s.cell(i, c); !math.IsNaN(v) {
				sum += v
			}
		}
		if math.Abs(sum-1) > 0.02 {
			return false
		}
	}
	return len(s.rows) > len(s.failed)
}

// fill writes 0 into empty cells of shares: a tracker leaves out what a run's
// configuration does not name. A row without any share stays as it is.
func (s *sheet) fill(i int, columns []int) {
	if s.blank(i, columns) {
		return
	}
	for _, c := range columns {
		if strings.TrimSpace(s.rows[i][c]) == "" {
			s.rows[i][c] = "0"
		}
	}
}

// blank tells whether a row has nothing in the columns.
func (s *sheet) blank(i int, columns []int) bool {
	return !slices.ContainsFunc(columns, func(c int) bool {
		cell := strings.TrimSpace(s.rows[i][c])
		return cell != "" && !strings.EqualFold(cell, "nan")
	})
}

// whole tells whether a column has a whole number in every row.
func (s *sheet) whole(c int) bool {
	for _, row := range s.rows {
		if _, err := strconv.ParseUint(strings.TrimSpace(row[c]), 10, 64); err != nil {
			return false
		}
	}
	return true
}

// twice tells whether a name, with the seed if there is one, stands in two rows.
func (s *sheet) twice(id, seed int) bool {
	seen := map[string]bool{}
	for _, row := range s.rows {
		key := strings.TrimSpace(row[id])
		if seed >= 0 {
			key += "\x00" + row[seed]
		}
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// measures enters the metrics of a tracker's table: numbers that are no options,
// times and counts. Of these, losses of the training, which change with the
// mixture that they are measured on, and what no name says the direction of count
// if they are named.
func (t *Table) measures(s *sheet, taken func(c int) bool) (columns []int) {
	for c, name := range s.header {
		if taken(c) || phaseColumn.MatchString(name) {
			continue
		}
		metric := name
		for _, prefix := range []string{metricPrefix, regmixMetric, summaryPrefix} {
			metric = strings.TrimPrefix(metric, prefix)
		}
		number, some := true, false
		for i := range s.rows {
			v, ok := s.cell(i, c)
			number, some = number && ok, some || ok && !math.IsNaN(v)
		}
		switch why := beside(metric); {
		case why != "":
			t.ignore(name, why)
			continue
		case strings.HasPrefix(name, configPrefix):
			t.ignore(name, "is an option of the run")
			continue
		case !number || !some:
			t.ignore(name, "holds no numbers")
			continue
		case strings.HasPrefix(strings.Join(words(metric), " ")+" ", "train "):
			t.ignore(metric, "is measured on the text of the training, which the mixture changes; --metric counts it")
		case DirectionOf(metric) == Unknown:
			t.ignore(metric, "has no metric's name; --metric counts it, with --higher or --lower")
		}
		columns, t.Metrics = append(columns, c), append(t.Metrics, metric)
	}
	return columns
}
