// Package demo makes a small real corpus out of what every Go installation
// carries: several clearly different kinds of text (program code, tests,
// assembly, prose from comments, manuals, books, licences, API lists,
// scripts, tables of digits and checksums), cut into documents with a source tag, and
// held-out prose as the target. Nothing is downloaded.
package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"hash/fnv"
	"html"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Document is one line of the corpus.
type Document struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Source string `json:"source"`
}

// A Corpus is where the demo's files are.
type Corpus struct {
	Inputs     string // folder with one JSONL file per source
	Validation string // held-out prose for the search, {"id","text"} lines
	Test       string // held-out prose for the final report, written last
}

// At names the files of a corpus in dir.
func At(dir string) Corpus {
	return Corpus{filepath.Join(dir, "corpus"), filepath.Join(dir, "prose.validation.jsonl"), filepath.Join(dir, "prose.test.jsonl")}
}

// Complete tells whether Write has been through.
func (c Corpus) Complete() bool {
	_, err := os.Stat(c.Test)
	return err == nil
}

// limits are the bytes of text taken from each source: enough for each to be
// worth clustering, with program text in the majority, as in an unfiltered
// crawl of code.
var limits = map[string]int{
	"code": 7 << 20, "tests": 5 << 20, "assembly": 3 << 20, "comments": 7 << 20,
	"manuals": 2 << 20, "books": 2 << 20, "licences": 1 << 20, "api": 2 << 20,
	"scripts": 2 << 20, "tables": 2 << 20,
}

const (
	maxDocument = 6000 // bytes; longer texts are cut at line ends
	minDocument = 200
	heldOut     = 40 // one prose document in so many is held out
)

// GOROOT finds the Go installation: $GOROOT, or what the go command says.
func GOROOT() (string, error) {
	if root := os.Getenv("GOROOT"); root != "" {
		return root, nil
	}
	out, err := exec.Command("go", "env", "GOROOT").Output()
	root := strings.TrimSpace(string(out))
	if err != nil || root == "" {
		return "", fmt.Errorf("find the Go installation: %w; set GOROOT, or put go on the PATH", errors.Join(err, errors.New("no GOROOT")))
	}
	return root, nil
}

// Write makes the corpus from the Go installation at root. The same
// installation gives the same bytes.
func Write(root string, c Corpus) error {
	by, err := collect(root)
	if err != nil {
		return err
	}
	if len(by["code"]) == 0 {
		return fmt.Errorf("make the demo corpus: no Go sources under %s; is this a complete Go installation?", root)
	}
	if err := os.MkdirAll(c.Inputs, 0o777); err != nil {
		return err
	}
	var validation, test []Document
	for _, source := range slices.Sorted(maps.Keys(limits)) {
		docs := take(by[source], limits[source])
		if source == "manuals" || source == "comments" {
			docs, validation, test = holdOut(docs, validation, test)
		}
		if err := writeJSONL(filepath.Join(c.Inputs, source+".jsonl"), docs); err != nil {
			return err
		}
	}
	if err := writeJSONL(c.Validation, validation); err != nil {
		return err
	}
	return writeJSONL(c.Test, test)
}

// take shuffles with a fixed seed and keeps documents up to limit bytes.
func take(docs []Document, limit int) []Document {
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	n := 0
	for i, d := range docs {
		if n += len(d.Text); n > limit {
			return docs[:i]
		}
	}
	return docs
}

// holdOut moves one document in heldOut to the validation and one to the test set.
func holdOut(docs, validation, test []Document) (kept, v, t []Document) {
	for _, d := range docs {
		h := fnv.New64a()
		h.Write([]byte(d.Text))
		switch h.Sum64() % heldOut {
		case 0:
			validation = append(validation, d)
		case 1:
			test = append(test, d)
		default:
			kept = append(kept, d)
		}
	}
	return kept, validation, test
}

func writeJSONL(path string, docs []Document) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, d := range docs {
		if err := enc.Encode(d); err != nil {
			return err
		}
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, b.Bytes(), 0o666); err != nil {
		return fmt.Errorf("make the demo corpus: %w", err)
	}
	return os.Rename(tmp, path)
}

