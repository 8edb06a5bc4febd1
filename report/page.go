package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// script is what the pages run: the style of drawings that stand alone, and page.js.
var script = sync.OnceValue(func() string { return "const printCSS = " + strconv.Quote(printCSS()) + ";\n" + pageJS })

// scriptHash names it in the pages' policies, so that they run nothing else.
var scriptHash = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(script()))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
})

var pageFuncs = map[string]any{
	"count": count, "short": short, "size": size, "percent": percent, "score": score, "signed": signed, "interval": interval,
	"signedInterval": signedInterval, "duration": duration, "day": day, "fixed": fixed, "times": times, "plural": plural,
	"join": strings.Join, "byShare": byShare, "top": top, "value": value, "percentOf": func(x float64) float64 { return 100 * x }, "portion": portion, "shorten": shorten,
}

var pageTemplate = mustParse("page", pageHTML, pageFuncs)

// view is what the template sees: the data and what is derived from it.
type view struct {
	*Data
	CSS        template.CSS
	JS         template.JS
	Served     *Served // nil: the page stands alone
	ScriptHash string
	Tone       string
	Headline   string
	Tiles      []tile
	Rounds     []round
	Best       []Trial // best trials of the search
	Quality    []string
	Pruning    []string // names of the scores of pruned clusters
	Pruned     []Cluster
	Cards      []Cluster // clusters that stay, the worst first
	Scores     []string  // names of their scores
	Metrics    []metricRow
	Colour     map[string]string // of domains, as classes
	Columns    []Domain          // of the table of sources by domains
	Sources    []sourceRow       // the largest
	Origins    int               // how many sources there are
	Parts      []domainPart      // the domains, one by one
	Plots      []panel           // share against score
	Tables     []csvBlock        // what the drawings are from
	PlotsRange string            // of the scores, in words
	Named      bool              // a source has a name
	Level      float64           // of the intervals, in percent
	Work       float64
	Written    int64

	MixtureChart, SearchChart, PredictorChart, IntervalChart, GainChart, MapChart, CurvesChart template.HTML
}

// A panel is a small plot with its heading.
type panel struct {
	Name  string
	Chart template.HTML
}

// A csvBlock is a table in the page, for the buttons of the drawings with a name that
// begins like its own.
type csvBlock struct {
	Name, Text string
	Packed     bool
}

// block is a table in the page.
func block(name string, t Table, digits int) csvBlock {
	text := strings.Map(legible, string(t.CSV(digits)))
	if len(text) < packedTable {
		return csvBlock{name, text, false}
	}
	return csvBlock{name, pack(text), true}
}

// pageDigits are the significant digits of numbers in the page's tables.
const pageDigits = 5

// drawAll makes the drawings, and their tables. The plots of shares have one table in
// common.
func (v *view) drawAll() {
	charts := map[string]template.HTML{}
	for _, f := range Figures(v.Data) {
		if !strings.HasPrefix(f.Name, "share-") && !strings.HasPrefix(f.Name, "lengths-") {
			charts[f.Name] = f.draw(twoColumns).html(f.Name)
			v.Tables = append(v.Tables, block(f.Name, f.Table, pageDigits))
		}
	}
	v.MixtureChart, v.IntervalChart, v.GainChart, v.SearchChart = charts["mixture"], charts["confirmation"], charts["gains"], charts["search"]
	v.CurvesChart, v.PredictorChart, v.MapChart = charts["training"], charts["predictor"], charts["map"]
	if t := lengthTable(v.Domains); len(t.Rows) > 0 {
		v.Tables = append(v.Tables, block("lengths", t, pageDigits))
	}
	v.Parts = domainParts(v.Data)
	if p := newShares(v.Domains, v.Trials); p != nil {
		v.PlotsRange = "from " + score(p.floor) + " to " + score(p.best)
		v.Tables = append(v.Tables, block("share", p.table(v.Domains), 4))
		for n, i := range p.order {
			d := v.Domains[i]
			v.Plots = append(v.Plots, panel{d.Name, p.plot(panels, d, i).html(fmt.Sprintf("share-%02d", n+1))})
		}
	}
}

// A domainPart is what the page tells of one domain.
type domainPart struct {
	Domain
	Sources []sourceShare // the largest
	Others  int           // sources that are not named
	Lengths template.HTML
	Why     string // what its effect says, in words
}

