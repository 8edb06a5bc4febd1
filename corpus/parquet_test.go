package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
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
	o := Options{Inputs: Paths(parquetFile(t, "a.parquet", parquetLines(4)))}
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
			docs, _, err := readAll(t, Options{Inputs: Paths(name), ShardBytes: most, Fields: "keep"})
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
		_, _, err := readAll(t, Options{Inputs: Paths(name), TextField: field})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v lacks %q", field, err, want)
		}
	}
	docs, _, err := readAll(t, Options{Inputs: Paths(name), TextField: "meta.text"})
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
		if _, _, err := readAll(t, Options{Inputs: Paths(name)}); err == nil || !strings.Contains(err.Error(), "corpus.truncated") {
			t.Errorf("%d: %v", i, err)
		}
		if _, bad, err := readAll(t, Options{Inputs: Paths(name), Truncated: "skip"}); err != nil || bad.Reasons[Corrupt]+bad.Reasons[Truncated] == 0 {
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
		fuzzRead(t, Options{Inputs: Paths(write(t, "a.parquet", string(b))), Format: formatParquet, Truncated: "skip"})
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

// fixed is a leaf of bytes of a fixed length that has a logical type.
type fixed struct {
	parquet.Type
	logical format.LogicalType
}

func (t fixed) LogicalType() *format.LogicalType { return &t.logical }

// Values of every type keep what they say, in fields and as ids.
func TestParquetTypes(t *testing.T) {
	leaves := parquet.Group{
		"text":     parquet.String(),
		"uuid":     parquet.UUID(),
		"half":     parquet.Leaf(fixed{parquet.FixedLenByteArrayType(2), format.LogicalType{Value: &format.Float16Type{}}}),
		"time":     parquet.Time(parquet.Microsecond),
		"ms":       parquet.Time(parquet.Millisecond),
		"at":       parquet.Timestamp(parquet.Millisecond),
		"date":     parquet.Date(),
		"int96":    parquet.Leaf(parquet.Int96Type),
		"decimal":  parquet.Decimal(3, 20, parquet.FixedLenByteArrayType(9)),
		"bytes":    parquet.Leaf(parquet.ByteArrayType),
		"name":     parquet.Leaf(parquet.ByteArrayType),
		"code":     parquet.Leaf(parquet.FixedLenByteArrayType(3)),
		"digest":   parquet.Leaf(parquet.FixedLenByteArrayType(4)),
		"unsigned": parquet.Uint(64),
		"json":     parquet.JSON(),
	}
	values := map[string]parquet.Value{
		"text":     parquet.ValueOf("a text"),
		"uuid":     parquet.FixedLenByteArrayValue([]byte("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00")),
		"half":     parquet.FixedLenByteArrayValue([]byte{0x00, 0x3e}),
		"time":     parquet.Int64Value(((7*60+8)*60+9)*1e6 + 123456),
		"ms":       parquet.Int32Value((23*60 + 59) * 60 * 1000),
		"at":       parquet.Int64Value(-1),
		"date":     parquet.Int32Value(-1),
		"int96":    parquet.Int96Value(deprecated.Int96{0, 1, 2460311}), // 2^32 ns of 2024-01-01
		"decimal":  parquet.FixedLenByteArrayValue([]byte("\xff\xff\xff\xff\xff\xff\xff\xfb\x2e")),
		"bytes":    parquet.ByteArrayValue([]byte("\xff\x00")),
		"name":     parquet.ByteArrayValue([]byte("é")),
		"code":     parquet.FixedLenByteArrayValue([]byte("abc")),
		"digest":   parquet.FixedLenByteArrayValue([]byte("\x80\x81\x82\x83")),
		"unsigned": parquet.Int64Value(-1),
		"json":     parquet.ByteArrayValue([]byte(`{"a":1}`)),
	}
	want := map[string]string{
		"uuid": `"123e4567-e89b-12d3-a456-426614174000"`, "half": "1.5", "time": `"07:08:09.123456"`, "ms": `"23:59:00"`, "at": `"1969-12-31T23:59:59.999Z"`,
		"date": `"1969-12-31"`, "int96": `"2024-01-01T00:00:04.294967296Z"`, "decimal": "-1.234", "bytes": `"/wA="`, "name": `"é"`, "code": `"abc"`,
		"digest": `"gIGCgw=="`, "unsigned": "18446744073709551615", "json": `"{\"a\":1}"`,
	}
	schema := parquet.NewSchema("types", leaves)
	var b bytes.Buffer
	w := parquet.NewWriter(&b, schema)
	row := make(parquet.Row, len(leaves))
	for name, v := range values {
		leaf, _ := schema.Lookup(name)
		row[leaf.ColumnIndex] = v.Level(0, 0, leaf.ColumnIndex)
	}
	if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := write(t, "a.parquet", b.String())
	docs, _, err := readAll(t, Options{Inputs: Paths(name)})
	if err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(docs[0].Fields, &got); err != nil {
		t.Fatal(err)
	}
	for field, value := range want {
		if string(got[field]) != value {
			t.Errorf("%s is %s, want %s", field, got[field], value)
		}
		docs, _, err := readAll(t, Options{Inputs: Paths(name), IDField: field})
		id := value
		json.Unmarshal([]byte(value), &id)
		if err != nil || docs[0].ID != id {
			t.Errorf("the id %s is %q, want %q; %v", field, docs[0].ID, id, err)
		}
	}
}
