package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Blocks keep the mean of every part and the difference of two runs, and on average
// the standard error that the items give it.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	var fine, coarse float64
	for range 200 {
		var runs, blocks [2][]Run
		items := make([]float64, 243)
		for i := range items {
			items[i] = rng.NormFloat64()
		}
		for arm := range runs {
			for range 4 {
				x, mean := make([]float64, len(items)), 0.0
				for i := range x {
					x[i] = items[i] + 0.3*rng.NormFloat64() + 0.1*float64(arm)*items[i]
					mean += x[i] / float64(len(x))
				}
				r := Run{Score: mean, Parts: []Part{{Items: len(x), Scores: x}}}
				b := r.Blocks(27)
				var again float64
				for _, v := range b.Parts[0].Scores {
					again += v / 27
				}
				if b.Parts[0].Items != 27 || math.Abs(again-mean) > 1e-12 || b.Score != mean {
					t.Fatalf("%v, want %v", again, mean)
				}
				runs[arm], blocks[arm] = append(runs[arm], r), append(blocks[arm], b)
			}
		}
		a, b := Paired(runs[0], runs[1]), Paired(blocks[0], blocks[1])
		if math.Abs(a.Mean-b.Mean) > 1e-12 {
			t.Fatal(a.Mean, b.Mean)
		}
		fine += a.Items.Value
		coarse += b.Items.Value
	}
	if r := coarse / fine; r < 0.9 || r > 1.1 {
		t.Errorf("the items' variance by blocks is %.3f of that by items", r)
	}
	short := Run{Parts: []Part{{Items: 3, Scores: []float64{1, 2, 3}}, {Items: 9}}}
	if b := short.Blocks(5); len(b.Parts[0].Scores) != 3 || b.Parts[1].Items != 9 {
		t.Errorf("%+v", b)
	}
}
