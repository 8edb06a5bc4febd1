package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/task"
)

// readers read the files of each format back, with code that has nothing to do
// with what wrote them. A new format adds a line.
var readers = map[string]func(*testing.T, memory) []written{
	"jsonl.zst": readJSONLines,
	"parquet":   readParquet,
}

// written is a copy of a document as a dataset has it.
type written struct {
	ID     string
	Text   string
	Source string
	Fields map[string]any // the others, numbers as they are written
	Climb  Provenance
}

// memory is a Folder.
type memory map[string]*bytes.Buffer

func (m memory) Create(name string) (io.Writer, error) {
	if m[name] != nil {
		return nil, fmt.Errorf("%s is created twice", name)
	}
	m[name] = new(bytes.Buffer)
	return m[name], nil
}

func readJSONLines(t *testing.T, files memory) (out []written) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		dec, err := zstd.NewReader(files[name])
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		lines := json.NewDecoder(dec)
		lines.UseNumber()
		for {
			var w written
			switch err := lines.Decode(&w.Fields); err {
			case io.EOF:
			case nil:
				out = append(out, w.take(t))
				continue
			default:
				t.Fatal(err)
			}
			break
		}
	}
	return out
}

// take moves the fields with names of their own out of Fields.
func (w written) take(t *testing.T) written {
	t.Helper()
	w.ID, w.Text = w.Fields["id"].(string), w.Fields["text"].(string)
	w.Source, _ = w.Fields["source"].(string)
	place, err := json.Marshal(w.Fields["climb"])
	if err == nil {
		err = json.Unmarshal(place, &w.Climb)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "text", "source", "climb"} {
		delete(w.Fields, name)
	}
	return w
}

func readParquet(t *testing.T, files memory) (out []written) {
	t.Helper()
	type columns struct {
		ID     string `parquet:"id"`
		Text   string `parquet:"text"`
		Source string `parquet:"source,optional"`
		Fields string `parquet:"fields,optional"`
		Climb  struct {
			Cluster int32  `parquet:"cluster"`
			Domain  string `parquet:"domain"`
			Overlap bool   `parquet:"overlap,optional"`
			Copy    int32  `parquet:"copy"`
		} `parquet:"climb"`
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b := files[name].Bytes()
		rows, err := parquet.Read[columns](bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			w := written{ID: r.ID, Text: r.Text, Source: r.Source, Fields: map[string]any{},
				Climb: Provenance{r.Climb.Cluster, r.Climb.Domain, r.Climb.Overlap, int(r.Climb.Copy)}}
			if r.Fields != "" {
				dec := json.NewDecoder(strings.NewReader(r.Fields))
				dec.UseNumber()
				if err := dec.Decode(&w.Fields); err != nil {
					t.Fatal(err)
				}
			}
			out = append(out, w)
		}
	}
	return out
}

