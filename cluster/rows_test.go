package cluster

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// elsewhere hides that its rows are in memory, and fails from a row on.
type elsewhere struct {
	m    Matrix
	fail int
}

func (e elsewhere) Len() int { return e.m.Len() }
func (e elsewhere) Dim() int { return e.m.D }
func (e elsewhere) Read(dst []float32, at int) error {
	if e.fail > 0 && at+len(dst)/e.m.D > e.fail {
		return errors.New("no such row")
	}
	return e.m.Read(dst, at)
}

// Bounds kept from one iteration to the next and rows read again each time give
// the same bits, for any number of workers, with all variants of the algorithm.
func TestStreamedFitIsTheFit(t *testing.T) {
	const n, d, k = chunkRows + 3000, 12, 20
	x, _ := blobs(n, d, 35, 0.5, 11)
	for name, o := range map[string]KMeans{
		"lloyd": {MaxIter: 25}, "spherical": {MaxIter: 8, Spherical: true}, "mini-batch": {MaxIter: 12, Batch: 500},
	} {
		o.K, o.Start, o.PerCluster = k, x[:k*d], n
		want, err := o.Fit(context.Background(), x, n, d, 3, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 2, 5} {
			got, err := o.FitRows(context.Background(), elsewhere{m: Matrix{x, d}}, 3, workers)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.X, want.X) || !slices.Equal(got.Counts, want.Counts) || got.Inertia != want.Inertia {
				t.Errorf("%s: inertia %v from rows elsewhere with %d workers, %v in memory", name, got.Inertia, workers, want.Inertia)
			}
		}
	}
}

// Rounds over parts that are added up in order move the centroids as one pass
// over all rows does.
func TestTalliesAddUp(t *testing.T) {
	const n, d, k = 3 * chunkRows, 5, 30
	x, _ := blobs(n, d, 50, 0.3, 12)
	rows := Matrix{x, d}
	whole := &Centroids{K: k, D: d, X: slices.Clone(x[:k*d])}
	copy(whole.row(3), []float32{90, 90, 90, 90, 90}) // empty
	parts := &Centroids{K: k, D: d, X: slices.Clone(whole.X)}
	for range 3 {
		all, err := whole.Tally(context.Background(), elsewhere{m: rows}, 0, n, 2)
		if err != nil {
			t.Fatal(err)
		}
		var sum *Tally
		for lo := 0; lo < n; lo += chunkRows {
			part, err := parts.Tally(context.Background(), elsewhere{m: rows}, lo, lo+chunkRows, 1)
			if err != nil {
				t.Fatal(err)
			}
			if sum == nil {
				sum = part
			} else {
				sum.Add(part)
			}
		}
		whole.Move(all, false)
		parts.Move(sum, false)
		for i, v := range parts.X {
			if diff := v - whole.X[i]; diff > 1e-5 || diff < -1e-5 {
				t.Fatalf("coordinate %d is %v by parts and %v as a whole", i, v, whole.X[i])
			}
		}
	}
	if whole.row(3)[0] == 90 {
		t.Error("an empty cluster was left where it was")
	}
}

func TestFitRowsErrors(t *testing.T) {
	x, _ := blobs(500, 3, 4, 0.3, 13)
	if _, err := (KMeans{K: 4}).FitRows(context.Background(), elsewhere{Matrix{x, 3}, 400}, 1, 2); err == nil {
		t.Error("rows that cannot be read are passed over")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (KMeans{K: 4}).FitRows(ctx, Matrix{x, 3}, 1, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("a fit that was cancelled ends with %v", err)
	}
}

// Spherical centroids have unit length, and mini-batches come near Lloyd.
func TestVariants(t *testing.T) {
	const n, d, k = 4000, 8, 12
	x, _ := blobs(n, d, k, 0.1, 14)
	c, err := KMeans{K: k, Spherical: true}.Fit(context.Background(), x, n, d, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	for j := range c.K {
		var s float32
		for _, v := range c.row(j) {
			s += v * v
		}
		if s < 0.999 || s > 1.001 {
			t.Errorf("spherical centroid %d has squared length %v", j, s)
		}
	}
	full, err := KMeans{K: k}.Fit(context.Background(), x, n, d, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	mini, err := KMeans{K: k, Batch: 300, MaxIter: 60}.Fit(context.Background(), x, n, d, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if mini.Inertia > 1.2*full.Inertia {
		t.Errorf("inertia %v of mini-batches, %v of Lloyd", mini.Inertia, full.Inertia)
	}
}
