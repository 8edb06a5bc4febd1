package embed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/vec"
)

// The small network of the tests: the state of a token is h + c, where h =
// tanh(table[id] + types[0]) and c is the sum of h over the tokens of the text.
const smallDim = 8

func smallVocab() []string {
	words := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "cell", "court", "engine", "x", "##x"}
	for i := range 10 {
		words = append(words, fmt.Sprintf("##%d", i))
	}
	return words
}

func smallTable(id int64, j int) float32 { return float32(math.Sin(1.7*float64(id) + 0.9*float64(j))) }

func smallTypes(id int64, j int) float32 { return float32(id)*2 + 0.05*float32(j) }

// smallStates computes the network.
func smallStates(ids, mask []int64, rows, tokens int) ([]float32, []int64, error) {
	x := make([]float32, rows*tokens*smallDim)
	for r := range rows {
		for j := range smallDim {
			var c float32
			for t := range tokens {
				at := r*tokens + t
				h := float32(math.Tanh(float64(smallTable(ids[at], j) + smallTypes(0, j))))
				x[at*smallDim+j] = h
				c += float32(mask[at]) * h
			}
			for t := range tokens {
				x[(r*tokens+t)*smallDim+j] += c
			}
		}
	}
	return x, []int64{int64(rows), int64(tokens), smallDim}, nil
}

