package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// Bounds of the plots of share against score.
const (
	sharePanels = 24
	shareDots   = 400
)

// A panel is a small plot with its heading.
type panel struct {
	Name  string
	Chart template.HTML
}

// sharePlots draws, for each domain with much of the mixture or of the corpus, the
// scores of the proxies over its share.
func sharePlots(domains []Domain, trials []Trial) (out []panel, span string) {
	trials = slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return !t.scored() || !drawable(t.Score) || len(t.Mixture) < len(domains) })
	if len(trials) < 3 {
		return nil, ""
	}
	for len(trials) > shareDots {
		half := trials[:0]
		for i := 0; i < len(trials); i += 2 {
			half = append(half, trials[i])
		}
		trials = half
	}
	floor, best := scoreRange(trials)
	order := make([]int, len(domains))
	for i := range order {
		order[i] = i
	}
	weight := func(d Domain) float64 { return better(d.Chosen, d.Natural) }
	slices.SortStableFunc(order, func(a, b int) int { return descending(weight(domains[a]), weight(domains[b])) })
	for _, i := range order[:min(len(order), sharePanels)] {
		out = append(out, panel{domains[i].Name, sharePlot(domains[i], i, trials)})
	}
	return out, "from " + score(floor) + " to " + score(best)
}

// scoreRange are the scores that plots show, as in the chart of the search: a few
// very bad proxies must not flatten the rest.
func scoreRange(trials []Trial) (floor, best float64) {
	var scores []float64
	for _, t := range trials {
		scores = append(scores, t.Score)
	}
	slices.Sort(scores)
	best = scores[len(scores)-1]
	return max(scores[0], best-4*(best-scores[len(scores)/2])), best
}

// sharePlot is the plot of one domain.
func sharePlot(d Domain, index int, trials []Trial) template.HTML {
	const width, height, left, right, top, bottom = 236.0, 150.0, 8.0, 8.0, 8.0, 24.0
	s := &svg{w: width, h: height}
	var xs []float64
	for _, t := range trials {
		xs = append(xs, max(t.Mixture[index], 0))
	}
	floor, best := scoreRange(trials)
	most := 0.0
	for _, x := range append([]float64{d.Natural, d.Chosen}, xs...) {
		if drawable(x) {
			most = max(most, x)
		}
	}
	x, y := axis{lo: 0, hi: max(most, 1e-6), from: left, to: width - right}, newAxis(height-bottom, top, 3, floor, best)
	s.line(left, height-bottom, width-right, height-bottom, "axis")
	var dots strings.Builder
	for i := range xs {
		if !drawable(xs[i]) {
			continue
		}
		dots.WriteString("M" + px(x.at(xs[i])) + " " + px(y.at(max(trials[i].Score, floor))) + "h0")
	}
	if drawable(d.Natural) {
		s.line(x.at(d.Natural), top, x.at(d.Natural), height-bottom, "guide")
	}
	s.path(dots.String(), "dots")
	if drawable(d.Chosen) {
		s.line(x.at(d.Chosen), top, x.at(d.Chosen), height-bottom, "chosen")
	}
	s.text(left, height-8, "small", "0")
	s.text(width-right, height-8, "end small", percent(most))
	return s.html(fmt.Sprintf("Scores of %s over the share of %s, from 0 to %s.", plural(len(xs), "proxy run"), d.Name, percent(most)))
}
