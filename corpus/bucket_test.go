package corpus

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/blob"
)

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	w, err := blob.Create(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// What is in a bucket reads as it does from a folder, by whatever name.
func TestBucket(t *testing.T) {
	const root = "mem://corpus/data"
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Repeat(`{"text":"plain"}`+"\n", 100)
	pq, err := os.ReadFile(parquetFile(t, "x.parquet", parquetLines(300), parquet.MaxRowsPerRowGroup(50)))
	if err != nil {
		t.Fatal(err)
	}
	put(t, root+"/a/x.jsonl", []byte(lines))
	put(t, root+"/a/y.jsonl.zst", enc.EncodeAll([]byte(lines), nil))
	put(t, root+"/a/.hidden", []byte("x"))
	put(t, root+"/b/z.parquet", pq)
	put(t, root+"/b/README.md", []byte("no text of the corpus"))
	list := write(t, "list", "# of objects\n"+root+"/a/x.jsonl\n"+root+"/b/z.parquet\n")
	for input, want := range map[string]int{
		root: 498, root + "/": 498, root + "/a": 200, root + "/*/*.jsonl": 100, root + "/**/*.jsonl*": 200, "@" + list: 398, root + "/b/z.parquet": 298,
	} {
		for _, most := range []int64{1 << 30, 200} {
			shards, files, err := Split(t.Context(), Options{Inputs: Paths(input), ShardBytes: most})
			if err != nil {
				t.Errorf("%s: %v", input, err)
				continue
			}
			n := 0
			for _, s := range shards {
				for _, err := range Read(context.Background(), s, Options{}, nil) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
			}
			if n != want || files[0].Bytes == 0 || files[0].ModTime.IsZero() {
				t.Errorf("%s: %d documents, want %d", input, n, want)
			}
		}
	}
	for _, input := range []string{root + "/absent", root + "/*.csv"} {
		if _, _, err := Split(t.Context(), Options{Inputs: Paths(input)}); err == nil || !strings.Contains(err.Error(), input) {
			t.Errorf("%s: %v", input, err)
		}
	}
}

// A bucket that is busy for a while is read whole; one that refuses ends the
// reading with an error, whatever corpus.truncated says.
func TestBusyBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	answers := []int{0, http.StatusServiceUnavailable, http.StatusInternalServerError} // of GET; then none
	refused := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && refused:
			http.Error(w, "no", http.StatusForbidden)
		case r.Method == http.MethodGet && len(answers) > 1:
			answers = answers[1:]
			http.Error(w, "busy", answers[0])
		default:
			fake.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	name := "s3://bucket/x.jsonl?region=us-east-1&endpoint=" + server.URL
	put(t, name, []byte(strings.Repeat(`{"text":"plain"}`+"\n", 20000)))
	o := Options{Inputs: Paths(name), Format: formatJSONL, Truncated: "skip", ShardBytes: 1 << 20}
	docs, bad, err := readAll(t, o)
	if err != nil || len(docs) != 20000 || bad.Dropped() != 0 || len(answers) != 1 {
		t.Errorf("%d documents, %+v, %d answers left, %v", len(docs), bad, len(answers), err)
	}
	shards, _, err := Split(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	refused = true
	for _, err = range Read(t.Context(), shards[0], o, &bad) {
	}
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "s3://bucket/x.jsonl") || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("a bucket that refuses: %v", err)
	}
}

// A listing, of a bucket or of a folder, ends with its context.
func TestSplitEndsWithItsContext(t *testing.T) {
	put(t, "mem://corpus/stop/x.jsonl", []byte(`{"text":"a"}`))
	for _, input := range []string{"mem://corpus/stop/", tree(t, `x.jsonl:{"text":"a"}`)} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := Split(ctx, Options{Inputs: Paths(input)}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", input, err)
		}
	}
}

// An id is a name that the data gives or a hash of the text: it does not
// depend on how the files are cut.
func TestIDsDoNotDependOnShards(t *testing.T) {
	var lines strings.Builder
	for i := range 3000 {
		lines.WriteString(`{"text":"number ` + strings.Repeat("x", i) + `"}` + "\n")
	}
	name := write(t, "a.jsonl", lines.String())
	ids := func(f FileInfo, most int64) (out []string) {
		shards, err := cutFile(t.Context(), f, most)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shards {
			for d, err := range Read(context.Background(), s, Options{}, nil) {
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, d.ID)
			}
		}
		return out
	}
	f := FileInfo{Path: name, Bytes: int64(lines.Len()), Format: formatJSONL}
	one, many := ids(f, 1<<40), ids(f, 10000)
	if len(one) != 3000 || strings.Join(one, " ") != strings.Join(many, " ") {
		t.Errorf("%d and %d ids, not the same", len(one), len(many))
	}
}

// Attributes beside dolma's documents are not documents.
func TestDolmaFolder(t *testing.T) {
	dir := tree(t, `v1/documents/a.jsonl:{"id":"d1","text":"t","source":"s","metadata":{"x":1},"attributes":{"q__score":[[0,1,0.5]]}}`,
		`v1/attributes/q/a.jsonl:{"id":"d1","attributes":{"q":[[0,1,0.5]]}}`)
	docs, bad, err := readAll(t, Options{Inputs: Paths(dir)})
	if err != nil || len(docs) != 1 || bad.Dropped() != 0 || string(docs[0].Fields) != `{"metadata":{"x":1},"attributes":{"q__score":[[0,1,0.5]]}}` {
		t.Errorf("%v, %+v, %v", docs, bad, err)
	}
}
