//go:build onnx

package embed

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/onnx anew")

// runtimeLibrary is ONNX Runtime's shared library, of npm's onnxruntime-node.
func runtimeLibrary(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CLIMB_TEST_ONNX")
	if dir == "" {
		t.Skip("CLIMB_TEST_ONNX is not set to a folder in which `npm install --ignore-scripts onnxruntime-node@1.30.0` was run")
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	found, err := filepath.Glob(filepath.Join(dir, "node_modules/onnxruntime-node/bin/napi-v*", runtime.GOOS, arch, "libonnxruntime.*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("CLIMB_TEST_ONNX: %s has no libonnxruntime for %s/%s: %v", dir, runtime.GOOS, runtime.GOARCH, err)
	}
	return found[0]
}

// Protocol Buffers: a message is the concatenation of its fields.
func number(field, v int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field<<3)), uint64(v))
}

func field(n int, parts ...[]byte) []byte {
	data := bytes.Join(parts, nil)
	out := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n<<3|2)), uint64(len(data)))
	return append(out, data...)
}

// Element types of ONNX's TensorProto.
const (
	onnxFloat = 1
	onnxInt32 = 6
	onnxInt64 = 7
)

// node is a NodeProto.
func node(op string, inputs []string, output string, attributes ...[]byte) []byte {
	var parts [][]byte
	for _, in := range inputs {
		parts = append(parts, field(1, []byte(in)))
	}
	parts = append(parts, field(2, []byte(output)), field(4, []byte(op)))
	return field(1, append(parts, attributes...)...)
}

// tensor is an initializer.
func tensor(name string, kind int, raw []byte, dims ...int) []byte {
	var parts [][]byte
	for _, d := range dims {
		parts = append(parts, number(1, d))
	}
	return field(5, append(parts, number(2, kind), field(8, []byte(name)), field(9, raw))...)
}

// value is the ValueInfoProto of an input (field 11) or output (field 12); a
// dimension is a number or a name.
func value(n int, name string, kind int, dims ...any) []byte {
	var shape [][]byte
	for _, d := range dims {
		if s, ok := d.(string); ok {
			shape = append(shape, field(1, field(2, []byte(s))))
		} else {
			shape = append(shape, field(1, number(1, d.(int))))
		}
	}
	return field(n, field(1, []byte(name)), field(2, field(1, number(1, kind), field(2, shape...))))
}

func float32s(rows int, f func(id int64, j int) float32) (raw []byte) {
	for r := range rows {
		for j := range smallDim {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f(int64(r), j)))
		}
	}
	return raw
}

// ids is the input of that name, with an element type.
func ids(name string, kind int) []byte { return value(11, name, kind, "texts", "tokens") }

// smallONNX is the network of smallStates as a model.onnx, with the given
// inputs and outputs of its graph.
func smallONNX(puts ...[]byte) []byte {
	in := func(names ...string) []string { return names }
	vocab := len(smallVocab())
	graph := [][]byte{
		node("Gather", in("table", "input_ids"), "e"),
		node("Gather", in("types", "token_type_ids"), "s"),
		node("Add", in("e", "s"), "es"),
		node("Tanh", in("es"), "h"),
		node("Cast", in("attention_mask"), "m", field(5, field(1, []byte("to")), number(3, onnxFloat), number(20, 2))),
		node("Unsqueeze", in("m", "one"), "m1"),
		node("MatMul", in("m1", "h"), "c"),
		node("Add", in("h", "c"), "last_hidden_state"),
		node("Squeeze", in("c", "one"), "sentence_embedding"),
		field(2, []byte("small")),
		tensor("table", onnxFloat, float32s(vocab, smallTable), vocab, smallDim),
		tensor("types", onnxFloat, float32s(2, smallTypes), 2, smallDim),
		tensor("one", onnxInt64, binary.LittleEndian.AppendUint64(nil, 1), 1),
	}
	// IR version 8, operators of version 13.
	return bytes.Join([][]byte{number(1, 8), field(7, append(graph, puts...)...), field(8, number(2, 13))}, nil)
}

