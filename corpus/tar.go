package corpus

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
)

// tar reads the members of a tar file. Members next to one another whose names are
// the same up to the first dot are one sample, as in WebDataset: its text is that of
// a .txt, .text, .md or .html, or else the text field of its .json, whose other
// fields are carried along; the name up to the dot is the id where no id field is.
// Each line of a .jsonl is a document. Other members, such as pictures, are passed
// over; a sample that has nothing else is counted as not_text. Archives that were put
// one behind another are read as one; where the blocks of zeros that end an archive
// are missing, it may be cut off between two members, which is counted as truncated.
func (r *reader) tar(name, compression string, _, _ int64) error {
	src, err := openRange(r.ctx, name, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	blocks := &tarBlocks{ctx: r.ctx, r: src}
	in := tar.NewReader(blocks)
	s := tarSample{at: BadLine{Path: name}}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		h, err := in.Next()
		if err == io.EOF {
			if err = blocks.next(); err == nil {
				in = tar.NewReader(blocks)
				continue
			}
		}
		if err == io.EOF {
			return r.tarEnd(&s, blocks.cut)
		}
		if err != nil {
			if err := cmp.Or(r.ctx.Err(), r.tarSample(&s)); err != nil {
				return err
			}
			return r.broken(noEOF(err), BadLine{Path: name, Line: s.at.Line + 1, Offset: src.read})
		}
		base := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse || strings.HasPrefix(base, ".") {
			continue
		}
		stem, _, _ := strings.Cut(base, ".")
		key, ext := path.Join(path.Dir(h.Name), stem), extension(base)
		if isSparse(h) {
			ext = ""
		}
		if s.members == 0 || s.done || key != s.key || isLines(ext) || s.text != nil && slices.Contains(textMembers, ext) {
			if err := r.tarSample(&s); err != nil {
				return err
			}
			s = tarSample{key: key, at: BadLine{Path: name, Line: s.at.Line + 1, Offset: src.read}}
		}
		s.members++
		if err := r.tarMember(&s, in, ext, h.Size); err != nil {
			if damage(err) != "" && !errors.Is(err, errStop) && r.ctx.Err() == nil {
				err = r.broken(noEOF(err), s.at)
			}
			return err
		}
	}
}

// tarEnd yields the last sample.
func (r *reader) tarEnd(s *tarSample, cut bool) error {
	if err := r.tarSample(s); err != nil || !cut {
		return err
	}
	s.at.Line++
	return r.reject(s.at, Truncated, nil, "the archive ends without its two blocks of zeros: it is cut off between members, or what wrote it was stopped")
}

// isSparse says whether a member has holes: a few bytes may stand for any number of
// zeros, which no text has.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// tarBlocks are the bytes of one or more archives, until the context ends: one call
// of a tar.Reader passes over a member of any size, and over any number of headers.
type tarBlocks struct {
	ctx  context.Context
	r    io.Reader
	head []byte // read already
	cut  bool   // the bytes ended where an archive goes on
}

func (b *tarBlocks) Read(p []byte) (n int, err error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(b.head) > 0 {
		n = copy(p, b.head)
		b.head = b.head[n:]
		return n, nil
	}
	n, err = b.r.Read(p)
	b.cut = b.cut || n == 0 && err == io.EOF
	return n, err
}

// next goes to the archive behind one that has ended; io.EOF if there is none. Zeros
// between them are passed over.
func (b *tarBlocks) next() error {
	block := make([]byte, 512)
	for !b.cut {
		if err := b.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(b.r, block)
		if len(bytes.Trim(block[:n], "\x00")) > 0 {
			b.head = block[:n]
			return nil
		}
		if err != nil {
			if err == io.ErrUnexpectedEOF && n > 0 {
				err = io.EOF
			}
			return err
		}
	}
	return io.EOF
}

// textMembers are the members that are texts.
var textMembers = []string{".txt", ".text", ".md", ".html", ".htm"}

func isLines(ext string) bool { return ext == ".jsonl" || ext == ".ndjson" }

// A tarSample is what was read of one sample.
type tarSample struct {
	key     string
	at      BadLine
	members int
	text    []byte // nil: none
	page    bool
	object  []byte // JSON
	long    bool
	done    bool // its documents were yielded already
}

func (r *reader) tarMember(s *tarSample, in io.Reader, ext string, size int64) error {
	isText := slices.Contains(textMembers, ext)
	switch {
	case isLines(ext):
		s.done = true
		return r.tarLines(s, in)
	case !isText && ext != ".json":
		return nil
	case size > int64(r.lines.max):
		s.long = true
		return nil
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if isText {
		s.text, s.page = b, strings.HasPrefix(ext, ".htm")
	} else {
		s.object = b
	}
	return nil
}

// tarLines yields the documents of a member of JSON lines.
func (r *reader) tarLines(s *tarSample, in io.Reader) error {
	r.lines.reset(in, s.at.Offset)
	for ; ; s.at.Line++ {
		line, offset, long, err := r.lines.next()
		if err == io.EOF {
			s.at.Line--
			return nil
		}
		if err != nil {
			return err
		}
		s.at.Offset = offset
		if err := r.line(s.at, line, long); err != nil {
			return err
		}
	}
}

// tarSample yields the document of a sample, or counts it.
func (r *reader) tarSample(s *tarSample) error {
	switch {
	case s.members == 0 || s.done:
		return nil
	case s.long:
		return r.reject(s.at, TooLong, []byte(s.key), "a member of more than %d bytes", r.lines.max)
	case s.text == nil && s.object == nil:
		return r.reject(s.at, NotText, []byte(s.key), "no .txt, .md, .html, .json or .jsonl")
	case s.text == nil:
		return r.tarObject(s)
	}
	d := Document{ID: s.key, Path: s.at.Path, Line: s.at.Line, Offset: s.at.Offset, Source: path.Base(path.Dir(s.key))}
	text, repaired := cleanText(s.text)
	if s.page {
		p, lost, err := readHTML(s.text)
		if err != nil {
			return r.reject(s.at, NotText, text, "%v", err)
		}
		text, repaired, d.Fields = []byte(p.text), lost, r.pageFields(p)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return r.reject(s.at, Binary, text, "")
	}
	if s.object != nil {
		if reason, i := r.record.parse(s.object); reason != "" {
			return r.reject(s.at, reason, s.object, "byte %d of %s.json", i, s.key)
		}
		id := d.ID
		own := Document{}
		bad := r.fill(&own)
		own.Path, own.Line, own.Offset = d.Path, d.Line, d.Offset
		if own.ID == "" {
			own.ID = id
		}
		d, repaired = own, repaired || bad
	}
	d.Text = string(text)
	return r.accept(s.at, d, repaired, text)
}

// tarObject yields the document of a .json without a text beside it.
func (r *reader) tarObject(s *tarSample) error {
	return r.line(s.at, s.object, false)
}
