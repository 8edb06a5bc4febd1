package cluster

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/vec"
)

// SemDeDup drops documents whose meaning another one of their cluster has
// (Abbas et al. 2023, arXiv 2303.09540, algorithm 1): of the documents of a
// cluster, farthest from the centroid first, one goes if the cosine similarity
// to any before it is above 1 - Epsilon, whether that one stays or not.
//
// Vectors that are so similar are at most sqrt(2 Epsilon) apart, and so are
// their distances from the centroid: only such documents are compared, where the
// paper compares all. Clusters of more than Block documents are cut by distance,
// and the few pairs across a cut are not found.
type SemDeDup struct {
	Epsilon float64 `json:"epsilon" min:"0" max:"0.5" doc:"documents of a cluster whose vectors have a cosine similarity above 1 - epsilon are duplicates; 0 = off. 0.05 is a mild value for neural embeddings; lexical ones need their own"`
	Block   int     `json:"block" default:"65536" min:"2" doc:"documents of a cluster compared at a time; bounds memory, 4 bytes x dimension each"`
}

// semBlock is the number of rows and columns of the products at a time.
const semBlock = 256

// Duplicates sets drop[i] for the rows of x (n x d) that have a duplicate before
// them. The rows are in the order in which they are to stay, radius[i] being the
// Euclidean distance from the centroid, which never grows. It scales the rows of
// x to length 1.
func (s SemDeDup) Duplicates(drop []bool, x, radius []float32, n, d int) {
	if len(drop) != n || len(x) != n*d || len(radius) != n {
		panic(fmt.Sprintf("cluster: duplicates of %d rows of %d: x holds %d, drop %d, radius %d", n, d, len(x), len(drop), len(radius)))
	}
	for i := range n {
		row := x[i*d : (i+1)*d]
		if norm := math.Sqrt(vec.SumSquares(row)); norm > 0 {
			vec.Scale(float32(1/norm), row)
		}
	}
	// Vectors are stored in half precision: lengths are off by some 1e-3.
	reach := float32(math.Sqrt(2*s.Epsilon)) + 4e-3
	least := float32(1 - s.Epsilon)
	dots := make([]float32, semBlock*semBlock)
	first := 0 // row that is in reach of the block
	for lo := 0; lo < n; lo += semBlock {
		hi := min(n, lo+semBlock)
		for radius[first]-radius[lo] > reach {
			first++
		}
		for from := first; from < hi; from += semBlock {
			to := min(hi, from+semBlock)
			rows, cols := hi-lo, to-from
			vec.Gemm(false, true, rows, cols, d, 1, x[lo*d:hi*d], d, x[from*d:to*d], d, 0, dots[:rows*cols], cols)
			for i := lo; i < hi; i++ {
				for j := from; j < min(to, i) && !drop[i]; j++ {
					drop[i] = dots[(i-lo)*cols+j-from] > least
				}
			}
		}
	}
}
