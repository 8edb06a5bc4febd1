package cluster

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMetricsAgainstSklearn(t *testing.T) {
	const n, d = 300, 4
	x, a := blobs(n, d, 6, 0.8, 13)
	rng := rand.New(rand.NewPCG(1, 1))
	b := make([]int, n)
	for i := range b {
		if b[i] = a[i]; rng.IntN(3) == 0 {
			b[i] = 100 + rng.IntN(4)
		}
	}
	var want struct{ NMI, ARI, Silhouette float64 }
	python(t, "sklearn_metrics.py", map[string]any{"x": x, "n": n, "a": a, "b": b}, &want)
	for name, c := range map[string][2]float64{
		"NMI": {NMI(a, b), want.NMI}, "ARI": {ARI(a, b), want.ARI},
		"silhouette": {Silhouette(x, n, d, b, 2), want.Silhouette},
	} {
		if math.Abs(c[0]-c[1]) > 1e-5 {
			t.Errorf("%s %v, sklearn %v", name, c[0], c[1])
		}
	}
}

func TestMetricsByHand(t *testing.T) {
	a, b := []int{0, 0, 1, 1}, []int{7, 7, 7, 3}
	for name, c := range map[string][2]float64{
		"purity":           {Purity(a, b), 0.75},
		"equal":            {NMI(a, []int{5, 5, 2, 2}), 1},
		"equal ARI":        {ARI(a, []int{5, 5, 2, 2}), 1},
		"one group each":   {ARI([]int{1, 1}, []int{2, 2}), 1},
		"independent":      {NMI(a, []int{0, 1, 0, 1}), 0},
		"independent ARI":  {ARI(a, []int{0, 1, 0, 1}), -0.5},
		"one group":        {Silhouette(make([]float32, 3), 3, 1, []int{0, 0, 0}, 1), 0},
		"all in one place": {Silhouette(make([]float32, 4), 4, 1, a, 1), 0},
		"nothing":          {Purity(nil, nil), 0},
	} {
		if math.Abs(c[0]-c[1]) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, c[0], c[1])
		}
	}
}
