package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
)

//go:embed compare.html
var compareHTML string

var compareFuncs = map[string]any{
	"count": count, "short": short, "score": score, "signed": signed, "percent": percent, "duration": duration, "fixed": fixed, "plural": plural,
	"between": between, "operations": operations, "short64": func(n int) string { return short(int64(n)) }, "level": func(x float64) float64 { return 100 * x },
}

var compareTemplate = mustParse("compare", compareHTML, compareFuncs)

// compareView is what the template sees.
type compareView struct {
	*Comparison
	CSS        template.CSS
	JS         template.JS
	ScriptHash string
	Sections   []objectiveView
}

// objectiveView is an objective and what is derived from it.
type objectiveView struct {
	Objective
	Unit      string
	Baselines []string
	Tasks     []taskRow

	IntervalChart, CurveChart, MixtureChart template.HTML
}

// taskRow is a measure of a test file, by row.
type taskRow struct {
	Name   string
	Values []float64
}

// WriteComparison renders c into dir, which it makes: index.html for people and
// compare.json for programs.
func WriteComparison(dir string, c *Comparison) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	page, pageErr := renderComparison(c)
	data, jsonErr := json.MarshalIndent(c, "", "  ")
	if err := errors.Join(pageErr, jsonErr); err != nil {
		return fmt.Errorf("write report %s: %w", dir, err)
	}
	return errors.Join(replace(filepath.Join(dir, "index.html"), page), replace(filepath.Join(dir, "compare.json"), append(data, '\n')))
}

func renderComparison(c *Comparison) ([]byte, error) {
	page, err := compareTemplate.fill(newCompareView(c))
	return bytes.Map(legible, page), err
}

func newCompareView(c *Comparison) *compareView {
	v := &compareView{Comparison: c, CSS: template.CSS(pageCSS), JS: template.JS(script()), ScriptHash: scriptHash()}
	for _, o := range c.Objectives {
		x := objectiveView{Objective: o, Unit: "score, higher is better"}
		if o.Lower {
			x.Unit = "bits per byte, lower is better"
		}
		for _, r := range o.Rows {
			if !r.Searches {
				x.Baselines = append(x.Baselines, r.Strategy)
			}
		}
		slices.Sort(x.Baselines)
		x.Tasks = taskRows(o.Rows)
		x.IntervalChart, x.CurveChart, x.MixtureChart = compareChart(twoColumns, o).html("test-measure"), curveChart(twoColumns, o).html("learning-curves"), strategyMixtures(twoColumns, c.Domains, o).html("mixtures")
		v.Sections = append(v.Sections, x)
	}
	return v
}

