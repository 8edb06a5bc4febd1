package climb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/task"
)

// FuzzVerify: any manifest of a dataset is refused, or what it names is compared,
// and nothing outside the folder is.
func FuzzVerify(f *testing.F) {
	for _, s := range []string{
		`{"kind":"dataset","shards":[{"name":"a.jsonl.zst","bytes":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}],"card":{"name":"README.md","bytes":1}}`,
		`{"shards":[{"name":"../a","bytes":3}]}`, `{"kind":"weights"}`, `{"shards":[{"name":"","bytes":-1},{"name":"."}]}`, `[]`, `{`,
	} {
		f.Add([]byte(s))
		f.Add(task.Seal([]byte(s)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := filepath.Join(t.TempDir(), "set")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"manifest.json": data, "a.jsonl.zst": []byte("abc"), "README.md": []byte("#"), "../outside": []byte("x")} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		v, err := Verify(t.Context(), dir, nil)
		if err != nil {
			if !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		for _, d := range v.Damaged {
			if rest, err := filepath.Rel(dir, d.Path); err != nil || !filepath.IsLocal(rest) {
				t.Fatalf("%s is compared", d.Path)
			}
		}
	})
}