var (
	bertInputs = bytes.Join([][]byte{ids("input_ids", onnxInt64), ids("attention_mask", onnxInt64), ids("token_type_ids", onnxInt64)}, nil)
	states     = value(12, "last_hidden_state", onnxFloat, "texts", "tokens", smallDim)
	sentence   = value(12, "sentence_embedding", onnxFloat, "texts", smallDim)
)

// modelDir is a folder with the tokenizer and a model.
func modelDir(t *testing.T, name string, model []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{name: model, "tokenizer.json": smallTokenizer(t)} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openModel(t *testing.T, o ONNX) *ONNXModel {
	t.Helper()
	o.Library = runtimeLibrary(t)
	m, err := o.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The files in testdata, which the pipeline's test reads, are made here.
func TestONNXTestdata(t *testing.T) {
	for name, want := range map[string][]byte{"model.onnx": smallONNX(bertInputs, states), "tokenizer.json": smallTokenizer(t)} {
		path := filepath.Join("testdata/onnx", name)
		if *update {
			if err := os.WriteFile(path, want, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the test makes (%v); run it with -update", path, err)
		}
	}
}

func TestONNXRuntimeComputesTheNetwork(t *testing.T) {
	for _, o := range smallOptions {
		o.Dir = "testdata/onnx"
		checkSmall(t, openModel(t, o))
	}
}

func TestONNXRuntimeConformance(t *testing.T) {
	texts, topic := topics(60)
	checkEmbedder(t, openModel(t, ONNX{Dir: "testdata/onnx"}), texts, topic)
}

// sentence_embedding is taken as it is, or left for the states.
func TestONNXRuntimePooledOutput(t *testing.T) {
	dir := modelDir(t, "onnx/model.onnx", smallONNX(bertInputs, states, sentence))
	pooled, mean := openModel(t, ONNX{Dir: dir}), openModel(t, ONNX{Dir: dir, Pooling: "mean"})
	checkSmall(t, mean)
	if !pooled.network.pooled || mean.network.pooled {
		t.Error("auto takes sentence_embedding, mean takes last_hidden_state")
	}
	// Here the mean is that of h, plus the sum of h: 1/n + 1 times the sum.
	a, b := embedAll(t, pooled, smallTexts), embedAll(t, mean, smallTexts)
	for i := range a {
		if d := math.Abs(float64(a[i] - b[i])); !(d < 2e-6) {
			t.Errorf("element %d of %q: %v, want %v", i%smallDim, smallTexts[i/smallDim], a[i], b[i])
		}
	}
}

func TestONNXRuntimeErrors(t *testing.T) {
	library := runtimeLibrary(t)
	for name, c := range map[string]struct {
		model []byte
		want  string
	}{
		"int32":    {smallONNX(ids("input_ids", onnxInt32), ids("attention_mask", onnxInt64), ids("token_type_ids", onnxInt64), states), "want int64"},
		"position": {smallONNX(bertInputs, ids("position_ids", onnxInt64), states), "its input position_ids is none of"},
		"outputs":  {smallONNX(bertInputs, value(12, "h", onnxFloat, "texts", "tokens", smallDim)), "its outputs are h; last_hidden_state is needed"},
		"rank":     {smallONNX(bertInputs, value(12, "last_hidden_state", onnxFloat)), "want float32, texts x tokens x numbers"},
		"damaged":  {[]byte("no model"), "model.onnx"},
	} {
		o := ONNX{Dir: modelDir(t, "model.onnx", c.model), Library: library}
		if _, err := o.Open(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	o := ONNX{Dir: "testdata/onnx", Library: "/nowhere/libonnxruntime.so"}
	if _, err := o.Open(context.Background()); err == nil || !strings.Contains(err.Error(), "onnx.library") {
		t.Errorf("another library: %v", err)
	}
	var short bytes.Buffer // a token that the table does not have
	short.Write(bytes.Replace(smallTokenizer(t), []byte(`"x": 7`), []byte(`"x": 99`), 1))
	o = ONNX{Dir: modelDir(t, "model.onnx", smallONNX(bertInputs, states)), Library: library}
	if err := os.WriteFile(filepath.Join(o.Dir, "tokenizer.json"), short.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := o.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	err = m.Embed(context.Background(), make([]float32, smallDim), []string{"x"})
	if err == nil || !strings.Contains(err.Error(), "do its positions reach") {
		t.Errorf("a token past the table: %v", err)
	}
}
