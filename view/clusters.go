package view

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// A ClusterView is what a person sees of one cluster.
type ClusterView struct {
	ID int `json:"id"`
	curate.Cluster
	DomainName string           `json:"domain_name,omitempty"`
	Share      float64          `json:"share"`    // of the text
	Distance   float64          `json:"distance"` // mean over its documents, from the centroid
	Central    []curate.Example `json:"central,omitempty"`
	Marginal   []curate.Example `json:"marginal,omitempty"`
	Neighbors  []ClusterNear    `json:"neighbors,omitempty"`
}

// ClusterNear is a neighbour of the described cluster. Overlap is the share of
// the described cluster's documents whose distance to this neighbour's centroid is
// within 5 % of the distance to their own: how arbitrary the border is.
type ClusterNear struct {
	ID       int     `json:"id"`
	Name     string  `json:"name"`
	Distance float64 `json:"distance"` // between the centroids
	Overlap  float64 `json:"overlap"`
}

const (
	neighborMargin = 1.05
	neighborSample = 2000 // documents of a cluster that the overlap is taken from
	shownNeighbors = 5
)

// views fills in what domains.json tells of every cluster.
func (r *View) views() ([]ClusterView, error) {
	d, err := r.Curation.Domains()
	if err != nil {
		return nil, fmt.Errorf("%w; run `climb domains` first", err)
	}
	var bytes int64
	for _, c := range d.Clusters {
		bytes += c.Bytes
	}
	out := make([]ClusterView, len(d.Clusters))
	for i, c := range d.Clusters {
		out[i] = ClusterView{ID: i, Cluster: c, Share: float64(c.Bytes) / float64(max(1, bytes))}
		if c.Domain >= 0 {
			out[i].DomainName = d.Domains[c.Domain].Name
		}
	}
	return out, nil
}

// Clusters lists all clusters.
func (r *View) Clusters() ([]ClusterView, error) {
	out, err := r.views()
	if err != nil {
		return nil, err
	}
	err = r.eachAssigned(func(_, _ int, c int32, dist float32) {
		out[c].Distance += math.Sqrt(float64(dist))
	})
	for i := range out {
		out[i].Distance /= float64(max(1, out[i].Docs))
	}
	return out, err
}

// eachAssigned calls use with the cluster of every document and its squared
// distance from the centroid, in order.
func (r *View) eachAssigned(use func(shard, row int, c int32, dist float32)) error {
	for shard := range r.Curation.Shards {
		ids, err := curate.ClusterOf.IntsIn(r.Run, shard)
		if err != nil {
			return err
		}
		dist, _, err := curate.DistanceOf.FloatsIn(r.Run, shard)
		if err != nil {
			return err
		}
		for row, c := range ids {
			use(shard, row, c, dist[row])
		}
	}
	return nil
}

// A place is a document with its squared distance from the centroid.
type place struct {
	shard, row int
	dist       float32
}

// Cluster describes one cluster: its nearest neighbours, its n most central and
// its n most marginal documents.
func (r *View) Cluster(ctx context.Context, id, documents int) (*ClusterView, error) {
	all, err := r.views()
	if err != nil {
		return nil, err
	}
	if id < 0 || id >= len(all) {
		return nil, task.Usage(fmt.Errorf("cluster %d: there are clusters 0 to %d", id, len(all)-1))
	}
	v := &all[id]
	var members []place
	err = r.eachAssigned(func(shard, row int, c int32, dist float32) {
		if int(c) == id {
			members = append(members, place{shard, row, dist})
			v.Distance += math.Sqrt(float64(dist))
		}
	})
	if err != nil || len(members) == 0 {
		return v, err
	}
	v.Distance /= float64(len(members))
	if v.Neighbors, err = r.neighbors(all, id, members); err != nil {
		return nil, err
	}
	slices.SortStableFunc(members, func(a, b place) int { return cmp.Compare(a.dist, b.dist) })
	n := min(documents, len(members))
	if v.Central, err = r.examples(ctx, members[:n]); err != nil {
		return nil, err
	}
	edge := slices.Clone(members[max(n, len(members)-documents):])
	slices.Reverse(edge)
	v.Marginal, err = r.examples(ctx, edge)
	return v, err
}

// neighbors returns the nearest clusters, with their overlap.
func (r *View) neighbors(all []ClusterView, id int, members []place) ([]ClusterNear, error) {
	c, err := r.Curation.Centroids()
	if err != nil {
		return nil, err
	}
	row := func(j int) []float32 { return c.X[j*c.D : (j+1)*c.D] }
	near := make([]ClusterNear, 0, c.K)
	for j := range c.K {
		if j != id {
			near = append(near, ClusterNear{ID: j, Name: all[j].Name, Distance: math.Sqrt(float64(vec.SquaredDistance(row(j), row(id))))})
		}
	}
	slices.SortStableFunc(near, func(a, b ClusterNear) int { return cmp.Compare(a.Distance, b.Distance) })
	near = near[:min(len(near), shownNeighbors)]
	x, err := r.vectors(sparse(members, neighborSample), c.D)
	if err != nil {
		return nil, err
	}
	for i := range len(x) / c.D {
		at := x[i*c.D : (i+1)*c.D]
		own := vec.SquaredDistance(at, row(id))
		for k := range near {
			if vec.SquaredDistance(at, row(near[k].ID)) <= own*neighborMargin*neighborMargin {
				near[k].Overlap += float64(c.D) / float64(len(x))
			}
		}
	}
	return near, nil
}

