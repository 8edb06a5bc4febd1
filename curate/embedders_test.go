package curate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/stage"
)

// A run that a server broke off goes on without asking for what it has, at
// another address, and leaves nothing but vectors and ids.
func TestServerVectorsAreAskedForOnce(t *testing.T) {
	const docs, dim = 900, 8
	dir := t.TempDir()
	var lines strings.Builder
	for i := range docs {
		fmt.Fprintf(&lines, "{\"id\":\"d%d\",\"text\":\"text number %d\"}\n", i, i)
	}
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	var served, limit atomic.Int64
	limit.Store(docs / 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Input []string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if served.Add(int64(len(in.Input))) > limit.Load() {
			served.Add(-int64(len(in.Input)))
			http.Error(w, "out of credit", http.StatusPaymentRequired)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		out := struct {
			Data []item `json:"data"`
		}{}
		for i, text := range in.Input {
			x := make([]float32, dim)
			for j := range text {
				x[j%dim] += float32(text[j])
			}
			out.Data = append(out.Data, item{i, x})
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	run := func(extra string) (*climb.Run, error) {
		r := openRun(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s]}\nembed: {method: http, http: {url: %s, model: m, batch: 10%s}}\n",
			filepath.Join(dir, "run"), input, srv.URL, extra))
		return r, r.Until(context.Background(), "embed")
	}
	if _, err := run(""); err == nil || !strings.Contains(err.Error(), "out of credit") {
		t.Fatalf("the server's refusal is lost: %v", err)
	}
	limit.Store(1 << 40)
	r, err := run(", parallel: 2, rate: 100000")
	if err != nil {
		t.Fatal(err)
	}
	if n := served.Load(); n != docs+1 {
		t.Errorf("%d texts were paid for, want %d and the one that asks for the length", n, docs)
	}
	if _, err := os.Stat(filepath.Join(r.Dir("embed"), "answers")); !os.IsNotExist(err) {
		t.Errorf("kept answers stay: %v", err)
	}
	x, h, err := stage.ReadFloats(filepath.Join(r.Dir("embed"), part(0, "npy")))
	if err != nil || h.Cols != dim || len(x) == 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

// Word vectors of a run are read back by another one, and give the same
// vectors.
func TestWordVectorsOfAFile(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, "{\"id\":\"d%d\",\"text\":\"a text of %d words on topic %d\"}\n", i, i, i%7)
	}
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	run := func(out, file string) ([]byte, *climb.Run) {
		r := openRun(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s]}\nembed: {method: word, word: {file: %q, train: {dim: 8, buckets: 100}}}\n",
			filepath.Join(dir, out), input, file))
		if err := r.Until(context.Background(), "embed"); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(r.Dir("embed"), part(0, "npy")))
		if err != nil {
			t.Fatal(err)
		}
		return data, r
	}
	want, r := run("one", "")
	file := filepath.Join(dir, "words.bin")
	if err := os.Rename(filepath.Join(r.Dir("vectorizer"), "word.bin"), file); err != nil {
		t.Fatal(err)
	}
	if got, _ := run("two", file); !bytes.Equal(got, want) {
		t.Error("the same word vectors from a file give other vectors")
	}
}
