package curate

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/wire"
)

// embedOptions are what the vectors depend on.
type embedOptions struct {
	Seed     uint64           `json:"seed"`
	Embedder embedding.Choice `json:"embedder"`        // without what its vectors do not depend on
	Files    []task.FileStamp `json:"files,omitempty"` // that it is made from
}

func newEmbedOptions(c *Config) (embedOptions, error) {
	o := embedOptions{Seed: c.Seed, Embedder: c.Embed.Method}
	switch m := o.Embedder.Value().(type) {
	case embedding.Joiner:
		var err error
		o.Files, err = importStamps(m.Vectors())
		return o, err
	case embedding.Remote:
		o.Embedder = embedding.Choose(m.Identity())
	}
	m, ok := c.Embed.Method.Value().(interface{ Files() ([]string, error) })
	if !ok {
		return o, nil
	}
	files, err := m.Files()
	for _, name := range files {
		f, stampErr := task.Stamp(name)
		if err == nil {
			err = stampErr
		}
		o.Files = append(o.Files, f)
	}
	if err != nil {
		return o, &option.ConfigError{Text: fmt.Sprintf("embed.%v", err)}
	}
	return o, nil
}

// vectorizerStage fits the embedder on a sample.
func (r *Curation) vectorizerStage() *stage.Stage {
	return &stage.Stage{
		Name: vectorizer, Title: "fit the embedder", Format: 7, Inputs: []string{"corpus", "rows"},
		Options: func() (any, error) { return newEmbedOptions(&r.Config) },
		Tasks:   stage.One,
		Run:     fitEmbedder,
	}
}

func fitEmbedder(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o embedOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	if m, ok := o.Embedder.Value().(embedding.Joiner); ok {
		return importVectors(ctx, p, m.Vectors(), o.Files, a)
	}
	m, err := o.maker(p)
	if err != nil {
		return err
	}
	return m.Make(ctx, embedding.Site{Seed: o.Seed, Workers: launch.Cores(ctx),
		Sample: func(ctx context.Context, n, maxBytes int) ([]string, error) {
			return textSample(ctx, p, n, maxBytes, o.Seed)
		},
		Create: func(name string) (io.WriteCloser, error) { return a.Create(name) }})
}

// maker is the embedder, whose files are what they were when the run was planned.
// How a server is reached, or where a library is, stands in the climb.yaml of the
// run, so that it may move without a vector being computed again.
func (o embedOptions) maker(p *task.Plan) (embedding.Maker, error) {
	for _, f := range o.Files {
		if err := f.Check(); err != nil {
			return nil, task.Permanent(err)
		}
	}
	m := o.Embedder.Value()
	if r, ok := m.(embedding.Remote); ok {
		now, err := readEmbedConfig(filepath.Join(filepath.Dir(p.Dir()), "climb.yaml"))
		if err != nil {
			return nil, err
		}
		m = r.Reach(now.Method.Value())
	}
	maker, ok := m.(embedding.Maker)
	if !ok {
		return nil, fmt.Errorf("embed.method %s makes no vectors of texts", o.Embedder.Name())
	}
	return maker, nil
}

// readEmbedConfig reads the section embed of a climb.yaml that a run has written,
// which holds every value.
func readEmbedConfig(path string) (*EmbedConfig, error) {
	data, err := wire.ReadFile(path, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var c struct {
		Embed EmbedConfig `json:"embed"`
	}
	option.Fill(&c)
	doc, err := wire.YAML(data)
	if err == nil {
		form := option.NewForm(&c)
		if err = wire.Decode(doc, form.Pointer()); err == nil {
			err = form.Close()
		}
	}
	if err != nil {
		return nil, &option.ConfigError{Path: path, Text: wire.Explain(err)}
	}
	return &c.Embed, nil
}

// textSample returns the first maxBytes of n texts.
func textSample(ctx context.Context, p *task.Plan, n, maxBytes int, seed uint64) ([]string, error) {
	t, err := OpenTexts(ctx, p)
	if err != nil {
		return nil, err
	}
	var sample []string
	err = t.sample(ctx, n, seed, func(_ int, d corpus.Document) error {
		sample = append(sample, CutBytes(d.Text, maxBytes))
		return nil
	})
	return sample, err
}

// CutBytes copies at most n bytes of s, so that the rest can be freed.
func CutBytes(s string, n int) string {
	if n <= 0 || len(s) <= n {
		return s
	}
	return string([]byte(s[:n]))
}

// vectorizer is the stage whose output the embedder, or the gathered vectors, are.
const vectorizer = "vectorizer"

// readEmbedOptions reads what the vectorizer stage was planned with.
func readEmbedOptions(p *task.Plan) (o embedOptions, err error) {
	v, err := stage.PlanOf(p, vectorizer)
	if err != nil {
		return o, err
	}
	return o, v.Option(&o)
}

// loadEmbedder opens what the vectorizer stage of p's inputs has written.
func loadEmbedder(ctx context.Context, p *task.Plan, o embedOptions) (embedding.Embedder, error) {
	dir := p.Input(vectorizer)
	return stage.Cached(ctx, "embedder "+dir, func(string) (embedding.Embedder, error) {
		m, err := o.maker(p)
		if err != nil {
			return nil, err
		}
		return m.Load(ctx, dir)
	})
}
