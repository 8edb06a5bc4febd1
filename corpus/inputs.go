package corpus

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/option"
)

// A FileInfo is one input file.
type FileInfo struct {
	Path        string    `json:"path"`
	Bytes       int64     `json:"bytes"` // as stored
	ModTime     time.Time `json:"mod_time"`
	Format      string    `json:"format"`                // "jsonl", "text"
	Compression string    `json:"compression,omitempty"` // "", "gzip", "zstd"
}

// A Listing is what Options.Inputs name.
type Listing struct {
	Files   []FileInfo     // sorted by path, each once
	Skipped map[string]int // of folders: "hidden" files and folders (.name), "special" files, "other" than JSONL beside JSONL; and "empty" files
}

// List finds the input files. It opens each one to look at its first bytes.
func List(o Options) (*Listing, error) {
	option.Fill(&o)
	if err := option.Check("corpus", o); err != nil {
		return nil, err
	}
	if len(o.Inputs) == 0 {
		return nil, fmt.Errorf("corpus.inputs is empty: name the files, folders or globs to read")
	}
	l := &lister{o: o, out: &Listing{Skipped: map[string]int{}}, seen: map[string]bool{}}
	for i, input := range o.Inputs {
		if err := l.input(input, true); err != nil {
			return nil, fmt.Errorf("corpus.inputs[%d]: %w", i, err)
		}
	}
	if len(l.out.Files) == 0 {
		return nil, fmt.Errorf("corpus.inputs name no file with content: %s (skipped: %v)", strings.Join(o.Inputs, ", "), l.out.Skipped)
	}
	slices.SortFunc(l.out.Files, func(a, b FileInfo) int { return strings.Compare(a.Path, b.Path) })
	return l.out, nil
}

const sniffBytes = 4 << 10 // of the decompressed text, to tell the format

type lister struct {
	o    Options
	out  *Listing
	seen map[string]bool // paths
}

// input adds what one entry of Inputs, or one line of a list, names.
func (l *lister) input(name string, lists bool) error {
	_, err := os.Stat(name)
	list, isList := strings.CutPrefix(name, "@")
	switch {
	case err == nil:
		return l.add(name)
	case isList && lists:
		return l.list(list)
	case !strings.ContainsAny(name, "*?["):
		return err
	}
	paths, err := glob(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(paths) == 0 {
		wd, _ := os.Getwd()
		return fmt.Errorf("no file matches %s (seen from %s)", name, wd)
	}
	for _, p := range paths {
		if err := l.add(p); err != nil {
			return err
		}
	}
	return nil
}

// list adds the inputs that a file names, one a line; blank lines and lines
// that begin with # say nothing.
func (l *lister) list(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := l.input(line, false); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}

// add adds a file, or those of a folder.
func (l *lister) add(name string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	paths, folder := []string{name}, st.IsDir()
	if folder {
		if paths, err = l.walk(name, nil, nil); err != nil {
			return err
		}
	}
	var files []FileInfo
	jsonl := false
	for _, p := range paths {
		if p = filepath.Clean(p); l.seen[p] {
			continue
		}
		l.seen[p] = true
		f, err := l.stat(p)
		if err != nil {
			return err
		}
		if f.Bytes == 0 {
			l.out.Skipped["empty"]++
			continue
		}
		jsonl = jsonl || f.Format == "jsonl"
		files = append(files, f)
	}
	for _, f := range files {
		if folder && jsonl && f.Format != "jsonl" { // a README, a licence
			l.out.Skipped["other"]++
			continue
		}
		l.out.Files = append(l.out.Files, f)
	}
	return nil
}

// walk appends the files under dir to paths. Links to folders are followed,
// except to one of the folders the walk is in, above.
func (l *lister) walk(dir string, paths []string, above []fs.FileInfo) ([]string, error) {
	here, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(above, func(up fs.FileInfo) bool { return os.SameFile(up, here) }) {
		return paths, nil
	}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, mode := filepath.Join(dir, e.Name()), e.Type()
		if strings.HasPrefix(e.Name(), ".") {
			l.out.Skipped["hidden"]++
			continue
		}
		if mode&fs.ModeSymlink != 0 {
			st, err := os.Stat(name)
			if err != nil {
				return nil, err
			}
			mode = st.Mode()
		}
		switch {
		case mode.IsDir():
			if paths, err = l.walk(name, paths, append(above, here)); err != nil {
				return nil, err
			}
		case mode.IsRegular():
			paths = append(paths, name)
		default:
			l.out.Skipped["special"]++
		}
	}
	return paths, nil
}