// sparse returns at most n members, evenly spaced.
func sparse(members []place, n int) []place {
	if len(members) <= n {
		return members
	}
	out := make([]place, n)
	for i := range out {
		out[i] = members[i*len(members)/n]
	}
	return out
}

// vectors reads the vectors of documents that are sorted by place.
func (r *View) vectors(at []place, dim int) ([]float32, error) {
	x := make([]float32, len(at)*dim)
	var in *vec.NPYReader
	open := -1
	for i, p := range at {
		if p.shard != open {
			if in != nil {
				in.Close()
			}
			var err error
			if in, err = vec.OpenNPY(curate.VectorOf.PathIn(r.Run, p.shard)); err != nil {
				return nil, err
			}
			open = p.shard
		}
		err := in.SeekRow(p.row)
		if err == nil {
			_, err = in.ReadFloats(x[i*dim : (i+1)*dim])
		}
		if err != nil {
			in.Close()
			return nil, err
		}
	}
	return x, in.Close()
}

// examples reads documents, each shard once, and returns them in the order
// asked for.
func (r *View) examples(ctx context.Context, at []place) ([]curate.Example, error) {
	t, err := r.Curation.Texts()
	if err != nil {
		return nil, err
	}
	out := make([]curate.Example, len(at))
	for shard := range t.Shards {
		wanted := map[int]int{}
		for i, p := range at {
			if p.shard == shard {
				wanted[p.row] = i
			}
		}
		if len(wanted) == 0 {
			continue
		}
		for d, err := range t.Shard(ctx, shard) {
			if err != nil {
				return nil, err
			}
			if i, ok := wanted[int(d.Row)]; ok {
				out[i] = exampleOf(d)
				if delete(wanted, int(d.Row)); len(wanted) == 0 {
					break
				}
			}
		}
	}
	return out, nil
}

func exampleOf(d corpus.Document) curate.Example {
	return curate.Example{ID: d.ID, Text: curate.CutRunes(d.Text, curate.ExampleBytes)}
}

// ClusterQuality says how clear and how reproducible the clusters are. Silhouette
// is the mean silhouette over a sample (Rousseeuw 1987), -1 to 1. Stability is
// the adjusted Rand index between clusterings of a sample with different seeds,
// mean and minimum over pairs of seeds: 1 is agreement, 0 is chance.
type ClusterQuality struct {
	Sample         int     `json:"sample"`
	Silhouette     float64 `json:"silhouette"`
	Seeds          int     `json:"seeds"`
	Stability      float64 `json:"stability"`
	StabilityLeast float64 `json:"stability_least"`
}

// silhouetteRows is the sample of the silhouette, whose cost is quadratic.
const silhouetteRows = 5000

// ClusterQuality measures the clusters on a sample of the vectors, with as many
// fits as there are seeds.
func (r *View) ClusterQuality(ctx context.Context, sample, seeds int) (*ClusterQuality, error) {
	c, err := r.Curation.Centroids()
	if err != nil {
		return nil, fmt.Errorf("%w; run `climb cluster` first", err)
	}
	x, n, d, err := r.Curation.SampleVectors(sample)
	if err != nil {
		return nil, err
	}
	workers := r.Cores()
	q := &ClusterQuality{Sample: n, Seeds: seeds, StabilityLeast: 1}
	q.Silhouette = silhouette(c, x, n, workers)
	var labels [][]int
	for s := range seeds {
		fit, err := r.Curation.Config.Cluster.Method.Value().Fit(ctx, x, n, d, r.Curation.Config.Seed+uint64(s)+1, workers)
		if err != nil {
			return nil, err
		}
		labels = append(labels, groups(fit, x, n, workers))
	}
	pairs := 0.0
	for i := range labels {
		for j := range i {
			ari := cluster.ARI(labels[i], labels[j])
			q.Stability += ari
			q.StabilityLeast = min(q.StabilityLeast, ari)
			pairs++
		}
	}
	q.Stability /= max(1, pairs)
	return q, nil
}

func groups(c *cluster.Centroids, x []float32, n, workers int) []int {
	label, out := make([]int32, n), make([]int, n)
	c.Assign(label, nil, x, n, workers)
	for i, j := range label {
		out[i] = int(j)
	}
	return out
}

func silhouette(c *cluster.Centroids, x []float32, n, workers int) float64 {
	if n > silhouetteRows {
		keep := rand.New(rand.NewPCG(1, uint64(n))).Perm(n)[:silhouetteRows]
		slices.Sort(keep)
		some := make([]float32, 0, silhouetteRows*c.D)
		for _, i := range keep {
			some = append(some, x[i*c.D:(i+1)*c.D]...)
		}
		x, n = some, silhouetteRows
	}
	return cluster.Silhouette(x, n, c.D, groups(c, x, n, workers), workers)
}
