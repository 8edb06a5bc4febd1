//go:build onnx

package curate_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/climb-go/climb/stage"
)

// A run with a model that is computed here. Where the library is does not
// change a plan; a model that has changed does, and is not taken for the old
// one.
func TestVectorsOfAModel(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(os.Getenv("CLIMB_TEST_ONNX"), "node_modules/onnxruntime-node/bin/*", runtime.GOOS, "*", "libonnxruntime.*"))
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	var library string
	for _, f := range found {
		if filepath.Base(filepath.Dir(f)) == arch {
			library = f
		}
	}
	if library == "" {
		t.Skipf("CLIMB_TEST_ONNX is not a folder with npm's onnxruntime-node (%v)", err)
	}
	dir := t.TempDir()
	var lines strings.Builder
	for i := range 600 {
		fmt.Fprintf(&lines, "{\"id\":\"d%d\",\"text\":\"%s%d %s%d\"}\n", i, []string{"cell", "court", "engine"}[i%3], i/10, []string{"court", "engine", "cell"}[i%3], i)
	}
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model.onnx", "tokenizer.json"} {
		data, err := os.ReadFile(filepath.Join("../embed/testdata/onnx", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run := func(library string) (string, error) {
		r := openRun(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s], shard_bytes: 10000}\nembed: {method: onnx, onnx: {dir: %s, library: %s}}\n",
			filepath.Join(dir, "run"), input, dir, library))
		return r.Dir("embed"), r.Until(context.Background(), "embed")
	}
	dir1, err := run(library)
	if err != nil {
		t.Fatal(err)
	}
	x, h, err := stage.ReadFloats(filepath.Join(dir1, part(0, "npy")))
	if err != nil || h.Cols != 8 || h.Rows < 100 {
		t.Fatalf("%+v, %v", h, err)
	}
	for i := range h.Rows {
		var squares float64
		for _, v := range x[i*8 : i*8+8] {
			squares += float64(v) * float64(v)
		}
		if !(math.Abs(squares-1) < 0.01) { // float16
			t.Errorf("row %d has squared length %v", i, squares)
		}
	}
	if again, err := run("/elsewhere/libonnxruntime.so"); err != nil || again != dir1 {
		t.Errorf("another library makes %s of %s: %v", again, dir1, err)
	}
	weights := filepath.Join(dir, "model.onnx_data")
	if err := os.WriteFile(weights, []byte("weights"), 0o666); err != nil {
		t.Fatal(err)
	}
	if other, err := run(library); err != nil || other == dir1 {
		t.Errorf("other weights leave the stage at %s: %v", other, err)
	}
}
