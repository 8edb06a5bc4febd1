package curate_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// vectorDoc is what the semantic stage goes by.
type vectorDoc struct {
	x       []float32
	cluster int32
	dist    float32
	code    int32
}

func vectorDocs(t *testing.T, r *climb.Run) []vectorDoc {
	t.Helper()
	var docs []vectorDoc
	for shard := range r.Curation.Shards {
		read := func(name string) string { return filepath.Join(r.Dir(name), part(shard, "npy")) }
		x, h, err := stage.ReadFloats(read("embed"))
		if err != nil {
			t.Fatal(err)
		}
		clusters, err := ints(read("cluster"))
		if err != nil {
			t.Fatal(err)
		}
		codes, err := ints(read("assign"))
		if err != nil {
			t.Fatal(err)
		}
		dist, _, err := stage.ReadFloats(filepath.Join(r.Dir("cluster"), part(shard, "dist.npy")))
		if err != nil {
			t.Fatal(err)
		}
		for i := range clusters {
			row := x[i*h.Cols : (i+1)*h.Cols]
			vec.Scale(float32(1/math.Sqrt(vec.SumSquares(row))), row)
			docs = append(docs, vectorDoc{row, clusters[i], dist[i], codes[i]})
		}
	}
	return docs
}

// Over all shards, a document goes if and only if one of its cluster that is
// farther from the centroid, or as far and before it, has nearly its vector.
func TestSemanticDuplicates(t *testing.T) {
	in := t.TempDir()
	planted(t, in, 700)
	const epsilon = 0.02
	r := openRun(t, fmt.Sprintf(`out: %s
corpus: {inputs: [%s], dedup: none}
embed: {lexical: {dim: 16}}
cluster: {kmeans: {k: 3}}
semdedup: {epsilon: %g, block: 100000}
prune: {clusters: {}, documents: {}}
domains: {ward: {count: 2}}
target: {holdout: 0}
`, t.TempDir(), in, epsilon))
	if err := r.Until(context.Background(), "domains"); err != nil {
		t.Fatal(err)
	}
	if len(r.Curation.Shards) < 2 {
		t.Fatalf("%d shards", len(r.Curation.Shards))
	}
	docs := vectorDocs(t, r)
	dropped := int64(0)
	for i, d := range docs {
		want, close := false, false
		for j, e := range docs {
			if e.cluster != d.cluster || e.dist < d.dist || e.dist == d.dist && j >= i {
				continue
			}
			cos := vec.Dot(d.x, e.x)
			want = want || cos > 1-epsilon
			close = close || math.Abs(float64(cos)-(1-epsilon)) < 1e-5
		}
		if got := d.code == curate.SemanticCopy; got != want && !close {
			t.Errorf("document %d: dropped is %v", i, got)
		}
		if d.code == curate.SemanticCopy {
			dropped++
		}
	}
	if dropped < 140 || dropped > 700 {
		t.Errorf("%d of %d documents dropped", dropped, len(docs))
	}
	p, err := task.Load(filepath.Join(r.Dir("semantic"), "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Manifest(0)
	if err != nil || m.Counters["documents"] != dropped {
		t.Errorf("%v counted, %d dropped (%v)", m, dropped, err)
	}
	d, err := r.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	total := d.Corpus.Kept
	for _, reason := range d.Corpus.Dropped {
		total += reason.Count
	}
	if total != d.Corpus.In {
		t.Errorf("%d documents in, %d kept or dropped", d.Corpus.In, total)
	}
}
