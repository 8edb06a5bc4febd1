package view

import (
	"context"
	"time"

	"github.com/climb-go/climb/cluster"
	embedding "github.com/climb-go/climb/embed"
)

const (
	fitDocs     = 2000 // texts that a guess of the clusters is fitted on
	leastPerOne = 20   // texts of a guessed cluster
)

// A labeler grades texts; see label.Labeler.
type labeler interface {
	Names() []string
	Label(ctx context.Context, dst []float32, texts []string) error
}

// kept guesses which of some texts the floors keep, and says how long labeling them
// took, in seconds on one core. Floors of clusters are held against clusters of the
// texts by their words, as many as the run will have, whatever its embedder is.
func (r *View) kept(ctx context.Context, labeler labeler, texts []string) ([]bool, float64, error) {
	prune, names := r.Curation.Config.Prune, labeler.Names()
	scores := make([]float32, len(texts)*len(names))
	start := time.Now()
	if err := labeler.Label(ctx, scores, texts); err != nil {
		return nil, 0, err
	}
	seconds := time.Since(start).Seconds()
	kept, err := prune.Kept(names, scores)
	if err != nil || len(prune.Clusters) == 0 {
		return kept, seconds, err
	}
	of, k, err := r.guessClusters(ctx, texts)
	if err != nil {
		return nil, 0, err
	}
	means, sizes := make([]float64, k*len(names)), make([]int, k)
	for i, c := range of {
		sizes[c]++
		for j, x := range scores[i*len(names) : (i+1)*len(names)] {
			means[int(c)*len(names)+j] += float64(x)
		}
	}
	for i := range means {
		means[i] /= float64(max(1, sizes[i/len(names)]))
	}
	verdicts, err := cluster.Prune(means, names, prune.ClusterRules())
	for i, c := range of {
		kept[i] = kept[i] && err == nil && verdicts[c].Kept
	}
	return kept, seconds, err
}

// guessClusters is the cluster, 0..k-1, of each text.
func (r *View) guessClusters(ctx context.Context, texts []string) (of []int32, k int, err error) {
	c := r.Curation.Config
	m, err := embedding.Lexical{Sample: fitDocs}.Fit(ctx, texts, c.Seed, r.Cores())
	if err != nil {
		return nil, 0, err
	}
	x := make([]float32, len(texts)*m.Dim())
	if err := m.Embed(ctx, x, texts); err != nil {
		return nil, 0, err
	}
	k = max(1, min(c.Cluster.Method.Value().Shape().K, len(texts)/leastPerOne))
	cents, err := cluster.KMeans{K: k}.Fit(ctx, x, len(texts), m.Dim(), c.Seed, r.Cores())
	if err != nil {
		return nil, 0, err
	}
	of = make([]int32, len(texts))
	cents.Assign(of, nil, x, len(texts), r.Cores())
	return of, cents.K, nil
}
