package eval

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// scored are runs of which nothing but the scores is known.
func scored(x []float64) []Run {
	out := make([]Run, len(x))
	for i, v := range x {
		out[i].Score = v
	}
	return out
}

// References: numpy and scipy.stats.t.ppf 1.10.1.
func TestIntervalsMatchReferences(t *testing.T) {
	x := []float64{5.1, 4.9, 6.2, 5.8, 5.5}
	y := []float64{4.8, 4.7, 5.9, 5.9, 5.0}
	z := []float64{4.0, 4.4, 3.1, 5.2, 4.9, 4.1, 4.6}
	three := func(m, lo, hi float64) []float64 { return []float64{m, lo, hi} }
	for _, test := range []struct {
		name      string
		got, want []float64
	}{
		{"mean 95", three(Mean(scored(x)).Interval(0.95)), []float64{5.5, 4.84886590611, 6.15113409389}},
		{"mean 90", three(Mean(scored(x)).Interval(0.90)), []float64{5.5, 5.00003761296, 5.99996238704}},
		{"paired", three(Paired(scored(x), scored(y)).Interval(0.95)), []float64{0.24, -0.0320349522633, 0.512034952263}},
		{"welch", three(Welch(scored(x), scored(z)).Interval(0.95)), []float64{1.17142857143, 0.390573558998, 1.95228358386}},
	} {
		if d := cmp.Diff(test.want, test.got, cmpopts.EquateApprox(0, 1e-8)); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

// One value, or values without any spread, say nothing of what another would be.
func TestIntervalsOfFew(t *testing.T) {
	one, two := scored([]float64{3}), scored([]float64{3, 3})
	for name, e := range map[string]Estimate{
		"one value":               Mean(one),
		"no spread":               Mean(two),
		"no spread of pairs":      Paired(two, scored([]float64{1, 1})),
		"equal pairs":             Paired(two, two),
		"no spread of two":        Welch(two, scored([]float64{1, 1})),
		"no spread of one":        Welch(two, scored([]float64{1, 2, 4})),
		"one value of two":        Welch(one, scored([]float64{1, 2})),
		"one pair":                Paired(one, one),
		"no spread of any":        Block([][]Run{two, scored([]float64{1, 1}), scored([]float64{0, 0})}, 0, 1),
		"one mixture of one seed": Block([][]Run{one, scored([]float64{1})}, 0, 1),
	} {
		if _, lo, hi := e.Interval(0.95); !math.IsInf(lo, -1) || !math.IsInf(hi, 1) || e.P() != 1 || e.Known() || !e.Unknown {
			t.Errorf("%s: [%v, %v], p %v, %+v", name, lo, hi, e.P(), e)
		}
	}
	if m, lo, hi := Mean(nil).Interval(0.95); !math.IsNaN(m) || !math.IsInf(lo, -1) || !math.IsInf(hi, 1) {
		t.Errorf("no value: %v [%v, %v]", m, lo, hi)
	}
	defer func() {
		if recover() == nil {
			t.Error("pairs of different lengths did not panic")
		}
	}()
	Paired(make([]Run, 2), make([]Run, 3))
}

// TestCoverage draws samples with a known mean: the intervals must hold it as
// often as they say (the bootstrap of 30 exponentials is known to fall short by a few points).
func TestCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const runs = 2000
	var student, welch, boot int
	for range runs {
		a, b, c := make([]float64, 6), make([]float64, 4), make([]float64, 30)
		for i := range a {
			a[i] = 2 + rng.NormFloat64()
		}
		for i := range b {
			b[i] = 3 * rng.NormFloat64()
		}
		for i := range c {
			c[i] = rng.ExpFloat64()
		}
		student += inside(2)(Mean(scored(a)).Interval(0.9))
		welch += inside(2)(Welch(scored(a), scored(b)).Interval(0.9))
		boot += inside(1)(Bootstrap(c, 0, 0.9, 200, 5))
	}
	for name, test := range map[string]struct{ hits, lo, hi int }{
		"student": {student, runs * 88 / 100, runs * 92 / 100}, "welch": {welch, runs * 87 / 100, runs * 93 / 100}, "bootstrap": {boot, runs * 83 / 100, runs * 91 / 100},
	} {
		if test.hits < test.lo || test.hits > test.hi {
			t.Errorf("%s: %d of %d intervals hold the mean, want %d to %d", name, test.hits, runs, test.lo, test.hi)
		}
	}
}

func inside(truth float64) func(_, lo, hi float64) int {
	return func(_, lo, hi float64) int { return int(is(lo <= truth && truth <= hi)) }
}

func TestBootstrap(t *testing.T) {
	x := []float64{0, 1, 1, 0, 1, 1, 1, 0, 1, 0}
	m, lo, hi := Bootstrap(x, 0, 0.95, 2000, 9)
	m2, lo2, hi2 := Bootstrap(x, 0, 0.95, 2000, 9)
	if m != m2 || lo != lo2 || hi != hi2 {
		t.Error("the same seed gave another interval")
	}
	// Binomial(10, 0.6)/10 has the quantiles 0.3 and 0.9 at 2.5 % and 97.5 %.
	if m != 0.6 || math.Abs(lo-0.3) > 1e-9 || math.Abs(hi-0.9) > 1e-9 {
		t.Errorf("%v [%v, %v], want 0.6 [0.3, 0.9]", m, lo, hi)
	}
	// What all values have in common makes it wider: sqrt(sd^2 + s^2/n), nearly.
	_, a, b := Bootstrap(x, 0.3, 0.95, 5000, 9)
	if want := 2 * 1.96 * math.Sqrt(0.09+0.024); math.Abs(b-a-want) > 0.05*want {
		t.Errorf("with an error of 0.3 in common [%v, %v], want a width of %v", a, b, want)
	}
	if got := quantile([]float64{1, 2, 4, 8}, 0.5); got != 3 {
		t.Errorf("median %v, want 3", got)
	}
}

// With two treatments the pooled interval is the paired one; with more it uses
// their noise too, and block effects do not matter.
func TestBlock(t *testing.T) {
	a, b := []float64{3, 5, 4.5, 8}, []float64{2, 4.5, 4, 6}
	d, lo, hi := Block([][]Run{scored(a), scored(b)}, 0, 1).Interval(0.9)
	wd, wlo, whi := Paired(scored(a), scored(b)).Interval(0.9)
	if math.Abs(d-wd)+math.Abs(lo-wlo)+math.Abs(hi-whi) > 1e-12 {
		t.Errorf("got %v [%v, %v], the paired interval is %v [%v, %v]", d, lo, hi, wd, wlo, whi)
	}
	x := [][]float64{{1, 2, 4}, {1.5, 2.2, 4.6}, {0.3, 1.8, 3.1}}
	d, lo, hi = Block(blocks(x), 1, 2).Interval(0.95)
	// 2.776445 is the 97.5 % quantile of Student's t with 4 degrees of freedom.
	if want := 2.776445 * math.Sqrt(residual(x)/4*2/3); math.Abs(hi-d-want) > 1e-5 || math.Abs(d-lo-want) > 1e-5 || math.Abs(d-31.0/30) > 1e-12 {
		t.Errorf("got %v [%v, %v], want %v +- %v", d, lo, hi, 31.0/30, want)
	}
	for i := range x {
		for j := range x[i] {
			x[i][j] += 100 * float64(j)
		}
	}
	if d2, lo2, hi2 := Block(blocks(x), 1, 2).Interval(0.95); math.Abs(d2-d)+math.Abs(lo2-lo)+math.Abs(hi2-hi) > 1e-9 {
		t.Errorf("block effects changed the interval to %v [%v, %v]", d2, lo2, hi2)
	}
}

func blocks(x [][]float64) (out [][]Run) {
	for _, row := range x {
		out = append(out, scored(row))
	}
	return out
}

// residual is the interaction sum of squares by the textbook's subtraction:
// total - treatments - blocks.
func residual(x [][]float64) float64 {
	t, n := float64(len(x)), float64(len(x[0]))
	var grand, total, rows, cols float64
	for i := range x {
		var sum float64
		for _, v := range x[i] {
			sum += v
			total += v * v
		}
		rows += sum * sum / n
		grand += sum
	}
	for j := range x[0] {
		var sum float64
		for i := range x {
			sum += x[i][j]
		}
		cols += sum * sum / t
	}
	return total - rows - cols + grand*grand/(n*t)
}
