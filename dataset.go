package climb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/task"
)

type drawOptions struct {
	Seed       uint64  `json:"seed"`
	Mixture    string  `json:"mixture"`
	Tokens     int64   `json:"tokens"`
	Epochs     float64 `json:"epochs"`
	ShardBytes int64   `json:"shard_bytes"`
}

// drawStage settles how often every document is taken: draw.json.
var drawStage = &stage{
	name: "draw", title: "draw the documents", format: 2,
	inputs: []string{"corpus", "rows", "domains", "assign", "encode", "confirm"},
	options: func(r *Run) (any, error) {
		d := r.Config.Dataset
		return drawOptions{r.Config.Seed, d.Mixture, d.Tokens, d.Epochs, d.ShardBytes}, nil
	},
	tasks: one,
	run:   drawDocuments,
}

func drawDocuments(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o drawOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	var c Confirmation
	if err := readJSON(filepath.Join(p.Input("confirm"), "confirm.json"), &c); err != nil {
		return err
	}
	row, reason := c.answer(o.Mixture)
	w, epochs := row.Mixture, o.Epochs
	if row.Name == "natural" && o.Tokens == 0 {
		epochs = min(1, epochs)
	}
	tokens, size, err := supply(p.Input("encode"), len(w))
	if err != nil {
		return err
	}
	want, err := export.Size(w, tokens, o.Tokens, epochs)
	if err != nil {
		return task.Permanent(err)
	}
	drawer := export.NewDrawer(w, tokens, want, o.Seed)
	if err := eachRow(ctx, p, o.Seed, drawer.Count); err != nil {
		return err
	}
	drawer.Counted()
	if err := eachRow(ctx, p, o.Seed, drawer.Edge); err != nil {
		return err
	}
	perToken := make([]float64, len(w))
	for d := range perToken {
		perToken[d] = float64(size[d]) / float64(max(1, tokens[d]))
	}
	draw := drawer.Finish(perToken, o.ShardBytes)
	draw.Choice = export.Choice{Name: row.Name, Reason: reason}
	return a.WriteJSON("draw.json", draw)
}

// answer is the row whose mixture the dataset has, and why in words.
func (c *Confirmation) answer(how string) (row *ConfirmedRow, reason string) {
	natural := &c.Rows[slices.IndexFunc(c.Rows, func(r ConfirmedRow) bool { return r.Name == "natural" })]
	best := &c.Rows[c.Winner]
	gain, ok := best.Against["natural"]
	switch {
	case how == "natural":
		return natural, "dataset.mixture asks for it"
	case best == natural:
		return natural, "it scored best itself"
	case ok && gain.Significant:
		return best, "significantly better than the natural one"
	case how == "best":
		return best, "the best mean, as dataset.mixture asks, with no significant gain over the natural one"
	}
	return natural, fmt.Sprintf("no significant gain over it was shown (dataset.mixture: best would write %s)", best.Name)
}

// eachRow calls use with the domain, key and tokens of every document that has
// a domain.
func eachRow(ctx context.Context, p *task.Plan, seed uint64, use func(domain int, key uint64, tokens int64)) error {
	in, err := task.Load(filepath.Join(p.Input("encode"), "plan.json"))
	if err != nil {
		return err
	}
	key := export.Draw{Seed: seed}
	for shard := range in.Tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		domains, err := readInts(filepath.Join(p.Input("assign"), part(shard, "npy")))
		if err != nil {
			return err
		}
		length, err := readInts(in.Path(part(shard, "npy")))
		if err != nil {
			return err
		}
		for row, d := range domains {
			if d >= 0 {
				use(int(d), key.Key(shard, row), int64(length[row]))
			}
		}
	}
	return nil
}

