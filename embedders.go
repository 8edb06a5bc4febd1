package climb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/task"
)

// embedOptions are what the vectors depend on: the chosen method only.
type embedOptions struct {
	Seed    uint64             `json:"seed"`
	Method  string             `json:"method"`
	Lexical *embedding.Lexical `json:"lexical,omitempty"`
	Word    *embedding.Word    `json:"word,omitempty"`
	File    *task.FileStamp    `json:"file,omitempty"` // word vectors that are used
	HTTP    *embedding.HTTP    `json:"http,omitempty"`
	Import  *embedding.Import  `json:"import,omitempty"`
	Files   []task.FileStamp   `json:"files,omitempty"` // of the vectors that are imported
	ONNX    *onnxEmbedder      `json:"onnx,omitempty"`
}

func newEmbedOptions(c *Config) (embedOptions, error) {
	o := embedOptions{Seed: c.Seed, Method: c.Embed.Method}
	switch o.Method {
	case "lexical":
		o.Lexical = &c.Embed.Lexical
	case "word":
		o.Word = &c.Embed.Word
		if o.Word.File != "" {
			f, err := task.Stamp(o.Word.File)
			if err != nil {
				return o, &ConfigError{Text: fmt.Sprintf("embed.word.file: %v", err)}
			}
			o.File = &f
		}
	case "http":
		h := c.Embed.HTTP.Identity()
		o.HTTP = &h
	case "import":
		var err error
		o.Import = &c.Embed.Import
		if o.Files, err = importStamps(c.Embed.Import); err != nil {
			return o, err
		}
	case "onnx":
		m := onnxEmbedder{Options: c.Embed.ONNX.Identity()}
		files, err := c.Embed.ONNX.Files()
		for _, name := range files {
			f, stampErr := task.Stamp(name)
			m.Files, err = append(m.Files, f), errors.Join(err, stampErr)
		}
		if err != nil {
			return o, &ConfigError{Text: fmt.Sprintf("embed.%v", err)}
		}
		o.ONNX = &m
	}
	return o, nil
}

// vectorizerStage fits the embedder on a sample.
var vectorizerStage = &stage{
	name: "vectorizer", title: "fit the embedder", format: 5, inputs: []string{"corpus", "rows"},
	options: func(r *Run) (any, error) { return newEmbedOptions(r.Config) },
	tasks:   one,
	run:     fitEmbedder,
}

