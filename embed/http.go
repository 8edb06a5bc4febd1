package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/climb-go/climb/openai"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// HTTP embeds texts with a model behind a server that offers OpenAI's
// /v1/embeddings: vLLM, Text Embeddings Inference, Ollama, llama.cpp. CLIMB's
// own model is stella_en_400M_v5, 1024 numbers for the first 512 tokens; the
// default of MaxBytes is about as much English text. Vectors are scaled to
// length 1. A blank text is (1, 0, 0, ...) without a request, because servers
// refuse it.
type HTTP struct {
	openai.Server `yaml:",inline"`
	Prefix        string `json:"prefix" doc:"prefix of every text, which some models expect, such as \"passage: \""`
	MaxBytes      int    `json:"max_bytes" default:"2048" min:"1" doc:"a text is truncated to so many bytes; servers may refuse texts longer than the model's context"`
	Batch         int    `json:"batch" default:"32" min:"1" doc:"batch size: texts in one request"`
	Dimensions    int    `json:"dimensions" min:"0" doc:"dimension to request from models that offer several; 0 = the model's own"`
}

// Identity implements Remote: vectors do not depend on how the server is
// reached, and how many texts go into a request.
func (o HTTP) Identity() Method {
	return &HTTP{Server: openai.Server{Model: o.Model}, Prefix: o.Prefix, MaxBytes: o.MaxBytes, Dimensions: o.Dimensions}
}

// Reach implements Remote.
func (o HTTP) Reach(now Method) Method {
	h, ok := now.(*HTTP)
	if !ok {
		return &o
	}
	out := *h
	out.Model, out.Prefix, out.MaxBytes, out.Dimensions = o.Model, o.Prefix, o.MaxBytes, o.Dimensions
	return &out
}

// An HTTPModel is a connection to the server. It is safe for concurrent use:
// Parallel holds for all callers together.
type HTTPModel struct {
	options HTTP
	client  *openai.Client
	dim     int
	slots   chan struct{}
}

// Check tells whether the options describe a server.
func (o HTTP) Check() error {
	_, err := o.client()
	return err
}

// client fills in o and makes its client.
func (o *HTTP) client() (*openai.Client, error) {
	option.Fill(o)
	if err := option.Check("http", o); err != nil {
		return nil, err
	}
	o.URL = os.ExpandEnv(o.URL)
	c, err := openai.NewClient(o.Server)
	if err != nil {
		return nil, fmt.Errorf("http.%w", err)
	}
	return c, nil
}

// Open prepares the connection. $NAME in the URL is taken from the
// environment. dim is the length of the vectors; 0 asks the server with one
// short text.
func (o HTTP) Open(ctx context.Context, dim int) (*HTTPModel, error) {
	c, err := o.client()
	if err != nil {
		return nil, err
	}
	m := &HTTPModel{options: o, client: c, dim: dim, slots: make(chan struct{}, c.Server().Parallel)}
	if dim > 0 {
		return m, nil
	}
	x, err := m.request(ctx, []string{o.Prefix + "text"})
	if err != nil {
		return nil, fmt.Errorf("ask %s for the length of its vectors: %w", o.URL, err)
	}
	m.dim = len(x[0])
	return m, nil
}

// Dim implements Embedder.
func (m *HTTPModel) Dim() int { return m.dim }

// Embed implements Embedder.
func (m *HTTPModel) Embed(ctx context.Context, dst []float32, texts []string) error {
	return m.EmbedKept(ctx, dst, texts, nil)
}

