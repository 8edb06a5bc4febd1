package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// JSON decodes one JSON value (RFC 8259) into v. Beyond encoding/json it refuses
// a key that an object holds twice and a null in a list, which would become a
// zero. A null in an object is as if its key were absent,
// and so are the NaN and Infinity that Python writes; in a list these are
// refused like a null.
func JSON(data []byte, v any) error {
	data, err := Text(data)
	if err != nil {
		return err
	}
	r := &jsonReader{d: json.NewDecoder(bytes.NewReader(Finite(data)))}
	r.d.UseNumber()
	switch _, err := r.value(""); {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	if _, err := r.d.Token(); err != io.EOF {
		return fmt.Errorf("data after the JSON value, at byte %d", r.d.InputOffset())
	}
	if r.out.Len() == 0 {
		return errors.New("is null; a value belongs here")
	}
	return json.Unmarshal(r.out.Bytes(), v)
}

// A jsonReader copies a value without its nulls.
type jsonReader struct {
	d     *json.Decoder
	out   bytes.Buffer
	depth int
}

// value copies the next value; path names it. It tells whether there was
// anything but a null.
func (r *jsonReader) value(path string) (bool, error) {
	t, err := r.d.Token()
	if err != nil {
		return false, err
	}
	switch t {
	case nil:
		return false, nil
	case json.Delim('{'), json.Delim('['):
		if r.depth++; r.depth > mostNested {
			return false, fmt.Errorf("nested deeper than %d, at byte %d", mostNested, r.d.InputOffset())
		}
		defer func() { r.depth-- }()
	}
	switch t {
	case json.Delim('{'):
		return true, r.object(path)
	case json.Delim('['):
		return true, r.list(path)
	}
	text, err := json.Marshal(t)
	r.out.Write(text)
	return true, err
}

func (r *jsonReader) object(path string) error {
	r.out.WriteByte('{')
	seen, n := map[string]bool{}, 0
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		at := strings.TrimPrefix(path+"."+key, ".")
		if seen[key] {
			return fmt.Errorf("%s is there twice", at)
		}
		seen[key] = true
		name, err := json.Marshal(key)
		if err != nil {
			return err
		}
		start := r.out.Len()
		if n > 0 {
			r.out.WriteByte(',')
		}
		r.out.Write(append(name, ':'))
		switch ok, err := r.value(at); {
		case err != nil:
			return err
		case !ok:
			r.out.Truncate(start)
		default:
			n++
		}
	}
	r.out.WriteByte('}')
	_, err := r.d.Token()
	return err
}

func (r *jsonReader) list(path string) error {
	r.out.WriteByte('[')
	for n := 0; r.d.More(); n++ {
		if n > 0 {
			r.out.WriteByte(',')
		}
		at := fmt.Sprintf("%s[%d]", path, n)
		switch ok, err := r.value(at); {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("%s is null, NaN or infinite", at)
		}
	}
	r.out.WriteByte(']')
	_, err := r.d.Token()
	return err
}

// Finite puts null for the NaN and Infinity that Python writes.
func Finite(data []byte) []byte {
	return Replace(data, map[string]string{"NaN": "null", "-Infinity": "null", "Infinity": "null"})
}

// Replace puts other text for words of JSON outside its strings.
func Replace(data []byte, words map[string]string) []byte {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(words)), func(w string) bool { return bytes.Contains(data, []byte(w)) }) {
		return data
	}
	out := make([]byte, 0, len(data))
	inside := false // of a string
scan:
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case inside && c == '\\' && i+1 < len(data):
			out = append(out, c)
			i++
		case c == '"':
			inside = !inside
		case !inside && (c == 'N' || c == 'I' || c == '-'):
			for word, put := range words {
				if bytes.HasPrefix(data[i:], []byte(word)) {
					out = append(out, put...)
					i += len(word) - 1
					continue scan
				}
			}
		}
		out = append(out, data[i])
	}
	return out
}
