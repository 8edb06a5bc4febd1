package corpus

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
)

var nested = Options{TextField: "text", IDField: "meta.id", SourceField: "source"}

func TestParse(t *testing.T) {
	deep := strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1)
	for _, c := range []struct{ line, reason, text, id, source, rest string }{
		{line: `{"text":"a"}`, text: "a"},
		{line: " {\t\"text\" : \"a\" , \"x\" : [ 1 , {} , [] ] }\r", text: "a", rest: `"x" : [ 1 , {} , [] ]`},
		{line: `{"text":"\u0041\ud83d\ude00\n\/\"\\\b\f\r\t"}`, text: "A😀\n/\"\\\b\f\r\t"},
		{line: `{"text":"\ud83d."}`, text: "\ufffd."},
		{line: `{"text":"\ud83d\u0041"}`, text: "\ufffdA"},
		{line: `{"text":"\ude00\ud83d"}`, text: "\ufffd\ufffd"},
		{line: "{\"text\":\"a\xff\xfeb\"}", text: "a\ufffd\ufffdb"},
		{line: `{"text":"NUL \u0000 stays"}`, text: "NUL \x00 stays"},
		{line: `{"te\u0078t":"escaped key"}`, text: "escaped key"},
		{line: `{"text":"first","text":"last"}`, text: "last"},
		{line: `{"text":"a","meta":{"id":7,"url":"u"},"source":"s"}`, text: "a", id: "7", source: "s", rest: `"meta":{"url":"u"}`},
		{line: `{"text":"a","meta":{"id":"x"}}`, text: "a", id: "x"},
		{line: `{"text":"a","meta":{"id":"x"},"meta":{"n":1}}`, text: "a", rest: `"meta":{"n":1}`},
		{line: `{"text":"a","meta":{"id":"x"},"meta":3}`, text: "a", rest: `"meta":3`},
		{line: `{"text":"a","meta":{"id":null}}`, text: "a"},
		{line: `{"text":"a","meta":{"id":[1]},"source":-1.5e3}`, text: "a", source: "-1.5e3", rest: `"meta":{"id":[1]}`},
		{line: `{"a":{"text":"not here"},"text":"here"}`, text: "here", rest: `"a":{"text":"not here"}`},
		{line: `{"text":"a","x":` + deep + `}`, text: "a", rest: `"x":` + deep},
		{line: `{"text":"a","x":[` + deep + `]}`, reason: TooDeep},
		{line: `{"text":"a"`, reason: InvalidJSON},
		{line: `{"text":"a"}}`, reason: InvalidJSON},
		{line: `{"text":"a",}`, reason: InvalidJSON},
		{line: `{"text" "a"}`, reason: InvalidJSON},
		{line: `{text:"a"}`, reason: InvalidJSON},
		{line: "{\"text\":\"a\x00b\"}", reason: InvalidJSON},
		{line: "{\"text\":\"a\nb\"}", reason: InvalidJSON},
		{line: `{"text":"\x"}`, reason: InvalidJSON},
		{line: `{"text":"\u12g4"}`, reason: InvalidJSON},
		{line: `{"text":"a","n":01}`, reason: InvalidJSON},
		{line: `{"text":"a","n":1.}`, reason: InvalidJSON},
		{line: `{"text":"a","n":+1}`, reason: InvalidJSON},
		{line: `{"text":"a","n":NaN}`, reason: InvalidJSON},
		{line: `{"text":"a","n":[1 2]}`, reason: InvalidJSON},
		{line: `{"text":"a","n":[1}`, reason: InvalidJSON},
		{line: `["text"]`, reason: NotObject},
		{line: `"text"`, reason: NotObject},
		{line: `null`, reason: NotObject},
		{line: `nul`, reason: InvalidJSON},
	} {
		r := newRecord(nested)
		reason, _ := r.parse([]byte(c.line))
		if reason != c.reason {
			t.Errorf("%.60s: reason %q, want %q", c.line, reason, c.reason)
		}
		if reason != "" {
			continue
		}
		for f, want := range []string{c.text, c.id, c.source} {
			got := ""
			if r.got[f].usable() {
				v, _ := r.value(f)
				got = string(v)
			}
			if got != want {
				t.Errorf("%.60s: field %d is %q, want %q", c.line, f, got, want)
			}
		}
		if string(r.rest) != c.rest {
			t.Errorf("%.60s: rest %q, want %q", c.line, r.rest, c.rest)
		}
	}
}

// decode is the oracle: encoding/json, with numbers kept as they are written.
func decode(b []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

func lookUp(v any, path []string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// FuzzParse holds that a line is accepted, and its fields are read, as by
// encoding/json.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"text":"a\u00e9\ud83d\ude00","meta":{"id":12,"k":[true,null,-0.5e-7]},"source":"s"}`,
		`{"meta":{"id":"1"},"meta":{},"text":"x","text":null}`, "{\"text\":\"\xc3\x28\"}", "\ufeff{}", `[[[[]]]]`, `{"":{"":""}}`, " null ",
		`{"text":"01234567\"89abcdef\\","x":"\u0000"}`, `{"a":1,"a":2}`, `{"text":"\ud800\ud800\udc00"}`, "{\"text\":\"abcdefg\x1f\"}", `{"te\u0078t":1E+2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r := newRecord(nested)
		reason, at := r.parse(line)
		want, ok := decode(line)
		object, isObject := want.(map[string]any)
		if accepted := reason == "" || reason == NotObject; accepted != ok {
			t.Fatalf("%q: reason %q, encoding/json accepts: %v", line, reason, ok)
		}
		if at < 0 || at > len(line) {
			t.Fatalf("%q: position %d", line, at)
		}
		if !ok {
			return
		}
		if (reason == "") != isObject {
			t.Fatalf("%q: reason %q for %T", line, reason, want)
		}
		if !isObject {
			return
		}
		for i, path := range r.paths {
			var got any
			v, _ := r.value(i)
			switch r.got[i].kind {
			case '"':
				got = string(v)
			default:
				if r.got[i].usable() {
					got = json.Number(v)
				}
			}
			switch want := lookUp(object, path).(type) {
			case string, json.Number:
				if got != want {
					t.Fatalf("%q: field %d is %#v, want %#v", line, i, got, want)
				}
			default:
				if got != nil {
					t.Fatalf("%q: field %d is %#v, want none", line, i, got)
				}
			}
		}
		checkRest(t, line, r.rest, object)
	})
}

// checkRest holds that the rest is an object with the line's other fields.
func checkRest(t *testing.T, line, rest []byte, object map[string]any) {
	v, ok := decode([]byte("{" + string(rest) + "}"))
	if !ok {
		t.Fatalf("%q: rest %q is not the inside of an object", line, rest)
	}
	others := v.(map[string]any)
	for key, want := range object {
		switch key {
		case "text", "meta", "source":
		default:
			if got, ok := others[key]; !ok || !reflect.DeepEqual(got, want) {
				t.Fatalf("%q: rest %q has %v for %q", line, rest, got, key)
			}
		}
	}
	n := 0
	for range members(rest) {
		n++
	}
	if n < len(others) {
		t.Fatalf("%q: %d members of %q", line, n, rest)
	}
}
