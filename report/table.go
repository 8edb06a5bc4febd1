package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/escape"
)

// A Table is what a figure is drawn from, a row for each mark, or a part of the
// report. Numbers that are unknown are NaN.
type Table struct {
	Head []string
	Rows [][]any // string, bool, int, int64, uint64, float64
}

// CSV writes a table with a number of significant digits, -1 for all of them. Text
// that a spreadsheet would take for a formula begins with an apostrophe.
func (t Table) CSV(digits int) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(t.Head) // a buffer takes everything
	record := make([]string, len(t.Head))
	for _, row := range t.Rows {
		for i, v := range row {
			record[i] = cell(v, digits)
		}
		_ = w.Write(record)
	}
	w.Flush()
	return b.Bytes()
}

func cell(v any, digits int) string {
	switch x := v.(type) {
	case float64:
		if !finite(x) {
			return ""
		}
		return strconv.FormatFloat(x, 'g', digits, 64)
	case string:
		x = flat(x)
		if x != "" && strings.Contains("=+-@", x[:1]) {
			return "'" + x
		}
		return x
	}
	return fmt.Sprint(v)
}

// flat is text on one line, with nothing that steers.
func flat(s string) string { return strings.Join(strings.Fields(escape.Line(s)), " ") }

func (t *Table) add(row ...any) { t.Rows = append(t.Rows, row) }

