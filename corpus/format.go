package corpus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/climb-go/climb/blob"
)

// The formats of files. Of these all but texts and pages hold many documents.
const (
	formatJSONL    = "jsonl"
	formatText     = "text"
	formatParquet  = "parquet"
	formatWARC     = "warc"
	formatMegatron = Megatron
	formatHTML     = "html"
	formatCSV      = "csv" // or TSV
	formatTar      = "tar"
	formatBinary   = "binary" // of folders, left out
	formatIndex    = "index"  // Megatron\'s .idx, read with its .bin
)

// Megatron is the format of files of tokens.
const Megatron = "megatron"

// NewFormats are the formats among the files that version 1 read as plain text, sorted.
func NewFormats(files []FileInfo) (out []string) {
	for _, f := range files {
		if i, found := slices.BinarySearch(out, f.Format); !found && slices.Contains([]string{formatHTML, formatCSV, formatTar}, f.Format) {
			out = slices.Insert(out, i, f.Format)
		}
	}
	return out
}

const sniffBytes = 4 << 10 // of the decompressed text, to tell the format

// stat describes a file by its first bytes and its name.
func (l *lister) stat(ctx context.Context, name string) (FileInfo, error) {
	if !utf8.ValidString(name) {
		return FileInfo{}, fmt.Errorf("the name of the file %q is not UTF-8, and could not be written into plans: rename it", name)
	}
	if f, ok := statMegatron(name); ok && (l.o.Format == "auto" || l.o.Format == formatMegatron) {
		return f, nil
	}
	src, err := openRange(ctx, name, "auto", 0, -1)
	if err != nil {
		return FileInfo{}, err
	}
	defer src.Close()
	info := src.file.Info()
	f := FileInfo{Path: name, Bytes: info.Bytes, ModTime: info.ModTime, ETag: info.ETag, Compression: src.compression, Format: l.o.Format}
	if f.Bytes == 0 || l.o.Format != "auto" {
		return f, nil
	}
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(src, head)
	switch {
	case n == 0 && err != io.EOF && !fromStore(err): // Read will meet the damage and account for it
		f.Format = formatJSONL
		return f, nil
	case err != nil && err != io.EOF && damage(err) == "":
		return f, fmt.Errorf("%s: %w", name, err)
	}
	if f.Format, err = guess(name, head[:n]); err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	if f.Format == formatText && bytes.IndexByte(head[:n], 0) >= 0 {
		f.Format = formatBinary
	}
	return f, nil
}

// statMegatron describes a file of tokens or its index, told by their names;
// the first bytes of tokens can be anything.
func statMegatron(name string) (f FileInfo, ok bool) {
	prefix, isBin := strings.CutSuffix(name, ".bin")
	prefix, isIndex := strings.CutSuffix(prefix, ".idx")
	if !isBin && !isIndex || blob.IsURL(name) {
		return f, false
	}
	bin, err := os.Stat(prefix + ".bin")
	if err != nil {
		return f, false
	}
	index, err := os.Open(prefix + ".idx")
	if err != nil {
		return f, false
	}
	defer index.Close()
	magic := make([]byte, 7)
	if _, err := io.ReadFull(index, magic); err != nil || string(magic) != "MMIDIDX" {
		return f, false
	}
	f = FileInfo{Path: name, Bytes: bin.Size(), ModTime: bin.ModTime().UTC(), Format: formatMegatron}
	if isIndex {
		f.Format = formatIndex
	}
	return f, true
}

// guess tells the format of a file by its first bytes where these are a magic
// number, by its name if that ends in .jsonl, .ndjson or .json, and otherwise
// by whether its first line begins, or is, a JSON object.
func guess(name string, head []byte) (string, error) {
	if blob.IsURL(name) {
		_, name, _ = blob.Split(name)
	}
	name = strings.ToLower(name)
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		return formatParquet, nil
	case bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\ufeff"))), []byte("WARC/")):
		return formatWARC, nil
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return formatTar, nil
	case path.Ext(name) == ".parquet":
		return "", fmt.Errorf("is not a Parquet file, which begins with PAR1: fetch it again, or give it another name")
	}
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	head = head[skipSpace(head, 0):]
	for _, ext := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, ext)
	}
	if slices.Contains([]string{".jsonl", ".ndjson", ".json"}, path.Ext(name)) {
		if len(head) > 0 && head[0] == '[' {
			return "", &foreignError{kind: "JSON arrays", text: "holds a JSON array, not one object a line: convert it with jq -c '.[]'"}
		}
		return formatJSONL, nil
	}
	switch ext := extension(name); {
	case ext == ".csv" || ext == ".tsv":
		return formatCSV, nil
	case slices.Contains([]string{".html", ".htm", ".xhtml"}, ext), ext == "" && isPage(head):
		return formatHTML, nil
	}
	if len(head) == 0 || head[0] != '{' {
		return formatText, nil
	}
	line, _, whole := bytes.Cut(head, []byte("\n"))
	if whole || len(head) < sniffBytes/2 { // then it is all of a small file
		if reason, _ := newRecord(Options{}).parse(line); reason == "" {
			return formatJSONL, nil
		}
	} else if i := skipSpace(head, 1); i < len(head) && head[i] == '"' {
		return formatJSONL, nil
	}
	return formatText, nil
}

// isPage says whether a file begins like a page of HTML.
func isPage(head []byte) bool {
	begin := bytes.ToLower(head[:min(len(head), 16)])
	return bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html"))
}

// extension is that of a file's name in small letters, without those of compression;
// "" if it has none.
func extension(name string) string {
	name = strings.ToLower(path.Base(name))
	for _, ext := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, ext)
	}
	return path.Ext(name)
}

// A foreignError is of a file of a kind that is not read: in a folder it is left out.
type foreignError struct{ kind, text string }

func (e *foreignError) Error() string { return e.text }
