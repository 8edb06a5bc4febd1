package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
)

// mapChart draws a disc per cluster, coloured by domain, and the domains' names.
func mapChart(points []Point, hues map[string]int) template.HTML {
	points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !drawable(p.X) || !drawable(p.Y) })
	if len(points) == 0 {
		return ""
	}
	const width, height, most = 960.0, 600.0, 22.0
	s := &svg{w: width, h: height}
	var xs, ys []float64
	largest := 0.0
	for _, p := range points {
		xs, ys = append(xs, p.X), append(ys, p.Y)
		if drawable(p.Size) {
			largest = max(largest, p.Size)
		}
	}
	x, y := newAxis(most, width-most, 4, xs...), newAxis(height-most, most, 4, ys...)
	radius := func(p Point) float64 {
		if !drawable(p.Size) || largest == 0 {
			return 3
		}
		return 3 + (most-3)*math.Sqrt(max(p.Size, 0)/largest)
	}
	slices.SortStableFunc(points, func(a, b Point) int { return descending(a.Size, b.Size) }) // small ones on top
	for _, p := range points {
		class, where := "spot", p.Domain
		if p.Pruned {
			class, where = "spot gone", "pruned"
		}
		hue, ok := hues[p.Domain]
		if !ok || p.Pruned {
			hue = -1
		}
		tip := fmt.Sprintf("%s — %s, %s tokens", p.Name, where, short(int64(min(max(p.Size, 0), 1e15))))
		s.dot(x.at(p.X), y.at(p.Y), radius(p), hue, class, tip)
	}
	for _, l := range labels(points, x, y) {
		s.text(l.x, l.y, "mid label", l.text)
	}
	return s.html(fmt.Sprintf("Map of %s. Near ones have similar texts. The table of domains has the numbers.", plural(len(points), "cluster")))
}

// label is a name on the map, centred at x.
type label struct {
	x, y, half float64
	text       string
}

// labels puts each domain's name at the middle of its clusters, weighted by size, and moves names that overlap apart.
func labels(points []Point, x, y axis) []label {
	type sum struct{ x, y, w float64 }
	sums := map[string]*sum{}
	var names []string
	for _, p := range points {
		if p.Pruned || p.Domain == "" {
			continue
		}
		t := sums[p.Domain]
		if t == nil {
			t = new(sum)
			sums[p.Domain] = t
			names = append(names, p.Domain)
		}
		w := 1e-9
		if drawable(p.Size) {
			w += max(p.Size, 0)
		}
		t.x, t.y, t.w = t.x+w*p.X, t.y+w*p.Y, t.w+w
	}
	var out []label
	for _, name := range names {
		t := sums[name]
		l := label{x: x.at(t.x / t.w), y: y.at(t.y/t.w) + 4, text: shorten(name, 30)}
		l.half = 3.6*float64(wide(l.text)) + 4
		l.x = min(max(l.x, x.from+l.half), x.to-l.half)
		out = append(out, l)
	}
	const lineH = 16
	slices.SortStableFunc(out, func(a, b label) int { return descending(b.y, a.y) })
	for i := range out {
		for j := 0; j < i; j++ { // names above have their place
			if math.Abs(out[i].x-out[j].x) < out[i].half+out[j].half && math.Abs(out[i].y-out[j].y) < lineH {
				out[i].y = out[j].y + lineH
				j = -1
			}
		}
	}
	return out
}
