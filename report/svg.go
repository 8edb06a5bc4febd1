package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// svg is a drawing. Looks come from the classes in page.css; every string is escaped.
type svg struct {
	b    strings.Builder
	w, h float64
}

// px writes a coordinate to a tenth of a pixel.
func px(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&s.b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="%s"/>`, px(x1), px(y1), px(x2), px(y2), class)
}

// rect draws a box; tip is what is shown when the pointer is on it.
func (s *svg) rect(x, y, w, h, round float64, class, tip string) {
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s" class="%s"%s/>`, px(x), px(y), px(max(w, 0)), px(max(h, 0)), px(round), class, tipAttr(tip))
}

// dot draws a disc. hue colours it if it is not negative.
func (s *svg) dot(x, y, r float64, hue int, class, tip string) {
	style := ""
	if hue >= 0 {
		style = fmt.Sprintf(` style="--h:%d"`, hue)
	}
	fmt.Fprintf(&s.b, `<circle cx="%s" cy="%s" r="%s" class="%s"%s%s/>`, px(x), px(y), px(r), class, style, tipAttr(tip))
}

func (s *svg) path(d, class string) { fmt.Fprintf(&s.b, `<path d="%s" class="%s"/>`, d, class) }

func (s *svg) text(x, y float64, class, text string) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" class="%s">%s</text>`, px(x), px(y), class, template.HTMLEscapeString(text))
}

func tipAttr(tip string) string {
	if tip == "" {
		return ""
	}
	return ` data-tip="` + template.HTMLEscapeString(tip) + `"`
}

// html gives the drawing with what a screen reader says instead.
func (s *svg) html(label string) template.HTML {
	return template.HTML(fmt.Sprintf(`<div class="chart" style="max-width:%spx"><svg viewBox="0 0 %s %s" role="img" aria-label="%s">`,
		px(s.w), px(s.w), px(s.h), template.HTMLEscapeString(label)) + s.b.String() + "</svg></div>")
}

// axis maps values to pixels.
type axis struct {
	lo, hi   float64 // values
	from, to float64 // pixels
	step     float64 // between ticks
}

// newAxis spans the known values among x with a margin, and at most n ticks or so.
func newAxis(from, to float64, n int, x ...float64) axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		if drawable(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	if margin := 0.06 * (hi - lo); margin > max(1e-9, 1e-12*max(math.Abs(lo), math.Abs(hi))) {
		lo, hi = lo-margin, hi+margin
	} else {
		margin = max(0.05*math.Abs(lo), 1e-6)
		lo, hi = lo-margin, hi+margin
	}
	rough := (hi - lo) / float64(n)
	step := math.Pow(10, math.Floor(math.Log10(rough)))
	for _, f := range []float64{1, 2, 5, 10} {
		if step*f >= rough {
			step *= f
			break
		}
	}
	return axis{lo, hi, from, to, step}
}

// drawable tells whether x has a place on an axis.
func drawable(x float64) bool { return math.Abs(x) < 1e12 }

func (a axis) at(x float64) float64 {
	return a.from + (x-a.lo)/(a.hi-a.lo)*(a.to-a.from)
}

// ticks calls f with the place and the label of each tick.
func (a axis) ticks(f func(at float64, label string)) {
	decimals := max(0, int(-math.Floor(math.Log10(a.step)+1e-9)))
	first := math.Ceil(a.lo / a.step)
	for i := first; i*a.step <= a.hi && i-first < 50; i++ {
		f(a.at(i*a.step), fixed(i*a.step, decimals))
	}
}
