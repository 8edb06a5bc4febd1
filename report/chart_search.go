package report

import (
	"fmt"
	"slices"
	"strings"
)

// searchChart draws a dot per proxy in the order of the search, in bands of rounds, and the best score so far.
func searchChart(f form, trials []Trial) *svg {
	trials = slices.Clone(trials)
	slices.SortStableFunc(trials, func(a, b Trial) int { return a.Round - b.Round })
	var scores []float64
	for _, t := range trials {
		if t.scored() && drawable(t.Score) {
			scores = append(scores, t.Score)
		}
	}
	if len(scores) == 0 {
		return nil
	}
	const height, left, top, bottom = 380.0, 64.0, 50.0, 34.0
	width := f.width
	s := &svg{w: width, h: height}
	slices.Sort(scores)
	best, median := scores[len(scores)-1], scores[len(scores)/2]
	floor := max(scores[0], best-4*(best-median)) // a few very bad proxies must not flatten the rest
	y := newAxis(height-bottom, top, 6, floor, best)
	slot := (width - left) / float64(len(trials))
	bands(s, trials, left, top, height-bottom, slot)
	y.ticks(func(at float64, label string) {
		s.line(left, at, width, at, "grid")
		s.text(left-10, at+4, "end small", label)
	})
	s.text(0, 20, "small", "score")
	s.text(width, height-8, "end small", "proxies in the order they ran")

	var line strings.Builder
	top1, dotR := -1, min(max(slot*0.35, 2), 5)
	for i, t := range trials {
		x := left + slot*(float64(i)+0.5)
		tip := fmt.Sprintf("round %d, mixture %s, seed %d", t.Round, shorten(t.Hash, 12), t.Seed)
		switch {
		case !t.scored() || !drawable(t.Score):
			s.path(fmt.Sprintf("M%s %sl6 6m0 -6l-6 6", px(x-3), px(height-bottom-9)), "cross")
			continue
		case t.Score < floor:
			s.path(fmt.Sprintf("M%s %sh8l-4 6z", px(x-4), px(height-bottom-10)), "below")
		default:
			s.dot(x, y.at(t.Score), dotR, "mark", fmt.Sprintf("%s: %s", tip, score(t.Score)))
		}
		if top1 < 0 || t.Score > trials[top1].Score {
			at := px(y.at(max(t.Score, floor)))
			if top1 < 0 {
				line.WriteString("M" + px(x) + " " + at)
			} else {
				line.WriteString("H" + px(x) + "V" + at)
			}
			top1 = i
		}
	}
	s.path(line.String()+"H"+px(width), "best")
	x, anchor := left+slot*(float64(top1)+0.5), "strong"
	if x > width-120 {
		anchor = "strong end"
	}
	s.dot(x, y.at(best), dotR+3, "ring", "")
	s.text(x, y.at(best)-11, anchor, "best "+score(best))
	s.label = fmt.Sprintf("Scores of %s by round; the best is %s. The table below has a line for each round.", plural(len(trials), "proxy run"), score(best))
	return s
}

// bands shades every other round and names them all.
func bands(s *svg, trials []Trial, left, top, bottom, slot float64) {
	for lo, n := 0, 0; lo < len(trials); n++ {
		hi := lo
		for hi < len(trials) && trials[hi].Round == trials[lo].Round {
			hi++
		}
		x, w := left+slot*float64(lo), slot*float64(hi-lo)
		if n%2 == 1 {
			s.rect(x, top-46, w, bottom-top+46, 0, "band", "")
		}
		if label := fmt.Sprintf("round %d · %d", trials[lo].Round, hi-lo); w > 7*float64(wide(label)) {
			s.text(x+8, top-30, "small", label)
		}
		lo = hi
	}
}

// predictorChart draws the out-of-fold prediction of every mixture over its measured score.
func predictorChart(f form, p Predictor) *svg {
	n := min(len(p.Measured), len(p.Predicted))
	var all []float64
	for i := range n {
		if drawable(p.Measured[i]) && drawable(p.Predicted[i]) {
			all = append(all, p.Measured[i], p.Predicted[i])
		}
	}
	if len(all) == 0 {
		return nil
	}
	const height, left, bottom, top = 400.0, 64.0, 46.0, 26.0
	width := min(520, f.width)
	s := &svg{w: width, h: height}
	x, y := newAxis(left, width-8, 5, all...), newAxis(height-bottom, top, 5, all...)
	x.ticks(func(at float64, label string) {
		s.line(at, top, at, height-bottom, "grid")
		s.text(at, height-bottom+18, "mid small", label)
	})
	y.ticks(func(at float64, label string) {
		s.line(left, at, width-8, at, "grid")
		s.text(left-10, at+4, "end small", label)
	})
	s.line(x.at(x.lo), y.at(x.lo), x.at(x.hi), y.at(x.hi), "guide")
	for i := 0; i < len(all); i += 2 {
		s.dot(x.at(all[i]), y.at(all[i+1]), 3.6, "mark", fmt.Sprintf("measured %s, predicted %s", score(all[i]), score(all[i+1])))
	}
	s.text(0, 14, "small", "predicted")
	s.text(width-8, height-8, "end small", "measured score")
	s.label = fmt.Sprintf("Predicted over measured scores of %s; rank correlation %s.", plural(len(all)/2, "mixture"), fixed(p.Spearman, 2))
	return s
}
