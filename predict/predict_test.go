package predict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world returns n mixtures of d domains and a smooth function of them.
func world(n, d int, noise float64, seed uint64) (x [][]float64, y []float64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for range n {
		row, sum := make([]float64, d), 0.0
		for j := range row {
			row[j] = math.Pow(rng.ExpFloat64(), 2)
			sum += row[j]
		}
		v := noise * rng.NormFloat64()
		for j := range row {
			row[j] /= sum
			v += math.Exp(-3*row[j]) * float64(j%3)
		}
		x, y = append(x, row), append(y, v)
	}
	return x, y
}

func clone(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = append([]float64(nil), x[i]...)
	}
	return out
}

// each runs f for every predictor of the table, and for those of its variants
// that take another path.
func each(t *testing.T, f func(t *testing.T, make func() Predictor)) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) { f(t, func() Predictor { return quick(m.New()) }) })
	}
	t.Run("ridge-both", func(t *testing.T) { f(t, func() Predictor { return &Ridge{Features: "both"} }) })
	t.Run("ridge-log", func(t *testing.T) { f(t, func() Predictor { return &Ridge{Features: "log"} }) })
	t.Run("gbdt-raw", func(t *testing.T) { f(t, func() Predictor { return &GBDT{RawTarget: true} }) })
}

// quick makes a predictor that trains for long train for less.
func quick(p Predictor) Predictor {
	if s, ok := p.(*SparseBNN); ok {
		s.Hidden, s.Steps, s.Density, s.Draws = 12, 200, 0.5, 8
	}
	return p
}

func predictAll(p Predictor, x [][]float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = p.Predict(x[i])
	}
	return out
}

// stdAll returns the deviations at the rows, none of a predictor that states none:
// Uncertain is optional.
func stdAll(p Predictor, x [][]float64) []float64 {
	u, ok := p.(Uncertain)
	if !ok {
		return nil
	}
	out := make([]float64, len(x))
	for i := range x {
		out[i] = u.Std(x[i])
	}
	return out
}

func TestLearns(t *testing.T) {
	each(t, func(t *testing.T, make func() Predictor) {
		x, y := world(100, 6, 0.02, 1)
		vx, vy := world(200, 6, 0, 2)
		p := make()
		if err := p.Fit(x, y); err != nil {
			t.Fatal(err)
		}
		if s := Spearman(predictAll(p, vx), vy); s < 0.9 {
			t.Errorf("rank correlation %.3f on unseen mixtures, want at least 0.9", s)
		}
	})
}

func TestFitForgets(t *testing.T) {
	each(t, func(t *testing.T, make func() Predictor) {
		x, y := world(40, 5, 0.1, 1)
		x2, y2 := world(30, 4, 0.1, 2)
		once, twice := make(), make()
		for _, err := range []error{once.Fit(x, y), twice.Fit(x2, y2), twice.Fit(x, y)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(predictAll(once, x), predictAll(twice, x)); d != "" {
			t.Error("the first fit shows in the second:", d)
		}
	})
}

func TestSameBits(t *testing.T) {
	each(t, func(t *testing.T, make func() Predictor) {
		x, y := world(60, 5, 0.1, 1)
		wasX, wasY := clone(x), append([]float64(nil), y...)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
		var got [][]float64
		for _, procs := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(procs)
			p := make()
			if err := p.Fit(x, y); err != nil {
				t.Fatal(err)
			}
			out := append(predictAll(p, x), stdAll(p, x)...)
			if c, ok := p.(Calibrated); ok {
				out = append(out, c.HalfWidth(x[0], 0.8))
			}
			got = append(got, out)
		}
		for _, other := range got[1:] {
			if d := cmp.Diff(got[0], other); d != "" {
				t.Error("the number of cores shows:", d)
			}
		}
		if cmp.Diff(wasX, x) != "" || cmp.Diff(wasY, y) != "" {
			t.Error("Fit changed its arguments")
		}
	})
}

// Nothing about the unit or the sign of the score may matter.
func TestScoreUnit(t *testing.T) {
	each(t, func(t *testing.T, make func() Predictor) {
		p, q := make(), make()
		if g, ok := p.(*GBDT); ok && g.RawTarget {
			t.Skip("raw targets have a unit")
		}
		x, y := world(80, 5, 0.05, 1)
		scaled := append([]float64(nil), y...)
		for i := range scaled {
			scaled[i] = 1 - scaled[i]/1024
		}
		if err := p.Fit(x, y); err != nil {
			t.Fatal(err)
		}
		if err := q.Fit(x, scaled); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			want := 1 - p.Predict(x[i])/1024
			if got := q.Predict(x[i]); math.Abs(got-want) > 1e-9 {
				t.Fatalf("row %d: predicted %v, want %v", i, got, want)
			}
		}
		scale := stdAll(q, x)
		for i, std := range stdAll(p, x) {
			if math.Abs(scale[i]-std/1024) > 1e-9 {
				t.Fatalf("row %d: std %v, want %v", i, scale[i], std/1024)
			}
		}
	})
}

