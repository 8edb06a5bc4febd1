package report

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// lengthsChart draws how long the documents of a domain are: a step for each power
// of two.
func lengthsChart(f form, d Domain) *svg {
	most, first, last := int64(0), 64, -1
	for _, b := range d.Lengths {
		if b.Documents > 0 && b.From >= 0 {
			at := bits.Len64(uint64(b.From))
			most, first, last = max(most, b.Documents), min(first, at), max(last, at)
		}
	}
	if most == 0 {
		return nil
	}
	width, height, left, right, top, bottom := f.width, 96.0, 8.0, 8.0, 8.0, 24.0
	if f != panels {
		width, height, left, top, bottom = min(520, f.width), 260, 72, 26, 46
	}
	s := &svg{w: width, h: height, label: fmt.Sprintf("Lengths of the documents of %s, in bytes.", d.Name)}
	step := (width - left - right) / float64(last-first+1)
	y := axis{lo: 0, hi: float64(most), from: height - bottom, to: top, step: niceStep(float64(most) / 4)}
	if f != panels {
		y.ticks(func(at float64, label string) {
			s.line(left, at, width-right, at, "grid")
		})
		for v := 0.0; v <= y.hi; v += max(y.step, 1) {
			s.text(left-10, y.at(v)+4, "end small", short(int64(v)))
		}
		s.text(0, 14, "small", "documents")
		s.text(width-right, height-8, "end small", "bytes of a document")
	}
	var area strings.Builder
	for _, b := range d.Lengths {
		if b.Documents <= 0 || b.From < 0 {
			continue
		}
		x := left + step*float64(bits.Len64(uint64(b.From))-first)
		fmt.Fprintf(&area, "M%s %sV%sH%sV%sz", px(x+0.5), px(height-bottom), px(y.at(float64(b.Documents))), px(x+step-0.5), px(height-bottom))
	}
	s.path(area.String(), "bars")
	s.line(left, height-bottom, width-right, height-bottom, "axis")
	start := func(at int) float64 { return math.Ldexp(1, max(0, at-1)) }
	s.text(left, height-bottom+16, "small", size(int64(start(first))))
	s.text(width-right, height-bottom+16, "end small", size(int64(min(start(last+1), 1e18))))
	return s
}

// niceStep is 1, 2 or 5 times a power of ten, at least x.
func niceStep(x float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(max(x, 1e-300))))
	for _, f := range []float64{1, 2, 5, 10} {
		if step*f >= x {
			return step * f
		}
	}
	return x
}

func lengthTable(domains []Domain) Table {
	t := Table{Head: []string{"domain", "bytes_from", "bytes_to", "documents"}}
	for _, d := range domains {
		for _, b := range d.Lengths {
			t.add(d.Name, b.From, b.To, b.Documents)
		}
	}
	return t
}
