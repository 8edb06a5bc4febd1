package cluster

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/option"
)

// Hierarchical is k-means in two levels: the points go to Branch clusters, and
// the points of each of those to a number of clusters in proportion to their
// number, K in all (Nister, Stewenius 2006, with two levels and balanced
// numbers). It takes some sqrt(K) of the comparisons of KMeans with the same K,
// at a somewhat higher sum of squared distances. In the end every point goes to
// the nearest of all centroids.
type Hierarchical struct {
	K          int     `json:"k" default:"10000" min:"1" doc:"number of clusters; fewer if there are fewer distinct points"`
	Branch     int     `json:"branch" min:"0" doc:"number of clusters of the first level; 0 = the square root of k"`
	MaxIter    int     `json:"max_iter" default:"100" min:"1" doc:"maximum Lloyd iterations of each fit"`
	Tol        float64 `json:"tol" default:"1e-4" min:"0" doc:"tolerance: stop when the sum of squared centroid shifts is below this share of the mean variance of a coordinate"`
	PerCluster int     `json:"per_cluster" default:"256" min:"1" doc:"points to fit on, as a multiple of k; larger data are subsampled"`
	Spherical  bool    `json:"spherical" doc:"spherical k-means: centroids of unit length, clusters by cosine similarity"`
}

// Shape implements Clusterer.
func (o Hierarchical) Shape() Shape {
	option.Fill(&o)
	branch := float64(o.branches())
	return Shape{K: o.K, Spherical: o.Spherical, Comparisons: branch + float64(o.K)/branch}
}

// branches is the number of clusters of the first level.
func (o Hierarchical) branches() int {
	if branch := min(o.K, o.Branch); branch > 0 {
		return branch
	}
	return int(math.Ceil(math.Sqrt(float64(o.K))))
}

// Fit implements Clusterer.
func (o Hierarchical) Fit(ctx context.Context, x []float32, n, d int, seed uint64, workers int) (*Centroids, error) {
	option.Fill(&o)
	if err := option.Check("hierarchical", &o); err != nil {
		return nil, err
	}
	if n < 1 || d < 1 || len(x) != n*d {
		return nil, fmt.Errorf("fit k-means: %d numbers are not %d rows of %d, with at least one row", len(x), n, d)
	}
	if most := o.K * o.PerCluster; n > most {
		x, n = sampleRows(x, n, d, most, rand.New(rand.NewPCG(seed, 0x68696572))), most
	}
	top, err := o.flat(o.branches(), n).Fit(ctx, x, n, d, seed, workers)
	if err != nil {
		return nil, err
	}
	label := make([]int32, n)
	top.Assign(label, nil, x, n, workers)
	c := &Centroids{D: d, Iterations: top.Iterations}
	part := make([]float32, 0, len(x))
	for j, k := range shares(top.Counts, o.K) {
		part = part[:0]
		for i, l := range label {
			if int(l) == j {
				part = append(part, x[i*d:(i+1)*d]...)
			}
		}
		sub, err := o.flat(k, n).Fit(ctx, part, len(part)/d, d, seed+uint64(j)+1, workers)
		if err != nil {
			return nil, err
		}
		c.X, c.K = append(c.X, sub.X...), c.K+sub.K
		c.Iterations = max(c.Iterations, sub.Iterations)
	}
	return c, newScanner(Matrix{x, d}, c.mean(), workers).finish(ctx, c)
}

// flat is the fit of one level, on all of its points.
func (o Hierarchical) flat(k, n int) KMeans {
	return KMeans{K: k, MaxIter: o.MaxIter, Tol: o.Tol, Spherical: o.Spherical, PerCluster: n}
}

// shares divides k in proportion to the counts, at least one each, the largest
// remainders first.
func shares(counts []int64, k int) []int {
	var total int64
	for _, n := range counts {
		total += n
	}
	out, order, left := make([]int, len(counts)), make([]int, len(counts)), k
	rest := make([]float64, len(counts))
	for j, n := range counts {
		exact := float64(k) * float64(n) / float64(total)
		out[j] = max(1, int(exact))
		rest[j], order[j] = exact-float64(out[j]), j
		left -= out[j]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for i := 0; left > 0; i++ {
		out[order[i%len(order)]]++
		left--
	}
	for ; left < 0; left++ { // the least took more than their part
		out[slices.Index(out, slices.Max(out))]--
	}
	return out
}