func collect(root string) (map[string][]Document, error) {
	by := map[string][]Document{}
	add := func(source, id, text string) {
		for i, part := range cut(text) {
			by[source] = append(by[source], Document{fmt.Sprintf("%s/%s#%d", source, id, i), part, source})
		}
	}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			if rel == "pkg" || rel == "bin" || strings.HasPrefix(e.Name(), ".git") {
				return filepath.SkipDir
			}
			return nil
		}
		source := classify(rel)
		if source == "" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("make the demo corpus: %w", err)
		}
		if !utf8.Valid(data) {
			return nil
		}
		text := string(data)
		switch {
		case strings.HasSuffix(rel, ".html"):
			text = stripTags(text)
		case source == "code" || source == "tests":
			code, prose := split(data)
			if source == "code" {
				add("comments", rel, prose)
			}
			text = code
		}
		add(source, rel, text)
		return nil
	})
	return by, err
}

// classify names the source of a file by its place, "" for files to leave out.
func classify(rel string) string {
	ext := filepath.Ext(rel)
	base := filepath.Base(rel)
	inTestdata := strings.Contains(rel, "testdata/")
	switch {
	case base == "LICENSE" || base == "PATENTS" || strings.HasPrefix(base, "LICENSE."):
		return "licences"
	case strings.HasPrefix(rel, "api/") && ext == ".txt":
		return "api"
	case strings.Contains(base, "Newton") || strings.Contains(base, "Twain") || base == "gettysburg.txt":
		return "books"
	case strings.Contains(rel, "testdata/script/") && ext == ".txt":
		return "scripts"
	case ext == ".md" || ext == ".html":
		return "manuals"
	case ext == ".s":
		return "assembly"
	case inTestdata && (ext == ".txt" || ext == ".base64" || ext == ".json" || ext == ".golden" || ext == ".csv"):
		return "tables"
	case base == "tables.go" || strings.HasPrefix(base, "tables1"):
		return "tables"
	case strings.HasSuffix(base, "_test.go") || strings.HasPrefix(rel, "test/") && ext == ".go":
		return "tests"
	case ext == ".go" && !inTestdata && !strings.HasPrefix(base, "z") && !strings.Contains(base, "rewrite") && base != "opGen.go":
		return "code"
	}
	return ""
}

// split parts a Go file into its code without comments and its prose: the
// text of comments of at least three lines, less directives.
func split(src []byte) (code, prose string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return string(src), ""
	}
	var c, p strings.Builder
	at := 0
	for i, group := range f.Comments {
		lo, hi := fset.Position(group.Pos()).Offset, fset.Position(group.End()).Offset
		c.Write(src[at:lo])
		at = hi
		text := strings.TrimSpace(group.Text())
		if i > 0 && strings.Count(text, "\n") >= 2 && !strings.HasPrefix(text, "Copyright") {
			p.WriteString(text)
			p.WriteString("\n\n")
		}
	}
	c.Write(src[at:])
	return c.String(), p.String()
}

// stripTags keeps the text between tags, with entities decoded.
func stripTags(s string) string {
	var b strings.Builder
	for s != "" {
		lt := strings.IndexByte(s, '<')
		if lt < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:lt])
		gt := strings.IndexByte(s[lt:], '>')
		if gt < 0 {
			break
		}
		s = s[lt+gt+1:]
	}
	return html.UnescapeString(b.String())
}

// cut parts a text at blank lines, or at line ends where a paragraph is long,
// into documents of minDocument to about maxDocument bytes.
func cut(text string) []string {
	var docs []string
	var b strings.Builder
	blank := 0
	flush := func() {
		if t := strings.TrimSpace(b.String()); len(t) >= minDocument {
			docs = append(docs, t)
		}
		b.Reset()
	}
	for line := range strings.Lines(text) {
		for len(line) > maxDocument {
			flush()
			b.WriteString(strings.ToValidUTF8(line[:maxDocument], ""))
			line = line[maxDocument:]
			flush()
		}
		if b.Len()+len(line) > maxDocument {
			flush()
		}
		if strings.TrimSpace(line) == "" {
			if blank++; blank > 1 {
				continue
			}
			if b.Len() > maxDocument/2 {
				flush()
			}
		} else {
			blank = 0
		}
		b.WriteString(line)
	}
	flush()
	return docs
}
