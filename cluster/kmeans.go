package cluster

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// KMeans minimises the sum of squared distances to K centroids with Lloyd's
// algorithm, exactly, or with mini-batches (Sculley 2010). The defaults are
// those of CLIMB's public recipe, which says nothing of empty clusters: an empty
// one is moved to a point far from all centroids (see Far). Where the points have
// fewer than K distinct places, there are fewer clusters; no cluster is ever
// empty. Distances are bounded by products of bytes first (see vec.Codebook),
// and rows in memory whose bounds tell that nothing has changed are passed over
// (Hamerly 2010). Neither changes the result.
type KMeans struct {
	K          int       `json:"k" default:"1000" min:"1" doc:"number of clusters; fewer if there are fewer distinct points"`
	MaxIter    int       `json:"max_iter" default:"300" min:"1" doc:"maximum Lloyd iterations, or mini-batches"`
	Tol        float64   `json:"tol" default:"1e-4" min:"0" doc:"tolerance: stop when the sum of squared centroid shifts is below this share of the mean variance of a coordinate"`
	Init       string    `json:"init" default:"kmeans||" choices:"kmeans||,kmeans++" doc:"initialization of the centroids"`
	Oversample float64   `json:"oversample" default:"2" min:"0.1" doc:"kmeans||: oversampling factor, candidates per round as a multiple of k"`
	Rounds     int       `json:"rounds" default:"5" min:"1" max:"20" doc:"kmeans||: rounds of candidates"`
	PerCluster int       `json:"per_cluster" default:"256" min:"1" doc:"points to fit on, as a multiple of k; larger data are subsampled"`
	Batch      int       `json:"batch" min:"0" doc:"mini-batch size; 0 = full batch, all points in every iteration"`
	Spherical  bool      `json:"spherical" doc:"spherical k-means: centroids of unit length, clusters by cosine similarity"`
	Start      []float32 `json:"-"` // K x d first centroids; nil: drawn by Init
}

// Shape implements Clusterer.
func (o KMeans) Shape() Shape {
	option.Fill(&o)
	return Shape{K: o.K, Spherical: o.Spherical, Comparisons: float64(o.K)}
}

// Fit implements Clusterer. Counts and Inertia are over the points that were
// used: all, or K*PerCluster of them.
func (o KMeans) Fit(ctx context.Context, x []float32, n, d int, seed uint64, workers int) (*Centroids, error) {
	option.Fill(&o)
	if err := option.Check("kmeans", &o); err != nil {
		return nil, err
	}
	if n < 1 || d < 1 || len(x) != n*d {
		return nil, fmt.Errorf("fit k-means: %d numbers are not %d rows of %d, with at least one row", len(x), n, d)
	}
	if err := checkFinite(x, n, d, workers); err != nil {
		return nil, fmt.Errorf("fit k-means: %w", err)
	}
	rng := rand.New(rand.NewPCG(seed, 0x6b6d65616e73))
	if most := o.K * o.PerCluster; n > most {
		x = sampleRows(x, n, d, most, rng)
	}
	return o.FitRows(ctx, Matrix{x, d}, seed, workers)
}

// startRows is how many rows the first centroids of FitRows are drawn from, as
// a multiple of K, where rows are not in memory.
const startRows = 32

// FitRows is Fit on rows that need not be in memory, all of them: every
// iteration reads them once. The result is the same wherever the rows are, given
// Start. Without Start, rows that are not in memory are started from 32*K drawn rows.
func (o KMeans) FitRows(ctx context.Context, rows Rows, seed uint64, workers int) (*Centroids, error) {
	option.Fill(&o)
	if err := option.Check("kmeans", &o); err != nil {
		return nil, err
	}
	n, d := rows.Len(), rows.Dim()
	if n < 1 || d < 1 || d > vec.MaxCodeDim {
		return nil, fmt.Errorf("fit k-means: %d rows of %d, want at least one, of 1 to %d", n, d, vec.MaxCodeDim)
	}
	if o.Start != nil && len(o.Start) != o.K*d {
		return nil, fmt.Errorf("fit k-means: start holds %d numbers, want %d x %d", len(o.Start), o.K, d)
	}
	c, err := o.fit(ctx, rows, seed, max(1, workers))
	if err != nil {
		return nil, fmt.Errorf("fit k-means: %w", err)
	}
	return c, nil
}

func (o KMeans) fit(ctx context.Context, rows Rows, seed uint64, workers int) (*Centroids, error) {
	rng := rand.New(rand.NewPCG(seed, 0x7374617274))
	n, d := rows.Len(), rows.Dim()
	center, variance, err := moments(rows)
	if err != nil {
		return nil, err
	}
	start := o.Start
	if start == nil {
		m, ok := rows.(Matrix)
		if most := o.K * startRows; !ok {
			if m, err = readSample(rows, min(n, most), rng); err != nil {
				return nil, err
			}
		}
		f := &seeder{KMeans: o, x: m.X, n: m.Len(), d: d, workers: workers, seed: seed}
		start = f.seedCentroids(rng)
	}
	c := &Centroids{K: len(start) / d, D: d, X: slices.Clone(start)}
	s := newScanner(rows, center, workers)
	if o.Batch > 0 && o.Batch < n {
		err = o.miniBatch(ctx, s, c, rng)
	} else {
		err = o.lloyd(ctx, s, c, o.Tol*variance)
	}
	if err != nil {
		return nil, err
	}
	return c, s.finish(ctx, c)
}

