package report

import (
	"fmt"
	"slices"
	"strings"
)

// shownCurves bounds the curves that are drawn.
const shownCurves = 60

// curvesChart draws the training loss of the proxies over their tokens, the pale
// ones first.
func curvesChart(f form, curves []Curve) *svg {
	curves = drawnCurves(curves)
	if len(curves) == 0 {
		return nil
	}
	const height, left, top, bottom = 340.0, 64.0, 30.0, 34.0
	width := f.width
	s := &svg{w: width, h: height, label: fmt.Sprintf("Training loss of %s over the tokens trained on.", plural(len(curves), "proxy run"))}
	var xs, ys []float64
	for _, c := range curves {
		for _, p := range curvePoints(c) {
			xs, ys = append(xs, p[0]), append(ys, p[1])
		}
	}
	slices.Sort(ys)
	ceiling := ys[len(ys)*99/100] // the first steps must not flatten the rest
	x, y := newAxis(left, width-8, f.few(6), xs...), newAxis(height-bottom, top, 5, ys[0], ceiling)
	y.ticks(func(at float64, label string) {
		s.line(left, at, width, at, "grid")
		s.text(left-10, at+4, "end small", label)
	})
	s.text(0, 14, "small", "nats per token")
	s.text(width, height-8, "end small", fmt.Sprintf("tokens trained on, to %s", short(int64(xs[len(xs)-1]))))
	for _, c := range curves {
		var line strings.Builder
		for i, p := range curvePoints(c) {
			step := "L"
			if i == 0 {
				step = "M"
			}
			line.WriteString(step + px(x.at(p[0])) + " " + px(y.at(min(p[1], y.hi))))
		}
		s.path(line.String(), []string{"curve", "curve natural", "curve chosen"}[paint(c)])
	}
	return s
}

// drawnCurves are those that are drawn, in order.
func drawnCurves(curves []Curve) []Curve {
	curves = slices.DeleteFunc(slices.Clone(curves), func(c Curve) bool { return len(curvePoints(c)) < 2 })
	slices.SortStableFunc(curves, func(a, b Curve) int { return paint(a) - paint(b) })
	return curves[max(0, len(curves)-shownCurves):]
}

// paint is the order of painting.
func paint(c Curve) int { return max(0, slices.Index([]string{"", "natural", "chosen"}, c.Kind)) }

// curvePoints are the tokens and losses that have a place.
func curvePoints(c Curve) (out [][2]float64) {
	for i := range min(len(c.Tokens), len(c.Loss)) {
		if drawable(c.Loss[i]) && drawable(float64(c.Tokens[i])) {
			out = append(out, [2]float64{float64(c.Tokens[i]), c.Loss[i]})
		}
	}
	return out
}
