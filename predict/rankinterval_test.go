package predict

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The interval holds the truth as often as it says, over draws of normal pairs,
// whose rank correlation is 6/pi asin(r/2).
func TestSpearmanInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	const n, draws = 28, 4000
	for _, r := range []float64{0, 0.4, 0.7, 0.9} {
		truth, inside := 6/math.Pi*math.Asin(r/2), 0
		for range draws {
			var a, b []float64
			for range n {
				u := rng.NormFloat64()
				a, b = append(a, u), append(b, r*u+math.Sqrt(1-r*r)*rng.NormFloat64())
			}
			if lo, hi := SpearmanInterval(Spearman(a, b), n, 0.95); lo <= truth && truth <= hi {
				inside++
			}
		}
		if share := float64(inside) / draws; share < 0.93 || share > 0.97 {
			t.Errorf("rank correlation %.3f: %.3f of the 95 %% intervals hold it", truth, share)
		}
	}
	if lo, hi := SpearmanInterval(1, 20, 0.95); math.Abs(lo-0.9975) > 1e-3 || hi != 1 {
		t.Errorf("equal ranks: [%v, %v]", lo, hi)
	}
	if lo, hi := SpearmanInterval(0.9, 3, 0.95); lo != -1 || hi != 1 {
		t.Errorf("three pairs: [%v, %v]", lo, hi)
	}
}
