package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dolma writes files below a new folder, and returns it.
func dolma(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func dolmaFiles(t *testing.T) map[string]string {
	documents, quality, language := "", "", ""
	for i := range 3 {
		documents += fmt.Sprintf(`{"id":"d%d","text":"text %d","added":%d}`+"\n", i, i, i)
		quality += fmt.Sprintf(`{"id":"d%d","attributes":{"q__good":[[0,6,0.%d]]}}`+"\n", i, i)
		language += fmt.Sprintf(`{"attributes": {},"id":"d%d"}`+"\n", i)
	}
	documents = strings.Replace(documents, `"text":"text 1"`, `"no":"text"`, 1)
	return map[string]string{
		"v1/documents/a/x.jsonl.gz": gzipped(t, documents), "v1/documents/y.jsonl": `{"id":"e","text":"alone"}`,
		"v1/attributes/quality/a/x.jsonl.gz": gzipped(t, quality), "v1/attributes/quality/y.jsonl": `{"id":"e","attributes":{"q__good":[]}}` + "\n",
		"v1/attributes/language/a/x.jsonl.gz": language, "v1/attributes/language/y.jsonl": `{"id":"e","attributes":{"l__en":1}}`,
	}
}

// What taggers found joins the fields, line by line, however files are packed.
func TestAttributes(t *testing.T) {
	dir := dolma(t, dolmaFiles(t))
	for _, most := range []int64{1, 1 << 20} {
		o := Options{Inputs: Paths(dir), Attributes: []string{"quality", "language"}, ShardBytes: most}
		docs, bad, err := readAll(t, o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range docs {
			got = append(got, d.ID+" "+string(d.Fields))
		}
		want := `d0 {"added":0,"attributes":{"q__good":[[0,6,0.0]]}}` + "\n" + `d2 {"added":2,"attributes":{"q__good":[[0,6,0.2]]}}` + "\n" +
			`e {"attributes":{"q__good":[],"l__en":1}}`
		if strings.Join(got, "\n") != want || bad.Reasons[MissingText] != 1 {
			t.Errorf("%s\n%+v", strings.Join(got, "\n"), bad)
		}
		_, files, err := Split(t.Context(), o)
		if err != nil || len(files) != 6 || files[2].Bytes == 0 || files[2].Format != "attributes" {
			t.Errorf("%+v, %v", files, err)
		}
	}
	docs, _, err := readAll(t, Options{Inputs: Paths(dir)})
	if err != nil || len(docs) != 3 || docs[2].Fields != nil {
		t.Errorf("without attributes: %v, %v", docs, err)
	}
}

func TestAttributesThatDoNotFit(t *testing.T) {
	for want, change := range map[string]func(files map[string]string){
		"has the id \"f\"":        func(f map[string]string) { f["v1/attributes/quality/y.jsonl"] = `{"id":"f","attributes":{}}` },
		"line 1, the attributes":  func(f map[string]string) { f["v1/attributes/quality/y.jsonl"] = "" },
		"more lines than the 1":   func(f map[string]string) { f["v1/attributes/quality/y.jsonl"] += `{"id":"g","attributes":{}}` },
		"has no object":           func(f map[string]string) { f["v1/attributes/quality/y.jsonl"] = `{"id":"e"}` },
		"invalid_json":            func(f map[string]string) { f["v1/attributes/quality/y.jsonl"] = `{"id":"e"` },
		"no such file":            func(f map[string]string) { delete(f, "v1/attributes/quality/y.jsonl") },
		"below a folder document": func(f map[string]string) { f["v1/y.jsonl"] = f["v1/documents/y.jsonl"] },
		"field \"attributes\" already": func(f map[string]string) {
			f["v1/documents/y.jsonl"] = `{"id":"e","text":"alone","attributes":{"old":1}}`
		},
	} {
		files := dolmaFiles(t)
		change(files)
		_, _, err := readAll(t, Options{Inputs: Paths(dolma(t, files)), Attributes: []string{"quality"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
