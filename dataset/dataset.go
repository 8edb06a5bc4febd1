// Package dataset writes the mixed dataset: how often every document is taken is
// drawn, and the documents are scattered to output shards and shuffled, in three
// stages (package stage).
package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
)

// Config is what the dataset depends on.
type Config struct {
	export.Options
	Seed     uint64
	Strategy string // that found the mixture, for the card
	Version  string // of the program, for the manifest
}

// A Dataset is the mixed dataset in the making.
type Dataset struct {
	*stage.Run
	Config Config

	curation *curate.Curation
}

// Open adds the stages to the run, which has those of the trials.
func Open(curation *curate.Curation, c Config) (*Dataset, error) {
	r := &Dataset{Run: curation.Run, Config: c, curation: curation}
	return r, r.Add(r.stages()...)
}

// Stages are the stages as a worker needs them.
func Stages() stage.Table { return (&Dataset{curation: &curate.Curation{}}).stages() }

func (r *Dataset) stages() stage.Table {
	return stage.Table{r.drawStage(), r.scatterStage(), r.datasetStage()}
}

// What the stages write and count.
var (
	drawFile = stage.File[export.Draw]{Stage: "draw", Name: "draw.json"}
	pieceOf  = stage.Parts{Stage: "scatter", Ext: "piece"} // export.Piece
)

const (
	documentsAs = stage.Counts("documents")  // of scatter, by domain, copies counted
	repeatedAs  = stage.Counts("repeated")   // of scatter, by domain: documents that are there more than once
	taken       = stage.Counter("documents") // of dataset

	datasetName  = "dataset" // the stage
	cardName     = "README.md"
	manifestName = "manifest.json"
)

// Path is the directory of the dataset.
func (r *Dataset) Path() string { return r.Dir(datasetName) }

// Manifest reads the manifest of the dataset.
func (r *Dataset) Manifest() (*export.Manifest, error) {
	m := &export.Manifest{}
	return m, task.ReadJSON(filepath.Join(r.Path(), manifestName), m)
}

// Taken counts the documents of each domain in the dataset, copies included, and
// those that are in it more than once.
func (r *Dataset) Taken(domains int) (documents, repeated []int64, err error) {
	p, err := r.Plan(pieceOf.Stage)
	if err != nil {
		return nil, nil, err
	}
	m, err := stage.Manifests(p)
	if err != nil {
		return nil, nil, err
	}
	return documentsAs.Sums(domains, m...), repeatedAs.Sums(domains, m...), nil
}

// Times tells how often the dataset has each document of a domain.
func (r *Dataset) Times() (func(domain, shard, row int) int, error) {
	d, err := drawFile.ReadFrom(r.Run)
	if err != nil {
		return nil, err
	}
	return func(domain, shard, row int) int {
		if domain >= len(d.Domain) {
			return 0
		}
		return d.Times(domain, d.Key(shard, row))
	}, nil
}

type drawOptions struct {
	Seed       uint64  `json:"seed"`
	Mixture    string  `json:"mixture"`
	Tokens     int64   `json:"tokens"`
	Epochs     float64 `json:"epochs"`
	ShardBytes int64   `json:"shard_bytes"`
}

// drawStage settles how often every document is taken: draw.json.
func (r *Dataset) drawStage() *stage.Stage {
	return &stage.Stage{
		Name: "draw", Title: "draw the documents", Format: 2,
		Inputs: []string{"corpus", "rows", "domains", "assign", "encode", "confirm"},
		Options: func() (any, error) {
			d := r.Config.Options
			return drawOptions{r.Config.Seed, d.Mixture, d.Tokens, d.Epochs, d.ShardBytes}, nil
		},
		Tasks: stage.One,
		Run:   drawDocuments,
	}
}

func drawDocuments(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o drawOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	c, err := trial.ConfirmationOf(p)
	if err != nil {
		return err
	}
	row, reason := c.Answer(o.Mixture)
	w, epochs := c.Phases.Total(row.Mixture), o.Epochs
	if row.Name == "natural" && o.Tokens == 0 {
		epochs = min(1, epochs)
	}
	tokens, size, err := curate.Supply(p, len(w))
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
	if len(c.Phases) > 0 && !c.Phases.IsStatic(row.Mixture) {
		reason += "; its phases are shuffled together here, and climb export --to megatron, nanotron or levanter keeps them in order"
	}
	draw.Choice = export.Choice{Name: row.Name, Reason: reason}
	return drawFile.Write(a, &draw)
}

