package mix

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// bounds draws feasible bounds of n domains: around a mixture, some tight.
func bounds(t *rapid.T, n int) Bounds {
	inside := mixture(t, n)
	b := Bounds{Lower: make([]float64, n), Upper: make([]float64, n)}
	for i, w := range inside {
		b.Lower[i] = w * rapid.SampledFrom([]float64{0, 0, 0.5, 1}).Draw(t, "lower")
		b.Upper[i] = min(1, w+rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "upper"))
	}
	return b
}

func point(t *rapid.T, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = rapid.OneOf(rapid.Float64Range(0, 1), rapid.Float64Range(-3, 3), rapid.Just(0.25)).Draw(t, "v")
	}
	return v
}

func distance(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return math.Sqrt(sum)
}

// Brute force: every domain is at its lower bound, at its upper bound or
// free, and the free ones share one shift. The nearest feasible one wins.
// Nothing but rounding is allowed for: a point that is 1e-9 outside of a bound
// can be nearer than the projection and far from it.
func nearest(b Bounds, v []float64) Mixture {
	n := len(v)
	var best Mixture
	for code := range int(math.Pow(3, float64(n))) {
		m, rest, free := make(Mixture, n), 1.0, 0
		for i, c := 0, code; i < n; i, c = i+1, c/3 {
			lo, hi := b.At(i)
			switch c % 3 {
			case 0:
				m[i] = lo
				rest -= lo
			case 1:
				m[i] = hi
				rest -= hi
			case 2:
				m[i] = math.NaN()
				rest -= v[i]
				free++
			}
		}
		if free == 0 && math.Abs(rest) > rounding {
			continue
		}
		for i := range m {
			if math.IsNaN(m[i]) {
				m[i] = v[i] + rest/float64(free)
			}
		}
		if inside(b, m) && (best == nil || distance(m, v) < distance(best, v)) {
			best = m
		}
	}
	return best
}

const rounding = 1e-15

func inside(b Bounds, m Mixture) bool {
	for i, w := range m {
		if lo, hi := b.At(i); !(w >= lo-rounding && w <= hi+rounding) {
			return false
		}
	}
	return true
}

// checkProjection holds p to the conditions of Karush, Kuhn and Tucker: it keeps
// the bounds, sums to 1, and there is one shift t with v - t at every domain
// between its bounds, at least v - t at those on their lower bound and at most
// v - t at those on their upper one. They are sufficient, since the problem is
// convex, and exact: a sum that is off by d moves the projection by d.
func checkProjection(t interface{ Fatalf(string, ...any) }, b Bounds, v []float64, p Mixture) {
	sum, least, most := 0.0, math.Inf(-1), math.Inf(1) // of t
	for i, w := range p {
		lo, hi := b.At(i)
		if w < lo || w > hi {
			t.Fatalf("projected %v onto %v: got %v, share %d outside [%v, %v]", v, b, p, i, lo, hi)
		}
		if w > lo { // not held up by the lower bound
			most = min(most, v[i]-w)
		}
		if w < hi { // not held down by the upper bound
			least = max(least, v[i]-w)
		}
		sum += w
	}
	if math.Abs(sum-1) > 1e-12 || least > most+1e-12 {
		t.Fatalf("projected %v onto %v: got %v, which sums to %v and needs a shift from %v to %v", v, b, p, sum, least, most)
	}
}

func TestProjectIsNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		b, v := bounds(t, n), point(t, n)
		got, want := b.Project(v), nearest(b, v)
		checkProjection(t, b, v, got)
		if want != nil && distance(got, v) > distance(want, v)+1e-12 {
			t.Fatalf("projected %v onto %v: got %v, nearest is %v", v, b, got, want)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(7, 60).Draw(t, "n")
		b, v := bounds(t, n), point(t, n)
		checkProjection(t, b, v, b.Project(v))
	})
}

// A third share of 0.9999593116, 7e-10 above its bound, would be nearer by
// 1.2e-10 and 2.9e-5 away from the projection.
func TestProjectSplitsWhatIsLeft(t *testing.T) {
	b := Bounds{Lower: []float64{0, 0, 0}, Upper: []float64{4.068844852233228e-05, 0.10000000066663954, 0.9999593108848382}}
	v := []float64{0.001953125, 0.001953125, 1.75}
	got := b.Project(v)
	checkProjection(t, b, v, got)
	half := (1 - b.Upper[2]) / 2
	if want := []float64{half, half, b.Upper[2]}; distance(got, want) > 1e-15 {
		t.Errorf("got %v, want %v", got, want)
	}
	if b := nearest(b, v); distance(b, got) > 1e-12 {
		t.Errorf("brute force found %v", b)
	}
}

func TestProjectKeepsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		b, v := bounds(t, n), point(t, n)
		m := b.Project(v)
		sum := 0.0
		for i, w := range m {
			lo, hi := b.At(i)
			if w < lo || w > hi {
				t.Fatalf("share %d is %v outside [%v, %v]", i, w, lo, hi)
			}
			sum += w
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("sum %v", sum)
		}
		if again := b.Project(m); distance(m, again) > 1e-9 {
			t.Fatalf("projected again: %v became %v", m, again)
		}
	})
}

func TestProjectWithoutBounds(t *testing.T) {
	for _, c := range []struct{ v, want []float64 }{
		{[]float64{0.2, 0.8}, []float64{0.2, 0.8}},
		{[]float64{2, 0}, []float64{1, 0}},
		{[]float64{0.5, 0.5, 0.5}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{-7}, []float64{1}},
		{[]float64{0, 0.9, 0.5}, []float64{0, 0.7, 0.3}},
	} {
		if got := (Bounds{}).Project(c.v); distance(got, c.want) > 1e-12 {
			t.Errorf("Project(%v) = %v, want %v", c.v, got, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("infeasible bounds did not panic")
		}
	}()
	Bounds{Upper: []float64{0.1, 0.1}}.Project([]float64{1, 1})
}

func TestFeasible(t *testing.T) {
	nan := math.NaN()
	for want, b := range map[string]Bounds{
		"sum to 1.2":        {Lower: []float64{0.6, 0.6}},
		"sum to 0.8":        {Upper: []float64{0.4, 0.4}},
		"above its upper":   {Lower: []float64{0.5, 0}, Upper: []float64{0.4, 1}},
		"1 lower and 0":     {Lower: []float64{0.5}},
		"outside [0, 1]":    {Lower: []float64{-0.5, 0}},
		"domain 1 has":      {Upper: []float64{1, nan}},
		"domain 0 has boun": {Lower: []float64{nan, 0}},
	} {
		if err := b.Feasible(2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", b, err, want)
		}
	}
	if err := (Bounds{}).Feasible(0); err == nil {
		t.Error("no domains: no error")
	}
	if err := (Bounds{Lower: []float64{0.5, 0.5}, Upper: []float64{0.5, 7}}).Feasible(2); err != nil {
		t.Error(err)
	}
}

func TestIntersect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		a, b, m := bounds(t, n), bounds(t, n), mixture(t, n)
		both := a.Intersect(b, n)
		if both.Contains(m) != (a.Contains(m) && b.Contains(m)) {
			t.Fatalf("%v is in %v and in %v, but not in %v, or the reverse", m, a, b, both)
		}
	})
}

// However the bounds are used up, no domain is read more than epochs times.
func TestBoundsFromSupply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		supply, total := make([]int64, rapid.IntRange(1, 12).Draw(t, "n")), int64(0)
		for i := range supply {
			supply[i] = rapid.Int64Range(0, 1e9).Draw(t, "supply")
			total += supply[i]
		}
		budget := rapid.Int64Range(1, 1e10).Draw(t, "budget")
		epochs := rapid.Float64Range(0.1, 10).Draw(t, "epochs")
		b, err := BoundsFromSupply(supply, budget, epochs)
		if fits := epochs*float64(total) >= float64(budget); fits != (err == nil) && total > 0 && math.Abs(epochs*float64(total)/float64(budget)-1) > 1e-6 {
			t.Fatalf("%v epochs of %d tokens for a budget of %d: %v", epochs, total, budget, err)
		}
		if err != nil {
			return
		}
		m := b.Project(point(t, len(supply)))
		for i, w := range m {
			if read := w * float64(budget); read > epochs*float64(supply[i])*(1+1e-9)+1e-6 {
				t.Fatalf("domain %d: reads %v of %d tokens", i, read, supply[i])
			}
		}
	})
}

func TestBoundsFromSupplyErrors(t *testing.T) {
	_, err := BoundsFromSupply([]int64{100, 50}, 1000, 4)
	if err == nil || !strings.Contains(err.Error(), "at most 600 tokens") || !strings.Contains(err.Error(), "at least 6.667 epochs") {
		t.Errorf("got %v", err)
	}
	for name, f := range map[string]func() (Bounds, error){
		"no budget":       func() (Bounds, error) { return BoundsFromSupply([]int64{1}, 0, 1) },
		"no epochs":       func() (Bounds, error) { return BoundsFromSupply([]int64{1}, 1, 0) },
		"NaN epochs":      func() (Bounds, error) { return BoundsFromSupply([]int64{1}, 1, math.NaN()) },
		"negative supply": func() (Bounds, error) { return BoundsFromSupply([]int64{5, -1}, 1, 1) },
		"no tokens":       func() (Bounds, error) { return BoundsFromSupply([]int64{0, 0}, 1, 1) },
		"no domains":      func() (Bounds, error) { return BoundsFromSupply(nil, 1, 1) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	b, err := BoundsFromSupply([]int64{1, 0}, 1e9, math.Inf(1))
	if err != nil || b.Upper[0] != 1 || b.Upper[1] != 0 {
		t.Errorf("without an epoch cap: %v, %v", b, err)
	}
}
