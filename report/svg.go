package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// A form is what a chart is drawn for.
type form struct {
	width float64 // pixels
	names int     // columns that the name of a row may take
	ticks float64 // how many, as a part of those of the widest form
}

// The page has the first. Both are print-ready: letters are as large in one as in
// the other (mmPerPixel).
var (
	twoColumns = form{960, 34, 1}
	oneColumn  = form{467, 20, 0.55}
)

// few is the number of ticks on an axis that has n in the widest form.
func (f form) few(n int) int { return max(2, int(f.ticks*float64(n)+0.5)) }

// narrow tells whether there is room for one column of a journal only.
func (f form) narrow() bool { return f.width < twoColumns.width }

// A mark is an element of a drawing. Its looks come from its classes, in page.css.
type mark struct {
	kind  string // line, rect, circle, path, text
	at    [5]float64
	data  string // of a path; the words of a text
	class string
	tip   string  // what is shown when the pointer is on it
	turn  float64 // degrees that a text is turned by
	alpha float64 // opacity of what fills it, 0 for that of its class
}

// svg is a drawing of w x h pixels.
type svg struct {
	marks []mark
	w, h  float64
	label string // what a screen reader says instead
}

// px writes a coordinate to a tenth of a pixel.
func px(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

func (s *svg) add(m mark) { s.marks = append(s.marks, m) }

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	s.add(mark{kind: "line", at: [5]float64{x1, y1, x2, y2}, class: class})
}

// rect draws a box; tip is what is shown when the pointer is on it.
func (s *svg) rect(x, y, w, h, round float64, class, tip string) {
	s.add(mark{kind: "rect", at: [5]float64{x, y, max(w, 0), max(h, 0), round}, class: class, tip: tip})
}

// dot draws a disc.
func (s *svg) dot(x, y, r float64, class, tip string) {
	s.add(mark{kind: "circle", at: [5]float64{x, y, r}, class: class, tip: tip})
}

// path draws a line, or the shape that it encloses, by SVG's commands M, L, H, V, m, l, h and z.
func (s *svg) path(d, class string) { s.add(mark{kind: "path", data: d, class: class}) }

// name writes a name of others in so many columns; where it is cut, the pointer shows
// all of it.
func (s *svg) name(x, y float64, class, name string, columns int) {
	m := mark{kind: "text", at: [5]float64{x, y}, data: shorten(name, columns), class: class}
	if m.data != name {
		m.tip = name
	}
	s.add(m)
}

func (s *svg) text(x, y float64, class, text string) {
	s.add(mark{kind: "text", at: [5]float64{x, y}, data: text, class: class})
}

// markup is a mark as an element of SVG; every string is escaped.
func (m mark) markup() string {
	a := m.at
	var s string
	switch m.kind {
	case "line":
		s = fmt.Sprintf(`<line x1="%s" y1="%s" x2="%s" y2="%s"`, px(a[0]), px(a[1]), px(a[2]), px(a[3]))
	case "rect":
		s = fmt.Sprintf(`<rect x="%s" y="%s" width="%s" height="%s"`, px(a[0]), px(a[1]), px(a[2]), px(a[3]))
		if a[4] > 0 {
			s += fmt.Sprintf(` rx="%s"`, px(a[4]))
		}
	case "circle":
		s = fmt.Sprintf(`<circle cx="%s" cy="%s" r="%s"`, px(a[0]), px(a[1]), px(a[2]))
	case "path":
		s = fmt.Sprintf(`<path d="%s"`, m.data)
	case "text":
		s = fmt.Sprintf(`<text x="%s" y="%s"`, px(a[0]), px(a[1]))
	}
	if m.class != "" {
		s += fmt.Sprintf(` class="%s"`, m.class)
	}
	if m.alpha > 0 {
		s += fmt.Sprintf(` fill-opacity="%s"`, strconv.FormatFloat(m.alpha, 'f', 3, 64))
	}
	if m.turn != 0 {
		s += fmt.Sprintf(` transform="rotate(%s %s %s)"`, px(m.turn), px(a[0]), px(a[1]))
	}
	if m.tip != "" {
		s += ` data-tip="` + template.HTMLEscapeString(m.tip) + `"`
	}
	if m.kind == "text" {
		return s + ">" + template.HTMLEscapeString(m.data) + "</text>"
	}
	return s + "/>"
}

// html is the drawing in the page; nothing for none. Its name is that of its files.
func (s *svg) html(name string) template.HTML {
	if s == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<div class="chart" style="max-width:%spx"`, px(s.w))
	if name != "" {
		fmt.Fprintf(&b, ` data-figure="%s"`, template.HTMLEscapeString(name))
	}
	fmt.Fprintf(&b, `><svg viewBox="0 0 %s %s" role="img" aria-label="%s"`, px(s.w), px(s.h), template.HTMLEscapeString(s.label))
	var marks strings.Builder
	for _, m := range s.marks {
		marks.WriteString(m.markup())
	}
	if name != "" && len(s.marks) >= packedMarks {
		fmt.Fprintf(&b, ` data-packed="%s"><text x="0" y="20" class="small">The script of the page draws this.</text>`, pack(strings.Map(legible, marks.String())))
	} else {
		b.WriteString(">" + marks.String())
	}
	b.WriteString("</svg></div>")
	return template.HTML(b.String())
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
	return axis{lo, hi, from, to, niceStep(rough)}
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
