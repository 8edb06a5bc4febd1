package predict

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/option"
)

// The first split of a tree is the best of all, found here by trying them.
func TestFirstSplitIsBest(t *testing.T) {
	for seed := range uint64(20) {
		x, y := world(40, 3, 0.2, seed)
		o := GBDT{MaxDepth: 1, L1: 0.3}
		option.Fill(&o)
		g := grown(&o, x, y, 1)
		want := 0.0
		for j := range x[0] {
			for _, row := range x {
				left, right, n := 0.0, 0.0, 0
				for i := range x {
					if x[i][j] <= row[j] {
						left += g.start - y[i]
						n++
					} else {
						right += g.start - y[i]
					}
				}
				// The bins hold 3 rows each, so some of these splits do not exist.
				if m := len(x) - n; n >= 5 && m >= 5 && n%3 == 0 {
					want = max(want, square(left, 0.3)/(float64(n)+1)+square(right, 0.3)/(float64(m)+1))
				}
			}
		}
		root := g.trees[0][0]
		left, right, n := 0.0, 0.0, 0
		for i := range x {
			if x[i][root.feature] <= root.edge {
				left += g.start - y[i]
				n++
			} else {
				right += g.start - y[i]
			}
		}
		got := square(left, 0.3)/(float64(n)+1) + square(right, 0.3)/(float64(len(x)-n)+1)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("seed %d: the split scores %v, the best %v", seed, got, want)
		}
		if value := -0.01 * soft(left, 0.3) / (float64(n) + 1); math.Abs(g.trees[0][root.left].edge-value) > 1e-12 {
			t.Errorf("seed %d: left value %v, want %v", seed, g.trees[0][root.left].edge, value)
		}
	}
}

// grown returns a grower of all rows with n trees.
func grown(o *GBDT, x [][]float64, y []float64, n int) *grower {
	rows := make([]int32, len(x))
	for i := range rows {
		rows[i] = int32(i)
	}
	g := newGrower(o, newBinned(x, o.Bins), y, rows, nil)
	g.grow(n)
	return g
}

const xgboostScript = `
import json, sys
try:
    import numpy, xgboost
except ImportError:
    sys.exit(77)
d = json.load(sys.stdin)
x, y = numpy.array(d["x"]), numpy.array(d["y"])
m = xgboost.train(dict(tree_method="exact", max_depth=4, min_child_weight=5, reg_alpha=1, reg_lambda=1,
    learning_rate=0.01, base_score=float(y.mean()), objective="reg:squarederror", nthread=1),
    xgboost.DMatrix(x, y), num_boost_round=200)
json.dump(m.predict(xgboost.DMatrix(numpy.array(d["v"]))).tolist(), sys.stdout)
`

// On features with few values, where every value is a bin, xgboost's exact
// trees with the same penalties and limits are the same model.
func TestXGBoost(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's, with python3-xgboost
	if _, err := exec.LookPath(python); err != nil {
		t.Skip("no python to compare with: install python3-xgboost")
	}
	rng := rand.New(rand.NewPCG(3, 0))
	draw := func(n int) (x [][]float64) {
		for range n {
			row := make([]float64, 5)
			for j := range row {
				row[j] = float64(rng.IntN(10)) / 16 // exact in float32
			}
			x = append(x, row)
		}
		return x
	}
	x, v := draw(150), draw(60)
	var y []float64
	for _, row := range x {
		y = append(y, float64(float32(math.Sin(9*row[0])+row[1]*row[2]*4-row[3]+0.1*rng.NormFloat64())))
	}
	in, err := json.Marshal(map[string]any{"x": x, "y": y, "v": v})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", xgboostScript)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() == 77 {
		t.Skip("python has no xgboost: install python3-xgboost")
	} else if err != nil {
		t.Fatal(err)
	}
	var want []float64
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	o := GBDT{}
	option.Fill(&o)
	g := grown(&o, x, y, 200)
	far, total := 0, 0.0
	for i, row := range v {
		d := math.Abs(g.start + walk(g.trees, row) - want[i])
		total += d / float64(len(v))
		if d > 1e-3 {
			far++
		}
	}
	// xgboost sums in float32, so a split between equals may go another way.
	if far > 3 || total > 1e-3 {
		t.Errorf("%d of %d predictions differ by more than 1e-3, %v on average", far, len(v), total)
	}
}

// walk returns the sum of the trees at x, from node to node.
func walk(trees []tree, x []float64) float64 {
	sum := 0.0
	for _, t := range trees {
		n := t[0]
		for n.feature >= 0 {
			if x[n.feature] <= n.edge {
				n = t[n.left]
			} else {
				n = t[n.right]
			}
		}
		sum += n.edge
	}
	return sum
}

