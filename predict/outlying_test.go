package predict

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDrawnIn(t *testing.T) {
	x, y := world(30, 4, 0.05, 1)
	if got := drawnIn(x, y); cmp.Diff(got, y) != "" {
		t.Errorf("scores without an outlying one changed: %v", cmp.Diff(y, got))
	}
	was := slices.Clone(y)
	y[3], y[17] = 90, -70
	others := slices.Delete(slices.Delete(slices.Clone(y), 17, 18), 3, 4)
	got := drawnIn(x, y)
	if got[3] != slices.Max(others) || got[17] != slices.Min(others) {
		t.Errorf("diverged runs count as %v and %v, want the farthest of the others, %v and %v", got[3], got[17], slices.Max(others), slices.Min(others))
	}
	if y[3] != 90 {
		t.Error("the argument changed")
	}
	if again := drawnIn(x, got); cmp.Diff(got, again) != "" {
		t.Error("scores that were drawn in are drawn in again")
	}
	got[3], got[17] = was[3], was[17]
	if cmp.Diff(got, was) != "" {
		t.Error("other scores changed")
	}
}

// Where a part of the simplex scores by far the most, those runs are no outliers;
// nor has a table with a constant score for most any.
func TestDrawnInKeepsRegions(t *testing.T) {
	x, y := world(40, 3, 0.01, 2)
	for i, row := range x {
		y[i] = 25 + 0.1*y[i]
		if row[0] > 0.8 {
			y[i] = 60 + row[0]
		}
	}
	high := 0
	for i, v := range drawnIn(x, y) {
		if v != y[i] {
			t.Errorf("mixture %.2f: score %v became %v", x[i], y[i], v)
		}
		if v > 60 {
			high++
		}
	}
	if high < 4 || high > 10 {
		t.Fatalf("%d of 40 runs are in the region: the test shows nothing", high)
	}
	same := slices.Repeat([]float64{25}, 40)
	same[7] = 31
	if got := drawnIn(x, same); got[7] != 31 {
		t.Errorf("31 among scores of 25 became %v: there is no range to judge it by", got[7])
	}
}

// Two diverged runs of 28 neither hide the order of the others nor make intervals
// of no use.
func TestDivergedRuns(t *testing.T) {
	each(t, func(t *testing.T, make func() Predictor) {
		if g, ok := make().(*GBDT); ok && g.RawTarget {
			t.Skip("penalties in units of the score")
		}
		var rank, width, in80 [2]float64 // without and with them
		for seed := range uint64(2) {
			x, y := world(28, 6, 0.05, seed)
			vx, vy := world(100, 6, 0.05, 50+seed)
			for k := range 2 {
				p := make()
				if err := p.Fit(x, y); err != nil {
					t.Fatal(err)
				}
				rank[k] += Spearman(predictAll(p, vx), vy) / 2
				for i, row := range vx {
					half := HalfWidth(p, row, 0.8)
					width[k] += half
					if math.Abs(p.Predict(row)-vy[i]) <= half {
						in80[k] += 1. / 200
					}
				}
				y[2] += 20
				y[7] += 30
			}
		}
		if rank[1] < rank[0]-0.15 {
			t.Errorf("rank correlation %.3f, %.3f without diverged runs", rank[1], rank[0])
		}
		if math.IsNaN(width[1]) && math.IsNaN(width[0]) {
			return // states no uncertainty
		}
		if !(width[1] < 4*width[0]) || in80[1] < min(in80[0], 0.8)-0.05 {
			t.Errorf("80 %% intervals are %.2f times as wide and hold %.3f, %.3f without diverged runs", width[1]/width[0], in80[1], in80[0])
		}
	})
}

// Intervals hold about what they say where noise has heavy tails (Student's t with
// 2 degrees of freedom, whose variance is infinite).
func TestIntervalsOfHeavyTails(t *testing.T) {
	for name, fresh := range map[string]func() Predictor{
		"ridge": func() Predictor { return &Ridge{Features: "both"} }, "gp": func() Predictor { return &GP{} },
	} {
		var in80, in95, n float64
		for seed := range uint64(40) {
			rng := rand.New(rand.NewPCG(seed, 7))
			x, y := world(160, 4, 0, seed)
			for i := range y {
				u := rng.Float64()
				y[i] += 0.1 * (2*u - 1) / math.Sqrt(2*u*(1-u)) // the quantile function of that distribution
			}
			p := fresh()
			if err := p.Fit(x[:40], y[:40]); err != nil {
				t.Fatal(err)
			}
			for i := 40; i < 160; i++ {
				e := math.Abs(p.Predict(x[i]) - y[i])
				n++
				if e <= HalfWidth(p, x[i], 0.8) {
					in80++
				}
				if e <= HalfWidth(p, x[i], 0.95) {
					in95++
				}
			}
		}
		if a, b := in80/n, in95/n; a < 0.75 || a > 0.85 || b < 0.9 || b > 0.98 {
			t.Errorf("%s: the 80 %% intervals hold %.3f, the 95 %% ones %.3f", name, a, b)
		}
	}
}
