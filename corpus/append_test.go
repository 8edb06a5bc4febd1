package corpus

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é😀\u2028", "\xff\xc3", "a\xe2\x82"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil || !utf8.Valid(b) {
			t.Fatalf("%q: %s: %v", s, b, err)
		}
		if want := string(repairUTF8([]byte(s))); got != want {
			t.Fatalf("%q becomes %q, want %q", s, got, want)
		}
	})
}

func TestAppendDocumentComesBack(t *testing.T) {
	docs := []Document{
		{ID: "1", Text: "a\n\"b\" \x01 é", Source: "s", Fields: json.RawMessage(`{"url":"u","n":{"id":1}}`)},
		{ID: "2", Text: "no more"},
	}
	var file []byte
	for _, d := range docs {
		file = AppendDocument(file, d)
	}
	if n := strings.Count(string(file), "\n"); n != 2 {
		t.Fatalf("%d lines:\n%s", n, file)
	}
	path := write(t, "a.jsonl", string(file))
	var got []Document
	for d, err := range Read(context.Background(), Shard{Path: path, Format: "jsonl", End: -1}, Options{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d)
	}
	if d := cmp.Diff(docs, got, cmpopts.IgnoreFields(Document{}, "Path", "Line", "Offset", "Row")); d != "" {
		t.Error(d)
	}
}

func TestAppendDocumentRenamesFieldsInTheWay(t *testing.T) {
	d := Document{ID: "1", Text: "t", Fields: json.RawMessage(`{"text":"other", "i\u0064" : 5,"x":1}`)}
	want := `{"id":"1","text":"t","_text":"other","_i\u0064" : 5,"x":1}` + "\n"
	if got := string(AppendDocument(nil, d)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// write makes a file in a folder of its own, and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
