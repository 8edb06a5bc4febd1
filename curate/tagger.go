package curate

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/climb-go/climb/corpus"
)

// A tagger finds the labels of documents.
type tagger struct {
	axes  []func(corpus.Document) string
	joint bool
}

// newTagger names the files of the shards: their labels depend on one another.
func newTagger(o *tagsOptions, shards []corpus.Shard) *tagger {
	if len(o.Axes) == 0 {
		return &tagger{axes: []func(corpus.Document) string{o.TagConfig.of}}
	}
	t := &tagger{joint: true}
	var files, folders map[string]string
	for _, name := range o.Axes {
		kind, field, _ := strings.Cut(name, ":")
		if files == nil && (kind == "file" || kind == "folder") {
			files, folders = placeLabels(shardFiles(shards))
		}
		switch kind {
		case "label":
			t.axes = append(t.axes, o.TagConfig.of)
		case "file":
			t.axes = append(t.axes, func(d corpus.Document) string { return files[d.Path] })
		case "folder":
			t.axes = append(t.axes, func(d corpus.Document) string { return folders[d.Path] })
		case "source":
			field = kind
			fallthrough
		case "field":
			t.axes = append(t.axes, func(d corpus.Document) string { return fieldOf(d, field) })
		}
	}
	return t
}

// of is the label of a document, or its labels with tagSeparator between them.
func (t *tagger) of(d corpus.Document) string {
	if !t.joint {
		return t.axes[0](d)
	}
	labels := make([]string, len(t.axes))
	for i, of := range t.axes {
		labels[i] = cleanLabel(of(d))
	}
	return strings.Join(labels, tagSeparator)
}

// other is the label of a document past the most that a shard tells apart.
func (t *tagger) other() string {
	return strings.Join(slices.Repeat([]string{otherTag}, len(t.axes)), tagSeparator)
}

// labelBytes bounds a label.
const labelBytes = 80

// cleanLabel is a label that can stand in a line; control characters become _.
func cleanLabel(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}, s))
	if s == "" {
		return noTag
	}
	return CutRunes(s, labelBytes)
}

// shardFiles are the files that documents come from, each once.
func shardFiles(shards []corpus.Shard) []string {
	var out []string
	for _, s := range shards {
		if len(s.Files) == 0 {
			out = append(out, s.Path)
		}
		out = append(out, s.Files...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// placeLabels names files and the folders that they are in, as they are seen from the
// deepest folder that holds them all. A file loses the endings that tell its format,
// where no other file has the same name then; files in that folder itself have its
// own name for their folder.
func placeLabels(paths []string) (files, folders map[string]string) {
	root := commonFolder(paths)
	files, folders = make(map[string]string, len(paths)), make(map[string]string, len(paths))
	short, top := map[string]int{}, path.Base(root)
	for _, p := range paths {
		short[bareName(below(root, p))]++
	}
	for _, p := range paths {
		full := below(root, p)
		if files[p] = bareName(full); short[files[p]] > 1 {
			files[p] = full
		}
		if folders[p] = path.Dir(full); folders[p] == "." {
			folders[p] = top
		}
	}
	for _, of := range []map[string]string{files, folders} {
		unlike(of)
	}
	return files, folders
}

func commonFolder(paths []string) string {
	var common []string
	for i, p := range paths {
		parts := strings.Split(filepath.ToSlash(p), "/")
		parts = parts[:len(parts)-1]
		if i == 0 {
			common = parts
		}
		n := 0
		for n < min(len(common), len(parts)) && common[n] == parts[n] {
			n++
		}
		common = common[:n]
	}
	return strings.Join(common, "/")
}

func below(root, p string) string {
	return strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(p), root), "/")
}

// bareName is a name without the endings that tell how its file is read.
func bareName(name string) string {
	for _, endings := range [][]string{{".gz", ".zst", ".zstd"}, {".jsonl", ".ndjson", ".json", ".parquet", ".bin", ".txt", ".warc", ".wet"}} {
		for _, e := range endings {
			if cut, ok := strings.CutSuffix(name, e); ok && path.Base(cut) != "/" && cut != "" && !strings.HasSuffix(cut, "/") {
				name = cut
				break
			}
		}
	}
	return name
}

// unlike cuts and cleans labels so that those that were different stay so.
func unlike(labels map[string]string) {
	names := map[string][]string{} // that become one
	for _, full := range labels {
		if short := cleanLabel(full); !slices.Contains(names[short], full) {
			names[short] = append(names[short], full)
		}
	}
	for p, full := range labels {
		if labels[p] = cleanLabel(full); len(names[labels[p]]) > 1 {
			labels[p] = fmt.Sprintf("%s~%08x", CutRunes(labels[p], labelBytes-16), uint32(corpus.Hash(full, 0)))
		}
	}
}
