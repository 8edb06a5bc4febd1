package report

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestFormats(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct{ got, want string }{
		{score(-1.06071), "−1.0607"}, {score(60.4149), "60.41"}, {score(-1e-9), "0.0000"}, {score(nan), "–"}, {score(inf), "–"}, {score(-1.5e7), "−1.5e+07"},
		{signed(0.0193), "+0.0193"}, {signed(-0.0193), "−0.0193"}, {signed(0), "0.0000"}, {signed(nan), "–"}, {signed(-inf), "–"},
		{percent(0.1234), "12.3 %"}, {percent(0.0002), "<0.1 %"}, {percent(0), "0.0 %"}, {percent(nan), "–"}, {percent(1), "100.0 %"},
		{times(0.3, 0.1), "×3.0"}, {times(0.03, 0.1), "×0.30"}, {times(0.0001, 0.1), "×<0.01"}, {times(0, 0.1), "×0.0"}, {times(5, 0.1), "×50"}, {times(0.1, 0), "–"}, {times(0, 0), "–"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(-1234567), "-1,234,567"}, {count(-123), "-123"}, {count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{short(9999), "9,999"}, {short(12345), "12.3 k"}, {short(999_960), "1.00 M"}, {short(1_284_211), "1.28 M"}, {short(5e12), "5.00 T"}, {short(9e18), "9000000 T"},
		{size(999), "999 B"}, {size(1000), "1.00 kB"}, {size(5_218_334_120), "5.22 GB"}, {size(1e18), "1000 PB"},
		{duration(0), "0.0 s"}, {duration(3.24), "3.2 s"}, {duration(119), "119 s"}, {duration(130), "2 min"}, {duration(9120), "2 h 32 min"}, {duration(7199), "2 h 00 min"}, {duration(90 * 3600), "3 d 18 h"},
		{duration(nan), "–"}, {duration(-1), "–"}, {duration(1e300), "–"},
		{day(time.Time{}), ""}, {shorten("theorem, proof, lemma", 16), "theorem, proof…"}, {shorten("short", 5), "short"}, {shorten("日本語の文書", 8), "日本語…"},
		{plural(1, "seed"), "1 seed"}, {plural(2000, "seed"), "2,000 seeds"},
	} {
		if got := strings.ReplaceAll(c.got, thin, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0, 1}, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{[]float64{-1.09, -1.06}, "−1.09 −1.08 −1.07 −1.06"},
		{[]float64{0, 42000}, "0 10000 20000 30000 40000"},
		{[]float64{3, 3}, "2.85 2.90 2.95 3.00 3.05 3.10"},
		{[]float64{nan, math.Inf(1)}, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{nil, "0.0 0.2 0.4 0.6 0.8 1.0"},
	} {
		a := newAxis(0, 100, 6, c.values...)
		var labels []string
		last := math.Inf(-1)
		a.ticks(func(at float64, label string) {
			labels = append(labels, label)
			if at < 0 || at > 100 || at <= last {
				t.Errorf("%v: tick at %g after %g", c.values, at, last)
			}
			last = at
		})
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.values, got, c.want)
		}
	}
}

func FuzzAxis(f *testing.F) {
	f.Add(0.0, 1.0)
	f.Add(1e11, 1e11+1)
	f.Add(-5e-324, 5e-324)
	f.Fuzz(func(t *testing.T, x, y float64) {
		a := newAxis(10, 300, 5, x, y)
		for _, v := range []float64{x, y} {
			if at := a.at(v); drawable(v) && !(at > 9.9 && at < 300.1) {
				t.Errorf("%g is drawn at %g on %+v", v, at, a)
			}
		}
		n := 0
		a.ticks(func(at float64, _ string) {
			n++
			if !(at > 9.9 && at < 300.1) {
				t.Errorf("tick at %g on %+v", at, a)
			}
		})
		if n < 2 || n > 12 {
			t.Errorf("%d ticks on %+v", n, a)
		}
	})
}

// Names on the map do not overlap.
func TestLabels(t *testing.T) {
	var points []Point
	for i := range 12 {
		points = append(points, Point{X: float64(i%3) * 0.02, Y: float64(i) * 0.01, Size: 1, Domain: strings.Repeat("name ", 3) + string(rune('a'+i))})
	}
	points = append(points, Point{X: 10, Y: 10, Size: 1, Domain: "far"}, Point{X: 5, Y: 5, Domain: "gone", Pruned: true})
	all := labels(twoColumns, points, newAxis(22, 938, 4, 0, 10), newAxis(578, 22, 4, 0, 10))
	if len(all) != 13 {
		t.Fatalf("%d names, want 13", len(all))
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if math.Abs(a.x-b.x) < a.half+b.half && math.Abs(a.y-b.y) < 15.9 {
				t.Errorf("%q at %g,%g overlaps %q at %g,%g", a.text, a.x, a.y, b.text, b.x, b.y)
			}
		}
		if a.x-a.half < 21 || a.x+a.half > 939 {
			t.Errorf("%q leaves the map", a.text)
		}
	}
}
