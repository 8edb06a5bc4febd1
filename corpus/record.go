package corpus

import (
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/climb-go/climb/vec"
)

// The fields that a record takes out of a line.
const (
	textField = iota
	idField
	sourceField
	numFields
)

// A record is one JSON line taken apart: the three wanted fields, and the
// rest as it was written. It is used again for every line.
type record struct {
	paths [numFields][]string
	got   [numFields]field
	rest  []byte // members not taken, as an object without its braces
	stack []byte
	plain []byte // a value without its escapes
}

// A field is the value of a wanted field; kind is its first byte, 0 if the
// line does not have it. raw is without quotes and aliases the line.
type field struct {
	kind    byte
	escaped bool
	raw     []byte
}

func newRecord(o Options) *record {
	return &record{paths: [numFields][]string{
		strings.Split(o.TextField, "."), strings.Split(o.IDField, "."), strings.Split(o.SourceField, "."),
	}}
}

// parse takes a line apart. On an error it returns the reason and the
// position. Of a key that occurs twice the last one counts.
func (r *record) parse(b []byte) (reason string, at int) {
	r.got, r.rest = [numFields]field{}, r.rest[:0]
	i, err := skipSpace(b, 0), error(nil)
	object := i < len(b) && b[i] == '{'
	if object {
		i, err = r.object(b, i, 0, 1<<numFields-1)
	} else {
		i, err = skipValue(b, i, 0, &r.stack)
	}
	if err == nil {
		if i = skipSpace(b, i); i < len(b) {
			err = errSyntax
		}
	}
	switch {
	case err == errDeep:
		return TooDeep, i
	case err != nil:
		return InvalidJSON, i
	case !object:
		return NotObject, 0
	}
	return "", 0
}

// object passes the object at b[i], at the given depth of the paths, for the
// fields in the bit set wanted.
func (r *record) object(b []byte, i, depth int, wanted uint) (int, error) {
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		start := skipSpace(b, i)
		key, escaped, value, err := skipKey(b, i)
		if err != nil {
			return value, err
		}
		if i, err = r.member(b, start, value, depth, r.match(key, escaped, depth, wanted)); err != nil {
			return i, err
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] != ',' && b[i] != '}' {
			return i, errSyntax
		}
		if i++; b[i-1] == '}' {
			return i, nil
		}
	}
}

// match is the subset of wanted whose path has key at depth.
func (r *record) match(key []byte, escaped bool, depth int, wanted uint) (set uint) {
	if escaped {
		key = unescapeKey(key)
	}
	for f, path := range r.paths {
		if wanted&(1<<f) != 0 && path[depth] == string(key) {
			set |= 1 << f
		}
	}
	return set
}

// member passes the value at b[value] of the member that starts at b[start],
// and takes it for the fields of set or adds it to the rest.
func (r *record) member(b []byte, start, value, depth int, set uint) (end int, err error) {
	taken, deeper := false, uint(0)
	for f := range r.paths {
		if set&(1<<f) != 0 {
			r.got[f] = field{}
			if depth+1 < len(r.paths[f]) {
				deeper |= 1 << f
			}
		}
	}
	if deeper != 0 && value < len(b) && b[value] == '{' {
		return r.inner(b, start, value, depth, set, deeper)
	}
	escaped := false
	if set != 0 && value < len(b) && b[value] == '"' {
		end, escaped, err = skipString(b, value)
	} else {
		end, err = skipValue(b, value, depth+1, &r.stack)
	}
	if err != nil {
		return end, err
	}
	for f := range r.paths {
		if (set&^deeper)&(1<<f) != 0 {
			r.got[f] = newField(b[value:end], escaped)
			taken = taken || f == textField || r.got[f].usable() || b[value] == 'n'
		}
	}
	if !taken {
		r.addRest(b[start:end])
	}
	return end, nil
}

// inner passes an object that holds wanted fields, and keeps its others.
func (r *record) inner(b []byte, start, value, depth int, set, deeper uint) (int, error) {
	mark := len(r.rest)
	r.addRest(b[start : value+1])
	empty := len(r.rest)
	end, err := r.object(b, value, depth+1, deeper)
	if len(r.rest) == empty {
		r.rest = r.rest[:mark]
	} else {
		r.rest = append(r.rest, '}')
	}
	for f := range r.paths {
		if (set&^deeper)&(1<<f) != 0 {
			r.got[f] = field{kind: '{'}
		}
	}
	return end, err
}

func (r *record) addRest(member []byte) {
	if n := len(r.rest); n > 0 && r.rest[n-1] != '{' {
		r.rest = append(r.rest, ',')
	}
	r.rest = append(r.rest, member...)
}

func newField(token []byte, escaped bool) field {
	if token[0] == '"' {
		return field{kind: '"', escaped: escaped, raw: token[1 : len(token)-1]}
	}
	return field{kind: token[0], raw: token}
}

// usable says whether the field is a string or a number: ids and sources of
// another kind count as absent.
func (f field) usable() bool {
	return f.kind == '"' || f.kind == '-' || '0' <= f.kind && f.kind <= '9'
}

// String is the field's JSON type in words.
func (f field) String() string {
	switch f.kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// value is the text of a field, valid UTF-8. repaired says that U+FFFD stands in
// it for bytes or surrogates that are not Unicode text.
func (r *record) value(f int) (text string, repaired bool) {
	raw := r.got[f].raw
	if !utf8.Valid(raw) {
		raw, repaired = repairUTF8(raw), true
	}
	if r.got[f].escaped {
		r.plain = slices.Grow(r.plain[:0], len(raw))[:len(raw)] // escapes are longer than what they stand for
		n, lone := unescape(r.plain, raw)
		raw, repaired = r.plain[:n], repaired || lone
	}
	return string(raw), repaired
}

// repairUTF8 puts U+FFFD in place of each byte that is not part of UTF-8, as
// encoding/json does.
func repairUTF8(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		out = utf8.AppendRune(out, r)
		b = b[n:]
	}
	return out
}

// unescape writes the text of the inside of a string token, which takes no more
// than len(raw) bytes, and returns how many. lone says that a surrogate without its
// other half became U+FFFD.
func unescape(dst, raw []byte) (n int, lone bool) {
	for {
		written, read := vec.Unescape(dst[n:], raw)
		n, raw = n+written, raw[read:]
		if len(raw) == 0 {
			return n, lone
		}
		r, _ := hex4(raw[2:]) // what is left of escapes are those with a code
		raw = raw[6:]
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
				low, _ := hex4(raw[2:])
				pair = utf16.DecodeRune(r, low)
			}
			if r = pair; r == utf8.RuneError {
				lone = true
			} else {
				raw = raw[6:]
			}
		}
		n += utf8.EncodeRune(dst[n:], r)
	}
}

// unescapeKey is the text of a key that holds escapes.
func unescapeKey(raw []byte) []byte {
	key := make([]byte, len(raw))
	n, _ := unescape(key, raw)
	return key[:n]
}

// String lists the first names of the rest, for a hint.
func (r *record) String() string {
	var names []string
	for key := range members(r.rest) {
		if len(names) == 8 {
			names = append(names, "...")
			break
		}
		names = append(names, excerpt(key))
	}
	if len(names) == 0 {
		return "no other field"
	}
	return strings.Join(names, ", ")
}
