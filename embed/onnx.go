package embed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/vec"
)

// ONNX embeds texts with a model of BERT's kind in this process, by ONNX
// Runtime on the processor: MiniLM, BGE, E5, GTE, as their authors export them.
// The state of every token is averaged (Reimers, Gurevych 2019, arXiv
// 1908.10084) or the first one taken, and scaled to length 1. A text without
// tokens is (1, 0, 0, ...).
//
// A text is computed on one thread, and the callers of Embed are what runs side
// by side: the same bits for any number of cores. With Batch 1 no text is
// filled up, and its vector does not depend on the texts around it, which the
// bits of a larger batch do, in the last places. On a processor a larger batch
// gains little, unless texts are short.
type ONNX struct {
	Dir       string `json:"dir" path:"file" doc:"folder of the model: tokenizer.json, and model.onnx there or in onnx/ below it"`
	Library   string `json:"library" path:"program" doc:"ONNX Runtime's shared library, 1.24 or later; empty: libonnxruntime as the system finds it"`
	Prefix    string `json:"prefix" doc:"prefix of every text, which some models expect, such as \"passage: \""`
	MaxTokens int    `json:"max_tokens" default:"512" min:"3" doc:"a text is truncated to so many tokens, special tokens included; at most the model's context length"`
	Pooling   string `json:"pooling" default:"auto" choices:"auto,mean,cls" doc:"pooling of the token states: mean, or the first token (cls), as the model was trained; auto = the model's output sentence_embedding if it has one, else mean"`
	Batch     int    `json:"batch" default:"1" min:"1" doc:"batch size, in texts of similar length"`
}

// Identity implements Remote: vectors do not depend on where the library is.
// (Another version of it may differ in the last places.)
func (o ONNX) Identity() Method {
	o.Library = ""
	return &o
}

// Reach implements Remote.
func (o ONNX) Reach(now Method) Method {
	if m, ok := now.(*ONNX); ok {
		o.Library = m.Library
	}
	return &o
}

// An ONNXModel is a model in memory. It is safe for concurrent use.
type ONNXModel struct {
	options ONNX
	tokens  *token.WordPiece
	network network
	dim     int
}

// A network maps token ids to float32s: of each token, or of each text.
type network struct {
	name   string // of the file, for errors
	pooled bool   // its output is rows x dim, not rows x tokens x dim
	// run computes rows x tokens ids, row-major. mask is 1, and 0 where a row
	// is filled up. It is safe for concurrent use.
	run func(ids, mask []int64, rows, tokens int) (x []float32, shape []int64, err error)
}

// Check tells whether the options can be used by this program.
func (o ONNX) Check() error {
	option.Fill(&o)
	if err := option.Check("onnx", o); err != nil {
		return err
	}
	if o.Dir == "" {
		return fmt.Errorf("onnx.dir: is empty; name the folder with model.onnx and tokenizer.json")
	}
	return errNoRuntime
}

// Files lists what the vectors depend on: tokenizer.json, the model, and the
// files beside it that hold the weights of a large one.
func (o ONNX) Files() ([]string, error) {
	model, err := o.file()
	if err != nil {
		return nil, err
	}
	weights, err := filepath.Glob(model + "?*")
	if err != nil {
		return nil, fmt.Errorf("onnx.dir: %w", err)
	}
	return append([]string{filepath.Join(o.Dir, "tokenizer.json"), model}, weights...), nil
}

// file is where the model is.
func (o ONNX) file() (string, error) {
	for _, name := range []string{"model.onnx", filepath.Join("onnx", "model.onnx")} {
		if info, err := os.Stat(filepath.Join(o.Dir, name)); err == nil && info.Mode().IsRegular() {
			return filepath.Join(o.Dir, name), nil
		}
	}
	return "", fmt.Errorf("onnx.dir: the folder %s has neither model.onnx nor onnx/model.onnx", o.Dir)
}

// Open loads the model and runs it once, so that what does not fit is told
// before the first document.
func (o ONNX) Open(ctx context.Context) (*ONNXModel, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	option.Fill(&o)
	tokens, err := token.LoadWordPiece(o.Dir)
	if err != nil {
		return nil, err
	}
	path, err := o.file()
	if err != nil {
		return nil, err
	}
	n, err := openNetwork(path, o)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", path, err)
	}
	return o.model(ctx, tokens, n)
}