// smallTokenizer is a tokenizer.json with smallVocab.
func smallTokenizer(t testing.TB) []byte {
	vocab := map[string]int{}
	for i, w := range smallVocab() {
		vocab[w] = i
	}
	data, err := json.MarshalIndent(map[string]any{
		"version":        "1.0",
		"added_tokens":   []any{},
		"normalizer":     map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": nil, "lowercase": true},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{"type": "BertProcessing", "cls": []any{"[CLS]", 2}, "sep": []any{"[SEP]", 3}},
		"model":          map[string]any{"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocab},
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func smallModel(t testing.TB, o ONNX, n network) *ONNXModel {
	t.Helper()
	tokens, err := token.ParseWordPiece("small", smallTokenizer(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := o.model(context.Background(), tokens, n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// smallWant is the vector of one text by the definition: pooled and of length 1.
func smallWant(t *testing.T, m *ONNXModel, text string) []float32 {
	t.Helper()
	var ids, mask []int64
	for _, id := range m.tokens.Encode(nil, m.options.Prefix+text, m.options.MaxTokens) {
		ids, mask = append(ids, int64(id)), append(mask, 1)
	}
	x, _, err := smallStates(ids, mask, 1, len(ids))
	if err != nil {
		t.Fatal(err)
	}
	want, states := make([]float64, smallDim), len(ids)
	if m.options.Pooling == "cls" {
		states = 1
	}
	var squares float64
	for j := range want {
		for s := range states {
			want[j] += float64(x[s*smallDim+j]) / float64(states)
		}
		squares += want[j] * want[j]
	}
	out := make([]float32, smallDim)
	for j := range want {
		out[j] = float32(want[j] / math.Sqrt(squares))
	}
	return out
}

var smallTexts = []string{"cell1 court22", "", "engine", "court1 court2 court3 cell4", "Cell1", "x", "unknown words here", "\u0301", strings.Repeat("xx ", 40)}

// checkSmall compares the vectors of smallTexts with the definition.
func checkSmall(t *testing.T, m *ONNXModel) {
	t.Helper()
	got := embedAll(t, m, smallTexts)
	for i, text := range smallTexts {
		want := make([]float32, smallDim)
		if want[0] = 1; len(m.tokens.Encode(nil, m.options.Prefix+text, 100)) > 2 {
			want = smallWant(t, m, text)
		}
		for j := range want {
			if d := math.Abs(float64(got[i*smallDim+j] - want[j])); !(d < 2e-6) {
				t.Errorf("%+v: element %d of %.30q is %v, want %v", m.options, j, text, got[i*smallDim+j], want[j])
			}
		}
	}
}

var smallOptions = []ONNX{{}, {Pooling: "cls"}, {Pooling: "mean", Batch: 3}, {Pooling: "cls", Batch: 100}, {MaxTokens: 3}, {MaxTokens: 5, Batch: 4}, {Prefix: "engine: "}}

func TestONNXPooling(t *testing.T) {
	for _, o := range smallOptions {
		checkSmall(t, smallModel(t, o, network{name: "small", run: smallStates}))
	}
}

// A batch is of texts of about one length, and is never larger than asked for.
func TestONNXBatches(t *testing.T) {
	var rows, filled int
	m := smallModel(t, ONNX{Batch: 4}, network{name: "small", run: func(ids, mask []int64, n, tokens int) ([]float32, []int64, error) {
		rows = max(rows, n)
		for _, v := range mask {
			filled += 1 - int(v)
		}
		return smallStates(ids, mask, n, tokens)
	}})
	var texts []string
	for i := range 40 {
		texts = append(texts, strings.Repeat("x ", 1+i%4*10))
	}
	embedAll(t, m, texts)
	if rows != 4 || filled > 4*10*4 {
		t.Errorf("%d rows together, want 4; %d places are filled up", rows, filled)
	}
}

// A network that gives vectors is not pooled again.
func TestONNXPooledOutput(t *testing.T) {
	m := smallModel(t, ONNX{Batch: 2}, network{name: "small", pooled: true, run: func(ids, _ []int64, rows, tokens int) ([]float32, []int64, error) {
		x := make([]float32, rows*2)
		for r := range rows {
			x[2*r], x[2*r+1] = float32(ids[r*tokens+1]), 1
		}
		return x, []int64{int64(rows), 2}, nil
	}})
	got, want := embedAll(t, m, []string{"cell", "court"}), []float32{4, 1, 5, 1}
	for i := 0; i < len(want); i += 2 {
		normalize(want[i : i+2])
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestONNXShapes(t *testing.T) {
	tokens, err := token.ParseWordPiece("small", smallTokenizer(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		shape  []int64
		pooled bool
		want   string
	}{
		{[]int64{1, 3}, false, "[1 3], want texts x tokens x numbers"},
		{[]int64{1, 2, 8}, false, "[1 2 8]"},
		{[]int64{2, 3, 8}, false, "[2 3 8]"},
		{[]int64{1, 3, 0}, false, "[1 3 0]"},
		{[]int64{1, 3, 8}, true, "[1 3 8], want texts x numbers"},
		{nil, false, "do its positions reach onnx.max_tokens, 512"},
	} {
		n := network{name: "some.onnx", pooled: c.pooled, run: func([]int64, []int64, int, int) ([]float32, []int64, error) {
			if c.shape == nil {
				return nil, nil, errors.New("index out of range")
			}
			return make([]float32, 48), c.shape, nil
		}}
		_, err := ONNX{}.model(context.Background(), tokens, n)
		if err == nil || !strings.Contains(err.Error(), "some.onnx") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.shape, err, c.want)
		}
	}
	m := smallModel(t, ONNX{}, network{name: "some.onnx", run: func(ids, mask []int64, rows, n int) ([]float32, []int64, error) {
		x, shape, err := smallStates(ids, mask, rows, n)
		if ids[1] == 4 {
			x[0] = float32(math.NaN())
		}
		return x, shape, err
	}})
	x := make([]float32, smallDim)
	if err := m.Embed(context.Background(), x, []string{"cell"}); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("NaN: %v", err)
	}
	if err := m.Embed(context.Background(), x, []string{"court"}); err != nil || vec.SumSquares(x) < 0.99 {
		t.Errorf("%v, %v", x, err)
	}
}

func TestONNXFolder(t *testing.T) {
	if _, err := (ONNX{Dir: t.TempDir()}).Files(); err == nil || !strings.Contains(err.Error(), "neither model.onnx nor") {
		t.Errorf("an empty folder: %v", err)
	}
	if err := (ONNX{Dir: "x", Pooling: "max"}).Check(); err == nil || !strings.Contains(err.Error(), "onnx.pooling") {
		t.Errorf("pooling: %v", err)
	}
	if err := (ONNX{}).Check(); err == nil || !strings.Contains(err.Error(), "onnx.dir") {
		t.Errorf("no folder: %v", err)
	}
}
