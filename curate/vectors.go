package curate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// batchRows documents are embedded, labeled or assigned together, or fewer with
// more than batchBytes of text: a document may have 16 MB.
const (
	batchRows  = 256
	batchBytes = 4 << 20
)

// embedStage writes part-NNNNN.npy, float16, one row for each document of the
// shard, and part-NNNNN.ids, the ids as JSON strings, one a line.
func (r *Curation) embedStage() *stage.Stage {
	return &stage.Stage{
		Name: "embed", Title: "embed every document", Format: 3, ByShard: true, Inputs: []string{"corpus", "rows", "vectorizer"},
		Options: func() (any, error) { return struct{}{}, nil },
		Tasks:   r.PerShard,
		Run:     embedShard,
		After:   r.checkEmbed,
		Amount:  r.TextBytes,
		Accept:  checkVectors,
	}
}

// answersDir is where the answers of servers are kept until the stage is done.
const answersDir = "answers"

// checkEmbed drops those answers. Vectors that were found by their ids are refused if
// documents share an id.
func (r *Curation) checkEmbed(p *task.Plan) error {
	if m, ok := r.Config.Embed.Method.Value().(embedding.Joiner); ok {
		return uniqueIDs(p, m.Vectors().SortRows)
	}
	return os.RemoveAll(p.Path(answersDir))
}

func embedShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) (err error) {
	o, err := readEmbedOptions(p)
	if err != nil {
		return err
	}
	e, err := openEmbedding(ctx, p, n, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	w, out, err := VectorOf.Create(a, n, e.dim)
	if err != nil {
		return err
	}
	var ids []byte
	x := make([]float32, batchRows*e.dim)
	err = Batches(ctx, p, n, a, func(docs []corpus.Document, texts []string) error {
		for _, d := range docs {
			ids = append(strconv.AppendQuote(ids, d.ID), '\n')
		}
		if err := e.embed(x[:len(texts)*e.dim], docs, texts); err != nil {
			return err
		}
		return w.WriteFloats(x[:len(texts)*e.dim])
	})
	if err != nil {
		return err
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		return err
	}
	return idsOf.Write(a, n, ids)
}

// An embeddingTask is what the task of one shard makes its vectors with.
type embeddingTask struct {
	dim   int
	embed func(dst []float32, docs []corpus.Document, texts []string) error
	close func() error
}

func openEmbedding(ctx context.Context, p *task.Plan, n int, o embedOptions) (*embeddingTask, error) {
	if _, ok := o.Embedder.Value().(embedding.Joiner); ok {
		l, err := openLookup(p, n)
		if err != nil {
			return nil, err
		}
		return &embeddingTask{l.Dim, func(dst []float32, docs []corpus.Document, _ []string) error { return l.embed(dst, docs) }, l.close}, nil
	}
	m, err := loadEmbedder(ctx, p, o)
	if err != nil {
		return nil, err
	}
	e := &embeddingTask{m.Dim(), func(dst []float32, _ []corpus.Document, texts []string) error { return m.Embed(ctx, dst, texts) }, func() error { return nil }}
	if server, ok := m.(embedding.Keeper); ok {
		kept, err := embedding.OpenAnswers(p.Path(answersDir), fmt.Sprintf("%05d", n), m.Dim())
		if err != nil {
			return nil, err
		}
		e.close = kept.Close
		e.embed = func(dst []float32, _ []corpus.Document, texts []string) error {
			return server.EmbedKept(ctx, dst, texts, kept)
		}
	}
	return e, nil
}

// Batches gives the documents of a shard in groups of at most batchRows, fewer
// where they hold more than batchBytes of text.
func Batches(ctx context.Context, p *task.Plan, n int, a *task.Attempt, use func([]corpus.Document, []string) error) error {
	t, err := OpenTexts(ctx, p)
	if err != nil {
		return err
	}
	docs, texts := make([]corpus.Document, 0, batchRows), make([]string, 0, batchRows)
	done, held := int64(0), 0
	flush := func() error {
		if len(docs) == 0 {
			return nil
		}
		err := use(docs, texts)
		done += int64(len(docs))
		a.Report(done, t.Scan.Rows[n])
		clear(docs)
		clear(texts)
		docs, texts, held = docs[:0], texts[:0], 0
		return err
	}
	for d, err := range t.Shard(ctx, n) {
		if err != nil {
			return err
		}
		docs, texts = append(docs, d), append(texts, d.Text)
		if held += len(d.Text); len(docs) == batchRows || held > batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

type clusterOptions struct {
	Seed      uint64         `json:"seed"`
	Sample    int            `json:"sample"`
	Clusterer cluster.Choice `json:"clusterer"`
}

// centroidsStage fits the clusters on a sample of the vectors and writes
// centroids.npy, float32.
func (r *Curation) centroidsStage() *stage.Stage {
	return &stage.Stage{
		Name: "centroids", Title: "fit the clusters", Format: 3, Inputs: []string{"rows", "embed"},
		Options: func() (any, error) {
			return clusterOptions{r.Config.Seed, r.Config.Cluster.Sample, r.Config.Cluster.Method}, nil
		},
		Tasks: stage.One,
		Run: func(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
			var o clusterOptions
			if err := p.Option(&o); err != nil {
				return err
			}
			x, n, dim, err := sampleVectors(p, o.Sample, o.Seed)
			if err != nil {
				return err
			}
			c, err := o.Clusterer.Value().Fit(ctx, x, n, dim, o.Seed, launch.Cores(ctx))
			if err != nil {
				return err
			}
			a.Count("clusters", int64(c.K))
			a.Count("iterations", int64(c.Iterations))
			a.Count("sample", int64(n))
			return writeCentroids(a, c)
		},
		Accept: checkCentroids,
	}
}

// SampleVectors loads about limit rows spread over all shards.
func (r *Curation) SampleVectors(limit int) (x []float32, n, dim int, err error) {
	p, err := r.Plan("centroids")
	if err != nil {
		return nil, 0, 0, err
	}
	return sampleVectors(p, limit, r.Config.Seed)
}

func sampleVectors(p *task.Plan, limit int, seed uint64) (x []float32, n, dim int, err error) {
	scan, err := scanReport.Read(p)
	if err != nil {
		return nil, 0, 0, err
	}
	next := stratified(scan.Documents, int64(limit), seed^0x51)
	want, more := next()
	var base int64
	for shard, rows := range scan.Rows {
		r, err := VectorOf.Open(p, shard)
		if err != nil {
			return nil, 0, 0, err
		}
		if h := r.Header; int64(h.Rows) != rows || dim != 0 && h.Cols != dim {
			r.Close()
			return nil, 0, 0, fmt.Errorf("%s has %d rows of %d, want %d of %d", VectorOf.Name(shard), h.Rows, h.Cols, rows, dim)
		}
		if dim = r.Header.Cols; x == nil { // at once: a slice that grows is held twice
			x = vec.Make(int(min(int64(limit), scan.Documents)) * dim)
		}
		for ; more && want < base+rows; want, more = next() {
			if err = r.SeekRow(int(want - base)); err == nil {
				_, err = r.ReadFloats(x[n*dim:][:dim])
			}
			if err != nil {
				r.Close()
				return nil, 0, 0, err
			}
			n++
		}
		r.Close()
		base += rows
	}
	return x[:n*dim], n, dim, nil
}

// clusterStage writes the cluster of every document, part-NNNNN.npy, int32,
// and its squared distance from the centroid, part-NNNNN.dist.npy, float32.
func (r *Curation) clusterStage() *stage.Stage {
	return &stage.Stage{
		Name: "cluster", Title: "assign every document", Format: 2, ByShard: true, Inputs: []string{"corpus", "rows", "embed", "refine"},
		Options: func() (any, error) { return struct{}{}, nil },
		Tasks:   r.PerShard,
		Run:     clusterShard,
		Accept:  checkClusters,
	}
}

func clusterShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	c, err := stage.Cached(ctx, p.Input(refinedFile.Stage), func(string) (*cluster.Centroids, error) { return centroidsOf(p, refinedFile.Stage) })
	if err != nil {
		return err
	}
	in, err := VectorOf.Open(p, n)
	if err != nil {
		return err
	}
	defer in.Close()
	rows := in.Header.Rows
	ids, dist := make([]int32, rows), make([]float32, rows)
	const block = 4096
	x := make([]float32, block*c.D)
	for at := 0; at < rows; at += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := min(block, rows-at)
		if _, err := in.ReadFloats(x[:k*c.D]); err != nil {
			return err
		}
		c.Assign(ids[at:at+k], dist[at:at+k], x[:k*c.D], k, 1)
		a.Report(int64(at+k), int64(rows))
	}
	if err := ClusterOf.WriteInts(a, n, ids); err != nil {
		return err
	}
	return DistanceOf.WriteFloats(a, n, 0, dist)
}
