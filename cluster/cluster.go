// Package cluster groups vectors: k-means over documents, merging of clusters
// into domains, pruning by quality, names and a map for the reader. It knows
// nothing of texts beyond what the Namer is fed, and nothing of files.
package cluster

import (
	"context"

	"github.com/climb-go/climb/option"
)

// A Clusterer finds groups of points. x is n x d, row-major. The result
// depends on x, the options and the seed, never on the number of workers.
type Clusterer interface {
	Fit(ctx context.Context, x []float32, n, d int, seed uint64, workers int) (*Centroids, error)
	// Shape says what Fit gives.
	Shape() Shape
}

// A Shape is what is known of clusters before they are fitted.
type Shape struct {
	K         int  // clusters, fewer where the points have fewer distinct places
	Spherical bool // centroids have unit length
	// Comparisons are the distances that one iteration takes for one point: K
	// where a point is held against every centroid.
	Comparisons float64
}

// A Merger puts k clusters into fewer groups. centroids is k x d, row-major;
// weight holds each cluster's size (tokens). The answer holds a group 0..G-1
// for each cluster, groups numbered by their first cluster.
type Merger interface {
	Merge(centroids []float32, k, d int, weight []float64) ([]int, error)
}

// Methods lists the clusterers.
var Methods = option.Family[Clusterer]{
	{Name: "kmeans", Summary: "Lloyd's algorithm from a k-means|| or k-means++ start",
		Paper: "Lloyd 1982; Bahmani et al. 2012, arXiv 1203.6402; Arthur, Vassilvitskii 2007", New: func() Clusterer { return &KMeans{} }},
	{Name: "hierarchical", Summary: "k-means in two levels, for many clusters",
		Paper: "Nister, Stewenius 2006, Scalable recognition with a vocabulary tree", New: func() Clusterer { return &Hierarchical{} }},
}

type clustererTable struct{}

func (clustererTable) Family() option.Family[Clusterer] { return Methods }

// A Choice is a clusterer with its options, as a configuration names it.
type Choice = option.Choice[Clusterer, clustererTable]

// Choose returns the choice of c, such as &KMeans{}.
func Choose(c Clusterer) Choice { return option.Choose[Clusterer, clustererTable](c) }

// Mergers lists the ways to put clusters together.
var Mergers = option.Family[Merger]{
	{Name: "ward", Summary: "merge the pair that adds least variance, up to a distance or down to a count (CLIMB's public recipe)",
		Paper: "Ward 1963; Murtagh, Legendre 2014, arXiv 1111.6285", New: func() Merger { return &Ward{} }},
	{Name: "average", Summary: "merge by mean Euclidean distance between centroids, up to a distance or down to a count (CLIMB's text)",
		Paper: "Sokal, Michener 1958; Diao et al. 2025, arXiv 2504.13161", New: func() Merger { return &Average{} }},
	{Name: "balanced", Summary: "a fixed number of groups of low variance, none above a share of the tokens",
		Paper: "Ward 1963; Hartigan 1975", New: func() Merger { return &Balanced{} }},
}

type mergerTable struct{}

func (mergerTable) Family() option.Family[Merger] { return Mergers }

// A MergerChoice is a merger with its options, as a configuration names it.
type MergerChoice = option.Choice[Merger, mergerTable]

// ChooseMerger returns the choice of m, such as &Ward{}.
func ChooseMerger(m Merger) MergerChoice { return option.Choose[Merger, mergerTable](m) }