// stat describes a file by its first bytes and its name.
func (l *lister) stat(name string) (FileInfo, error) {
	st, err := os.Stat(name)
	if err != nil {
		return FileInfo{}, err
	}
	if !st.Mode().IsRegular() {
		return FileInfo{}, fmt.Errorf("%s is not a regular file: copy its content into one", name)
	}
	f := FileInfo{Path: name, Bytes: st.Size(), ModTime: st.ModTime().UTC(), Format: l.o.Format}
	if f.Bytes == 0 {
		return f, nil
	}
	src, err := openRange(name, "auto", 0, -1)
	if err != nil {
		return f, err
	}
	defer src.Close()
	f.Compression = src.compression
	if l.o.Format != "auto" {
		return f, nil
	}
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(src, head)
	switch {
	case n == 0 && err != io.EOF: // Read will meet the damage and account for it
		f.Format = "jsonl"
		return f, nil
	case err != nil && err != io.EOF && damage(err) == "":
		return f, fmt.Errorf("%s: %w", name, err)
	}
	if f.Format, err = guess(name, head[:n]); err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// guess tells the format of a file: by its name if that ends in .jsonl,
// .ndjson or .json, otherwise by whether its first line begins, or is, a JSON
// object.
func guess(name string, head []byte) (string, error) {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	head = head[skipSpace(head, 0):]
	name = strings.ToLower(name)
	for _, ext := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, ext)
	}
	switch path.Ext(name) {
	case ".jsonl", ".ndjson", ".json":
		if len(head) > 0 && head[0] == '[' {
			return "", fmt.Errorf("holds a JSON array, not one object a line: convert it with jq -c '.[]'")
		}
		return "jsonl", nil
	}
	if len(head) == 0 || head[0] != '{' {
		return "text", nil
	}
	line, _, whole := bytes.Cut(head, []byte("\n"))
	if whole || len(head) < sniffBytes/2 { // then it is all of a small file
		if reason, _ := newRecord(Options{}).parse(line); reason == "" {
			return "jsonl", nil
		}
	} else if i := skipSpace(head, 1); i < len(head) && head[i] == '"' {
		return "jsonl", nil
	}
	return "text", nil
}

// glob is filepath.Glob with ** for any number of folders. Like the shell it
// leaves out hidden files unless the pattern names them.
func glob(pattern string) ([]string, error) {
	parts := strings.Split(filepath.ToSlash(filepath.Clean(pattern)), "/")
	i := slices.Index(parts, "**")
	if i < 0 {
		paths, err := filepath.Glob(pattern)
		if strings.HasPrefix(parts[len(parts)-1], ".") {
			return paths, err
		}
		return slices.DeleteFunc(paths, func(p string) bool { return strings.HasPrefix(filepath.Base(p), ".") }), err
	}
	top := strings.Join(parts[:i], "/")
	switch {
	case i == 0:
		top = "."
	case top == "":
		top = "/"
	}
	roots, err := filepath.Glob(filepath.FromSlash(top))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if p != root && strings.HasPrefix(d.Name(), ".") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			rel, err := filepath.Rel(root, p)
			if err == nil && !d.IsDir() && match(parts[i:], strings.Split(filepath.ToSlash(rel), "/")) {
				paths = append(paths, p)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// match matches path elements with patterns, of which ** is any number.
func match(pattern, elems []string) bool {
	if len(pattern) == 0 || len(elems) == 0 {
		return len(pattern) == len(elems) || len(elems) == 0 && pattern[0] == "**" && match(pattern[1:], nil)
	}
	if pattern[0] == "**" {
		return match(pattern[1:], elems) || match(pattern, elems[1:])
	}
	ok, err := path.Match(pattern[0], elems[0])
	return err == nil && ok && match(pattern[1:], elems[1:])
}
