package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/climb-go/climb/corpus"
)

// What is written as Parquet is read back as the documents that went in.
func TestGatherParquet(t *testing.T) {
	p, dir := NewPiece(1), t.TempDir()
	var want []corpus.Document
	for i := range 3000 {
		d := corpus.Document{ID: fmt.Sprint(i), Text: strings.Repeat("a \"text\"\n", i%40+1)}
		if i%2 == 0 {
			d.Source, d.Fields = "s", json.RawMessage(fmt.Sprintf(`{"n":%d,"climb":"x,\"climb\":{}"}`, i))
		}
		line := corpus.AppendDocument(nil, d)
		line = append(line[:len(line)-2], fmt.Sprintf(`,"climb":{"cluster":%d,"domain":"a, \",\"climb\":","copy":`, i%7)...)
		p.Add(0, uint64(i), line, "1}}\n")
		fields := fmt.Sprintf(`"climb":{"cluster":%d,"domain":"a, \",\"climb\":","copy":1}}`, i%7)
		if i%2 == 0 {
			inner := string(corpus.AppendString(nil, fmt.Sprintf(`{"n":%d,"_climb":"x,\"climb\":{}"}`, i)))
			fields = `"fields":` + inner + "," + fields
		}
		d.Fields = json.RawMessage("{" + fields)
		want = append(want, d)
	}
	var piece, out, again bytes.Buffer
	if _, err := p.WriteTo(&piece); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "piece")
	if err := os.WriteFile(name, piece.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*bytes.Buffer{&out, &again} {
		if n, err := GatherParquet(b, []string{name}, 0, 3); err != nil || n != len(want) {
			t.Fatal(n, err)
		}
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("the same rows give other bytes")
	}
	file := filepath.Join(dir, "x.parquet")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []corpus.Document
	for d, err := range corpus.Read(t.Context(), corpus.Shard{Path: file, Format: "parquet", End: -1}, corpus.Options{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(corpus.Document{}, "Path", "Line", "Offset", "Row")); d != "" {
		t.Error(d)
	}
}

func TestParquetRefusesOtherLines(t *testing.T) {
	for _, line := range []string{"", "{}", `{"id":"1","text":"x","climb":{`, `{"id":1,"text":2,"climb":{}}`} {
		if row, err := parseRow([]byte(line)); err == nil {
			t.Errorf("%s: %+v", line, row)
		}
	}
}
