package corpus

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"github.com/climb-go/climb/blob"
)

// nestedText has texts that may be missing at two levels, of many and of few
// values.
type nestedText struct {
	Plain string `parquet:"plain,plain"`
	Dict  string `parquet:"dict,dict"`
	One   string `parquet:"one,dict"`
	Delta string `parquet:"delta,delta"`
	Meta  *struct {
		Text *string `parquet:"text,optional,plain"`
		Dict *string `parquet:"dict,optional,dict"`
	} `parquet:"meta,optional"`
}

func nestedTexts(n int) (rows []nestedText) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		long := fmt.Sprint("row ", i, strings.Repeat(" word", rng.IntN(400)*rng.IntN(40)))
		r := nestedText{Plain: long, Dict: fmt.Sprint("entry ", rng.IntN(77)), One: "one", Delta: fmt.Sprint("delta ", i)}
		if rng.IntN(3) > 0 {
			r.Meta = new(struct {
				Text *string `parquet:"text,optional,plain"`
				Dict *string `parquet:"dict,optional,dict"`
			})
			if rng.IntN(3) > 0 {
				r.Meta.Text = &long
				r.Meta.Dict = &r.Dict
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// texts of a column, in order, of the rows that have one.
func (r nestedText) text(column string) (string, bool) {
	switch {
	case column == "plain":
		return r.Plain, true
	case column == "dict":
		return r.Dict, true
	case column == "one":
		return r.One, true
	case column == "delta":
		return r.Delta, true
	case r.Meta == nil || r.Meta.Text == nil:
		return "", false
	case column == "meta.text":
		return *r.Meta.Text, true
	}
	return *r.Meta.Dict, true
}

func nestedFile(t *testing.T, rows []nestedText, options ...parquet.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[nestedText](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "a.parquet", b.String())
}

// Pages of both kinds, from a dictionary or not, with levels or not, in every
// compression, are the rows that were written.
func TestChunkTexts(t *testing.T) {
	rows := nestedTexts(500)
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for version := 1; version <= 2; version++ {
			name := nestedFile(t, rows, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(100000), parquet.MaxRowsPerRowGroup(300))
			for _, column := range []string{"plain", "dict", "one", "delta", "meta.text", "meta.dict"} {
				compareTexts(t, name, column, rows)
			}
			mustStream(t, name, 5, 1) // all but delta
		}
	}
}

// mustStream fails unless so many columns of a file are read by chunks.
func mustStream(t *testing.T, name string, columns, others int) {
	t.Helper()
	file, err := blob.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := openParquet(file)
	if err != nil {
		t.Fatal(err)
	}
	streamed := 0
	for i, c := range f.Metadata().RowGroups[0].Columns {
		if streamable(&f.Metadata().RowGroups[0].Columns[i], len(c.MetaData.PathInSchema)) {
			streamed++
		}
	}
	if n := len(f.Metadata().RowGroups[0].Columns); streamed != columns || n != columns+others {
		t.Errorf("%d of %d columns are read by chunks, want %d", streamed, n, columns)
	}
}

func compareTexts(t *testing.T, name, column string, rows []nestedText) {
	t.Helper()
	docs, bad, err := readAll(t, Options{Inputs: Paths(name), TextField: column, Fields: "drop"})
	if err != nil {
		t.Fatal(column, err)
	}
	for i, r := range rows {
		want, ok := r.text(column)
		if !ok {
			continue
		}
		if len(docs) == 0 || docs[0].Text != want || docs[0].Line != int64(i+1) {
			t.Fatalf("%s: row %d is not %.20q", column, i, want)
		}
		docs = docs[1:]
	}
	if len(docs) > 0 || bad.Lines != int64(len(rows)) {
		t.Errorf("%s: %d documents too many, %d rows", column, len(docs), bad.Lines)
	}
}

// A text that is too long is passed without being held, and the next is read.
func TestChunkLongText(t *testing.T) {
	rows := nestedTexts(2)
	rows[0].Plain, rows[1].Plain = strings.Repeat("long ", 1<<20), "short"
	docs, bad, err := readAll(t, Options{Inputs: Paths(nestedFile(t, rows, parquet.Compression(&parquet.Zstd))), TextField: "plain", MaxLineBytes: 1000})
	if err != nil || texts(docs) != "short" || bad.Reasons[TooLong] != 1 || !strings.HasPrefix(bad.Samples[0].Excerpt, "long long") {
		t.Errorf("%v, %+v, %v", texts(docs), bad, err)
	}
}

// No change of a byte in the pages goes unnoticed: their check sums are
// compared.
func TestChunkCheckSum(t *testing.T) {
	whole, err := os.ReadFile(nestedFile(t, nestedTexts(200), parquet.Compression(&parquet.Uncompressed)))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, []byte("row 77 "))
	if at < 0 {
		t.Fatal("the text is not in the file")
	}
	whole[at] = 'T'
	_, _, err = readAll(t, Options{Inputs: Paths(write(t, "a.parquet", string(whole))), TextField: "plain", Fields: "drop"})
	if err == nil || !strings.Contains(err.Error(), "check sum") || !strings.Contains(err.Error(), "corpus.truncated") {
		t.Error(err)
	}
}