func TestDegenerate(t *testing.T) {
	x, y := world(30, 4, 0.1, 1)
	flat, twins := clone(x), clone(x)
	for i := range flat {
		flat[i][2] = 0.25
		copy(twins[i], twins[i/2*2])
	}
	same := make([]float64, 30)
	for i := range same {
		same[i] = -1.25
	}
	cases := map[string]struct {
		x [][]float64
		y []float64
	}{
		"two rows":         {x[:2], y[:2]},
		"three rows":       {x[:3], y[:3]},
		"equal rows":       {twins, y},
		"constant column":  {flat, y},
		"constant target":  {x, same},
		"one domain":       {[][]float64{{1}, {1}, {1}}, []float64{1, 2, 3}},
		"more domains":     {func() [][]float64 { x, _ := world(5, 40, 0, 1); return x }(), y[:5]},
		"identical rows":   {[][]float64{x[0], x[0], x[0], x[0]}, y[:4]},
		"tiny differences": {x, func() []float64 { v := append([]float64(nil), same...); v[3] += 1e-15; return v }()},
	}
	each(t, func(t *testing.T, make func() Predictor) {
		for name, c := range cases {
			p := make()
			if err := p.Fit(c.x, c.y); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			lo, hi := math.Inf(1), math.Inf(-1)
			for _, v := range c.y {
				lo, hi = min(lo, v), max(hi, v)
			}
			for i, std := range stdAll(p, c.x) {
				if !(std >= 0) || math.IsInf(std, 0) {
					t.Errorf("%s: row %d: std %v", name, i, std)
				}
			}
			for i, row := range c.x {
				got := p.Predict(row)
				if half := HalfWidth(p, row, 0.95); half < 0 || math.IsInf(half, 0) || math.IsNaN(half) && stdAll(p, c.x) != nil {
					t.Errorf("%s: row %d: half width %v", name, i, half)
				}
				slack := 0.5*(hi-lo) + 1e-9
				if !(got >= lo-slack && got <= hi+slack) {
					t.Errorf("%s: row %d: predicted %v for scores in [%v, %v]", name, i, got, lo, hi)
				}
			}
		}
	})
}

func TestRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	each(t, func(t *testing.T, make func() Predictor) {
		for name, c := range map[string]struct {
			x [][]float64
			y []float64
		}{
			"no rows":      {nil, nil},
			"one row":      {[][]float64{{1, 0}}, []float64{1}},
			"no features":  {[][]float64{{}, {}}, []float64{1, 2}},
			"ragged":       {[][]float64{{1, 0}, {1}}, []float64{1, 2}},
			"lengths":      {[][]float64{{1, 0}, {0, 1}}, []float64{1}},
			"NaN feature":  {[][]float64{{1, 0}, {nan, 1}}, []float64{1, 2}},
			"NaN score":    {[][]float64{{1, 0}, {0, 1}}, []float64{1, nan}},
			"inf feature":  {[][]float64{{1, 0}, {inf, 1}}, []float64{1, 2}},
			"inf score":    {[][]float64{{1, 0}, {0, 1}}, []float64{-inf, 2}},
			"third is NaN": {[][]float64{{1, 0}, {0, 1}, {0, nan}}, []float64{1, 2, 3}},
		} {
			if err := make().Fit(c.x, c.y); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
	for name, err := range map[string]error{
		"ridge.lambda":   (&Ridge{Lambda: -1}).Fit([][]float64{{1}, {2}}, []float64{1, 2}),
		"ridge.features": (&Ridge{Features: "cubes"}).Fit([][]float64{{1}, {2}}, []float64{1, 2}),
		"gbdt.bins":      (&GBDT{Bins: 300}).Fit([][]float64{{1}, {2}}, []float64{1, 2}),
		"negative share": (&Ridge{Features: "log"}).Fit([][]float64{{-1}, {2}}, []float64{1, 2}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Methods.New("oracle"); err == nil {
		t.Error("New made an unknown predictor")
	}
}

func TestPredictConcurrently(t *testing.T) {
	each(t, func(t *testing.T, make func() Predictor) {
		x, y := world(50, 5, 0.1, 1)
		p := make()
		if err := p.Fit(x, y); err != nil {
			t.Fatal(err)
		}
		want := predictAll(p, x)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if d := cmp.Diff(want, predictAll(p, x)); d != "" {
					t.Error(d)
				}
			})
		}
		wg.Wait()
	})
}

// memory predicts the score of a row it was fitted to, and 0 of others.
type memory map[string]float64

func (m memory) Fit(x [][]float64, y []float64) error {
	for i := range x {
		m[fmt.Sprint(x[i])] = y[i]
	}
	return nil
}
func (m memory) Predict(x []float64) float64 { return m[fmt.Sprint(x)] }

func TestCrossValidateHoldsOut(t *testing.T) {
	x, y := world(23, 3, 0.1, 1)
	got, err := CrossValidate(func() Predictor { return memory{} }, x, y, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	squares := 0.0
	for i, v := range got.Predicted {
		if v != 0 {
			t.Errorf("row %d was in the fit that predicted it", i)
		}
		squares += y[i] * y[i] / 23
	}
	if math.Abs(got.RMSE-math.Sqrt(squares)) > 1e-12 || got.Spearman != 0 {
		t.Errorf("RMSE %v and rank correlation %v, want %v and 0", got.RMSE, got.Spearman, math.Sqrt(squares))
	}
	// More folds than rows: leave-one-out.
	ridge, err := CrossValidate(func() Predictor { return &Ridge{} }, x, y, 100, 1)
	if err != nil || ridge.Spearman < 0.5 {
		t.Errorf("leave-one-out: rank correlation %v, %v", ridge.Spearman, err)
	}
	for _, folds := range []int{0, 1} {
		if _, err := CrossValidate(func() Predictor { return &Ridge{} }, x, y, folds, 1); err == nil {
			t.Errorf("%d folds: no error", folds)
		}
	}
	if _, err := CrossValidate(func() Predictor { return &Ridge{} }, x[:2], y[:2], 2, 1); err == nil {
		t.Error("two rows: no error")
	}
}

// Values of scipy.stats.spearmanr 1.10.
func TestSpearman(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{1, 4, 9, 16}, 1},
		{[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, -1},
		{[]float64{1, 2, 2, 3, 5}, []float64{2, 1, 4, 4, 4}, 0.6308932681440449},
		{[]float64{3, 1, 4, 1, 5, 9, 2, 6}, []float64{2, 7, 1, 8, 2, 8, 1, 8}, 0.19885368120992467},
		{[]float64{1, 1, 1}, []float64{1, 2, 3}, 0},
		{[]float64{5}, []float64{5}, 0},
	} {
		if got := Spearman(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("Spearman(%v, %v) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// These have gradients; trees are steps.
var _ = []Smooth{&Ridge{}, &GP{}, &GBNN{}, &SparseBNN{}, &ExpLaw{}, &PowerLaw{}, &Blend{}, &Auto{}, &Transfer{}}

func TestGradient(t *testing.T) {
	each(t, func(t *testing.T, fresh func() Predictor) {
		p := fresh()
		s, ok := p.(Smooth)
		if !ok {
			t.Skip("has no gradient, which is optional")
		}
		x, y := world(60, 5, 0.05, 1)
		if err := p.Fit(x, y); err != nil {
			t.Fatal(err)
		}
		vx, _ := world(10, 5, 0, 2)
		got := make([]float64, 5)
		for _, row := range vx {
			s.Gradient(got, row)
			for j := range row {
				h := 1e-5 * (row[j] + 1e-3)
				up, down := append([]float64(nil), row...), append([]float64(nil), row...)
				up[j] += h
				down[j] -= h
				if want := (p.Predict(up) - p.Predict(down)) / (2 * h); math.Abs(got[j]-want) > 1e-4*(1+math.Abs(want)) {
					t.Fatalf("share %d of %v: gradient %v, differences say %v", j, row, got[j], want)
				}
			}
		}
	})
}

// Tasks with weights is the sum of its predictors, and its deviation follows
// how their errors go together.
func TestTasks(t *testing.T) {
	x, y := world(60, 5, 0.05, 1)
	opposite := make([]float64, len(y))
	for i := range y {
		opposite[i] = 3 - y[i]
	}
	tasks := Tasks{New: func() Predictor { return &Ridge{Features: "both"} }, Weights: []float64{0.5, -0.25}}
	if err := tasks.Fit(x, [][]float64{y, opposite}); err != nil {
		t.Fatal(err)
	}
	one := &Ridge{Features: "both"}
	if err := one.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	for _, row := range x[:10] {
		if got, want := tasks.Predict(row), 0.75*one.Predict(row)-0.75; math.Abs(got-want) > 1e-9 {
			t.Errorf("sum %v, want %v", got, want)
		}
		if got, want := tasks.Std(row), 0.75*one.Std(row); math.Abs(got-want) > 1e-9 {
			t.Errorf("deviation %v, want %v", got, want)
		}
	}
	cv, err := tasks.CrossValidate(x, [][]float64{y, opposite}, 5, 1)
	if err != nil || cv.Spearman < 0.8 {
		t.Errorf("rank correlation %v, %v", cv.Spearman, err)
	}
	if err := tasks.Fit(x, [][]float64{y}); err == nil {
		t.Error("one task for two weights: no error")
	}
}
