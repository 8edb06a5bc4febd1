package report

import (
	"fmt"
	"slices"
)

// maxRows bounds the rows of a chart; the table below it has them all.
const maxRows = 60

// mixtureChart draws two bars per domain: its share in the recommended mixture and in the corpus.
func mixtureChart(f form, domains []Domain) *svg {
	if len(domains) == 0 {
		return nil
	}
	rows := byShare(domains)
	rows = rows[:min(len(rows), maxRows)]
	const rowH, top = 38.0, 30.0
	heads := []string{"mixture", "natural", "change"}
	if f.narrow() {
		heads = []string{"mixture", "change"}
	}
	right := 70 * float64(len(heads))
	width, left := f.width, labelWidth(f, rows, func(d Domain) string { return d.Name })
	s := &svg{w: width, h: top + rowH*float64(len(rows)) + 6,
		label: fmt.Sprintf("Shares of %s in the recommended mixture and in the corpus. The table below has the numbers.", plural(len(rows), "domain"))}
	most := 0.0
	for _, d := range rows {
		for _, x := range []float64{d.Natural, d.Chosen} {
			if drawable(x) {
				most = max(most, x)
			}
		}
	}
	bar := func(x float64) float64 {
		if !drawable(x) || most == 0 {
			return 0
		}
		return max(x, 0) / most * (width - right - left)
	}
	for i, head := range heads {
		s.text(width-right+70*float64(i+1), 16, "end small", head)
	}
	for i, d := range rows {
		y := top + rowH*float64(i)
		tip := fmt.Sprintf("%s: %s of the mixture, %s of the corpus", d.Name, percent(d.Chosen), percent(d.Natural))
		s.rect(0, y, width, rowH, 4, "row", tip)
		s.name(left-14, y+rowH/2+4, "end", d.Name, f.names)
		s.rect(left, y+6, bar(d.Chosen), 14, 2, "fill", "")
		s.rect(left, y+23, bar(d.Natural), 8, 2, "base", "")
		s.text(width-right+70, y+rowH/2+4, "end strong", percent(d.Chosen))
		if !f.narrow() {
			s.text(width-right+140, y+rowH/2+4, "end muted", percent(d.Natural))
		}
		s.text(width, y+rowH/2+4, "end "+direction(d), times(d.Chosen, d.Natural))
	}
	s.line(left, top, left, s.h-6, "axis")
	return s
}

// direction is the class of a change of share.
func direction(d Domain) string {
	switch f := d.Chosen / d.Natural; {
	case f > 1.05:
		return "up"
	case f < 0.95:
		return "down"
	}
	return "muted"
}

// byShare sorts domains by their share in the mixture, unknown ones last.
func byShare(domains []Domain) []Domain {
	rows := slices.Clone(domains)
	slices.SortStableFunc(rows, func(a, b Domain) int { return descending(a.Chosen, b.Chosen) })
	return rows
}

// descending compares for a sort with the largest first and NaN last.
func descending(a, b float64) int {
	switch {
	case a > b, a == a && b != b:
		return -1
	case a < b, a != a && b == b:
		return 1
	}
	return 0
}

// labelWidth is the space that the names of rows take.
func labelWidth[T any](f form, rows []T, name func(T) string) float64 {
	most := 8
	for _, r := range rows {
		most = max(most, min(wide(name(r)), f.names))
	}
	return 7.8*float64(most) + 24 // of bold letters too
}
