package climb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
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
var embedStage = &stage{
	name: "embed", title: "embed every document", format: 2, byShard: true, inputs: []string{"corpus", "rows", "vectorizer"},
	options: func(*Run) (any, error) { return struct{}{}, nil },
	tasks:   perShard,
	run:     embedShard,
	after:   checkEmbed,
	amount:  textBytes,
}

// answersDir is where the answers of servers are kept until the stage is done.
const answersDir = "answers"

// checkEmbed drops those answers. Vectors that were found by their ids are refused if
// documents share an id.
func checkEmbed(r *Run, p *task.Plan) error {
	if m, ok := r.Config.Embed.Method.Value().(embedding.Joiner); ok {
		return uniqueIDs(r.Dir("vectorizer"), p, m.Vectors().SortRows)
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
	out, err := a.Create(part(n, "npy"))
	if err != nil {
		return err
	}
	w, err := vec.NewNPYWriter(out, "<f2", e.dim)
	if err != nil {
		return err
	}
	var ids []byte
	x := make([]float32, batchRows*e.dim)
	err = batches(ctx, p, n, a, func(docs []corpus.Document, texts []string) error {
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
	return a.WriteFile(part(n, "ids"), ids)
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

// batches gives the documents of a shard in groups of at most batchRows, fewer
// where they hold more than batchBytes of text.
func batches(ctx context.Context, p *task.Plan, n int, a *task.Attempt, use func([]corpus.Document, []string) error) error {
	t, err := openTexts(p)
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
		a.Report(done, t.scan.Rows[n])
		clear(docs)
		clear(texts)
		docs, texts, held = docs[:0], texts[:0], 0
		return err
	}
	for d, err := range t.shard(ctx, n) {
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
var centroidsStage = &stage{
	name: "centroids", title: "fit the clusters", format: 2, inputs: []string{"rows", "embed"},
	options: func(r *Run) (any, error) {
		return clusterOptions{r.Config.Seed, r.Config.Cluster.Sample, r.Config.Cluster.Method}, nil
	},
	tasks: one,
	run: func(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
		var o clusterOptions
		if err := p.Option(&o); err != nil {
			return err
		}
		x, n, dim, err := sampleVectors(p, o.Sample, o.Seed)
		if err != nil {
			return err
		}
		c, err := o.Clusterer.Value().Fit(ctx, x, n, dim, o.Seed, runtime.GOMAXPROCS(0))
		if err != nil {
			return err
		}
		a.Count("clusters", int64(c.K))
		a.Count("iterations", int64(c.Iterations))
		a.Count("sample", int64(n))
		return writeNPY(a, "centroids.npy", "<f4", c.D, c.X)
	},
}

// writeNPY writes a float matrix as an output.
func writeNPY(a *task.Attempt, name, dtype string, cols int, x []float32) error {
	f, err := a.Create(name)
	if err != nil {
		return err
	}
	w, err := vec.NewNPYWriter(f, dtype, cols)
	if err != nil {
		return err
	}
	if err := w.WriteFloats(x); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// sampleVectors loads about limit rows spread over all shards.
func sampleVectors(p *task.Plan, limit int, seed uint64) (x []float32, n, dim int, err error) {
	var scan scanReport
	if err := readJSON(filepath.Join(p.Input("rows"), "scan.json"), &scan); err != nil {
		return nil, 0, 0, err
	}
	next := stratified(scan.Documents, int64(limit), seed^0x51)
	want, more := next()
	var base int64
	for shard, rows := range scan.Rows {
		r, err := vec.OpenNPY(filepath.Join(p.Input("embed"), part(shard, "npy")))
		if err != nil {
			return nil, 0, 0, err
		}
		if h := r.Header; int64(h.Rows) != rows || dim != 0 && h.Cols != dim {
			r.Close()
			return nil, 0, 0, fmt.Errorf("%s has %d rows of %d, want %d of %d", part(shard, "npy"), h.Rows, h.Cols, rows, dim)
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
var clusterStage = &stage{
	name: "cluster", title: "assign every document", format: 1, byShard: true, inputs: []string{"corpus", "rows", "embed", "refine"},
	options: func(*Run) (any, error) { return struct{}{}, nil },
	tasks:   perShard,
	run:     clusterShard,
}

// readNPY loads a whole float matrix.
func readNPY(path string) ([]float32, vec.NPYHeader, error) {
	r, err := vec.OpenNPY(path)
	if err != nil {
		return nil, vec.NPYHeader{}, err
	}
	defer r.Close()
	h := r.Header
	x := make([]float32, h.Rows*max(1, h.Cols))
	if len(x) > 0 {
		_, err = r.ReadFloats(x)
	}
	return x, h, err
}

// readInts loads a whole integer column.
func readInts(path string) ([]int32, error) {
	r, err := vec.OpenNPY(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]int32, r.Header.Rows)
	if len(x) > 0 {
		_, err = r.ReadInts(x)
	}
	return x, err
}

// writeInts writes an integer column as an output.
func writeInts(a *task.Attempt, name, dtype string, x []int32) error {
	f, err := a.Create(name)
	if err != nil {
		return err
	}
	w, err := vec.NewNPYWriter(f, dtype, 0)
	if err != nil {
		return err
	}
	if err := w.WriteInts(x); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

func clusterShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	c, err := cached(p.Input("refine"), readCentroids)
	if err != nil {
		return err
	}
	in, err := vec.OpenNPY(filepath.Join(p.Input("embed"), part(n, "npy")))
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
	if err := writeInts(a, part(n, "npy"), "<i4", ids); err != nil {
		return err
	}
	return writeNPY(a, part(n, "dist.npy"), "<f4", 0, dist)
}
