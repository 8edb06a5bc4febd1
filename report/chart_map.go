package report

import (
	"fmt"
	"math"
	"slices"
)

// mapChart draws a disc per cluster, coloured by domain, and the domains' names.
// The discs are in the order of mapPoints.
func mapChart(f form, points []Point, colour map[string]string) *svg {
	points = mapPoints(points)
	if len(points) == 0 {
		return nil
	}
	height, most := f.width*0.625, 22.0
	if f.narrow() {
		height, most = f.width*0.8, 14
	}
	s := &svg{w: f.width, h: height, label: fmt.Sprintf("Map of %s. Near ones have similar texts. The table of domains has the numbers.", plural(len(points), "cluster"))}
	var xs, ys []float64
	largest, sum := 0.0, 0.0
	for _, p := range points {
		xs, ys = append(xs, p.X), append(ys, p.Y)
		if drawable(p.Size) {
			largest, sum = max(largest, p.Size), sum+max(p.Size, 0)
		}
	}
	if sum > 0 { // all discs together cover no more than a third of the map
		most = min(most, max(4, math.Sqrt(f.width*height/3/math.Pi/(sum/largest))))
	}
	x, y := newAxis(most, f.width-most, 4, xs...), newAxis(height-most, most, 4, ys...)
	least := 3.0
	if len(points) > 1000 {
		least = 1.5
	}
	radius := func(p Point) float64 {
		if !drawable(p.Size) || largest == 0 {
			return least
		}
		return least + (most-least)*math.Sqrt(max(p.Size, 0)/largest)
	}
	for _, p := range points {
		class := colour[p.Domain]
		if p.Pruned || class == "" {
			class = "gone"
		}
		s.dot(x.at(p.X), y.at(p.Y), radius(p), "spot "+class, "")
	}
	for _, l := range labels(f, points, x, y) {
		s.text(l.x, l.y, "mid label", l.text)
	}
	return s
}

// mapPoints are the clusters that have a place, the large ones first so that the
// small ones lie on top.
func mapPoints(points []Point) []Point {
	points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !drawable(p.X) || !drawable(p.Y) })
	slices.SortStableFunc(points, func(a, b Point) int { return descending(a.Size, b.Size) })
	return points
}

// A centre is the middle of a domain's clusters, weighted by size.
type centre struct {
	name string
	x, y float64
}

// centres are those of the domains, in the order of the points.
func centres(points []Point) (out []centre) {
	type sum struct{ x, y, w float64 }
	sums := map[string]*sum{}
	for _, p := range points {
		if p.Pruned || p.Domain == "" || !drawable(p.X) || !drawable(p.Y) {
			continue
		}
		t := sums[p.Domain]
		if t == nil {
			t = new(sum)
			sums[p.Domain] = t
			out = append(out, centre{name: p.Domain})
		}
		w := 1e-9
		if drawable(p.Size) {
			w += max(p.Size, 0)
		}
		t.x, t.y, t.w = t.x+w*p.X, t.y+w*p.Y, t.w+w
	}
	for i, c := range out {
		t := sums[c.name]
		out[i].x, out[i].y = t.x/t.w, t.y/t.w
	}
	return out
}

// label is a name on the map, centred at x.
type label struct {
	x, y, half float64
	text       string
}

// labels puts each domain's name at the middle of its clusters, and moves names
// that overlap apart.
func labels(f form, points []Point, x, y axis) []label {
	var out []label
	for _, c := range centres(points) {
		l := label{x: x.at(c.x), y: y.at(c.y) + 4, text: shorten(c.name, f.names-4)}
		l.half = 3.6*float64(wide(l.text)) + 4
		l.x = min(max(l.x, x.from+l.half), x.to-l.half)
		out = append(out, l)
	}
	const lineH = 16
	slices.SortStableFunc(out, func(a, b label) int { return descending(b.y, a.y) })
	for i := range out {
		for j := 0; j < i; j++ { // names above have their place
			if math.Abs(out[i].x-out[j].x) < out[i].half+out[j].half && math.Abs(out[i].y-out[j].y) < lineH-1e-6 { // a sum may be rounded down
				out[i].y = out[j].y + lineH
				j = -1
			}
		}
	}
	return out
}
