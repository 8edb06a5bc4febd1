package corpus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/option"
)

// A FileInfo is one input file.
type FileInfo struct {
	Path        string    `json:"path"`
	Bytes       int64     `json:"bytes"` // as stored
	ModTime     time.Time `json:"mod_time"`
	ETag        string    `json:"etag,omitempty"`        // of an object in a bucket
	Format      string    `json:"format"`                // one of those of Options.Format
	Compression string    `json:"compression,omitempty"` // "", "gzip", "zstd"
	TextField   string    `json:"text_field,omitempty"`  // as of its shards
	Source      string    `json:"source,omitempty"`      // likewise
	Attributes  []string  `json:"attributes,omitempty"`  // files of what dolma's taggers found, see Options.Attributes
}

// readLike says whether one shard may hold both files.
func (f FileInfo) readLike(g FileInfo) bool {
	return f.Format == g.Format && f.TextField == g.TextField && f.Source == g.Source
}

// A Listing is what Options.Inputs name.
type Listing struct {
	Files      []FileInfo                // sorted by path, each once
	Attributes []FileInfo                // files of attributes of those
	Skipped    map[string]int            // of folders: "hidden" files and folders (.name), "special" files, "broken" links, "attributes" of documents beside them, "index" files of Megatron, texts ("other") among files of documents; and "empty" files; kinds that are not read ("binary", "foreign"), and files without a field of text ("no_text")
	Kinds      map[string]map[string]int // of each reason, the extensions, or names of files without one
}

// skippedWords tell what the reasons of Listing.Skipped mean.
var skippedWords = map[string]string{
	"attributes": "attributes of documents", "empty": "empty", "hidden": "hidden", "index": "indexes of Megatron files",
	"other": "texts among files of documents (name them in corpus.inputs, or write all: true)", "special": "no regular files", "broken": "links to nothing",
	"binary": "not text", "foreign": "of kinds that are not read", "no_text": "without a field of text",
}

// SkippedText counts in words what was left out; "" is nothing.
func (l *Listing) SkippedText() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(l.Skipped)) {
		parts = append(parts, fmt.Sprintf("%d %s%s", l.Skipped[reason], skippedWords[reason], l.kindsText(reason)))
	}
	return strings.Join(parts, ", ")
}

// mostKinds bounds the extensions that are named for a reason.
const mostKinds = 8

