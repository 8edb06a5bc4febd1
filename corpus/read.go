package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
)

// Read streams the documents of a shard in the order of its files and lines.
// What is not a document is counted in bad, if that is not nil, each time the
// sequence is run. An error ends the sequence. A document may be kept.
//
// A byte order mark at the start of a file and a carriage return at the end of
// a line are not part of the text; in text files CRLF is read as LF. Of a key
// that occurs twice in an object the last one counts, as in encoding/json.
func Read(ctx context.Context, s Shard, o Options, bad *Bad) iter.Seq2[Document, error] {
	option.Fill(&o)
	if bad == nil {
		bad = new(Bad)
	}
	o = s.options(o)
	return func(yield func(Document, error) bool) {
		r := &reader{ctx: ctx, o: o, bad: bad, record: newRecord(o), yield: yield, named: s.Source}
		r.lines.max = int(o.MaxLineBytes)
		if err := r.shard(s); err != nil && err != errStop { // which names the file
			yield(Document{}, fmt.Errorf("read %w", err))
		}
	}
}

var errStop = errors.New("the consumer wants no more")

type reader struct {
	ctx    context.Context
	o      Options
	bad    *Bad
	yield  func(Document, error) bool
	lines  lines
	record *record
	text   []byte // of a whole file or record, used again
	source string // of the last document: most are the same
	named  string // source of all documents; "": what they say
	row    int

	attributes []*attributeFile // of the present file
	partitions []partition      // likewise
	tokenizer  *token.Tokenizer // of Megatron's files, once it is needed
}

func (r *reader) shard(s Shard) error {
	read := r.jsonl
	switch s.Format {
	case formatText:
		read = r.textFile
	case formatParquet:
		read = r.parquet
	case formatHTML:
		read = r.htmlFile
	case formatCSV:
		read = r.csv
	case formatTar:
		read = r.tar
	case formatWARC:
		read = r.warc
	case formatMegatron:
		read = r.megatron
	}
	defer r.closeAttributes()
	if len(s.Files) == 0 {
		if err := r.openAttributes(s.Attributes); err != nil {
			return err
		}
		r.partitions = partitions(s.Path)
		return read(s.Path, s.Compression, s.Start, s.End)
	}
	for i, path := range s.Files {
		n := len(s.Attributes) / len(s.Files)
		if err := r.openAttributes(s.Attributes[i*n : (i+1)*n]); err != nil {
			return err
		}
		r.partitions = partitions(path)
		if err := read(path, "auto", 0, -1); err != nil {
			return err
		}
	}
	return nil
}

// jsonl reads the lines of a range of a file.
func (r *reader) jsonl(path, compression string, start, end int64) error {
	src, err := openRange(r.ctx, path, compression, start, end)
	if err != nil {
		return err
	}
	defer src.Close()
	r.lines.reset(src, src.base)
	if src.skip {
		// A line that began before the range may end far behind it.
		if err := r.lines.discard(src.owns); err != nil {
			return r.broken(err, BadLine{Path: path, Line: 1, Offset: r.lines.off})
		}
		if !src.owns(r.lines.off) {
			return nil
		}
	}
	for at := (BadLine{Path: path, Line: 1}); ; at.Line++ {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		line, offset, long, err := r.lines.next()
		at.Offset = offset
		if err == io.EOF {
			return r.endAttributes(at)
		}
		if err != nil {
			return r.broken(err, at)
		}
		if !src.owns(offset) {
			return nil
		}
		if err := r.nextAttributes(at); err != nil {
			return err
		}
		if offset == 0 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if err := r.line(at, line, long); err != nil {
			return err
		}
	}
}

// line yields the document of one line, or counts it.
func (r *reader) line(at BadLine, line []byte, long bool) error {
	if long {
		return r.reject(at, TooLong, line, "more than %d bytes", r.lines.max)
	}
	if skipSpace(line, 0) == len(line) {
		r.bad.Blank++
		return nil
	}
	if reason, i := r.record.parse(line); reason != "" {
		return r.reject(at, reason, line, "byte %d of the line", i)
	}
	switch got := r.record.got[textField]; got.kind {
	case '"':
	case 0, 'n':
		return r.reject(at, MissingText, line, "no %q, but %v", r.o.TextField, r.record)
	default:
		return r.reject(at, TextNotString, line, "%q is %v", r.o.TextField, got)
	}
	d := Document{Path: at.Path, Line: at.Line, Offset: at.Offset}
	repaired := r.fill(&d)
	if len(r.attributes) > 0 && r.o.Fields != "drop" {
		if err := r.addAttributes(&d); err != nil {
			return err
		}
	}
	return r.accept(at, d, repaired, line)
}