// lloyd moves c's centroids until nothing changes, the moves are at most tol,
// or MaxIter is reached.
func (o KMeans) lloyd(ctx context.Context, s *scanner, c *Centroids, tol float64) error {
	before := make([]float32, len(c.X))
	for c.Iterations < o.MaxIter {
		t, err := s.tally(ctx, c, 0, s.rows.Len())
		if err != nil {
			return err
		}
		copy(before, c.X)
		moved := c.Move(t, o.Spherical)
		c.Iterations++
		if s.kept != nil {
			s.drift = newDrift(before, c.X, c.K, c.D)
		}
		if moved <= tol {
			break
		}
	}
	return nil
}

// miniBatch takes MaxIter steps on Batch rows each, drawn with replacement. A
// centroid is the mean of the rows it was given in all steps (Sculley 2010,
// algorithm 1, a batch at a time).
func (o KMeans) miniBatch(ctx context.Context, s *scanner, c *Centroids, rng *rand.Rand) error {
	total := make([]int64, c.K)
	for range o.MaxIter {
		m, err := readSample(s.rows, o.Batch, rng)
		if err != nil {
			return err
		}
		t, err := newScanner(m, s.center, s.workers).tally(ctx, c, 0, m.Len())
		if err != nil {
			return err
		}
		for j, n := range t.Count {
			total[j] += n
			row, sum := c.row(j), t.Sum[j*c.D:(j+1)*c.D]
			for i := 0; n > 0 && i < c.D; i++ {
				row[i] += float32((sum[i] - float64(n)*float64(row[i])) / float64(total[j]))
			}
			if q := vec.SumSquares(row); o.Spherical && q > 0 {
				vec.Scale(float32(1/math.Sqrt(q)), row)
			}
		}
		c.Iterations++
	}
	return nil
}

// finish fills in the counts and the inertia, and drops empty clusters.
func (s *scanner) finish(ctx context.Context, c *Centroids) error {
	for {
		c.Inertia, c.Counts = 0, make([]int64, c.K)
		err := s.scan(ctx, c, 0, s.rows.Len(), func(ch *chunk) error {
			for i, j := range ch.label {
				c.Counts[j]++
				c.Inertia += float64(ch.dist[i])
			}
			return nil
		})
		if err != nil || !c.dropEmpty() {
			return err
		}
		s.drift = nil // the clusters have new numbers
	}
}

// momentRows is how many rows the center and the variance are taken from.
const momentRows = 1 << 14

// moments returns the mean of the rows and the mean over the coordinates of
// their variance, from rows that are evenly spaced.
func moments(rows Rows) (center []float32, variance float64, err error) {
	n, d := rows.Len(), rows.Dim()
	m := min(n, momentRows)
	x := make([]float32, m*d)
	for i := range m {
		if err := rows.Read(x[i*d:(i+1)*d], i*n/m); err != nil {
			return nil, 0, err
		}
	}
	center = meanRow(x, m, d)
	for i := range m {
		variance += float64(vec.SquaredDistance(x[i*d:(i+1)*d], center))
	}
	for j, v := range center {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			center[j] = 0 // the row at fault is named when it is assigned
		}
	}
	return center, variance / float64(m) / float64(d), nil
}

// readSample reads m rows drawn with replacement, in their order.
func readSample(rows Rows, m int, rng *rand.Rand) (Matrix, error) {
	at := make([]int, m)
	for i := range at {
		at[i] = rng.IntN(rows.Len())
	}
	slices.Sort(at)
	d := rows.Dim()
	x := make([]float32, m*d)
	for i, r := range at {
		if err := rows.Read(x[i*d:(i+1)*d], r); err != nil {
			return Matrix{}, fmt.Errorf("read the vector of row %d: %w", r, err)
		}
	}
	return Matrix{x, d}, nil
}

// checkFinite names the first row of x that holds a NaN or Inf.
func checkFinite(x []float32, n, d, workers int) error {
	const block = 1024
	bad := slices.Repeat([]int{n}, (n+block-1)/block)
	vec.ForEach(workers, len(bad), func(_, b int) {
		for i := b * block; i < min(n, b*block+block); i++ {
			if s := vec.SumSquares(x[i*d : i*d+d]); math.IsNaN(s) || s > math.MaxFloat32 {
				bad[b] = i
				return
			}
		}
	})
	if row := slices.Min(bad); row < n {
		return fmt.Errorf("the vector of row %d holds NaN, Inf or a number too large to square; embed its text again or leave it out", row)
	}
	return nil
}

// sampleRows returns m of the n rows of x without replacement, in their order.
func sampleRows(x []float32, n, d, m int, rng *rand.Rand) []float32 {
	out := make([]float32, 0, m*d)
	for i := range n { // selection sampling, Knuth 3.4.2 S
		if need := m - len(out)/d; float64(n-i)*rng.Float64() < float64(need) {
			out = append(out, x[i*d:(i+1)*d]...)
		}
	}
	return out
}

// dropEmpty removes the clusters without points and reports whether there
// were any.
func (c *Centroids) dropEmpty() bool {
	k := 0
	for j, n := range c.Counts {
		if n > 0 {
			copy(c.row(k), c.row(j))
			c.Counts[k] = n
			k++
		}
	}
	dropped := k < c.K
	c.K, c.X, c.Counts = k, c.X[:k*c.D], c.Counts[:k]
	return dropped
}