// kindsText counts the extensions of what was left out for a reason, most first.
func (l *Listing) kindsText(reason string) string {
	kinds := l.Kinds[reason]
	names := slices.Collect(maps.Keys(kinds))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a, b)) })
	var parts []string
	rest := 0
	for i, name := range names {
		if i < mostKinds {
			parts = append(parts, fmt.Sprintf("%d %s", kinds[name], excerpt([]byte(name))))
		} else {
			rest += kinds[name]
		}
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%d others", rest))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// leave counts a file or folder that is left out.
func (l *Listing) leave(reason, name string) {
	kind := extension(name)
	if kind == "" || reason == "hidden" {
		kind = path.Base(filepath.ToSlash(name))
	}
	if l.Kinds[reason] == nil {
		l.Kinds[reason] = map[string]int{}
	}
	l.Kinds[reason][kind]++
	l.Skipped[reason]++
}

// List finds the input files. It opens each one to look at its first bytes.
func List(ctx context.Context, o Options) (*Listing, error) {
	option.Fill(&o)
	if err := option.Check("corpus", o); err != nil {
		return nil, err
	}
	if len(o.Inputs) == 0 {
		return nil, fmt.Errorf("corpus.inputs is empty: name the files, folders or globs to read")
	}
	l := &lister{ctx: ctx, o: o, out: &Listing{Skipped: map[string]int{}, Kinds: map[string]map[string]int{}}, seen: map[string]bool{}}
	for i, input := range o.Inputs {
		l.as = input
		if err := l.input(input.Path, true); err != nil {
			return nil, fmt.Errorf("corpus.inputs[%d]: %w", i, err)
		}
	}
	if len(l.out.Files) == 0 {
		var paths []string
		for _, in := range o.Inputs {
			paths = append(paths, in.Path)
		}
		text := strings.Join(paths, ", ")
		if skipped := l.out.SkippedText(); skipped != "" {
			text += "; left out: " + skipped
		}
		return nil, fmt.Errorf("corpus.inputs name no file with content: %s", text)
	}
	slices.SortFunc(l.out.Files, func(a, b FileInfo) int { return strings.Compare(a.Path, b.Path) })
	if len(o.Attributes) > 0 {
		if err := l.out.findAttributes(ctx, o.Attributes); err != nil {
			return nil, err
		}
	}
	return l.out, nil
}

// sniffers is how many files are looked at side by side.
const sniffers = 32

type lister struct {
	ctx  context.Context
	o    Options
	out  *Listing
	as   Input           // the present one
	seen map[string]bool // paths
}

// input adds what one entry of Inputs, or one line of a list, names.
func (l *lister) input(name string, lists bool) error {
	list, isList := strings.CutPrefix(name, "@")
	if err := Refuse(name); err != nil {
		return err
	}
	if blob.IsURL(name) {
		return l.remote(name)
	}
	_, err := os.Stat(name)
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
	data, err := blob.ReadAll(l.ctx, name)
	if err != nil {
		return err
	}
	var single []string
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		// Lists can be long: plain files in them are looked at together.
		if st, err := os.Stat(line); err == nil && st.Mode().IsRegular() {
			single = append(single, line)
		} else if err := l.input(line, false); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return l.files(single, false)
}

// remote adds an object, those below a URL, or those that match a pattern.
func (l *lister) remote(name string) error {
	bucket, key, query := blob.Split(name)
	if info, err := blob.Stat(l.ctx, name); err == nil && !strings.HasSuffix(key, "/") {
		return l.files([]string{info.Path}, false)
	} else if !errors.Is(err, fs.ErrNotExist) && err != nil && key != "" {
		return err
	}
	pattern, prefix := strings.Split(key, "/"), key
	isPattern := strings.ContainsAny(key, "*?[")
	switch {
	case isPattern:
		prefix = key[:strings.IndexAny(key, "*?[")]
	case key != "" && !strings.HasSuffix(key, "/"):
		prefix += "/"
	}
	var paths []string
	for info, err := range blob.List(l.ctx, bucket+"/"+prefix+query) {
		if err != nil {
			return err
		}
		_, key, _ := blob.Split(info.Path)
		switch {
		case isPattern && !match(pattern, strings.Split(key, "/")):
		case hidden(strings.TrimPrefix(key, prefix)):
			l.out.leave("hidden", key)
		default:
			paths = append(paths, info.Path)
		}
	}
	if len(paths) == 0 {
		return fmt.Errorf("there is no object %s, and none below it: check the name", name)
	}
	return l.files(paths, !isPattern)
}

// hidden says whether an element of a key begins with a dot.
func hidden(key string) bool { return strings.HasPrefix(key, ".") || strings.Contains(key, "/.") }

// add adds a file, or those of a folder.
func (l *lister) add(name string) error {
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case st.Mode().IsRegular():
		return l.files([]string{name}, false)
	case !st.IsDir():
		return fmt.Errorf("%s is not a regular file: copy its content into one", name)
	}
	paths, err := l.walk(name, nil, nil)
	if err != nil {
		return err
	}
	return l.files(paths, true)
}

// files adds files by their paths. Among those of a folder that holds files of
// documents the texts, such as a README or a licence, are left out, and so are
// the attributes beside dolma's documents.
func (l *lister) files(paths []string, folder bool) error {
	paths = slices.DeleteFunc(paths, func(p string) bool {
		seen := l.seen[filepath.Clean(p)]
		l.seen[filepath.Clean(p)] = true
		return seen
	})
	if folder && slices.ContainsFunc(paths, func(p string) bool { return strings.Contains(filepath.ToSlash(p), "/documents/") }) {
		paths = l.skip(paths, "attributes", func(p string) bool { return strings.Contains(filepath.ToSlash(p), "/attributes/") })
	}
	found, err := l.describe(paths, folder)
	if err != nil {
		return err
	}
	earlier := []string{formatJSONL, formatParquet, formatWARC, formatMegatron}
	isDocs := func(f FileInfo) bool {
		return f.Bytes > 0 && (slices.Contains(earlier, f.Format) || l.as.All && (f.Format == formatCSV || f.Format == formatTar))
	}
	some := folder && slices.ContainsFunc(found, isDocs)
	for _, f := range found {
		reason := ""
		switch {
		case f.Format == formatIndex:
			reason = "index"
		case f.Bytes == 0:
			reason = "empty"
		case some && !isDocs(f) && slices.Contains(beside, f.Format) && (!l.as.All || f.Format == formatText && accompanies(f.Path)):
			reason = "other"
		case !slices.Contains(kinds, f.Format):
			reason = f.Format
		}
		if reason != "" {
			l.out.leave(reason, f.Path)
		} else {
			l.out.Files = append(l.out.Files, f)
		}
	}
	return nil
}