// eachRow calls use with the domain, key and tokens of every document that has
// a domain.
func eachRow(ctx context.Context, p *task.Plan, seed uint64, use func(domain int, key uint64, tokens int64)) error {
	shards, err := curate.Encoded(p)
	if err != nil {
		return err
	}
	key := export.Draw{Seed: seed}
	for shard := range shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		domains, err := curate.DomainOf.Ints(p, shard)
		if err != nil {
			return err
		}
		length, err := curate.TokensOf.Ints(p, shard)
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
func (r *Dataset) scatterStage() *stage.Stage {
	return &stage.Stage{
		Name: "scatter", Title: "collect the documents", Format: 2, ByShard: true,
		Inputs:  []string{"corpus", "rows", "cluster", "overlap", "domains", "assign", "draw"},
		Options: func() (any, error) { return struct{}{}, nil },
		Tasks:   r.curation.PerShard,
		Run:     scatterShard,
		Amount:  r.curation.TextBytes,
	}
}

func scatterShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	draw, err := drawFile.Read(p)
	if err != nil {
		return err
	}
	d, err := curate.DomainsOf(p)
	if err != nil {
		return err
	}
	domains, err := curate.DomainOf.Ints(p, n)
	if err != nil {
		return err
	}
	clusters, err := curate.ClusterOf.Ints(p, n)
	if err != nil {
		return err
	}
	overlap, err := curate.Overlapping(p, n)
	if err != nil {
		return err
	}
	piece := export.NewPiece(draw.Shards)
	documents, repeated := make([]int64, len(d.Domains)), make([]int64, len(d.Domains))
	err = curate.Batches(ctx, p, n, a, func(docs []corpus.Document, _ []string) error {
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
		documentsAs.Add(a, dom, documents[dom])
		repeatedAs.Add(a, dom, repeated[dom])
	}
	f, err := pieceOf.Create(a, n)
	if err != nil {
		return err
	}
	if _, err := piece.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// shardOptions are the options of the dataset stage.
type shardOptions struct {
	Format export.FormatChoice `json:"format"`
	Level  int                 `json:"level"`
	URL    string              `json:"url,omitempty"`
}

// datasetStage writes the files of the shuffled shards and, when all are there,
// manifest.json and the dataset card README.md. With dataset.url each file goes
// there too, a shard before its task ends.
func (r *Dataset) datasetStage() *stage.Stage {
	return &stage.Stage{
		Name: datasetName, Title: "write the dataset", Format: 4,
		Inputs: []string{"corpus", "domains", "confirm", "draw", "scatter"},
		Options: func() (any, error) {
			return shardOptions{r.Config.Options.Format, r.Config.Options.Level, r.Config.Options.URL}, nil
		},
		Tasks: func(*task.Plan) ([]any, error) {
			draw, err := drawFile.ReadFrom(r.Run)
			if err != nil {
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
		Run:   gatherShard,
		After: r.describe,
	}
}

func gatherShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o shardOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	pieces, err := pieceOf.All(p)
	if err != nil {
		return err
	}
	out := &shardFolder{ctx: ctx, attempt: a, url: o.URL}
	documents, err := export.Write(ctx, o.Format.Value(), out, export.Shard{N: n, Of: len(p.Tasks), Level: o.Level}, pieces)
	if err != nil {
		return errors.Join(err, out.end())
	}
	taken.Add(a, int64(documents))
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

// describe writes the manifest and the card. Both depend on the
// dataset alone, so they are the same each time.
func (r *Dataset) describe(p *task.Plan) error {
	draw, err := drawFile.ReadFrom(r.Run)
	if err != nil {
		return err
	}
	d, err := r.curation.Domains()
	if err != nil {
		return err
	}
	c, err := trial.ConfirmationOf(p)
	if err != nil {
		return err
	}
	m := export.Manifest{Kind: "dataset", Version: r.Config.Version, Seed: draw.Seed, Tokens: draw.Tokens, Verdict: c.Verdict, Choice: draw.Choice, Format: r.Config.Options.Format.Name(), Strategy: r.Config.Strategy}
	for i, dd := range draw.Domain {
		m.Domains = append(m.Domains, export.DomainEntry{Name: d.Domains[i].Name, DomainDraw: dd})
	}
	for n := range p.Tasks {
		t, err := p.Manifest(n)
		if err != nil {
			return err
		}
		m.Documents += taken.Of(t)
		for _, o := range t.Outputs {
			m.Shards = append(m.Shards, export.ShardEntry{Name: o.Name, Bytes: o.Bytes, SHA256: o.SHA256, Documents: taken.Of(t)})
		}
	}
	var card bytes.Buffer
	if err := m.WriteCard(&card); err != nil {
		return err
	}
	sum := task.NewOutput(cardName, card.Bytes())
	m.Card = &export.ShardEntry{Name: sum.Name, Bytes: sum.Bytes, SHA256: sum.SHA256}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	data = task.Seal(data)
	if err := errors.Join(task.WriteFile(p.Path(cardName), card.Bytes()), task.WriteFile(p.Path(manifestName), data)); err != nil {
		return err
	}
	if url := r.Config.Options.URL; url != "" {
		if err := errors.Join(putObject(blob.Join(url, cardName), card.Bytes()), putObject(blob.Join(url, manifestName), data)); err != nil {
			return err
		}
	}
	return r.Link(datasetName)
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