// A sourceShare is the part of a domain's tokens that a source has.
type sourceShare struct {
	Name  string
	Share float64
}

// domainSources bounds the sources of a domain that are named.
const domainSources = 6

// domainParts gathers what is known of each domain.
func domainParts(d *Data) (out []domainPart) {
	for i, x := range d.Domains {
		p := domainPart{Domain: x, Lengths: lengthsChart(panels, x).html(fmt.Sprintf("lengths-%02d", i+1))}
		var all int64
		for _, s := range d.Corpus.Sources {
			if i < len(s.Tokens) {
				all += max(s.Tokens[i], 0)
			}
		}
		for _, s := range d.Corpus.Sources {
			if i < len(s.Tokens) && s.Tokens[i] > 0 && s.Name != "" {
				p.Sources = append(p.Sources, sourceShare{s.Name, float64(s.Tokens[i]) / float64(all)})
			}
		}
		slices.SortStableFunc(p.Sources, func(a, b sourceShare) int { return descending(a.Share, b.Share) })
		p.Others = max(0, len(p.Sources)-domainSources)
		p.Sources = p.Sources[:len(p.Sources)-p.Others]
		if e := x.Effect; e != nil && finite(e.Mean) {
			switch {
			case e.Interval[0] > 0:
				p.Why = "more of it is expected to help"
			case e.Interval[1] < 0:
				p.Why = "more of it is expected to hurt"
			default:
				p.Why = "the runs do not tell whether more or less of it is better"
			}
		}
		out = append(out, p)
	}
	return out
}

// tile is a key figure.
type tile struct{ Label, Value, Note string }

// metricRow is a measure and its value for each candidate; nil where it has none.
type metricRow struct {
	Task, Name, Split string
	Values            []*Metric
}

const (
	shownTrials   = 120 // rows of the table of trials
	shownClusters = 100 // rows of the table of pruned clusters
)

// render makes the page.
func render(d *Data) ([]byte, error) {
	page, err := pageTemplate.fill(newView(d))
	return bytes.Map(legible, page), err
}

func newView(d *Data) *view {
	v := &view{Data: d, CSS: template.CSS(pageCSS), JS: template.JS(script()), ScriptHash: scriptHash(), Tone: d.Confirmed.tone(), Headline: headline(d), Tiles: tiles(d),
		Rounds: rounds(d.Trials), Metrics: metricRows(d.Confirmed.Candidates), Colour: palette(d.Domains, d.Map), Level: 100 * d.Confirmed.level()}
	v.Work, v.Written = d.total()
	v.Best = slices.Clone(d.Trials)
	slices.SortStableFunc(v.Best, func(a, b Trial) int { return descending(a.known(), b.known()) })
	v.Best = v.Best[:min(len(v.Best), shownTrials)]
	for _, x := range d.Domains {
		v.Quality = union(v.Quality, x.Quality)
	}
	v.Pruned = slices.Clone(d.PrunedClusters)
	slices.SortStableFunc(v.Pruned, func(a, b Cluster) int { return descending(float64(a.Tokens), float64(b.Tokens)) })
	v.Pruned = v.Pruned[:min(len(v.Pruned), shownClusters)]
	for _, c := range v.Pruned {
		v.Pruning = union(v.Pruning, c.Scores)
	}
	v.Cards = slices.Clone(d.Clusters)
	slices.SortStableFunc(v.Cards, func(a, b Cluster) int { return -descending(a.last(), b.last()) })
	v.Cards = v.Cards[:min(len(v.Cards), shownClusters)]
	for _, c := range v.Cards {
		v.Scores = union(v.Scores, c.Scores)
	}
	for _, names := range [][]string{v.Quality, v.Pruning, v.Scores} {
		overallFirst(names)
	}
	v.drawAll()
	columns := sourceColumns(d.Domains)
	for _, at := range columns {
		v.Columns = append(v.Columns, d.Domains[at])
	}
	v.Sources, v.Origins = sourceRows(d.Corpus.Sources, columns)
	v.Named = len(v.Sources) > 1 || len(v.Sources) == 1 && v.Sources[0].Name != ""
	return v
}

// legible drops the control characters that texts bring along, and those that turn the writing direction of what follows them.
func legible(r rune) rune {
	if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return -1
	}
	return r
}

