package corpus

import (
	"bytes"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/climb-go/climb/vec"
)

// AppendDocument appends d as one JSON line with the fields id, text, source
// (if not empty) and those of d.Fields, in this order, and a newline. A field
// of d.Fields that has one of the three names, or the name "climb" under which
// a dataset says where a document was put, is written with an underscore before
// it. d.Fields must be nil or as Read gives it.
func AppendDocument(dst []byte, d Document) []byte {
	dst = append(dst, `{"id":`...)
	dst = AppendString(dst, d.ID)
	dst = append(dst, `,"text":`...)
	dst = AppendString(dst, d.Text)
	if d.Source != "" {
		dst = append(dst, `,"source":`...)
		dst = AppendString(dst, d.Source)
	}
	if len(d.Fields) > 0 {
		for key, member := range members(d.Fields[1 : len(d.Fields)-1]) {
			dst = append(dst, ',')
			if bytes.IndexByte(key, '\\') >= 0 {
				key = unescapeKey(key)
			}
			switch string(key) {
			case "id", "text", "source", "climb":
				dst = append(dst, `"_`...)
				member = member[1:]
			}
			dst = append(dst, member...)
		}
	}
	return append(dst, "}\n"...)
}

// members yields the keys, as written, and the members of an object without
// its braces. It panics if that is not one.
func members(b []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, member []byte) bool) {
		var stack []byte
		for i := skipSpace(b, 0); i < len(b); {
			key, _, value, err := skipKey(b, i)
			if err != nil {
				panic("corpus: Fields are not a JSON object")
			}
			end, err := skipValue(b, value, 1, &stack)
			if err != nil {
				panic("corpus: Fields are not a JSON object")
			}
			if !yield(key, b[i:end]) {
				return
			}
			if i = skipSpace(b, end); i < len(b) { // at a comma
				i = skipSpace(b, i+1)
			}
		}
	}
}

const hexDigits = "0123456789abcdef"

// shortEscape[c] is the letter of c's short escape, 0 if it has none.
var shortEscape = [256]byte{'"': '"', '\\': '\\', '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f'}

// AppendString appends s as a JSON string, quotes included. What is not valid
// UTF-8 becomes U+FFFD; only what must be escaped is.
func AppendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string(repairUTF8([]byte(s)))
	}
	dst = append(dst, '"')
	for b := []byte(s); ; {
		n := vec.PlainText(b)
		dst = append(dst, b[:n]...)
		if n == len(b) {
			return append(dst, '"')
		}
		c := b[n]
		b = b[n+1:]
		if short := shortEscape[c]; short != 0 {
			dst = append(dst, '\\', short)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
}

// ParseDocument reads a line that AppendDocument wrote, with or without its
// newline. Unlike Read it takes texts that are empty, and ids too.
func ParseDocument(line []byte) (d Document, err error) {
	o := Options{TextField: "text", IDField: "id", SourceField: "source"}
	r := &reader{o: o, record: newRecord(o)}
	if reason, at := r.record.parse(bytes.TrimSuffix(line, []byte("\n"))); reason != "" {
		return d, fmt.Errorf("not a document: %s at byte %d of %q", reason, at, line[:min(len(line), 120)])
	}
	for f, name := range []string{textField: "text", idField: "id"} {
		if r.record.got[f].kind != '"' {
			return d, fmt.Errorf("not a document: %q is not a string in %q", name, line[:min(len(line), 120)])
		}
	}
	r.fill(&d)
	return d, nil
}
