package cluster

import (
	"math"
	"slices"

	"github.com/climb-go/climb/option"
)

// Ward merges the two groups u, v whose union adds least to the variance, at
// the distance sqrt(2|u||v|/(|u|+|v|)) times the Euclidean distance of their
// means: scipy's convention, so that Threshold means what it does in
// fcluster(linkage(x, "ward"), t, criterion="distance"), the step of CLIMB's
// recipe (1.5 on centroids of unit vectors). The recipe counts every centroid
// as one point. Weighted counts tokens, in units of the mean cluster, so that
// the same threshold stays meaningful and merging favours small clusters.
type Ward struct {
	Threshold float64 `json:"threshold" default:"1.5" min:"0" doc:"distance threshold: merge while the Ward distance is at most this"`
	Count     int     `json:"count" min:"0" doc:"number of groups to merge down to; 0 = use threshold"`
	Weighted  bool    `json:"weighted" doc:"weight clusters by their tokens"`
}

// Merge implements Merger.
func (o Ward) Merge(x []float32, k, d int, weight []float64) ([]int, error) {
	option.Fill(&o)
	t, err := o.Tree(x, k, d, weight)
	if err != nil {
		return nil, err
	}
	return cut(t, o.Threshold, o.Count), nil
}

// Tree returns all k-1 merges of the k x d centroids.
func (o Ward) Tree(x []float32, k, d int, weight []float64) (*Tree, error) {
	if err := option.Check("ward", &o); err != nil {
		return nil, err
	}
	if err := checkMerge(x, k, d, weight); err != nil {
		return nil, err
	}
	w := slices.Repeat([]float64{1}, k)
	if o.Weighted {
		w = unitMean(weight)
	}
	dist := distances(x, k, d, func(i, j int) float64 { return math.Sqrt(2 * w[i] * w[j] / (w[i] + w[j])) })
	return chain(dist, w, wardUpdate), nil
}

// unitMean scales weights to mean 1. Clusters without weight count as a
// millionth of a cluster, so that distances stay defined.
func unitMean(weight []float64) []float64 {
	var sum float64
	for _, w := range weight {
		sum += w
	}
	out := make([]float64, len(weight))
	for i, w := range weight {
		out[i] = 1
		if sum > 0 {
			out[i] = max(1e-6, w/sum*float64(len(weight)))
		}
	}
	return out
}

func cut(t *Tree, threshold float64, count int) []int {
	if count > 0 {
		return t.CutCount(count)
	}
	return t.Cut(threshold)
}
