package embed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/fasttext"
)

// Make implements Maker: it writes lexical.model.
func (o Lexical) Make(ctx context.Context, s Site) error {
	sample, err := s.Sample(ctx, o.Sample, o.MaxBytes)
	if err != nil {
		return err
	}
	m, err := o.Fit(ctx, sample, s.Seed, s.Workers)
	if err != nil {
		return err
	}
	return write(s, "lexical.model", m.Save)
}

// Load implements Maker.
func (o Lexical) Load(_ context.Context, dir string) (Embedder, error) {
	path := filepath.Join(dir, "lexical.model")
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	m, err := LoadLexical(f)
	if err != nil {
		return nil, fmt.Errorf("read the embedder %s: %w", path, err)
	}
	return m, nil
}

// wordFile is word.json; vectors that were trained are in word.bin beside it.
type wordFile struct {
	Options Word      `json:"options"`
	Mean    []float32 `json:"mean"`
	Spread  []float32 `json:"spread,omitempty"`
}

// Make implements Maker: it writes word.json and, of vectors that it trains,
// word.bin.
func (o Word) Make(ctx context.Context, s Site) error {
	var words *fasttext.Model
	var err error
	if o.File != "" {
		if words, err = o.open(); err != nil {
			return err
		}
	}
	sample, err := s.Sample(ctx, o.Sample, o.MaxBytes)
	if err != nil {
		return err
	}
	m, err := o.Fit(ctx, sample, words, s.Seed, s.Workers)
	if err != nil {
		return err
	}
	if o.File == "" {
		if err := write(s, "word.bin", m.Words().Write); err != nil {
			return err
		}
	}
	return writeJSON(s, "word.json", wordFile{o, m.Mean, m.Spread})
}

// Load implements Maker.
func (o Word) Load(_ context.Context, dir string) (Embedder, error) {
	var w wordFile
	if err := readJSON(filepath.Join(dir, "word.json"), &w); err != nil {
		return nil, err
	}
	var words *fasttext.Model
	var err error
	if o.File != "" {
		words, err = o.open()
	} else {
		words, err = fasttext.Open(filepath.Join(dir, "word.bin"))
	}
	if err != nil {
		return nil, err
	}
	return w.Options.Model(words, w.Mean, w.Spread), nil
}

// open opens the file of word vectors. A .bin stays mapped for as long as the
// process lives.
func (o Word) open() (*fasttext.Model, error) {
	if strings.HasSuffix(o.File, ".vec") {
		return fasttext.OpenVec(o.File)
	}
	return fasttext.Open(o.File)
}

// Files lists what the vectors depend on.
func (o Word) Files() ([]string, error) {
	if o.File == "" {
		return nil, nil
	}
	if _, err := os.Stat(o.File); err != nil {
		return nil, fmt.Errorf("word.file: %w", err)
	}
	return []string{o.File}, nil
}

// httpFile is http.json.
type httpFile struct {
	Options Method `json:"options"`
	Dim     int    `json:"dim"`
}

// Make implements Maker: it writes http.json, with the length of the vectors.
func (o HTTP) Make(ctx context.Context, s Site) error {
	m, err := o.Open(ctx, 0)
	if err != nil {
		return fmt.Errorf("embed.%w", err)
	}
	return writeJSON(s, "http.json", httpFile{o.Identity(), m.Dim()})
}

// Load implements Maker.
func (o HTTP) Load(ctx context.Context, dir string) (Embedder, error) {
	h := httpFile{Options: &HTTP{}}
	if err := readJSON(filepath.Join(dir, "http.json"), &h); err != nil {
		return nil, err
	}
	m, err := o.Open(ctx, h.Dim)
	if err != nil {
		return nil, fmt.Errorf("embed.%w", err)
	}
	return m, nil
}

// Make implements Maker: it opens the model once, and writes onnx.json.
func (o ONNX) Make(ctx context.Context, s Site) error {
	if _, err := o.Open(ctx); err != nil {
		return err
	}
	return writeJSON(s, "onnx.json", o.Identity())
}

// Load implements Maker.
func (o ONNX) Load(ctx context.Context, _ string) (Embedder, error) {
	m, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Vectors implements Joiner.
func (o Import) Vectors() Import { return o }

func write(s Site, name string, to func(io.Writer) error) error {
	f, err := s.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(to(f), f.Close())
}

func writeJSON(s Site, name string, v any) error {
	return write(s, name, func(w io.Writer) error {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(append(data, '\n'))
		return err
	})
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