// EmbedKept is Embed that takes what it can from kept and puts every answer
// there as soon as it is received; kept may be nil.
func (m *HTTPModel) EmbedKept(ctx context.Context, dst []float32, texts []string, kept *Answers) error {
	if len(dst) != len(texts)*m.dim {
		panic(fmt.Sprintf("embed: dst holds %d numbers, want %d texts x %d", len(dst), len(texts), m.dim))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var ask []int // texts that the server is asked for
	input := make([]string, len(texts))
	for i, text := range texts {
		row := dst[i*m.dim : (i+1)*m.dim]
		text = strings.ToValidUTF8(text[:min(len(text), m.options.MaxBytes)], "")
		if strings.TrimSpace(text) == "" {
			clear(row)
			normalize(row)
			continue
		}
		input[i] = m.options.Prefix + text
		found, err := kept.get(input[i], row)
		if err != nil {
			return err
		}
		if !found {
			ask = append(ask, i)
		}
	}
	// After an error no request begins, and those under way come to their end:
	// their answers are kept.
	g, open := errgroup.WithContext(ctx)
	for part := range slices.Chunk(ask, m.options.Batch) {
		select { // a slot before a goroutine: memory is that of Parallel requests
		case m.slots <- struct{}{}:
		case <-open.Done():
			return errors.Join(g.Wait(), ctx.Err())
		}
		g.Go(func() error {
			defer func() { <-m.slots }()
			return m.batch(ctx, dst, input, part, kept)
		})
	}
	return g.Wait()
}

// batch asks for the texts input[part...].
func (m *HTTPModel) batch(ctx context.Context, dst []float32, input []string, part []int, kept *Answers) error {
	texts := make([]string, len(part))
	for i, p := range part {
		texts[i] = input[p]
	}
	x, err := m.request(ctx, texts)
	if err != nil {
		return err
	}
	for i, p := range part {
		row := dst[p*m.dim : (p+1)*m.dim]
		if len(x[i]) != m.dim {
			return fmt.Errorf("%s: model %s gave a vector of %d numbers, and of %d before", m.options.URL, m.options.Model, len(x[i]), m.dim)
		}
		copy(row, x[i])
		normalize(row)
		if err := kept.put(input[p], row); err != nil {
			return err
		}
	}
	return nil
}

// request returns the vectors of the texts as the server gives them.
func (m *HTTPModel) request(ctx context.Context, texts []string) ([][]float32, error) {
	in := struct {
		Model      string   `json:"model"`
		Input      []string `json:"input"`
		Format     string   `json:"encoding_format"`
		Dimensions int      `json:"dimensions,omitempty"`
	}{m.options.Model, texts, "float", m.options.Dimensions}
	var out struct {
		Data []struct {
			Index     *int            `json:"index"`
			Embedding json.RawMessage `json:"embedding"`
		} `json:"data"`
	}
	if err := m.client.Post(ctx, "/embeddings", in, &out); err != nil {
		return nil, err
	}
	x := make([][]float32, len(texts))
	for k, d := range out.Data {
		if d.Index == nil { // left out by some servers; then the order counts
			d.Index = &k
		}
		i := *d.Index
		if i < 0 || i >= len(x) || x[i] != nil {
			return nil, fmt.Errorf("%s answered %d texts with a vector of number %d", m.options.URL, len(texts), i)
		}
		v, err := parseVector(d.Embedding)
		if err != nil {
			return nil, fmt.Errorf("%s answered with a vector that %w", m.options.URL, err)
		}
		x[i] = v
	}
	if i := slices.IndexFunc(x, func(v []float32) bool { return v == nil }); i >= 0 {
		return nil, fmt.Errorf("%s answered %d texts without a vector of number %d", m.options.URL, len(texts), i)
	}
	return x, nil
}

// parseVector reads a vector of a server. One that has no direction, or holds a
// null in place of a number, says nothing of its text.
func parseVector(data []byte) ([]float32, error) {
	if i := bytes.Index(data, []byte("null")); i >= 0 {
		return nil, errors.New("holds null; does the model overflow float16?")
	}
	var v []float32
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("is none: %w", err)
	}
	switch s := vec.SumSquares(v); {
	case len(v) == 0:
		return nil, errors.New("is empty")
	case math.IsNaN(s) || s > math.MaxFloat32:
		return nil, errors.New("holds NaN or Inf")
	case s < 1e-12:
		return nil, errors.New("is all zeros; is this an embedding model?")
	}
	return v, nil
}