// TableNames are the tables of a report, in its order.
func TableNames() []string {
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// TableOf is the table of a name, one of TableNames; it has no rows where the run has
// not come so far.
func TableOf(d *Data, name string) (Table, bool) {
	i := slices.IndexFunc(tables, func(t namedTable) bool { return t.name == name })
	if i < 0 {
		return Table{}, false
	}
	return tables[i].of(d), true
}

type namedTable struct {
	name string
	of   func(*Data) Table
}

var tables = []namedTable{
	{"domains", domainTable},
	{"trials", trialTable},
	{"confirmation", func(d *Data) Table { return confirmTable(d.Confirmed) }},
	{"gains", func(d *Data) Table { return gainTable(d.Confirmed) }},
	{"metrics", metricTable},
	{"training", func(d *Data) Table { return curveTable(d.Curves) }},
	{"predictor", func(d *Data) Table { return predictorTable(d.Predictor) }},
	{"clusters", mapTable},
	{"lengths", func(d *Data) Table { return lengthTable(d.Domains) }},
	{"sources", sourceTable},
	{"pruned", func(d *Data) Table { return reasonTable(d.PrunedDocuments) }},
	{"dataset", datasetTable},
	{"cost", costTable},
}

func domainTable(d *Data) Table {
	t := Table{Head: []string{"domain", "natural", "mixture", "epochs", "clusters", "documents", "tokens", "bytes", "effect", "effect_low", "effect_high", "terms"}}
	for _, x := range d.Domains {
		effect, between := nan, [2]float64{nan, nan}
		if x.Effect != nil {
			effect, between = x.Effect.Mean, x.Effect.Interval
		}
		t.add(x.Name, x.Natural, x.Chosen, x.Epochs, x.Clusters, x.Documents, x.Tokens, x.Bytes, effect, between[0], between[1], strings.Join(x.Terms, "; "))
	}
	return t
}

// trialTable has the form of a table of runs, which climb fit reads.
func trialTable(d *Data) Table {
	t := Table{Head: []string{"run", "seed", "round"}}
	for _, x := range d.Domains {
		t.Head = append(t.Head, "domain:"+flat(x.Name))
	}
	t.Head = append(t.Head, "metric:score", "predicted", "low", "high", "seconds", "failed")
	for _, x := range d.Trials {
		row := []any{x.Hash, x.Seed, x.Round}
		for i := range d.Domains {
			share := nan
			if i < len(x.Mixture) {
				share = x.Mixture[i]
			}
			row = append(row, share)
		}
		predicted, between := x.forecast()
		t.add(append(row, x.known(), predicted, between[0], between[1], x.Seconds, x.Failed)...)
	}
	return t
}

// forecast is what was predicted of a trial, and its interval.
func (t Trial) forecast() (float64, [2]float64) {
	predicted, between := nan, [2]float64{nan, nan}
	if t.Predicted != nil {
		predicted = *t.Predicted
	}
	if t.Interval != nil {
		between = *t.Interval
	}
	return predicted, between
}

func metricTable(d *Data) Table {
	t := Table{Head: []string{"mixture", "task", "metric", "split", "mean", "standard_error"}}
	for _, c := range d.Confirmed.Candidates {
		for _, m := range c.Metrics {
			e := m.Error
			if e == 0 {
				e = nan
			}
			t.add(c.Name, m.Task, m.Name, m.Split, m.Mean, e)
		}
	}
	return t
}

func sourceTable(d *Data) Table {
	t := Table{Head: []string{"source", "documents", "duplicates", "near_duplicates", "tokens", "dataset_tokens"}}
	for _, s := range d.Corpus.Sources {
		var tokens int64
		for _, n := range s.Tokens {
			tokens += n
		}
		t.add(s.Name, s.Documents, s.Duplicates, s.Near, tokens, s.Dataset)
	}
	return t
}

func reasonTable(reasons []Reason) Table {
	t := Table{Head: []string{"reason", "documents", "tokens"}}
	for _, r := range reasons {
		t.add(r.Reason, r.Count, r.Tokens)
	}
	return t
}

func datasetTable(d *Data) Table {
	t := Table{Head: []string{"domain", "asked", "achieved", "documents", "tokens", "repeated", "epochs"}}
	for _, p := range d.Dataset.Parts {
		t.add(p.Domain, p.Asked, p.Achieved, p.Documents, p.Tokens, p.Repeated, p.Epochs)
	}
	return t
}

func costTable(d *Data) Table {
	t := Table{Head: []string{"stage", "tasks", "seconds", "wall_seconds", "bytes"}}
	for _, s := range d.Cost {
		t.add(s.Name, s.Tasks, s.Seconds, s.Wall, s.Bytes)
	}
	return t
}

func mixtureTable(domains []Domain) Table {
	t := Table{Head: []string{"domain", "mixture", "natural", "times_natural", "epochs"}}
	for _, d := range byShare(domains) {
		t.add(d.Name, d.Chosen, d.Natural, d.Chosen/d.Natural, d.Epochs)
	}
	return t
}

func confirmTable(c Confirmation) Table {
	t := Table{Head: []string{"mixture", "baseline", "seed", "score", "mean", "low", "high"}}
	for _, r := range c.Candidates {
		for i, s := range r.Scores {
			var seed any = ""
			if i < len(r.Seeds) {
				seed = r.Seeds[i]
			}
			t.add(r.Name, r.Baseline, seed, s, r.Mean, r.Interval[0], r.Interval[1])
		}
	}
	return t
}

func gainTable(c Confirmation) Table {
	t := Table{Head: []string{"mixture", "over", "gain", "low", "high", "significant"}}
	if best := c.chosen(); best != nil {
		for _, d := range best.Differences {
			t.add(best.Name, d.To, d.Mean, d.Interval[0], d.Interval[1], d.Significant)
		}
	}
	return t
}

func searchTable(trials []Trial) Table {
	t := Table{Head: []string{"round", "mixture", "seed", "score", "predicted", "low", "high", "seconds", "failed"}}
	for _, x := range trials {
		predicted, between := x.forecast()
		t.add(x.Round, x.Hash, x.Seed, x.known(), predicted, between[0], between[1], x.Seconds, x.Failed)
	}
	return t
}

// table has the shares of one domain, or of all that are plotted.
func (p *shares) table(domains []Domain, only ...int) Table {
	t := Table{Head: []string{"round", "mixture", "seed", "score"}}
	columns := p.order
	if len(only) > 0 {
		columns = only
	}
	for _, i := range columns {
		t.Head = append(t.Head, cell(domains[i].Name, -1))
	}
	for _, x := range p.trials {
		row := []any{x.Round, x.Hash, x.Seed, x.Score}
		for _, i := range columns {
			row = append(row, x.Mixture[i])
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func curveTable(curves []Curve) Table {
	t := Table{Head: []string{"run", "mixture", "seed", "tokens", "loss"}}
	for n, c := range drawnCurves(curves) {
		for i := range min(len(c.Tokens), len(c.Loss)) {
			t.add(n+1, c.Name, c.Seed, c.Tokens[i], c.Loss[i])
		}
	}
	return t
}

func predictorTable(p Predictor) Table {
	t := Table{Head: []string{"measured", "predicted"}}
	for i := range min(len(p.Measured), len(p.Predicted)) {
		t.add(p.Measured[i], p.Predicted[i])
	}
	return t
}

// mapTable has the clusters in the order of the map's discs.
func mapTable(d *Data) Table {
	cards := map[int]Cluster{}
	for _, list := range [][]Cluster{d.Clusters, d.PrunedClusters} {
		for _, c := range list {
			cards[c.ID] = c
		}
	}
	t := Table{Head: []string{"cluster", "x", "y", "tokens", "documents", "domain", "name", "terms", "pruned"}}
	for _, p := range mapPoints(d.Map) {
		c := cards[p.ID]
		var why string
		if p.Pruned {
			why = "yes"
			if len(c.Reasons) > 0 {
				why = strings.Join(c.Reasons, "; ")
			}
		}
		t.add(p.ID, p.X, p.Y, math.Round(p.Size), c.Documents, p.Domain, p.Name, strings.Join(c.Terms, " "), why)
	}
	return t
}