// beside are the formats that are left out of a folder that holds files of documents.
var beside = []string{formatText, formatHTML, formatCSV, formatTar}

// kinds are the formats that are read.
var kinds = append([]string{formatJSONL, formatParquet, formatWARC, formatMegatron}, beside...)

// accompanies says whether a text is by its name one that is put beside data.
func accompanies(name string) bool {
	stem, _, _ := strings.Cut(strings.ToLower(path.Base(filepath.ToSlash(name))), ".")
	return slices.Contains([]string{"readme", "license", "licence", "copying", "notice", "citation", "changelog", "contributing", "authors"}, stem)
}

// describe looks at files side by side. Those of a folder that are not read have the
// reason in the place of their format.
func (l *lister) describe(paths []string, folder bool) ([]FileInfo, error) {
	found := make([]FileInfo, len(paths))
	g, ctx := errgroup.WithContext(l.ctx)
	g.SetLimit(sniffers)
	for i, p := range paths {
		g.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !blob.IsURL(p) {
				p = filepath.Clean(p)
			}
			found[i], err = l.look(ctx, p, folder)
			return err
		})
	}
	return found, g.Wait()
}

// look describes a file, and how it is read as part of the present input.
func (l *lister) look(ctx context.Context, name string, folder bool) (FileInfo, error) {
	f, err := l.stat(ctx, name)
	var foreign *foreignError
	switch {
	case folder && errors.As(err, &foreign):
		return FileInfo{Path: name, Bytes: 1, Format: "foreign"}, nil
	case err != nil:
		return f, err
	case f.Format == formatBinary && !folder:
		f.Format = formatText // whose reader says so
	}
	f.Source = l.as.Source
	field := cmp.Or(l.as.TextField, l.o.TextField)
	hasFields := slices.Contains([]string{formatJSONL, formatParquet, formatCSV, formatTar}, f.Format)
	if f.Bytes > 0 && hasFields && (field == AutoField || f.Format == formatCSV && folder) {
		auto := field == AutoField
		if auto {
			if field, err = findField(ctx, f); err != nil {
				return f, err
			}
		}
		switch {
		case auto && field != "", !auto && hasColumn(ctx, f, field):
		case folder:
			f.Format = "no_text"
			return f, nil
		default:
			return f, fmt.Errorf("%s: %w: set text_field to the one that holds it", name, errNoText)
		}
	}
	if hasFields && field != l.o.TextField {
		f.TextField = field
	}
	return f, nil
}

// skip leaves out the paths for which drop is true, and counts them.
func (l *lister) skip(paths []string, reason string, drop func(string) bool) []string {
	return slices.DeleteFunc(paths, func(p string) bool {
		if !drop(p) {
			return false
		}
		l.out.leave(reason, p)
		return true
	})
}

// walk appends the files under dir to paths. Links to folders are followed,
// except to one of the folders the walk is in, above.
func (l *lister) walk(dir string, paths []string, above []fs.FileInfo) ([]string, error) {
	here, err := os.Stat(dir)
	if err = errors.Join(err, l.ctx.Err()); err != nil {
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
			l.out.leave("hidden", name)
			continue
		}
		if mode&fs.ModeSymlink != 0 {
			st, err := os.Stat(name)
			if errors.Is(err, fs.ErrNotExist) {
				l.out.leave("broken", name)
				continue
			} else if err != nil {
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
			l.out.leave("special", name)
		}
	}
	return paths, nil
}