// odd are documents that formats stumble over, and what a dataset has of them.
func odd() (docs []corpus.Document, from []Provenance, want []written) {
	add := func(d corpus.Document, p Provenance, fields map[string]any) {
		if fields == nil {
			fields = map[string]any{}
		}
		docs, from = append(docs, d), append(from, p)
		want = append(want, written{d.ID, d.Text, d.Source, fields, p})
	}
	add(corpus.Document{ID: "empty"}, Provenance{}, nil)
	add(corpus.Document{ID: "", Text: "no id"}, Provenance{Domain: "x"}, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	large := make([]byte, 4<<20)
	for i := range large {
		large[i] = byte(rng.UintN(128))
	}
	add(corpus.Document{ID: "large", Text: string(large)}, Provenance{Domain: "x"}, nil)
	add(corpus.Document{ID: "zero", Text: "a\x00b\x7f\x1b[31m", Source: "\x00"}, Provenance{Domain: "y"}, nil)
	add(corpus.Document{ID: "separators", Text: "a\u2028b\u2029c\u0085d\ufeff\r\n\r\te\U0001f9d7"}, Provenance{Domain: "\u2028"}, nil)
	add(corpus.Document{ID: "same", Text: "first"}, Provenance{Cluster: 2, Domain: "y"}, nil)
	add(corpus.Document{ID: "same", Text: "second"}, Provenance{Cluster: 3, Domain: "y"}, nil)
	add(corpus.Document{ID: `{"a":1},"climb":{`, Text: `,"climb":{"cluster":9}}`, Source: `"`},
		Provenance{Cluster: 1 << 30, Domain: `a, ","climb":`, Overlap: true}, nil)
	add(corpus.Document{ID: "nested", Text: "x", Source: "s", Fields: json.RawMessage(`{"meta":{"a":[1,{"b":null}],"climb":{"cluster":7}},"n":12345678901234567890,"x":1.50,"climb":"x,\"climb\":{}","id":7,"e":"","\u0074ext":true}`)},
		Provenance{Cluster: -1, Domain: "nested"}, map[string]any{
			"meta": map[string]any{"a": []any{json.Number("1"), map[string]any{"b": nil}}, "climb": map[string]any{"cluster": json.Number("7")}},
			"n":    json.Number("12345678901234567890"), "x": json.Number("1.50"), "_climb": `x,"climb":{}`, "_id": json.Number("7"), "e": "", "_text": true})
	for i := range 3000 { // more than a row group
		add(corpus.Document{ID: fmt.Sprint(i), Text: strings.Repeat("a \"text\"\n", i%40+1)}, Provenance{Cluster: int32(i % 7), Domain: "many"}, nil)
	}
	return docs, from, want
}

// savePieces writes pieces to files.
func savePieces(t *testing.T, pieces ...*Piece) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for i, p := range pieces {
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(files[i], b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// oddPieces has the odd documents in shard 0 of 2, in order, and all but the
// largest twice.
func oddPieces(t *testing.T) (files []string, want []written) {
	t.Helper()
	docs, from, once := odd()
	p := NewPiece(2)
	for i, d := range docs {
		copies := 2
		if len(d.Text) > 1<<20 {
			copies = 1
		}
		p.Add(d, from[i], copies, func(copy int) (int, uint64) { return 0, uint64(2*i + copy) })
		for copy := range copies {
			w := once[i]
			w.Climb.Copy = copy
			want = append(want, w)
		}
	}
	return savePieces(t, p), want
}

// eachFormat runs a test for every format of the table.
func eachFormat(t *testing.T, f func(t *testing.T, name string, format Format)) {
	for _, m := range Formats {
		t.Run(m.Name, func(t *testing.T) {
			format, err := Formats.New(m.Name)
			if err != nil {
				t.Fatal(err)
			}
			f(t, m.Name, format)
		})
	}
}

func TestFormatsDescribeThemselves(t *testing.T) {
	for i, m := range Formats {
		if m.Name == "" || m.Summary == "" || readers[m.Name] == nil {
			t.Errorf("format %d, %q: no name, summary or reader", i, m.Name)
		}
	}
	eachFormat(t, func(t *testing.T, name string, f Format) {
		if a := f.About(); a.Words == "" || a.Files == "" || a.Rows == "" {
			t.Errorf("something is not said: %+v", a)
		}
		var card bytes.Buffer
		m := Manifest{Format: name}
		if err := m.WriteCard(&card); err != nil || !strings.Contains(card.String(), f.About().Files) {
			t.Errorf("the card, %v:\n%s", err, card.String())
		}
	})
	if err := (&Manifest{Format: "clay"}).WriteCard(io.Discard); err == nil || !strings.Contains(err.Error(), "parquet") {
		t.Errorf("an unknown format: %v", err)
	}
}

// Whatever a document holds is read back as it was, in order, also from a shard
// without documents; the same documents give the same bytes, also when shards
// are written side by side.
func TestFormatsRoundTrip(t *testing.T) {
	files, want := oddPieces(t)
	eachFormat(t, func(t *testing.T, name string, f Format) {
		var out [4]memory
		var wg sync.WaitGroup
		for i := range out {
			out[i] = memory{}
			wg.Go(func() {
				n, err := Write(t.Context(), f, out[i], Shard{N: i % 2, Of: 2, Level: 3}, files)
				if err != nil || n != len(want)*(1-i%2) {
					t.Errorf("shard %d: %d documents, %v", i%2, n, err)
				}
			})
		}
		wg.Wait()
		for i := range 2 {
			for name, b := range out[i] {
				if ok, err := path.Match(f.About().Files, path.Base(name)); !ok || err != nil {
					t.Errorf("%s does not match %s, %v", name, f.About().Files, err)
				}
				if other := out[i+2][name]; other == nil || !bytes.Equal(b.Bytes(), other.Bytes()) {
					t.Errorf("%s: the same documents give other bytes", name)
				}
				if out[1-i][name] != nil {
					t.Errorf("both shards have a file %s", name)
				}
			}
		}
		got := readers[name](t, out[0])
		for i := range min(len(want), len(got)) {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("document %d: %.2000s", i, cmp.Diff(want[i], got[i]))
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d documents, want %d", len(got), len(want))
		}
		if n := len(readers[name](t, out[1])); n > 0 {
			t.Errorf("a shard without documents has %d", n)
		}
	})
}

// When the context ends on the way Write says so and asks for no more, and the
// task leaves nothing.
func TestFormatsCancel(t *testing.T) {
	files, _ := oddPieces(t)
	eachFormat(t, func(t *testing.T, name string, f Format) {
		plan := &task.Plan{Kind: "dataset", Tasks: []json.RawMessage{[]byte("0")}}
		if err := plan.Save(filepath.Join(t.TempDir(), "dataset-1")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := plan.Run(ctx, 0, func(ctx context.Context, _ *task.Plan, _ int, a *task.Attempt) error {
			dst := cancelling{a, cancel}
			_, err := Write(ctx, f, dst, Shard{Of: 2, Level: 3}, files)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Write: %v", err)
			}
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the task: %v", err)
		}
		left, err := filepath.Glob(plan.Path("*"))
		if hidden, _ := filepath.Glob(plan.Path(".*")); err != nil || len(left) != 1 || len(hidden) > 0 {
			t.Errorf("left are %q, %q, %v", left, hidden, err)
		}
	})
}

// cancelling is the folder of a task that ends when its first file is made.
type cancelling struct {
	*task.Attempt
	cancel func()
}

func (c cancelling) Create(name string) (io.Writer, error) {
	c.cancel()
	return c.Attempt.Create(name)
}

// An error of the documents, of a new file or of writing ends Write with it.
func TestFormatsReportErrors(t *testing.T) {
	files, _ := oddPieces(t)
	want := errors.New("disk full")
	eachFormat(t, func(t *testing.T, name string, f Format) {
		whole, size := memory{}, 0
		if _, err := Write(t.Context(), f, whole, Shard{Of: 2, Level: 3}, files); err != nil {
			t.Fatal(err)
		}
		for _, b := range whole {
			size = max(size, b.Len())
		}
		for _, room := range []int{-1, 0, size / 2, size - 1} { // -1: no file can be made
			if _, err := Write(t.Context(), f, full(room), Shard{Of: 2, Level: 3}, files); !errors.Is(err, errFull) {
				t.Errorf("with room for %d of %d bytes: %v", room, size, err)
			}
		}
		asked := 0
		err := f.Write(memory{}, Shard{Of: 1, Level: 3}, func(yield func(Line, error) bool) {
			for asked++; yield(nil, want); asked++ {
			}
		})
		if !errors.Is(err, want) || asked != 1 {
			t.Errorf("an error of the documents: %v after %d", err, asked)
		}
	})
}

var errFull = errors.New("disk full")

// full is a folder of files with room for so many bytes each, or for no file.
type full int

func (f full) Create(string) (io.Writer, error) {
	if f < 0 {
		return nil, errFull
	}
	return &fullFile{int(f)}, nil
}

type fullFile struct{ room int }

func (f *fullFile) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestLineRefusesOthers(t *testing.T) {
	for _, line := range []string{"", "{}", `{"id":"1","text":"x","climb":{`, `{"id":1,"text":2,"climb":{}}`} {
		if doc, _, err := Line(line).Parse(); err == nil {
			t.Errorf("%s: %+v", line, doc)
		}
	}
}