// taskRows lists the measures of the test files.
func taskRows(rows []Compared) (out []taskRow) {
	var names []string
	for _, r := range rows {
		for name := range r.Tasks {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		t := taskRow{Name: name}
		for _, r := range rows {
			v, ok := r.Tasks[name]
			if !ok {
				v = nan
			}
			t.Values = append(t.Values, v)
		}
		out = append(out, t)
	}
	return out
}

// compareChart draws the mean of every strategy with its interval.
func compareChart(f form, o Objective) *svg {
	var rows []Candidate
	for _, r := range o.Rows {
		if len(r.Measure.Values) == 0 || !drawable(r.Measure.Mean) {
			continue
		}
		x := Candidate{Name: r.Strategy, Scores: r.Measure.Values, Mean: r.Measure.Mean, Interval: [2]float64{nan, nan}}
		if r.Measure.Interval != nil {
			x.Interval = *r.Measure.Interval
		}
		rows = append(rows, x)
	}
	if len(rows) == 0 {
		return nil
	}
	return candidateChart(f, rows[:min(len(rows), maxRows)], rows[0].Name, fmt.Sprintf("Test measure of %s with intervals, best first. The table below has the numbers.", plural(len(rows), "row")))
}

// curveChart draws the learning curves.
func curveChart(f form, o Objective) *svg {
	const height, top, bottom, right, left = 420.0, 12.0, 36.0, 170.0, 70.0
	width := f.width
	var x, y []float64
	o.Rows = slices.Clone(o.Rows)
	for i, r := range o.Rows {
		o.Rows[i].Curve = slices.DeleteFunc(slices.Clone(r.Curve), func(p CurvePoint) bool { return !drawable(p.Measure.Mean) })
		for _, p := range o.Rows[i].Curve {
			x, y = append(x, float64(p.Tokens)/1e6), append(y, p.Measure.Mean)
		}
	}
	if len(x) == 0 {
		return nil
	}
	s := &svg{w: width, h: height, label: "Learning curves on the validation files, by strategy."}
	ax, ay := newAxis(left, width-right, 6, x...), newAxis(height-bottom, top, 7, y...)
	ax.ticks(func(at float64, label string) {
		s.line(at, top, at, height-bottom, "grid")
		s.text(at, height-bottom+20, "mid small", label)
	})
	ay.ticks(func(at float64, label string) {
		s.line(left, at, width-right, at, "grid")
		s.text(left-10, at+4, "end small", label)
	})
	for i, r := range o.Rows {
		if len(r.Curve) == 0 {
			continue
		}
		d, class := "", paletteClass(i)
		for k, p := range r.Curve {
			d += fmt.Sprintf("%s%s %s", map[bool]string{true: "M", false: "L"}[k == 0], px(ax.at(float64(p.Tokens)/1e6)), px(ay.at(p.Measure.Mean)))
		}
		s.path(d, "learn "+class)
		for _, p := range r.Curve {
			s.dot(ax.at(float64(p.Tokens)/1e6), ay.at(p.Measure.Mean), 4, "spot "+class, fmt.Sprintf("%s after %s tokens: %s", r.Strategy, short(p.Tokens), score(p.Measure.Mean)))
		}
		s.dot(width-right+18, top+8+20*float64(i), 5, "spot "+class, "")
		s.text(width-right+30, top+12+20*float64(i), "small", shorten(r.Strategy, 18))
	}
	s.h = max(s.h, top+20*float64(len(o.Rows)+1))
	return s
}

// strategyMixtures draws a row for each domain and a column for each strategy:
// the share in the first answer of its searches, or in the mean of several.
func strategyMixtures(f form, domains []string, o Objective) *svg {
	const rowH, top, cell = 26.0, 96.0, 70.0
	rows := slices.DeleteFunc(slices.Clone(o.Rows), func(r Compared) bool { return len(meanMixture(r, len(domains))) == 0 })
	if len(rows) == 0 || len(domains) == 0 {
		return nil
	}
	rows = rows[:min(len(rows), 16)]
	left := labelWidth(f, domains, func(d string) string { return d })
	s := &svg{w: left + cell*float64(len(rows)) + 60, h: top + rowH*float64(min(len(domains), maxRows)) + 8,
		label: "Shares of the domains in the answer of each strategy."}
	for i, r := range rows {
		x := left + cell*(float64(i)+0.5)
		s.add(mark{kind: "text", at: [5]float64{x - 8, top - 10}, class: "small", data: shorten(r.Strategy, 20), turn: -35})
		m := meanMixture(r, len(domains))
		for d, name := range domains[:min(len(domains), maxRows)] {
			y := top + rowH*float64(d)
			if i == 0 {
				s.name(left-14, y+rowH/2+4, "end", name, f.names)
			}
			s.add(mark{kind: "rect", at: [5]float64{left + cell*float64(i) + 2, y + 1, cell - 4, rowH - 2, 3}, class: "heat", alpha: min(0.6, max(0.001, m[d])),
				tip: fmt.Sprintf("%s: %s of %s", r.Strategy, percent(m[d]), name)})
			s.text(x, y+rowH/2+4, "mid small", percent(m[d]))
		}
	}
	return s
}

// meanMixture is the mean of a strategy's answers over its target runs, nil if
// there are none of so many domains.
func meanMixture(r Compared, domains int) []float64 {
	out, runs := make([]float64, domains), 0
	for _, a := range r.Answers {
		if len(a.Mixture) != domains {
			return nil
		}
		for d, v := range a.Mixture {
			if !finite(v) {
				return nil
			}
			out[d] += v * float64(a.Runs)
		}
		runs += a.Runs
	}
	if runs == 0 {
		return nil
	}
	for d := range out {
		out[d] /= float64(runs)
	}
	return out
}

// between writes an interval, or a dash.
func between(x *[2]float64, signs bool) string {
	switch {
	case x == nil:
		return dash
	case signs:
		return signedInterval(*x)
	}
	return interval(*x)
}

// operations writes a number of floating-point operations.
func operations(x float64) string { return fixed(x/1e12, 2) + " T" }
