package corpus

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

type parquetMeta struct {
	Text string   `parquet:"text"`
	Tags []string `parquet:"tags,list"`
}

type parquetLine struct {
	ID    int64            `parquet:"id"`
	Text  *string          `parquet:"text,optional"`
	Src   string           `parquet:"source,dict"`
	URL   *string          `parquet:"url,optional"`
	When  time.Time        `parquet:"when,timestamp(microsecond)"`
	Score float32          `parquet:"score"`
	Price int64            `parquet:"price,decimal(2:18)"`
	Meta  *parquetMeta     `parquet:"meta,optional"`
	Words []string         `parquet:"words"`
	Sub   []parquetMeta    `parquet:"sub,list"`
	Map   map[string]int32 `parquet:"map"`
}

func ptr(s string) *string { return &s }

func parquetLines(n int) []parquetLine {
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	lines := []parquetLine{
		{ID: 1, Text: ptr("one"), Src: "a", URL: ptr("u\"1"), When: at, Score: 0.5, Price: -1234, Words: []string{"x", "y"},
			Meta: &parquetMeta{"inner", []string{"p", "q"}}, Sub: []parquetMeta{{"s", nil}, {"t", []string{"r"}}}, Map: map[string]int32{"k": 7}},
		{ID: 2, Src: "a", When: at},
		{ID: 3, Text: ptr("b\xffd"), Src: "b", When: at, Meta: &parquetMeta{}},
		{ID: 4, Text: ptr("  "), When: at},
	}
	for i := len(lines); i < n; i++ {
		lines = append(lines, parquetLine{ID: int64(i + 1), Text: ptr(fmt.Sprintf("text %d %s", i, strings.Repeat("w ", i%50))), Src: "c", When: at, Words: make([]string, i%5)})
	}
	return lines
}

func parquetFile(t testing.TB, name string, lines []parquetLine, options ...parquet.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetLine](&b, options...)
	if _, err := w.Write(lines); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, name, b.String())
}

func TestParquet(t *testing.T) {
	o := Options{Inputs: []string{parquetFile(t, "a.parquet", parquetLines(4))}}
	docs, bad, err := readAll(t, o)
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, d := range docs {
		got = AppendDocument(got, d)
	}
	const when = `"2024-05-06T07:08:09.123456Z"`
	want := `{"id":"1","text":"one","source":"a","url":"u\"1","when":` + when + `,"score":0.5,"price":-12.34,"meta":{"text":"inner","tags":["p","q"]},` +
		`"words":["x","y"],"sub":[{"text":"s","tags":[]},{"text":"t","tags":["r"]}],"map":[{"key":"k","value":7}]}` + "\n" +
		`{"id":"3","text":"b` + "\ufffd" + `d","source":"b","when":` + when + `,"score":0,"price":0.00,"meta":{"text":"","tags":[]},"words":[],"sub":[],"map":[]}` + "\n"
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Error(d)
	}
	if bad.Reasons[MissingText] != 1 || bad.Reasons[EmptyText] != 1 || bad.Repaired != 1 {
		t.Errorf("%+v", bad)
	}
}

// Whatever the compression and the cut, the documents are the same.
func TestParquetShards(t *testing.T) {
	lines := parquetLines(3000)
	want := ""
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Lz4Raw, &parquet.Brotli} {
		name := parquetFile(t, "a.parquet", lines, parquet.Compression(codec), parquet.MaxRowsPerRowGroup(100), parquet.PageBufferSize(1000))
		for _, most := range []int64{1 << 30, 5000} {
			docs, _, err := readAll(t, Options{Inputs: []string{name}, ShardBytes: most, Fields: "keep"})
			if err != nil {
				t.Fatal(codec, err)
			}
			var all []byte
			for _, d := range docs {
				all = AppendDocument(all, d)
			}
			if want == "" {
				want = string(all)
			}
			if len(docs) != 2998 || string(all) != want {
				t.Errorf("%v, shards of %d bytes: %d documents, or other ones than in the first file", codec, most, len(docs))
			}
		}
	}
}

