package corpus

import (
	"bytes"
	"path/filepath"
)

// htmlFile reads one page as one document: its main text, as of a page in WARC.
func (r *reader) htmlFile(path, compression string, _, _ int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	src, err := openRange(r.ctx, path, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	at := BadLine{Path: path, Line: 1}
	body, err := r.all(src)
	switch {
	case err != nil:
		return r.broken(err, at)
	case len(body) > r.lines.max:
		return r.reject(at, TooLong, body, "more than %d bytes", r.lines.max)
	}
	p, lost, err := readHTML(body)
	if err != nil {
		return r.reject(at, NotText, body, "%v", err)
	}
	if bytes.IndexByte([]byte(p.text), 0) >= 0 {
		return r.reject(at, Binary, body, "")
	}
	d := Document{Text: p.text, Source: filepath.Base(filepath.Dir(path)), Path: path, Line: 1, Fields: r.pageFields(p)}
	return r.accept(at, d, lost, body)
}

// readHTML takes the main text out of a page in the character set that it names.
// lost says that U+FFFD stands in it for what is no character.
func readHTML(body []byte) (p page, lost bool, err error) {
	text, lost, err := decodeText(body, "text/html", true)
	if err != nil {
		return p, false, err
	}
	clean, repaired := cleanText(text)
	if p, err = readPage(clean, ""); err != nil {
		return p, false, err
	}
	return p, (lost || repaired) && hasReplacement([]byte(p.text)), nil
}

// pageFields are what a page says of itself.
func (r *reader) pageFields(p page) []byte {
	if r.o.Fields == "drop" {
		return nil
	}
	var out []byte
	for _, f := range []struct{ name, value string }{{"language", p.language}, {"title", p.title}} {
		if f.value != "" {
			out = append(AppendString(append(out, ','), f.name), ':')
			out = AppendString(out, f.value)
		}
	}
	if out == nil {
		return nil
	}
	out[0] = '{'
	return append(out, '}')
}
