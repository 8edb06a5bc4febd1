// Package cluster groups vectors: k-means over documents, merging of clusters
// into domains, pruning by quality, names and a map for the reader. It knows
// nothing of texts beyond what the Namer is fed, and nothing of files.
package cluster

import (
	"context"
	"fmt"

	"github.com/climb-go/climb/option"
)

// A Clusterer finds groups of points. x is n x d, row-major. The result
// depends on x, the options and the seed, never on the number of workers.
type Clusterer interface {
	Fit(ctx context.Context, x []float32, n, d int, seed uint64, workers int) (*Centroids, error)
}

// A Merger puts k clusters into fewer groups. centroids is k x d, row-major;
// weight holds each cluster's size (tokens). The answer holds a group 0..G-1
// for each cluster, groups numbered by their first cluster.
type Merger interface {
	Merge(centroids []float32, k, d int, weight []float64) ([]int, error)
}

// Methods lists the clusterers.
var Methods = []option.Method{
	{Name: "kmeans", Summary: "Lloyd's algorithm from a k-means|| or k-means++ start",
		Paper: "Lloyd 1982; Bahmani et al. 2012, arXiv 1203.6402; Arthur, Vassilvitskii 2007", Options: KMeans{}},
	{Name: "hierarchical", Summary: "k-means in two levels, for many clusters",
		Paper: "Nister, Stewenius 2006, Scalable recognition with a vocabulary tree", Options: Hierarchical{}},
}

// Mergers lists the ways to put clusters together.
var Mergers = []option.Method{
	{Name: "ward", Summary: "merge the pair that adds least variance, up to a distance or down to a count (CLIMB's public recipe)",
		Paper: "Ward 1963; Murtagh, Legendre 2014, arXiv 1111.6285", Options: Ward{}},
	{Name: "average", Summary: "merge by mean Euclidean distance between centroids, up to a distance or down to a count (CLIMB's text)",
		Paper: "Sokal, Michener 1958; Diao et al. 2025, arXiv 2504.13161", Options: Average{}},
	{Name: "balanced", Summary: "a fixed number of groups of low variance, none above a share of the tokens",
		Paper: "Ward 1963; Hartigan 1975", Options: Balanced{}},
}

// MergerOptions holds the options of every merger, one section each.
type MergerOptions struct {
	Ward     Ward     `json:"ward"`
	Average  Average  `json:"average"`
	Balanced Balanced `json:"balanced"`
}

// NewMerger returns the merger of that name in Mergers.
func NewMerger(name string, o MergerOptions) (Merger, error) {
	switch name {
	case "ward":
		return o.Ward, nil
	case "average":
		return o.Average, nil
	case "balanced":
		return o.Balanced, nil
	}
	return nil, fmt.Errorf("merger %q is not one of ward, average, balanced", name)
}
