package report

import (
	"fmt"
	"slices"
)

// intervalChart draws the score of every confirmed candidate: a dot for each run, the mean and its interval.
func intervalChart(f form, c Confirmation) *svg {
	rows := slices.Clone(c.Candidates)
	rows = slices.DeleteFunc(rows, func(r Candidate) bool { return !drawable(r.Mean) })
	if len(rows) == 0 {
		return nil
	}
	slices.SortStableFunc(rows, func(a, b Candidate) int { return descending(a.Mean, b.Mean) })
	rows = rows[:min(len(rows), maxRows)]
	return candidateChart(f, rows, c.Chosen, fmt.Sprintf("Scores of %s with intervals. The table below has the numbers.", plural(len(rows), "confirmed mixture")))
}

// candidateChart draws rows in their order.
func candidateChart(f form, rows []Candidate, chosen, label string) *svg {
	const rowH, top, bottom, right = 40.0, 10.0, 34.0, 90.0
	width, left := f.width, labelWidth(f, rows, func(r Candidate) string { return r.Name })
	s := &svg{w: width, h: top + rowH*float64(len(rows)) + bottom, label: label}
	var all []float64
	for _, r := range rows {
		all = append(append(all, r.Mean, r.Interval[0], r.Interval[1]), r.Scores...)
	}
	x := newAxis(left, width-right, f.few(9), all...)
	end := s.h - bottom
	x.ticks(func(at float64, label string) {
		s.line(at, top, at, end, "grid")
		s.text(at, end+18, "mid small", label)
	})
	for i, r := range rows {
		y := top + rowH*(float64(i)+0.5)
		class := ""
		if r.Name == chosen {
			class = " on"
		}
		s.rect(0, y-rowH/2+1, width, rowH-2, 4, "row"+class, fmt.Sprintf("%s: mean %s, interval %s, %s", r.Name, score(r.Mean), interval(r.Interval), plural(len(r.Scores), "run")))
		s.name(left-14, y+4, "end"+strong(class), r.Name, f.names)
		if drawable(r.Interval[0]) && drawable(r.Interval[1]) {
			s.rect(x.at(r.Interval[0]), y-5, x.at(r.Interval[1])-x.at(r.Interval[0]), 10, 5, "span"+class, "")
		}
		for _, v := range r.Scores {
			if drawable(v) {
				s.dot(x.at(v), y, 2.6, "seed"+class, "")
			}
		}
		s.rect(x.at(r.Mean)-1.75, y-10, 3.5, 20, 1.5, "mean"+class, "")
		s.text(width, y+4, "end"+strong(class), score(r.Mean))
	}
	return s
}

func strong(on string) string {
	if on != "" {
		return " strong"
	}
	return ""
}

// gainChart draws the differences between the candidate with the best mean and the others, with zero marked.
func gainChart(f form, c Confirmation) *svg {
	best := c.chosen()
	if best == nil {
		return nil
	}
	rows := slices.DeleteFunc(slices.Clone(best.Differences), func(d Difference) bool { return !drawable(d.Mean) })
	if len(rows) == 0 {
		return nil
	}
	const rowH, top, bottom = 40.0, 10.0, 34.0
	width, right, left := f.width, 350.0, labelWidth(f, rows, func(d Difference) string { return "over " + d.To })
	if f.narrow() {
		right = 130
	}
	s := &svg{w: width, h: top + rowH*float64(len(rows)) + bottom,
		label: "Differences between the mixture with the best mean and the others, with intervals. The table below has the numbers."}
	all := []float64{0}
	for _, d := range rows {
		all = append(all, d.Mean, d.Interval[0], d.Interval[1])
	}
	x := newAxis(left, width-right, f.few(7), all...)
	end := s.h - bottom
	x.ticks(func(at float64, label string) {
		s.line(at, top, at, end, "grid")
		s.text(at, end+18, "mid small", label)
	})
	s.line(x.at(0), top, x.at(0), end, "zero")
	for i, d := range rows {
		y := top + rowH*(float64(i)+0.5)
		class, word := " even", "not significant"
		if d.Significant {
			class, word = " good", "significant"
			if d.Mean < 0 {
				class = " bad"
			}
		}
		s.name(left-14, y+4, "end", "over "+d.To, f.names)
		if drawable(d.Interval[0]) && drawable(d.Interval[1]) {
			s.rect(x.at(d.Interval[0]), y-5, x.at(d.Interval[1])-x.at(d.Interval[0]), 10, 5, "span"+class, "")
		}
		s.rect(x.at(d.Mean)-1.75, y-10, 3.5, 20, 1.5, "mean"+class, "")
		if f.narrow() {
			s.text(width, y-2, "end strong", signed(d.Mean))
			s.text(width, y+13, "end small word"+class, word)
			continue
		}
		s.text(width-right+24, y+4, "strong", signed(d.Mean))
		s.text(width-right+98, y+4, "muted", signedInterval(d.Interval))
		s.text(width, y+4, "end small word"+class, word)
	}
	return s
}
