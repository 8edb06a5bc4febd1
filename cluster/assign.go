package cluster

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/vec"
)

// Centroids is the outcome of a clustering: K points to which others are
// assigned, and what is known of the points it was fitted on.
type Centroids struct {
	K, D       int
	X          []float32 // K x D, row-major
	Counts     []int64   // points of the fit in each cluster, all above 0
	Inertia    float64   // sum of squared distances of the points of the fit
	Iterations int       // Lloyd iterations done
}

// Sizes of the blocks of the distance computation: rows x columns dot
// products are held at a time, 512 KiB.
const (
	blockRows = 256
	blockCols = 512
)

// Assign writes the nearest centroid of each row of x (n x D) to dst (n), the
// one of lowest number on a tie, and the squared distance to it to dist (n),
// unless dist is nil. The N x K matrix of distances is never stored. A row
// with a NaN or Inf is given -1 and a NaN.
func (c *Centroids) Assign(dst []int32, dist []float32, x []float32, n, workers int) {
	if len(x) != n*c.D || len(dst) != n || dist != nil && len(dist) != n {
		panic(fmt.Sprintf("cluster: assign %d rows of %d: x holds %d, dst %d, dist %d", n, c.D, len(x), len(dst), len(dist)))
	}
	c.nearest(dst, dist, x, n, workers, c.norms())
}

func (c *Centroids) norms() []float32 {
	norms := make([]float32, c.K)
	for j := range norms {
		norms[j] = vec.Dot(c.row(j), c.row(j))
	}
	return norms
}

func (c *Centroids) row(j int) []float32 { return c.X[j*c.D : (j+1)*c.D] }

// nearest is Assign, given the squared lengths of the centroids.
func (c *Centroids) nearest(dst []int32, dist []float32, x []float32, n, workers int, norms []float32) {
	workers = max(1, workers)
	dots := make([][]float32, workers)
	vec.ForEach(workers, (n+blockRows-1)/blockRows, func(w, b int) {
		if dots[w] == nil {
			dots[w] = make([]float32, blockRows*min(blockCols, c.K))
		}
		lo, hi := b*blockRows, min(n, (b+1)*blockRows)
		c.nearestBlock(dst[lo:hi], x[lo*c.D:hi*c.D], dots[w], norms)
		for i := lo; dist != nil && i < hi; i++ {
			dist[i] = float32(math.NaN())
			if j := dst[i]; j >= 0 {
				dist[i] = vec.SquaredDistance(x[i*c.D:(i+1)*c.D], c.row(int(j)))
			}
		}
	})
}

// nearestBlock finds the nearest centroids of at most blockRows rows.
func (c *Centroids) nearestBlock(dst []int32, x, dots, norms []float32) {
	var best [blockRows]float32
	for i := range dst {
		dst[i], best[i] = -1, float32(math.Inf(1))
	}
	for j := 0; j < c.K; j += blockCols {
		k := min(blockCols, c.K-j)
		vec.Gemm(false, true, len(dst), k, c.D, 1, x, c.D, c.X[j*c.D:], c.D, 0, dots, k)
		for i := range dst {
			if at, score := vec.Nearest(dots[i*k:(i+1)*k], norms[j:j+k]); at >= 0 && score < best[i] {
				dst[i], best[i] = int32(j+at), score
			}
		}
	}
}

// Merged returns the weighted mean centroid of every group, and the summed
// counts; group holds a number 0..G-1 for each cluster and weight its size.
// A group whose weights are all 0 gets the plain mean. Inertia is unknown: 0.
func (c *Centroids) Merged(group []int, weight []float64) (*Centroids, error) {
	if len(group) != c.K || len(weight) != c.K {
		return nil, fmt.Errorf("merge centroids: %d groups and %d weights for %d clusters", len(group), len(weight), c.K)
	}
	m := &Centroids{D: c.D}
	for j, g := range group {
		if g < 0 || g >= c.K {
			return nil, fmt.Errorf("merge centroids: cluster %d has group %d, want 0 to %d", j, g, c.K-1)
		}
		m.K = max(m.K, g+1)
	}
	total, size := make([]float64, m.K), make([]float64, m.K)
	m.Counts = make([]int64, m.K)
	for j, g := range group {
		total[g] += weight[j]
		size[g]++
		if c.Counts != nil {
			m.Counts[g] += c.Counts[j]
		}
	}
	sum := make([]float64, m.K*c.D)
	for j, g := range group {
		w := 1 / size[g]
		if total[g] > 0 {
			w = weight[j] / total[g]
		}
		for i, x := range c.row(j) {
			sum[g*c.D+i] += w * float64(x)
		}
	}
	m.X = make([]float32, len(sum))
	for i, s := range sum {
		m.X[i] = float32(s)
	}
	return m, nil
}
