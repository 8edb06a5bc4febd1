package corpus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Folders named key=value are fields of the documents below, in every format; what a
// line says itself counts.
func TestPartitions(t *testing.T) {
	root := t.TempDir()
	put := func(path, content string) string {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	columns, err := os.ReadFile(parquetFile(t, "a.parquet", parquetLines(1)))
	if err != nil {
		t.Fatal(err)
	}
	for path, c := range map[string]struct{ content, fields, source string }{
		"lang=en/year=2024/a.jsonl":            {`{"text":"a"}`, `{"lang":"en","year":"2024"}`, ""},
		"lang=en/source=web/b.jsonl":           {`{"text":"a","n":1}`, `{"n":1,"lang":"en"}`, "web"},
		"lang=en/source=web/c.jsonl":           {`{"text":"a","lang":"de","source":"own"}`, `{"lang":"de"}`, "own"},
		"date=2024%2F01/q=%22x%22/d.jsonl":     {`{"text":"a"}`, `{"date":"2024/01","q":"\"x\""}`, ""},
		"k=__HIVE_DEFAULT_PARTITION__/e.jsonl": {`{"text":"a"}`, ``, ""},
		"k=1/k=2/=3/x=/f.jsonl":                {`{"text":"a"}`, `{"k":"2","x":""}`, ""},
		"text=1/id=2/g.jsonl":                  {`{"text":"a"}`, ``, ""},
		"lang=en/h.txt":                        {"a", `{"lang":"en"}`, "lang=en"},
		"lang=en/i.warc":                       {warcRecord("conversion", "text/plain", "a"), "", ""},
		"url=other/lang=en/j.parquet":          {string(columns), "", "a"},
	} {
		docs, _, err := readAll(t, Options{Inputs: Paths(put(path, c.content))})
		if err != nil || len(docs) == 0 {
			t.Errorf("%s: %d documents, %v", path, len(docs), err)
			continue
		}
		d := docs[0]
		if c.fields == "" && filepath.Ext(path) != ".jsonl" { // with fields of its own
			var got map[string]any
			if err := json.Unmarshal(d.Fields, &got); err != nil || got["lang"] != "en" || got["url"] == "other" {
				t.Errorf("%s: %s, %v", path, d.Fields, err)
			}
		} else if string(d.Fields) != c.fields {
			t.Errorf("%s: fields %s, want %s", path, d.Fields, c.fields)
		}
		if d.Source != c.source {
			t.Errorf("%s: source %q, want %q", path, d.Source, c.source)
		}
		if docs, _, _ = readAll(t, Options{Inputs: Paths(filepath.Join(root, path)), Fields: "drop"}); docs[0].Fields != nil {
			t.Errorf("%s: %s, which are to be dropped", path, docs[0].Fields)
		}
	}
}

// FuzzPartitions gives any path: the fields are an object with what it says.
func FuzzPartitions(f *testing.F) {
	for _, s := range []string{"a=b/c", "/x/a=%41/b=%zz/c", "a==b/\"=\"/c", "s3://b/a=b/c?x=y/z", "=/=", "a=\xff/b"} {
		f.Add(s, `{"a":1}`)
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, path, fields string) {
		if fields != "" && (!json.Valid([]byte(fields)) || fields[0] != '{' || fields[len(fields)-1] != '}' || strings.TrimSpace(fields[1:len(fields)-1]) == "") {
			return
		}
		r := &reader{o: Options{TextField: "text", IDField: "id", SourceField: "source"}, partitions: partitions(path)}
		d := Document{Fields: []byte(fields)}
		r.addPartitions(&d)
		if len(d.Fields) > 0 && (!json.Valid(d.Fields) || utf8.ValidString(fields) && !utf8.Valid(d.Fields)) {
			t.Fatalf("%q: %s", path, d.Fields)
		}
	})
}
