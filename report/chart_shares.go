package report

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds of the plots of share against score.
const (
	sharePanels = 24
	shareDots   = 400
)

// shares is what the plots of share against score are drawn from.
type shares struct {
	trials      []Trial
	order       []int   // domains, those first that have much of the mixture or of the corpus
	floor, best float64 // scores
}

// newShares is nil where there are too few scores to plot.
func newShares(domains []Domain, trials []Trial) *shares {
	trials = slices.DeleteFunc(slices.Clone(trials), func(t Trial) bool { return !t.scored() || !drawable(t.Score) || len(t.Mixture) < len(domains) })
	if len(trials) < 3 {
		return nil
	}
	for len(trials) > shareDots {
		half := trials[:0]
		for i := 0; i < len(trials); i += 2 {
			half = append(half, trials[i])
		}
		trials = half
	}
	s := &shares{trials: trials}
	s.floor, s.best = scoreRange(trials)
	order := make([]int, len(domains))
	for i := range order {
		order[i] = i
	}
	weight := func(d Domain) float64 { return better(d.Chosen, d.Natural) }
	slices.SortStableFunc(order, func(a, b int) int { return descending(weight(domains[a]), weight(domains[b])) })
	s.order = order[:min(len(order), sharePanels)]
	return s
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

// panels are small, side by side, and have one axis of scores in common, which the
// page describes in words.
var panels = form{236, 34, 0.4}

// plot is the plot of one domain.
func (p *shares) plot(f form, d Domain, index int) *svg {
	width, height, left, right, top, bottom := f.width, 150.0, 8.0, 8.0, 8.0, 24.0
	if f != panels {
		width, height, left, top, bottom = min(520, f.width), 340, 64, 26, 46
	}
	s, trials := &svg{w: width, h: height}, p.trials
	var xs []float64
	for _, t := range trials {
		xs = append(xs, max(t.Mixture[index], 0))
	}
	most := 0.0
	for _, x := range append([]float64{d.Natural, d.Chosen}, xs...) {
		if drawable(x) {
			most = max(most, x)
		}
	}
	x, y := axis{lo: 0, hi: max(most, 1e-6), from: left, to: width - right}, newAxis(height-bottom, top, f.few(6), p.floor, p.best)
	if f != panels {
		y.ticks(func(at float64, label string) {
			s.line(left, at, width-right, at, "grid")
			s.text(left-10, at+4, "end small", label)
		})
		s.text(0, 14, "small", "score")
		s.text(width-right, height-8, "end small", "share of "+shorten(d.Name, f.names))
	}
	s.line(left, height-bottom, width-right, height-bottom, "axis")
	var dots strings.Builder
	for i := range xs {
		if !drawable(xs[i]) {
			continue
		}
		dots.WriteString("M" + px(x.at(xs[i])) + " " + px(y.at(max(trials[i].Score, p.floor))) + "h0")
	}
	if drawable(d.Natural) {
		s.line(x.at(d.Natural), top, x.at(d.Natural), height-bottom, "guide")
	}
	s.path(dots.String(), "dots")
	if drawable(d.Chosen) {
		s.line(x.at(d.Chosen), top, x.at(d.Chosen), height-bottom, "chosen")
	}
	s.text(left, height-bottom+16, "small", "0")
	s.text(width-right, height-bottom+16, "end small", percent(most))
	s.label = fmt.Sprintf("Scores of %s over the share of %s, from 0 to %s.", plural(len(xs), "proxy run"), d.Name, percent(most))
	return s
}
