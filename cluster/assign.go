package cluster

import (
	"fmt"

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

// Assign writes the nearest centroid of each row of x (n x D) to dst (n), the
// one of lowest number on a tie, and the squared distance to it to dist (n),
// unless dist is nil. The N x K matrix of distances is never stored. A row
// with a NaN or Inf is given -1 and a NaN.
func (c *Centroids) Assign(dst []int32, dist []float32, x []float32, n, workers int) {
	if len(x) != n*c.D || len(dst) != n || dist != nil && len(dist) != n {
		panic(fmt.Sprintf("cluster: assign %d rows of %d: x holds %d, dst %d, dist %d", n, c.D, len(x), len(dst), len(dist)))
	}
	if dist == nil {
		dist = make([]float32, n)
	}
	center := c.mean()
	book := vec.NewCodebook(c.X, c.K, center)
	codes, scratch := make([]*vec.Codes, max(1, workers)), make([][]float32, max(1, workers))
	vec.ForEach(workers, (n+blockRows-1)/blockRows, func(w, b int) {
		lo, hi := b*blockRows, min(n, (b+1)*blockRows)
		if codes[w] == nil {
			codes[w] = vec.NewCodes(blockRows, center)
		}
		block := x[lo*c.D : hi*c.D]
		scratch[w] = codes[w].Set(0, block, scratch[w])
		book.Nearest(codes[w], block, firstRows[:hi-lo], dst[lo:hi], dist[lo:hi], nil)
	})
}

// firstRows are the numbers of the rows of a block.
var firstRows = func() []int32 {
	rows := make([]int32, blockRows)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}()

// mean is the plain mean of the centroids.
func (c *Centroids) mean() []float32 { return meanRow(c.X, c.K, c.D) }

// meanRow is the mean of the rows of x (n x d).
func meanRow(x []float32, n, d int) []float32 {
	sum, mean := make([]float64, d), make([]float32, d)
	for i := range n {
		for j, v := range x[i*d : (i+1)*d] {
			sum[j] += float64(v)
		}
	}
	for j, s := range sum {
		mean[j] = float32(s / float64(max(1, n)))
	}
	return mean
}

func (c *Centroids) row(j int) []float32 { return c.X[j*c.D : (j+1)*c.D] }

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
