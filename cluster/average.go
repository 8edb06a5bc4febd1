package cluster

import (
	"slices"

	"github.com/climb-go/climb/option"
)

// Average merges groups by the mean Euclidean distance between their
// centroids (UPGMA), up to Threshold. The paper merges "by Euclidean distance
// between centroids, threshold 1.5" without naming a linkage; this is our
// reading. On unit vectors few centroids are 1.5 apart, so the threshold may
// leave a single group (see Collapsed); use Count or a Balanced merge there.
type Average struct {
	Threshold float64 `json:"threshold" default:"1.5" min:"0" doc:"distance threshold: merge while the mean distance is at most this"`
	Count     int     `json:"count" min:"0" doc:"number of groups to merge down to; 0 = use threshold"`
	Weighted  bool    `json:"weighted" doc:"weight clusters by their tokens"`
}

// Merge implements Merger.
func (o Average) Merge(x []float32, k, d int, weight []float64) ([]int, error) {
	option.Fill(&o)
	t, err := o.Tree(x, k, d, weight)
	if err != nil {
		return nil, err
	}
	return cut(t, o.Threshold, o.Count), nil
}

// Tree returns all k-1 merges of the k x d centroids.
func (o Average) Tree(x []float32, k, d int, weight []float64) (*Tree, error) {
	if err := option.Check("average", &o); err != nil {
		return nil, err
	}
	if err := checkMerge(x, k, d, weight); err != nil {
		return nil, err
	}
	w := slices.Repeat([]float64{1}, k)
	if o.Weighted {
		w = unitMean(weight)
	}
	return chain(distances(x, k, d, func(int, int) float64 { return 1 }), w, averageUpdate), nil
}