func TestForestIsItsTrees(t *testing.T) {
	for _, o := range []GBDT{{}, {MaxDepth: 30, Leaves: 64, MinLeaf: 1, L1: 1e-9}, {MaxDepth: 1}} {
		option.Fill(&o)
		x, y := world(130, 7, 0.1, 1)
		g := grown(&o, x, y, 600)
		f, v := compile(g.trees, 7), clone(x)
		few := merged(g.trees)
		more, _ := world(200, 7, 0, 2)
		v = append(v, more...)
		v = append(v, make([]float64, 7), []float64{2, 2, 2, 2, 2, 2, 2})
		for j := range g.b.upper {
			for _, edge := range g.b.upper[j] { // on the edge itself
				row := slices.Clone(x[0])
				row[j] = edge
				v = append(v, row)
			}
		}
		for _, row := range v {
			got, want := f.at(row), walk(g.trees, row)
			if got != walk(few, row) || math.Abs(got-want) > 1e-12 {
				t.Fatalf("%+v: forest %v, merged trees %v, trees %v", o, got, walk(few, row), want)
			}
		}
	}
	if few := merged(slices.Repeat([]tree{{{edge: 1, feature: -1}}}, 3)); len(few) != 1 || few[0][0].edge != 3 {
		t.Errorf("three equal trees are %v", few)
	}
	if got := compile(nil, 3).at([]float64{1, 0, 0}); got != 0 {
		t.Errorf("an empty forest is %v", got)
	}
}

func TestBinEdges(t *testing.T) {
	step := func(n int) (v []float64) {
		for i := range n {
			v = append(v, float64(i))
		}
		return v
	}
	for name, c := range map[string]struct {
		values []float64
		most   int
		want   []float64
	}{
		"three rows a bin":      {step(10)[1:], 255, []float64{3.5, 6.5}},
		"zeros alone":           {[]float64{0, 0, 1, 2, 3, 4, 5, 6}, 255, []float64{1e-35, 3.5}},
		"zeros between":         {[]float64{-3, -2, -1, 0, 1, 2, 3}, 255, []float64{-1e-35, 1e-35}},
		"only zeros":            {[]float64{0, 0, 0}, 255, nil},
		"one value":             {[]float64{2, 2, 2}, 255, nil},
		"few bins":              {step(13)[1:], 4, []float64{3.5, 6.5, 9.5}},
		"a frequent value":      {[]float64{1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 6, 7}, 4, []float64{2.5, 4.5, 5.5}},
		"neighbouring floats":   {[]float64{1, 1, 1, math.Nextafter(1, 2), math.Nextafter(1, 2), 3}, 255, []float64{1}},
		"less than a bin":       {[]float64{1, 2}, 255, nil},
		"one bin for positives": {[]float64{0, 1, 2, 3, 4}, 2, []float64{1e-35}},
	} {
		if d := cmp.Diff(c.want, binEdges(c.values, c.most)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestBinsStayWithinTheirNumber(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	for range 200 {
		values := make([]float64, 1+rng.IntN(900))
		for i := range values {
			values[i] = math.Round(rng.NormFloat64()*float64(1+rng.IntN(300))) / 8
		}
		most := 4 + rng.IntN(252)
		edges := binEdges(values, most)
		if len(edges) > most-1 {
			t.Fatalf("%d edges for at most %d bins", len(edges), most)
		}
		if !slices.IsSorted(edges) || len(slices.Compact(slices.Clone(edges))) != len(edges) {
			t.Fatalf("edges are not ascending: %v", edges)
		}
	}
}

// Pure noise must not be learned, and signal must not be cut short.
func TestTreesFollowTheSignal(t *testing.T) {
	x, y := world(100, 5, 0, 1)
	signal := &GBDT{}
	if err := signal.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(4, 0))
	for i := range y {
		y[i] = rng.NormFloat64()
	}
	noise := &GBDT{}
	if err := noise.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	if signal.Chosen() < 300 || noise.Chosen() > 60 {
		t.Errorf("%d trees for a smooth function and %d for noise", signal.Chosen(), noise.Chosen())
	}
	short := &GBDT{Trees: 37}
	x, y = world(100, 5, 0, 1)
	if err := short.Fit(x, y); err != nil || short.Chosen() != 37 {
		t.Errorf("%d trees of 37, %v", short.Chosen(), err)
	}
}

func BenchmarkGBDT(b *testing.B) {
	x, y := world(112, 16, 0.05, 1)
	for b.Loop() {
		if err := (&GBDT{}).Fit(x, y); err != nil {
			b.Fatal(err)
		}
	}
}