// model joins the parts and finds the length of the vectors.
func (o ONNX) model(ctx context.Context, tokens *token.WordPiece, n network) (*ONNXModel, error) {
	option.Fill(&o)
	m := &ONNXModel{options: o, tokens: tokens, network: n}
	ids := tokens.Encode(nil, o.Prefix+"text", o.MaxTokens)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, shape, err := m.compute([][]uint32{ids, ids}[:min(2, o.Batch)])
	if err != nil {
		return nil, err
	}
	m.dim = int(shape[len(shape)-1])
	return m, nil
}

// Dim implements Embedder.
func (m *ONNXModel) Dim() int { return m.dim }

// Embed implements Embedder.
func (m *ONNXModel) Embed(ctx context.Context, dst []float32, texts []string) error {
	if len(dst) != len(texts)*m.dim {
		panic(fmt.Sprintf("embed: dst holds %d numbers, want %d texts x %d", len(dst), len(texts), m.dim))
	}
	ids := make([][]uint32, len(texts))
	order := make([]int, 0, len(texts)) // texts with tokens, by length
	for i, text := range texts {
		ids[i] = m.tokens.Encode(nil, m.options.Prefix+text, m.options.MaxTokens)
		if len(ids[i]) > m.tokens.Around() {
			order = append(order, i)
			continue
		}
		row := dst[i*m.dim : (i+1)*m.dim]
		clear(row)
		normalize(row)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(ids[a]), len(ids[b])) })
	for part := range slices.Chunk(order, m.options.Batch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.batch(dst, ids, part); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// batch writes the vectors of the texts ids[part...].
func (m *ONNXModel) batch(dst []float32, ids [][]uint32, part []int) error {
	rows := make([][]uint32, len(part))
	for i, p := range part {
		rows[i] = ids[p]
	}
	x, shape, err := m.compute(rows)
	if err != nil {
		return err
	}
	if d := int(shape[len(shape)-1]); d != m.dim {
		return fmt.Errorf("%s: gave vectors of %d numbers, and of %d before", m.network.name, d, m.dim)
	}
	stride := len(x) / len(rows)
	for i, p := range part {
		row := dst[p*m.dim : (p+1)*m.dim]
		m.pool(row, x[i*stride:], len(rows[i]))
		if s := vec.SumSquares(row); math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("%s: gave NaN or Inf for a text of %d tokens", m.network.name, len(rows[i]))
		}
		normalize(row)
	}
	return nil
}

// pool writes the vector of a text from the states of its tokens, the first of
// x; what follows them fills up the row.
func (m *ONNXModel) pool(dst, x []float32, tokens int) {
	copy(dst, x)
	if m.network.pooled || m.options.Pooling == "cls" {
		return
	}
	for t := 1; t < tokens; t++ {
		vec.Add(dst, dst, x[t*m.dim:(t+1)*m.dim])
	}
	vec.Scale(1/float32(tokens), dst)
}

// compute fills the rows up to one length and runs the network. The shape is
// checked.
func (m *ONNXModel) compute(rows [][]uint32) ([]float32, []int64, error) {
	tokens := 1
	for _, r := range rows {
		tokens = max(tokens, len(r))
	}
	ids, mask := make([]int64, len(rows)*tokens), make([]int64, len(rows)*tokens)
	for i, r := range rows {
		for t := range tokens {
			at := i*tokens + t
			ids[at] = int64(m.tokens.Pad())
			if t < len(r) {
				ids[at], mask[at] = int64(r[t]), 1
			}
		}
	}
	x, shape, err := m.network.run(ids, mask, len(rows), tokens)
	if err != nil {
		return nil, nil, fmt.Errorf("run %s on %d x %d tokens (do its positions reach onnx.max_tokens, %d, and its embeddings the %d tokens of tokenizer.json?): %w",
			m.network.name, len(rows), tokens, m.options.MaxTokens, m.tokens.Vocab(), err)
	}
	want, form := []int64{int64(len(rows)), int64(tokens)}, "texts x tokens x numbers"
	if m.network.pooled {
		want, form = want[:1], "texts x numbers"
	}
	if len(shape) != len(want)+1 || !slices.Equal(shape[:len(want)], want) || shape[len(want)] < 1 {
		return nil, nil, fmt.Errorf("%s: its output for %d x %d tokens has the shape %v, want %s", m.network.name, len(rows), tokens, shape, form)
	}
	return x, shape, nil
}
