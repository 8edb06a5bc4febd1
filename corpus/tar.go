package corpus

import (
	"archive/tar"
	"bytes"
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
// over; a sample that has nothing else is counted as not_text.
func (r *reader) tar(name, compression string, _, _ int64) error {
	src, err := openRange(r.ctx, name, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	in := tar.NewReader(src)
	s := tarSample{at: BadLine{Path: name}}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		h, err := in.Next()
		if err == io.EOF {
			return r.tarSample(&s)
		}
		if err != nil {
			return errors.Join(r.tarSample(&s), r.broken(noEOF(err), BadLine{Path: name, Line: s.at.Line + 1, Offset: src.read}))
		}
		base := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(base, ".") || h.Size == 0 {
			continue
		}
		stem, _, _ := strings.Cut(base, ".")
		key, ext := path.Join(path.Dir(h.Name), stem), extension(base)
		if s.members == 0 || key != s.key || ext == ".jsonl" || s.text != nil && slices.Contains(textMembers, ext) {
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

// textMembers are the members that are texts.
var textMembers = []string{".txt", ".text", ".md", ".html", ".htm"}

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
	case ext == ".jsonl" || ext == ".ndjson":
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