// scatterStage writes the documents of each input shard, grouped by output
// shard: part-NNNNN.piece.
var scatterStage = &stage{
	name: "scatter", title: "collect the documents", format: 2, byShard: true,
	inputs:  []string{"corpus", "rows", "cluster", "overlap", "domains", "assign", "draw"},
	options: func(*Run) (any, error) { return struct{}{}, nil },
	tasks:   perShard,
	run:     scatterShard,
	amount:  textBytes,
}

func scatterShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var draw export.Draw
	var d Domains
	if err := errors.Join(readJSON(filepath.Join(p.Input("draw"), "draw.json"), &draw),
		readJSON(filepath.Join(p.Input("domains"), "domains.json"), &d)); err != nil {
		return err
	}
	domains, err := readInts(filepath.Join(p.Input("assign"), part(n, "npy")))
	if err != nil {
		return err
	}
	clusters, err := readInts(filepath.Join(p.Input("cluster"), part(n, "npy")))
	if err != nil {
		return err
	}
	overlap, err := overlapping(p, n)
	if err != nil {
		return err
	}
	piece := export.NewPiece(draw.Shards)
	documents, repeated := make([]int64, len(d.Domains)), make([]int64, len(d.Domains))
	err = batches(ctx, p, n, a, func(docs []corpus.Document, _ []string) error {
		for _, doc := range docs {
			dom := int(domains[doc.Row])
			times := draw.Times(dom, draw.Key(n, doc.Row))
			if times == 0 {
				continue
			}
			from := export.Provenance{Cluster: clusters[doc.Row], Domain: d.Domains[dom].Name, Overlap: overlap.Has(doc.Row)}
			piece.Add(doc, from, times, func(copy int) (int, uint64) {
				order := draw.Order(n, doc.Row, copy)
				return draw.Shard(order), order
			})
			documents[dom] += int64(times)
			if times > 1 {
				repeated[dom]++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for dom := range documents {
		a.Count(fmt.Sprintf("documents:%d", dom), documents[dom])
		a.Count(fmt.Sprintf("repeated:%d", dom), repeated[dom])
	}
	f, err := a.Create(part(n, "piece"))
	if err != nil {
		return err
	}
	if _, err := piece.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// shardOptions are those of the dataset stage.
type shardOptions struct {
	Format export.FormatChoice `json:"format"`
	Level  int                 `json:"level"`
	URL    string              `json:"url,omitempty"`
}

// datasetStage writes the files of the shuffled shards and, when all are there,
// manifest.json and the dataset card README.md. With dataset.url each file goes
// there too, a shard before its task ends.
var datasetStage = &stage{
	name: "dataset", title: "write the dataset", format: 4,
	inputs: []string{"corpus", "domains", "confirm", "draw", "scatter"},
	options: func(r *Run) (any, error) {
		return shardOptions{r.Config.Dataset.Format, r.Config.Dataset.Level, r.Config.Dataset.URL}, nil
	},
	tasks: func(r *Run, _ *task.Plan) ([]any, error) {
		var draw export.Draw
		if err := r.readOutput("draw", "draw.json", &draw); err != nil {
			return nil, err
		}
		tasks := make([]any, draw.Shards)
		for i := range tasks {
			tasks[i] = struct {
				Shard int `json:"shard"`
			}{i}
		}
		return tasks, nil
	},
	run: gatherShard,
	after: func(r *Run, p *task.Plan) error {
		return r.describeDataset(p)
	},
}

func gatherShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o shardOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	in, err := task.Load(filepath.Join(p.Input("scatter"), "plan.json"))
	if err != nil {
		return err
	}
	pieces := make([]string, len(in.Tasks))
	for i := range pieces {
		pieces[i] = in.Path(part(i, "piece"))
	}
	out := &shardFolder{ctx: ctx, attempt: a, url: o.URL}
	documents, err := export.Write(ctx, o.Format.Value(), out, export.Shard{N: n, Of: len(p.Tasks), Level: o.Level}, pieces)
	if err != nil {
		return errors.Join(err, out.end())
	}
	a.Count("documents", int64(documents))
	return out.close()
}

// A shardFolder holds the files of a shard: outputs of a task and, where url is
// set, objects below it.
type shardFolder struct {
	ctx     context.Context
	attempt *task.Attempt
	url     string
	files   []*task.File
	objects []blob.Writer
}

func (s *shardFolder) Create(name string) (io.Writer, error) {
	f, err := s.attempt.Create(name)
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, f)
	if s.url == "" {
		return f, nil
	}
	object, err := blob.Create(s.ctx, blob.Join(s.url, name))
	if err != nil {
		return nil, err
	}
	s.objects = append(s.objects, object)
	return io.MultiWriter(f, object), nil
}

// close ends the files, and makes the objects appear.
func (s *shardFolder) close() error {
	for len(s.objects) > 0 {
		object := s.objects[0]
		s.objects = s.objects[1:]
		if err := object.Close(); err != nil {
			return errors.Join(err, s.end())
		}
	}
	return s.end()
}

// end drops the objects that have not appeared, and closes the outputs.
func (s *shardFolder) end() (err error) {
	for _, object := range s.objects {
		err = errors.Join(err, object.Abort())
	}
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// describeDataset writes the manifest and the card. Both depend on the
// dataset alone, so they are the same each time.
func (r *Run) describeDataset(p *task.Plan) error {
	var draw export.Draw
	var d Domains
	var c Confirmation
	if err := errors.Join(r.readOutput("draw", "draw.json", &draw),
		r.readOutput("domains", "domains.json", &d),
		readJSON(filepath.Join(r.Dir("confirm"), "confirm.json"), &c)); err != nil {
		return err
	}
	m := export.Manifest{Kind: "dataset", Version: Version, Seed: draw.Seed, Tokens: draw.Tokens, Verdict: c.Verdict, Choice: draw.Choice, Format: r.Config.Dataset.Format.Name(), Strategy: r.Config.Search.Strategy.Name()}
	for i, dd := range draw.Domain {
		m.Domains = append(m.Domains, export.DomainEntry{Name: d.Domains[i].Name, DomainDraw: dd})
	}
	for n := range p.Tasks {
		t, err := p.Manifest(n)
		if err != nil {
			return err
		}
		m.Documents += t.Counters["documents"]
		for _, o := range t.Outputs {
			m.Shards = append(m.Shards, export.ShardEntry{Name: o.Name, Bytes: o.Bytes, SHA256: o.SHA256, Documents: t.Counters["documents"]})
		}
	}
	var card bytes.Buffer
	if err := m.WriteCard(&card); err != nil {
		return err
	}
	sum := task.NewOutput("README.md", card.Bytes())
	m.Card = &export.ShardEntry{Name: sum.Name, Bytes: sum.Bytes, SHA256: sum.SHA256}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	data = task.Seal(data)
	if err := errors.Join(task.WriteFile(p.Path("README.md"), card.Bytes()), task.WriteFile(p.Path("manifest.json"), data)); err != nil {
		return err
	}
	if url := r.Config.Dataset.URL; url != "" {
		if err := errors.Join(putObject(blob.Join(url, "README.md"), card.Bytes()), putObject(blob.Join(url, "manifest.json"), data)); err != nil {
			return err
		}
	}
	return r.link("dataset")
}

// putObject writes one small object of a bucket.
func putObject(url string, data []byte) error {
	w, err := blob.Create(context.Background(), url)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// link makes <out>/dataset point at the stage's directory, so that a user need
// not know the hash. On file systems without links it is left out.
func (r *Run) link(stage string) error {
	path := filepath.Join(r.Config.Out, stage)
	if at, err := os.Readlink(path); err == nil && at == r.names[stage] {
		return nil
	}
	tmp := path + ".new"
	os.Remove(tmp) // of a killed run; a failure shows in Symlink
	if err := os.Symlink(r.names[stage], tmp); err != nil {
		return nil
	}
	return os.Rename(tmp, path)
}