func TestParquetManyShards(t *testing.T) {
	name := parquetFile(t, "a.parquet", parquetLines(3000), parquet.MaxRowsPerRowGroup(100))
	st, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	shards, err := cut(t.Context(), []FileInfo{{Path: name, Bytes: st.Size(), Format: formatParquet}}, 1<<30)
	if err != nil || len(shards) != 1 {
		t.Fatal(shards, err)
	}
	shards, err = cutFile(t.Context(), FileInfo{Path: name, Bytes: st.Size(), Format: formatParquet}, st.Size()/10)
	if err != nil || len(shards) < 8 {
		t.Fatalf("%d shards, %v", len(shards), err)
	}
	seen := map[string]bool{}
	for _, s := range shards {
		for d, err := range Read(context.Background(), s, Options{Fields: "drop"}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			if seen[d.ID] || d.ID != fmt.Sprint(d.Line) || d.Fields != nil {
				t.Fatalf("document %s of line %d: twice, or with fields", d.ID, d.Line)
			}
			seen[d.ID] = true
		}
	}
	if len(seen) != 2998 {
		t.Errorf("%d documents", len(seen))
	}
}

func TestParquetColumns(t *testing.T) {
	name := parquetFile(t, "a.parquet", parquetLines(4))
	for field, want := range map[string]string{
		"body":      `no column "body": set corpus.text_field to one of text, source, url, meta.text`,
		"words":     `"words" is a list`,
		"meta":      `"meta" is a list or a group`,
		"sub":       `"sub" is a list`,
		"id":        `"id" is INT(64,true), not text`,
		"meta.tags": `list`,
	} {
		_, _, err := readAll(t, Options{Inputs: []string{name}, TextField: field})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v lacks %q", field, err, want)
		}
	}
	docs, _, err := readAll(t, Options{Inputs: []string{name}, TextField: "meta.text"})
	if err != nil || texts(docs) != "inner" || !strings.Contains(string(docs[0].Fields), `"text":"one"`) {
		t.Errorf("a nested text: %v, %v", docs, err)
	}
}

func TestParquetDamage(t *testing.T) {
	whole, err := os.ReadFile(parquetFile(t, "a.parquet", parquetLines(200), parquet.Compression(&parquet.Zstd)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, b := range [][]byte{whole[:len(whole)/2], whole[:20], append(bytes.Repeat([]byte("PAR1\xff\xff"), 200), whole[len(whole)-2000:]...)} {
		name := filepath.Join(dir, fmt.Sprint(i, ".parquet"))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readAll(t, Options{Inputs: []string{name}}); err == nil || !strings.Contains(err.Error(), "corpus.truncated") {
			t.Errorf("%d: %v", i, err)
		}
		if _, bad, err := readAll(t, Options{Inputs: []string{name}, Truncated: "skip"}); err != nil || bad.Reasons[Corrupt]+bad.Reasons[Truncated] == 0 {
			t.Errorf("%d: %+v, %v", i, bad, err)
		}
	}
}

func FuzzParquet(f *testing.F) {
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Zstd} {
		b, err := os.ReadFile(parquetFile(f, "a.parquet", parquetLines(20), parquet.Compression(codec)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	type plain struct {
		Text *string `parquet:"text,optional,plain"`
	}
	type dict struct {
		Text string `parquet:"text,dict"`
		ID   string `parquet:"id"`
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for version := 1; version <= 2; version++ {
			options := []parquet.WriterOption{parquet.Compression(codec), parquet.DataPageVersion(version)}
			f.Add(seedFile(f, []plain{{ptr("one")}, {nil}, {ptr(strings.Repeat("many ", 99))}}, options...))
			f.Add(seedFile(f, []dict{{"one", "a"}, {"two", "b"}, {"one", "c"}}, options...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		fuzzRead(t, Options{Inputs: []string{write(t, "a.parquet", string(b))}, Format: formatParquet, Truncated: "skip"})
	})
}

// seedFile is a file of the rows.
func seedFile[T any](f *testing.F, rows []T, options ...parquet.WriterOption) []byte {
	f.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	return b.Bytes()
}

// fuzzRead reads all documents of an input; it fails if the books do not
// balance, and where Read panics.
func fuzzRead(t *testing.T, o Options) {
	if _, _, err := readAll(t, o); err != nil {
		t.Log(err) // refused with an error, which is fine
	}
}
