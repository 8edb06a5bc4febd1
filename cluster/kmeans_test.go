package cluster

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

func TestKMeansAgainstSklearn(t *testing.T) {
	const n, d, k = 2000, 8, 25
	x, _ := blobs(n, d, 40, 0.6, 3)
	in := map[string]any{"x": x, "n": n, "k": k, "start": x[:k*d], "max_iter": 200}
	var theirs struct {
		Inertia float64
		Label   []int
	}
	python(t, "sklearn_kmeans.py", in, &theirs)
	c, err := KMeans{K: k, Tol: 1e-12, MaxIter: 200, Start: x[:k*d], PerCluster: n}.Fit(context.Background(), x, n, d, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(c.Inertia/theirs.Inertia-1) > 1e-5 {
		t.Errorf("inertia %v, sklearn %v", c.Inertia, theirs.Inertia)
	}
	if ari := ARI(labels(c, x), theirs.Label); ari < 0.999 {
		t.Errorf("adjusted Rand index with sklearn's labels %v", ari)
	}
}

// Both starts come near the optimum of clear groups, and far below a random
// start's inertia.
func TestStarts(t *testing.T) {
	const n, d, k = 6000, 10, 60
	x, _ := blobs(n, d, k, 0.05, 4)
	ideal := 0.05 * 0.05 * n * d
	for _, init := range []string{"kmeans||", "kmeans++"} {
		c, err := KMeans{K: k, Init: init}.Fit(context.Background(), x, n, d, 2, 2)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, c, n)
		if c.K != k || c.Inertia > 12*ideal {
			t.Errorf("%s: %d clusters, inertia %.0f, the truth's is %.0f", init, c.K, c.Inertia, ideal)
		}
	}
}

// Centroids that start without points are moved to where points are.
func TestEmptyClustersAreRepaired(t *testing.T) {
	const n, d, k = 400, 4, 8
	x, truth := blobs(n, d, k, 0.01, 5)
	start := slices.Repeat([]float32{100, 100, 100, 100}, k)
	copy(start, x[:d])
	c, err := KMeans{K: k, Start: start, PerCluster: n}.Fit(context.Background(), x, n, d, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, c, n)
	if ari := ARI(labels(c, x), truth); c.K != k || ari < 0.7 {
		t.Errorf("%d clusters of %d, adjusted Rand index %.3f", c.K, k, ari)
	}
}

func TestSampledFit(t *testing.T) {
	x, _ := blobs(5000, 6, 5, 0.1, 6)
	c, err := KMeans{K: 5, PerCluster: 100}.Fit(context.Background(), x, 5000, 6, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, c, 500)
}

func TestKMeansOptions(t *testing.T) {
	x := make([]float32, 20)
	for name, o := range map[string]KMeans{"k": {K: -1}, "init": {Init: "random"}, "start": {K: 3, Start: x[:4]}} {
		if _, err := o.Fit(context.Background(), x, 10, 2, 1, 1); err == nil {
			t.Errorf("a bad %s is accepted", name)
		}
	}
}

// BenchmarkKMeans reports seconds for five iterations from given centroids on
// 50,000 x 256, and vectors a second for Assign.
func BenchmarkKMeans(b *testing.B) {
	const n, d, k = 50_000, 256, 500
	x, _ := blobs(n, d, 2000, 1, 7)
	o := KMeans{K: k, MaxIter: 5, Start: x[:k*d], PerCluster: n}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("fit/workers=%d", workers), func(b *testing.B) {
			for b.Loop() {
				if _, err := o.Fit(b.Context(), x, n, d, 1, workers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, init := range []string{"kmeans||", "kmeans++"} {
		b.Run("start/"+init, func(b *testing.B) {
			o := KMeans{K: k, MaxIter: 1, Init: init, PerCluster: n}
			for b.Loop() {
				if _, err := o.Fit(b.Context(), x, n, d, 1, 2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("assign", func(b *testing.B) {
		c := &Centroids{K: k, D: d, X: x[:k*d]}
		label := make([]int32, n)
		begin := time.Now()
		for b.Loop() {
			c.Assign(label, nil, x, n, 1)
		}
		b.ReportMetric(float64(b.N)*n/time.Since(begin).Seconds(), "vectors/s")
	})
}