// fill sets the fields of d from the record.
func (r *reader) fill(d *Document) (repaired bool) {
	d.Text, repaired = r.record.value(textField)
	if f := r.record.got[idField]; f.usable() {
		id, bad := r.record.value(idField)
		d.ID, repaired = id, repaired || bad
	}
	if f := r.record.got[sourceField]; f.usable() {
		if f.escaped || string(f.raw) != r.source {
			source, bad := r.record.value(sourceField)
			r.source, repaired = source, repaired || bad
		}
		d.Source = r.source
	}
	if rest := r.record.rest; len(rest) > 0 && r.o.Fields != "drop" {
		d.Fields = append(append(append(make([]byte, 0, len(rest)+2), '{'), rest...), '}')
		if !utf8.Valid(d.Fields) {
			d.Fields, repaired = repairUTF8(d.Fields), true
		}
	}
	return repaired
}

// accept yields d unless its text is too little or not what it should be.
func (r *reader) accept(at BadLine, d Document, repaired bool, line []byte) error {
	switch {
	case strings.TrimSpace(d.Text) == "":
		return r.reject(at, EmptyText, line, "")
	case int64(len(d.Text)) < r.o.MinTextBytes:
		return r.reject(at, TooShort, line, "%d bytes of text", len(d.Text))
	case repaired && r.o.InvalidUTF8 == "skip":
		return r.reject(at, InvalidUTF8, line, "")
	case repaired:
		r.bad.Repaired++
	}
	if d.ID == "" {
		sum := sha256.Sum256([]byte(d.Text))
		d.ID = hex.EncodeToString(sum[:16])
	}
	if len(r.partitions) > 0 {
		r.addPartitions(&d)
	}
	if r.named != "" {
		d.Source = r.named
	}
	d.Row = r.row
	r.row++
	r.bad.Lines++
	r.bad.Accepted++
	if !r.yield(d, nil) {
		return errStop
	}
	return nil
}

// reject counts a bad line; the detail is worked out for samples only.
func (r *reader) reject(at BadLine, reason string, line []byte, detail string, args ...any) error {
	if r.bad.count(reason) {
		at.Reason, at.Detail, at.Excerpt = reason, fmt.Sprintf(detail, args...), excerpt(line)
		r.bad.Samples = append(r.bad.Samples, at)
	}
	return nil
}

// broken ends a file on an error of its stream, at the given place.
func (r *reader) broken(err error, at BadLine) error {
	if err == io.EOF {
		return nil
	}
	reason := damage(err)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%s: %w: it needs more than %d MiB of memory to decompress; pack it again without zstd --long", at.Path, err, maxWindow>>20)
	case reason == "":
		return fmt.Errorf("%s: after line %d, byte %d of its text: %w", at.Path, at.Line-1, at.Offset, err)
	case r.o.Truncated == "skip":
		return r.reject(at, reason, nil, "%v", err)
	}
	return fmt.Errorf("%s: %s after line %d, byte %d of its text: %w; fetch the file again, or set corpus.truncated to skip to do without the rest of it",
		at.Path, reason, at.Line-1, at.Offset, err)
}

// textFile reads one file as one document.
func (r *reader) textFile(path, compression string, _, _ int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	src, err := openRange(r.ctx, path, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	at := BadLine{Path: path, Line: 1}
	text, err := r.all(src)
	if err != nil {
		return r.broken(err, at)
	}
	switch {
	case len(text) > r.lines.max:
		return r.reject(at, TooLong, text, "more than %d bytes", r.lines.max)
	case bytes.IndexByte(text, 0) >= 0:
		return r.reject(at, Binary, text, "")
	}
	text, repaired := cleanText(text)
	d := Document{Text: string(text), Source: filepath.Base(filepath.Dir(path)), Path: path, Line: 1}
	return r.accept(at, d, repaired, text)
}

// all reads a stream up to one byte more than the most that is accepted.
func (r *reader) all(src io.Reader) ([]byte, error) {
	buf := bytes.NewBuffer(r.text[:0])
	_, err := buf.ReadFrom(io.LimitReader(src, int64(r.lines.max)+1))
	r.text = buf.Bytes()
	return r.text, err
}