func fitEmbedder(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o embedOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	switch o.Method {
	case "http":
		m, err := openServer(ctx, p, *o.HTTP, 0)
		if err != nil {
			return err
		}
		return a.WriteJSON("http.json", httpEmbedder{*o.HTTP, m.Dim()})
	case "onnx":
		m, err := openONNX(ctx, p, *o.ONNX)
		if err != nil {
			return err
		}
		a.Count("dim", int64(m.Dim()))
		return a.WriteJSON("onnx.json", o.ONNX)
	case "word":
		return fitWord(ctx, p, o, a)
	case "import":
		return importVectors(ctx, p, o, a)
	}
	sample, err := textSample(ctx, p, o.Lexical.Sample, o.Lexical.MaxBytes, o.Seed)
	if err != nil {
		return err
	}
	m, err := o.Lexical.Fit(ctx, sample, o.Seed, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	f, err := a.Create("lexical.model")
	if err != nil {
		return err
	}
	return errors.Join(m.Save(f), f.Close())
}

// wordEmbedder is word.json, the output of the vectorizer stage for word
// vectors; those that were trained are in word.bin beside it.
type wordEmbedder struct {
	Options embedding.Word  `json:"options"`
	File    *task.FileStamp `json:"file,omitempty"`
	Mean    []float32       `json:"mean"`
	Spread  []float32       `json:"spread,omitempty"`
}

func fitWord(ctx context.Context, p *task.Plan, o embedOptions, a *task.Attempt) error {
	var words *fasttext.Model
	if o.File != nil {
		var err error
		if words, err = openWords(o.File); err != nil {
			return err
		}
	}
	sample, err := textSample(ctx, p, o.Word.Sample, o.Word.MaxBytes, o.Seed)
	if err != nil {
		return err
	}
	m, err := o.Word.Fit(ctx, sample, words, o.Seed, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	if o.File == nil {
		f, err := a.Create("word.bin")
		if err != nil {
			return err
		}
		if err := errors.Join(m.Words().Write(f), f.Close()); err != nil {
			return err
		}
	}
	return a.WriteJSON("word.json", wordEmbedder{*o.Word, o.File, m.Mean, m.Spread})
}

// openWords opens word vectors that are what they were when the run was
// planned. A .bin stays mapped for as long as the process lives.
func openWords(file *task.FileStamp) (*fasttext.Model, error) {
	if err := file.Check(); err != nil {
		return nil, task.Permanent(err)
	}
	if strings.HasSuffix(file.Path, ".vec") {
		return fasttext.OpenVec(file.Path)
	}
	return fasttext.Open(file.Path)
}

func loadWord(path string) (*embedding.WordModel, error) {
	var w wordEmbedder
	if err := readJSON(path, &w); err != nil {
		return nil, err
	}
	var words *fasttext.Model
	var err error
	if w.File != nil {
		words, err = openWords(w.File)
	} else {
		words, err = fasttext.Open(filepath.Join(filepath.Dir(path), "word.bin"))
	}
	if err != nil {
		return nil, err
	}
	return w.Options.Model(words, w.Mean, w.Spread), nil
}

// textSample returns the first maxBytes of n texts.
func textSample(ctx context.Context, p *task.Plan, n, maxBytes int, seed uint64) ([]string, error) {
	t, err := openTexts(p)
	if err != nil {
		return nil, err
	}
	var sample []string
	err = t.sample(ctx, n, seed, func(_ int, d corpus.Document) error {
		sample = append(sample, cutBytes(d.Text, maxBytes))
		return nil
	})
	return sample, err
}

// cutBytes copies at most n bytes of s, so that the rest can be freed.
func cutBytes(s string, n int) string {
	if n <= 0 || len(s) <= n {
		return s
	}
	return string([]byte(s[:n]))
}

// httpEmbedder is http.json, the output of the vectorizer stage for a server.
type httpEmbedder struct {
	Options embedding.HTTP `json:"options"`
	Dim     int            `json:"dim"`
}

// openServer connects to the server. What to ask it stands in the plan; how to
// reach it in the climb.yaml of the run, so that a server may move and its
// limits change without a vector being asked for again.
func openServer(ctx context.Context, p *task.Plan, o embedding.HTTP, dim int) (*embedding.HTTPModel, error) {
	c, err := LoadConfig(filepath.Join(filepath.Dir(p.Dir()), "climb.yaml"))
	if err != nil {
		return nil, err
	}
	h := c.Embed.HTTP
	h.Model, h.Prefix, h.MaxBytes, h.Dimensions = o.Model, o.Prefix, o.MaxBytes, o.Dimensions
	m, err := h.Open(ctx, dim)
	if err != nil {
		return nil, fmt.Errorf("embed.%w", err)
	}
	return m, nil
}

// onnxEmbedder is onnx.json, the output of the vectorizer stage for a model that
// is computed here: what the vectors depend on.
type onnxEmbedder struct {
	Options embedding.ONNX   `json:"options"`
	Files   []task.FileStamp `json:"files"`
}

// openONNX opens a model whose files are what they were when the run was
// planned. Where the library is stands in the climb.yaml of the run.
func openONNX(ctx context.Context, p *task.Plan, e onnxEmbedder) (*embedding.ONNXModel, error) {
	for _, f := range e.Files {
		if err := f.Check(); err != nil {
			return nil, err
		}
	}
	c, err := LoadConfig(filepath.Join(filepath.Dir(p.Dir()), "climb.yaml"))
	if err != nil {
		return nil, err
	}
	e.Options.Library = c.Embed.ONNX.Library
	return e.Options.Open(ctx)
}

// loadEmbedder opens what the vectorizer stage of p's inputs wrote.
func loadEmbedder(ctx context.Context, p *task.Plan, method string) (embedding.Embedder, error) {
	dir := p.Input("vectorizer")
	if method == "http" {
		return cached(filepath.Join(dir, "http.json"), func(path string) (*embedding.HTTPModel, error) {
			var h httpEmbedder
			if err := readJSON(path, &h); err != nil {
				return nil, err
			}
			return openServer(ctx, p, h.Options, h.Dim)
		})
	}
	if method == "onnx" {
		return cached(filepath.Join(dir, "onnx.json"), func(path string) (*embedding.ONNXModel, error) {
			var e onnxEmbedder
			if err := readJSON(path, &e); err != nil {
				return nil, err
			}
			return openONNX(ctx, p, e)
		})
	}
	if method == "word" {
		return cached(filepath.Join(dir, "word.json"), loadWord)
	}
	return cached(filepath.Join(dir, "lexical.model"), loadLexical)
}

func loadLexical(path string) (*embedding.LexicalModel, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	m, err := embedding.LoadLexical(f)
	if err != nil {
		return nil, fmt.Errorf("read the embedder %s: %w", path, err)
	}
	return m, nil
}
