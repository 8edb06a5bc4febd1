package corpus

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/climb-go/climb/blob"
)

// Dolma (Soldaini et al. 2024, arXiv 2402.00159) keeps what taggers found beside
// the documents: of ROOT/documents/FILE there is ROOT/attributes/NAME/FILE, with
// an object {"id": ..., "attributes": {...}} for each line.

// attributePaths are the files of the named attributes of a file of documents.
func attributePaths(path string, names []string) ([]string, error) {
	slashed := filepath.ToSlash(path)
	at := strings.LastIndex(slashed, "/documents/")
	if at < 0 {
		return nil, fmt.Errorf("corpus.attributes: %s does not lie below a folder documents/, beside which there is attributes/%s/", path, names[0])
	}
	var paths []string
	for _, name := range names {
		paths = append(paths, slashed[:at]+"/attributes/"+name+"/"+slashed[at+len("/documents/"):])
	}
	return paths, nil
}

// findAttributes finds the files of attributes of every file of documents.
func (l *Listing) findAttributes(ctx context.Context, names []string) error {
	for i := range l.Files {
		f := &l.Files[i]
		if f.Format != formatJSONL {
			return fmt.Errorf("corpus.attributes: %s is %s; attributes belong to JSON lines", f.Path, f.Format)
		}
		paths, err := attributePaths(f.Path, names)
		if err != nil {
			return err
		}
		for _, p := range paths {
			info, err := blob.Stat(ctx, p)
			if err != nil {
				return fmt.Errorf("corpus.attributes of %s: %w", f.Path, err)
			}
			f.Attributes = append(f.Attributes, p)
			l.Attributes = append(l.Attributes, FileInfo{Path: p, Bytes: info.Bytes, ModTime: info.ModTime, ETag: info.ETag, Format: "attributes"})
		}
	}
	return nil
}

// An attributeFile is read line by line, in step with its file of documents.
type attributeFile struct {
	path   string
	src    *source
	lines  lines
	record *record
	line   []byte
	long   bool
}

// openAttributes opens the files of attributes of one file of documents.
func (r *reader) openAttributes(paths []string) (err error) {
	r.closeAttributes()
	for _, path := range paths {
		a := &attributeFile{path: path, record: newRecord(Options{TextField: "attributes", IDField: r.o.IDField})}
		if a.src, err = openRange(r.ctx, path, "auto", 0, -1); err != nil {
			return err
		}
		a.lines.max = r.lines.max
		a.lines.reset(a.src, 0)
		r.attributes = append(r.attributes, a)
	}
	return nil
}

func (r *reader) closeAttributes() {
	for _, a := range r.attributes {
		a.src.Close()
	}
	r.attributes = nil
}

// nextAttributes moves every file of attributes to the next line.
func (r *reader) nextAttributes(at BadLine) (err error) {
	for _, a := range r.attributes {
		if a.line, _, a.long, err = a.lines.next(); err != nil {
			return fmt.Errorf("%s: line %d, the attributes of %s: %w; make the attributes again", a.path, at.Line, at.Path, noEOF(err))
		}
	}
	return nil
}

// endAttributes fails where attributes are left.
func (r *reader) endAttributes(at BadLine) error {
	for _, a := range r.attributes {
		if line, _, _, err := a.lines.next(); err == nil && len(bytes.TrimSpace(line)) > 0 {
			return fmt.Errorf("%s has more lines than the %d of %s: make the attributes again", a.path, at.Line-1, at.Path)
		}
	}
	return nil
}

// addAttributes adds the attributes of the present line to the fields of d, as
// one object of all files.
func (r *reader) addAttributes(d *Document) error {
	var all []byte
	for _, a := range r.attributes {
		at := fmt.Sprintf("%s: line %d", a.path, d.Line)
		if a.long {
			return fmt.Errorf("%s is longer than %d bytes: raise corpus.max_line_bytes", at, a.lines.max)
		}
		if reason, i := a.record.parse(a.line); reason != "" {
			return fmt.Errorf("%s, byte %d: %s", at, i, reason)
		}
		if id := a.record.got[idField]; id.usable() || d.ID != "" {
			if got, _ := a.record.value(idField); got != d.ID {
				return fmt.Errorf("%s has the id %q, the document %q: make the attributes of %s again", at, got, d.ID, d.Path)
			}
		}
		found := a.record.got[textField]
		if found.kind != '{' {
			return fmt.Errorf("%s has no object %q", at, "attributes")
		}
		if inner := bytes.TrimSpace(found.raw[1 : len(found.raw)-1]); len(inner) > 0 {
			all = append(append(all, ','), inner...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return d.addField("attributes", append(append([]byte{'{'}, all[1:]...), '}'))
}

// addField adds a member, which must not be there, to the fields.
func (d *Document) addField(name string, value []byte) error {
	key := AppendString(nil, name)
	fields := []byte{'{'}
	if len(d.Fields) > 0 {
		fields = slices.Clone(d.Fields[:len(d.Fields)-1])
		for k := range members(d.Fields[1 : len(d.Fields)-1]) {
			if bytes.Equal(k, key[1:len(key)-1]) {
				return fmt.Errorf("%s:%d: the document has a field %q already: leave out corpus.attributes, or rename the field", d.Path, d.Line, name)
			}
		}
		fields = append(fields, ',')
	}
	fields = append(append(append(append(fields, key...), ':'), value...), '}')
	if !utf8.Valid(fields) {
		fields = repairUTF8(fields)
	}
	d.Fields = fields
	return nil
}