// headline is the verdict in a few words.
func headline(d *Data) string {
	if d.Confirmed.chosen() == nil {
		return "Not confirmed yet"
	}
	var lost, even []string
	for _, x := range d.Confirmed.baselines() {
		switch {
		case x.Significant && x.Mean < 0:
			lost = append(lost, x.To)
		case !x.Significant:
			even = append(even, x.To)
		}
	}
	switch {
	case len(lost) > 0:
		return "Worse than " + strings.Join(lost, " and ")
	case len(even) > 0:
		return "No significant gain over " + strings.Join(even, " and ")
	case d.Confirmed.tone() == "good":
		return "Better than every baseline"
	}
	return "Confirmed"
}

// tiles are the key figures of the run.
func tiles(d *Data) []tile {
	var out []tile
	if best := d.Confirmed.chosen(); best != nil {
		out = append(out, tile{"Score, " + plural(len(best.Seeds), "seed"), score(best.Mean), interval(best.Interval)})
		for _, x := range d.Confirmed.baselines() {
			if x.To == "natural" {
				out = append(out, tile{"Gain over natural", signed(x.Mean), signedInterval(x.Interval)})
			}
		}
	}
	if n := len(d.Trials); n > 0 {
		note := "in " + plural(len(rounds(d.Trials)), "round")
		if drawable(d.Predictor.Spearman) && len(d.Predictor.Measured) > 0 {
			note += ", rank correlation " + fixed(d.Predictor.Spearman, 2)
		}
		out = append(out, tile{"Proxy runs", count(int64(n)), note})
	}
	if d.Corpus.Documents > 0 {
		out = append(out, tile{"Documents read", short(d.Corpus.Documents), fmt.Sprintf("%s, %s", size(d.Corpus.Bytes), plural(len(d.Domains), "domain"))})
	}
	if d.Dataset.Tokens > 0 {
		out = append(out, tile{"Tokens written", short(d.Dataset.Tokens), plural(d.Dataset.Shards, "shard")})
	}
	return out
}

// overallFirst moves the last score, the overall one of our rules, to the front,
// where a wide table shows it without being scrolled.
func overallFirst(names []string) {
	if n := len(names); n > 1 {
		last := names[n-1]
		copy(names[1:], names[:n-1])
		names[0] = last
	}
}

// last is the last score of a cluster, the overall one of our rules; NaN if it
// has none.
func (c Cluster) last() float64 {
	if len(c.Scores) == 0 {
		return nan
	}
	return c.Scores[len(c.Scores)-1].Value
}

// known is the score of a trial, NaN if it has none.
func (t Trial) known() float64 {
	if !t.scored() {
		return nan
	}
	return t.Score
}

// top lists the largest shares of a mixture.
func top(domains []Domain, mixture []float64) string {
	order := make([]int, min(len(mixture), len(domains)))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return descending(mixture[a], mixture[b]) })
	var parts []string
	for _, i := range order[:min(len(order), 3)] {
		parts = append(parts, domains[i].Name+" "+percent(mixture[i]))
	}
	return strings.Join(parts, ", ")
}

// value finds the score with a name.
func value(scores []Score, name string) float64 {
	for _, s := range scores {
		if s.Name == name {
			return s.Value
		}
	}
	return nan
}

// portion is part of a whole in percent, for the width of a bar.
func portion(part, whole float64) float64 {
	if p := 100 * part / whole; finite(p) {
		return min(max(p, 0), 100)
	}
	return 0
}

// union appends the names of scores that names lacks.
func union(names []string, scores []Score) []string {
	for _, s := range scores {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// metricRows lists the measures of all candidates, those of the search first.
func metricRows(candidates []Candidate) []metricRow {
	var rows []metricRow
	for i, c := range candidates {
		for j, m := range c.Metrics {
			k := slices.IndexFunc(rows, func(r metricRow) bool { return r.Task == m.Task && r.Name == m.Name && r.Split == m.Split })
			if k < 0 {
				k = len(rows)
				rows = append(rows, metricRow{m.Task, m.Name, m.Split, make([]*Metric, len(candidates))})
			}
			rows[k].Values[i] = &c.Metrics[j]
		}
	}
	slices.SortStableFunc(rows, func(a, b metricRow) int { return strings.Compare(b.Split, a.Split) }) // validation before test
	return rows
}
