package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/climb-go/climb/openai"
	"github.com/climb-go/climb/vec"
)

// embeddingServer answers as OpenAI's does, in reverse order, with counts of
// the hashed starts of words as vectors of 16. Every fail-th request is refused with 503.
type embeddingServer struct {
	*httptest.Server
	texts, requests, open, most atomic.Int64
	fail                        int64
}

func newEmbeddingServer(t *testing.T, fail int64) *embeddingServer {
	s := &embeddingServer{fail: fail}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.open.Add(1)
		defer s.open.Add(-1)
		for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
		}
		var in struct {
			Model string
			Input []string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Model != "m" || r.URL.Path != "/v1/embeddings" {
			t.Errorf("%s: model %q, %v", r.URL.Path, in.Model, err)
		}
		if k := s.requests.Add(1); s.fail > 0 && k%s.fail == 0 {
			w.Header().Set("Retry-After", "0.001")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		var data []item
		for i, text := range in.Input {
			if strings.TrimSpace(text) == "" {
				t.Error("a blank text was sent")
			}
			x := make([]float32, 16)
			for _, word := range strings.Fields(text) {
				x[answerKey(word[:min(3, len(word))])[0]%16]++
			}
			data = append(data, item{i, x})
		}
		s.texts.Add(int64(len(in.Input)))
		slices.Reverse(data)
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *embeddingServer) open1(t *testing.T, o HTTP) *HTTPModel {
	t.Helper()
	t.Setenv("EMBED_TEST_URL", s.URL)
	o.Server.URL, o.Server.Model = "$EMBED_TEST_URL/v1", "m"
	m, err := o.Open(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestHTTPInBatches(t *testing.T) {
	s := newEmbeddingServer(t, 4)
	m := s.open1(t, HTTP{Server: openai.Server{Parallel: 3}, Batch: 8})
	texts, _ := topics(200)
	embedAll(t, m, texts)
	if n := s.texts.Load(); n != 201 {
		t.Errorf("%d texts were sent, want 200 and one that asks for the length", n)
	}
	if n := s.most.Load(); n > 3 {
		t.Errorf("%d requests at a time, want at most 3", n)
	}
	if n := s.requests.Load(); n < 26+26/4 {
		t.Errorf("%d requests: refused ones were not sent again", n)
	}
}

// What was answered before a task was killed is not asked for again, a record
// that was cut off is.
func TestHTTPKeepsAnswers(t *testing.T) {
	s := newEmbeddingServer(t, 0)
	m := s.open1(t, HTTP{Batch: 10})
	texts, _ := topics(50)
	want := embedAll(t, m, texts)
	s.texts.Store(0)
	dir := t.TempDir()
	run := func(n int) []float32 {
		kept, err := OpenAnswers(dir, "00003", m.Dim())
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, n*m.Dim())
		if err := m.EmbedKept(context.Background(), got, texts[:n], kept); err != nil {
			t.Fatal(err)
		}
		if err := kept.Close(); err != nil {
			t.Fatal(err)
		}
		return got
	}
	run(30)
	files, err := filepath.Glob(filepath.Join(dir, "00003-*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 29*84+40); err != nil {
		t.Fatal(err)
	}
	if got := run(50); !slices.Equal(got, want) {
		t.Error("kept vectors differ from fresh ones")
	}
	if n := s.texts.Load(); n != 30+1+20 {
		t.Errorf("%d texts were sent, want 30, then the one cut off and 20 more", n)
	}
	if run(50); s.texts.Load() != 51 {
		t.Errorf("%d texts were sent; all were kept", s.texts.Load())
	}
}

func TestHTTPErrors(t *testing.T) {
	for name, answer := range map[string]string{
		"too few":  `{"data":[{"index":0,"embedding":[1,2]}]}`,
		"twice":    `{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`,
		"length":   `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}]}`,
		"empty":    `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[]}]}`,
		"too many": `{"data":[{"index":2,"embedding":[1,2]}]}`,
		"negative": `{"data":[{"index":-1,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}`,
		"nulls":    `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[null,1]}]}`,
		"null":     `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":null}]}`,
		"zeros":    `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[0,0]}]}`,
		"tiny":     `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1e-30,0]}]}`,
		"texts":    `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":["1","2"]}]}`,
		"base64":   `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":"AACAPw=="}]}`,
		"huge":     `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[3e38,3e38]}]}`,
		"past all": `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1e400,1]}]}`,
		"no data":  `{}`,
		"a list":   `[]`,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, err := w.Write([]byte(answer)); err != nil {
				t.Error(err)
			}
		}))
		o := HTTP{Server: openai.Server{URL: srv.URL, Model: "m", Attempts: 1}}
		m, err := o.Open(context.Background(), 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Embed(context.Background(), make([]float32, 4), []string{"a", "b"}); err == nil {
			t.Errorf("%s: no error", name)
		}
		srv.Close()
	}
	if _, err := (HTTP{}).Open(context.Background(), 2); err == nil || !strings.Contains(err.Error(), "http.url") {
		t.Errorf("no address: %v", err)
	}
}

// TestHTTPWithoutIndex: where a server leaves the index out, the order counts.
func TestHTTPWithoutIndex(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte(`{"data":[{"embedding":[1,0]},{"embedding":[0,2]}]}`)); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	m, err := HTTP{Server: openai.Server{URL: srv.URL, Model: "m"}}.Open(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 4)
	if err := m.Embed(t.Context(), x, []string{"a", "b"}); err != nil || !slices.Equal(x, []float32{1, 0, 0, 1}) {
		t.Errorf("%v, %v", x, err)
	}
}

func FuzzServerVector(f *testing.F) {
	for _, s := range []string{"[1,2]", "[null]", "[0,0]", "null", `"x"`, "[1e400]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseVector(data)
		if err != nil {
			return
		}
		normalize(v)
		if s := vec.SumSquares(v); !(s > 0.99 && s < 1.01) {
			t.Fatalf("%q: length %v", data, s)
		}
	})
}

// FuzzAnswers gives any bytes as kept vectors: what is damaged is asked for again.
func FuzzAnswers(f *testing.F) {
	dir := f.TempDir()
	a, err := OpenAnswers(dir, "seed", 2)
	if err == nil {
		err = errors.Join(a.put("text", []float32{1, 2}), a.Close())
	}
	if err != nil {
		f.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "seed-*"))
	if err != nil || len(files) != 1 {
		f.Fatal(files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(slices.Clone(good), good[:7]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a-1"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := OpenAnswers(dir, "a", 2)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		x := make([]float32, 2)
		if ok, err := a.get("text", x); err != nil || ok && (x[0] != 1 || x[1] != 2) && bytes.Equal(data[:min(len(data), len(good))], good) {
			t.Fatalf("%v, %v", x, err)
		}
	})
}
