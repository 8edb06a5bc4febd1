package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// The dataset in the bucket is that of the run directory, its manifest the
// last; a run that the server stopped goes on.
func TestDatasetInBucket(t *testing.T) {
	t.Parallel()
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	real := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	var mu sync.Mutex
	var written []string
	refuse := "shard-00000.jsonl.zst"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		mu.Lock()
		no := name == refuse
		if r.Method == http.MethodPut && !no {
			written = append(written, name)
		}
		mu.Unlock()
		if no {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		real.ServeHTTP(w, r)
	}))
	defer server.Close()
	dir := prepared(t, strings.Replace(small, "dataset: {", "dataset: {url: 's3://bucket/mix?region=us-east-1&endpoint="+server.URL+"', ", 1))
	run := func() (int, string) {
		c := command(dir, "run")
		c.Env = append(c.Env, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
		out, err := c.CombinedOutput()
		if err != nil && c.ProcessState == nil {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), string(out)
	}
	if code, out := run(); code == 0 || !strings.Contains(out, "s3://bucket/mix/shard-00000.jsonl.zst") || slices.Contains(written, "manifest.json") {
		t.Fatalf("exit %d, wrote %q\n%s", code, written, out)
	}
	refuse = ""
	if code, out := run(); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if n := len(written); written[n-1] != "manifest.json" || written[n-2] != "README.md" {
		t.Errorf("written in the order %q", written)
	}
	for i, name := range written {
		if slices.Contains(written[:i], name) {
			t.Errorf("%s was written twice", name)
		}
		want, err := os.ReadFile(filepath.Join(dir, "run", "dataset", name))
		if err != nil {
			t.Fatal(err)
		}
		o, err := backend.GetObject("bucket", "mix/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := got.ReadFrom(o.Contents); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes, want %d, %v", name, got.Len(), len(want), err)
		}
	}
}
