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
// algorithm. The defaults are those of CLIMB's public recipe, which says
// nothing of empty clusters: an empty one is moved to the point furthest from
// all centroids. Where the points have fewer than K distinct places, there are
// fewer clusters; no cluster is ever empty.
type KMeans struct {
	K          int       `json:"k" default:"1000" min:"1" doc:"clusters; fewer where the points have fewer distinct places"`
	MaxIter    int       `json:"max_iter" default:"300" min:"1" doc:"Lloyd iterations at most"`
	Tol        float64   `json:"tol" default:"1e-4" min:"0" doc:"stop when the squared centroid moves sum to this share of the mean variance of a coordinate"`
	Init       string    `json:"init" default:"kmeans||" choices:"kmeans||,kmeans++" doc:"how the first centroids are drawn"`
	Oversample float64   `json:"oversample" default:"2" min:"0.1" doc:"kmeans||: candidates drawn a round, as a multiple of k"`
	Rounds     int       `json:"rounds" default:"5" min:"1" max:"20" doc:"kmeans||: rounds of candidates"`
	PerCluster int       `json:"per_cluster" default:"256" min:"1" doc:"points that the fit uses, as a multiple of k; more are sampled"`
	Start      []float32 `json:"-"` // K x d first centroids; nil: drawn by Init
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
	if o.Start != nil && len(o.Start) != o.K*d {
		return nil, fmt.Errorf("fit k-means: start holds %d numbers, want %d x %d", len(o.Start), o.K, d)
	}
	if err := checkFinite(x, n, d, workers); err != nil {
		return nil, fmt.Errorf("fit k-means: %w", err)
	}
	rng := rand.New(rand.NewPCG(seed, 0x6b6d65616e73))
	if most := o.K * o.PerCluster; n > most {
		x, n = sampleRows(x, n, d, most, rng), most
	}
	f := &fit{KMeans: o, x: x, n: n, d: d, workers: max(1, workers), seed: seed,
		label: make([]int32, n), order: make([]int32, n)}
	start := o.Start
	if start == nil {
		start = f.seedCentroids(rng)
	}
	c := &Centroids{K: len(start) / d, D: d, X: slices.Clone(start)}
	if err := f.lloyd(ctx, c); err != nil {
		return nil, fmt.Errorf("fit k-means: %w", err)
	}
	return c, nil
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

// fit is one run of k-means.
type fit struct {
	KMeans
	x       []float32 // n x d
	n, d    int
	workers int
	seed    uint64
	label   []int32
	order   []int32 // rows sorted by label, then by number
}

// lloyd moves c's centroids until nothing changes, the moves are below Tol,
// or MaxIter is reached, and fills in the rest of c.
func (f *fit) lloyd(ctx context.Context, c *Centroids) error {
	tol := f.Tol * f.variance()
	before := make([]int32, f.n)
	for c.Iterations = 0; c.Iterations < f.MaxIter; {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.nearest(f.label, nil, f.x, f.n, f.workers, c.norms())
		f.repair(c)
		if c.Iterations > 0 && slices.Equal(before, f.label) {
			break
		}
		copy(before, f.label)
		c.Iterations++
		if f.update(c) <= tol {
			break
		}
	}
	dist := make([]float32, f.n)
	for {
		c.nearest(f.label, dist, f.x, f.n, f.workers, c.norms())
		c.Counts = f.counts(c.K)
		if !c.dropEmpty() {
			break
		}
	}
	c.Inertia = f.blockSum(func(i int) float64 { return float64(dist[i]) })
	return nil
}

// variance is the mean over the coordinates of their variance over the points.
func (f *fit) variance() float64 {
	mean := make([]float64, f.d)
	for i := range f.n {
		for j, v := range f.x[i*f.d : (i+1)*f.d] {
			mean[j] += float64(v)
		}
	}
	center := make([]float32, f.d)
	for j := range mean {
		center[j] = float32(mean[j] / float64(f.n))
	}
	sum := f.blockSum(func(i int) float64 { return float64(vec.SquaredDistance(f.row(i), center)) })
	return sum / float64(f.n) / float64(f.d)
}

// sumBlock is how many rows blockSum adds up in one go.
const sumBlock = 4096

// blockSum adds g over all rows: within fixed blocks, then over the blocks.
func (f *fit) blockSum(g func(i int) float64) float64 {
	part := make([]float64, (f.n+sumBlock-1)/sumBlock)
	f.each(func(i int) { part[i/sumBlock] += g(i) })
	var sum float64
	for _, p := range part {
		sum += p
	}
	return sum
}

// each calls g for every row, in order within each block of sumBlock rows.
func (f *fit) each(g func(i int)) {
	vec.ForEach(f.workers, (f.n+sumBlock-1)/sumBlock, func(_, b int) {
		for i := b * sumBlock; i < min(f.n, (b+1)*sumBlock); i++ {
			g(i)
		}
	})
}

func (f *fit) counts(k int) []int64 {
	counts := make([]int64, k)
	for _, j := range f.label {
		counts[j]++
	}
	return counts
}

// repair gives every empty cluster the point furthest from all centroids that
// is not alone in its cluster, if one is not at distance 0. Each point that is
// taken counts as a centroid for the next.
func (f *fit) repair(c *Centroids) {
	counts := f.counts(c.K)
	if !slices.Contains(counts, 0) {
		return
	}
	dist := make([]float32, f.n)
	f.each(func(i int) { dist[i] = vec.SquaredDistance(f.row(i), c.row(int(f.label[i]))) })
	for j := range counts {
		for counts[j] == 0 {
			far := 0
			for i, v := range dist {
				if v > dist[far] {
					far = i
				}
			}
			if dist[far] == 0 {
				return
			}
			if counts[f.label[far]] == 1 {
				dist[far] = 0
				continue
			}
			counts[f.label[far]]--
			f.label[far], counts[j] = int32(j), 1
			at := f.row(far)
			f.each(func(i int) { dist[i] = min(dist[i], vec.SquaredDistance(f.row(i), at)) })
		}
	}
}

func (f *fit) row(i int) []float32 { return f.x[i*f.d : (i+1)*f.d] }

// unitRows is how many rows are added up in one go.
const unitRows = 2048

// A unit is a run of one cluster's rows within fit.order.
type unit struct {
	cluster, lo, hi int
}

// update moves each centroid to the mean of its rows and returns the sum of
// the squared moves. The rows of a cluster are added in their order, in runs
// of a fixed length, so the result does not depend on the workers. An empty
// cluster stays.
func (f *fit) update(c *Centroids) float64 {
	counts := f.sortByLabel(c.K)
	var units []unit
	lo := 0
	for j, n := range counts {
		end := lo + int(n)
		for ; lo < end; lo = min(end, lo+unitRows) {
			units = append(units, unit{j, lo, min(end, lo+unitRows)})
		}
	}
	sums := make([][]float64, len(units))
	vec.ForEach(f.workers, len(units), func(_, u int) { sums[u] = f.sumRows(f.order[units[u].lo:units[u].hi]) })
	var moved float64
	row := make([]float32, f.d)
	for u := 0; u < len(units); {
		j, total := units[u].cluster, sums[u]
		for u++; u < len(units) && units[u].cluster == j; u++ {
			for i, s := range sums[u] {
				total[i] += s
			}
		}
		for i, s := range total {
			row[i] = float32(s / float64(counts[j]))
		}
		moved += float64(vec.SquaredDistance(row, c.row(j)))
		copy(c.row(j), row)
	}
	return moved
}

// sortByLabel fills f.order by counting sort and returns the clusters' sizes.
func (f *fit) sortByLabel(k int) []int64 {
	counts := f.counts(k)
	next := make([]int64, k)
	for j := 1; j < k; j++ {
		next[j] = next[j-1] + counts[j-1]
	}
	for i, j := range f.label {
		f.order[next[j]] = int32(i)
		next[j]++
	}
	return counts
}

// sumRows adds rows: 32 at a time in float32, those sums in float64.
func (f *fit) sumRows(rows []int32) []float64 {
	sum, part := make([]float64, f.d), make([]float32, f.d)
	for len(rows) > 0 {
		m := min(32, len(rows))
		clear(part)
		for _, i := range rows[:m] {
			vec.Add(part, part, f.row(int(i)))
		}
		for i, p := range part {
			sum[i] += float64(p)
		}
		rows = rows[m:]
	}
	return sum
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
