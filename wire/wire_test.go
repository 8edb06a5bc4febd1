package wire

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

type options struct {
	A    int                `json:"a"`
	N    int64              `json:"n"`
	U    uint64             `json:"u"`
	F    float64            `json:"f"`
	S    string             `json:"s"`
	B    bool               `json:"b"`
	L    []int              `json:"l"`
	M    map[string]float64 `json:"m"`
	Sub  sub                `json:"sub"`
	Subs []sub              `json:"subs"`
	Base `yaml:",inline"`
}

type sub struct {
	X float64 `json:"x"`
}

type Base struct {
	Y float64 `json:"y"`
}

// TestYAMLKeepsNumbers: what is read is what is written, or an error that says
// where and why.
func TestYAMLKeepsNumbers(t *testing.T) {
	for _, c := range []struct {
		text, want string // want: in the error; "" = is read
		is         func(o *options) bool
	}{
		{"a: 5", "", func(o *options) bool { return o.A == 5 }},
		{"a: 1e6", "", func(o *options) bool { return o.A == 1_000_000 }},
		{"a: 5.0", "", func(o *options) bool { return o.A == 5 }},
		{"a: 0x10", "", func(o *options) bool { return o.A == 16 }},
		{"a: 0o10", "", func(o *options) bool { return o.A == 8 }},
		{"a: 1_000", "", func(o *options) bool { return o.A == 1000 }},
		{"a: +5", "", func(o *options) bool { return o.A == 5 }},
		{"a: '5'", "", func(o *options) bool { return o.A == 5 }},
		{"a:", "", func(o *options) bool { return o.A == 42 }},
		{"\xef\xbb\xbfa: 5", "", func(o *options) bool { return o.A == 5 }},
		{"# only a comment\n", "", func(o *options) bool { return o.A == 42 }},
		{"", "", func(o *options) bool { return o.A == 42 }},
		{"a: 1\r\nf: 2.5\r\n", "", func(o *options) bool { return o.A == 1 && o.F == 2.5 }},
		{"---\na: 1\n...\n", "", func(o *options) bool { return o.A == 1 }},
		{"u: 18446744073709551615", "", func(o *options) bool { return o.U == math.MaxUint64 }},
		{"f: 1e-3", "", func(o *options) bool { return o.F == 1e-3 }},
		{"f: -0.0", "", func(o *options) bool { return o.F == 0 }},
		{"s: 7", "", func(o *options) bool { return o.S == "7" }},
		{"x: &x 5\n", "unknown field", nil},
		{"a: &x 5\nf: *x", "", func(o *options) bool { return o.F == 5 }},

		{"a: 1.9", "1.9 where a whole number belongs", nil},
		{"a: '1.9'", "1.9 where a whole number belongs", nil},
		{"a: 1e-3", "1e-3 where a whole number belongs", nil},
		{"a: 1e17", "1e17 where a whole number belongs", nil},
		{"a: 18446744073709551616", "where a whole number belongs", nil},
		{"u: 18446744073709551616", "where a whole number from 0 on belongs", nil},
		{"a: 9223372036854775808", "does not fit", nil},
		{"u: -1", "does not fit", nil},
		{"a: .inf", ".inf where a whole number belongs", nil},
		{"a: .nan", ".nan where a whole number belongs", nil},
		{"a: 010", "leading zero", nil},
		{"f: 010", "leading zero", nil},
		{"a: true", "true or false where a whole number belongs", nil},
		{"f: .inf", "has to be finite", nil},
		{"f: -.Inf", "has to be finite", nil},
		{"f: .nan", "has to be finite", nil},
		{"f: nan", "has to be finite", nil},
		{"f: inf", "has to be finite", nil},
		{"f: 1e999", "has to be finite", nil},
		{"f: 9007199254740993", "more digits", nil},
		{"sub: {x: .inf}", "has to be finite", nil},
		{"subs: [{x: 1}, {x: .nan}]", "has to be finite", nil},
		{"y: .inf", "has to be finite", nil},
		{"m: {a: .inf}", "has to be finite", nil},
		{"m: {a: null}", "is empty", nil},
		{"l: [1, null]", "is empty", nil},
		{"l: [1, 2.5]", "2.5 where a whole number belongs", nil},
		{"<<: {f: .inf}", "has to be finite", nil},
		{"a: &x 1.9", "1.9 where a whole number belongs", nil},
		{"s: 1.10", "in quotes", nil},
		{"s: 010", "in quotes", nil},
		{"s: .nan", "in quotes", nil},
		{`s: "a\0b"`, "NUL", nil},
		{"s: a\x00b", "NUL byte", nil},
		{"\xff\xfea\x00", "UTF-16", nil},
		{"1: 2", `unknown field "1"`, nil},
		{"nope: 2", `unknown field "nope"`, nil},
		{"a: 1\na: 2", "already defined", nil},
		{"a: 1\n---\na: 2", "second document", nil},
		{"a: !!int '7'", "a tag", nil},
		{"f: !foo 3", "a tag", nil},
		{"l: 5", "", nil},
		{"m: [1]", "", nil},
		{"- 1", "", nil},
		{"a: [1", "", nil},
	} {
		o := &options{A: 42}
		doc, err := YAML([]byte(c.text))
		if err == nil {
			err = Decode(doc, o, yaml.Strict())
		}
		switch {
		case c.is == nil && err == nil:
			t.Errorf("%q was read: %+v", c.text, o)
		case c.is == nil && !strings.Contains(Explain(err), c.want):
			t.Errorf("%q: %q does not say %q", c.text, Explain(err), c.want)
		case c.is != nil && (err != nil || !c.is(o)):
			t.Errorf("%q: %+v, %v", c.text, o, err)
		}
	}
}

// TestYAMLBombs: small files that stand for much, or nest deep, are refused
// before memory or the stack is spent.
func TestYAMLBombs(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		laughs += strings.ReplaceAll(strings.ReplaceAll("a#: &a# [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n", "#", string(rune('1'+i))), "*b", "*a"+string(rune('0'+i)))
	}
	for name, c := range map[string]struct{ text, want string }{
		"aliases of aliases": {laughs, "more than 100000 values"},
		"alias in itself":    {"x: &x [*x]\n", "nested deeper"},
		"brackets":           {strings.Repeat("[", 500_000), "nested deeper"},
		"braces":             {strings.Repeat("{a: ", 200_000), "nested deeper"},
		"dashes":             {strings.Repeat("- ", 500_000), "nested deeper"},
		"questions":          {strings.Repeat("? ", 500_000), "nested deeper"},
		"indentation":        {staircase(400), "nested deeper"},
		"large":              {strings.Repeat("a: 1 # \n", 200_000), "more than"},
	} {
		if _, err := YAML([]byte(c.text)); err == nil || !strings.Contains(Explain(err), c.want) {
			t.Errorf("%s: %.200v, want %q", name, err, c.want)
		}
	}
}

func staircase(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	type value struct {
		Score  float64            `json:"score"`
		Tokens []int64            `json:"tokens"`
		M      map[string]float64 `json:"m"`
	}
	for _, c := range []struct{ text, want string }{
		{"{\"score\":1.5,\"tokens\":[1,2],\"m\":{\"a\":1}}", ""},
		{"\xef\xbb\xbf{\"score\":1.5}", ""},
		{" {\"score\":1.5,\"m\":null} \r\n", ""},
		{`{"score":1.5,"m":{"a":null,"b":NaN,"c":-Infinity}}`, ""},
		{`{"score":1.5,"x":"NaN and \"Infinity\""}`, ""},
		{`{"score":1.5,"score":2}`, "score is there twice"},
		{`{"m":{"a":1,"a":2}}`, "m.a is there twice"},
		{`{"tokens":[1,null]}`, "tokens[1] is null"},
		{`{"tokens":[NaN]}`, "tokens[0] is null, NaN or infinite"},
		{`{"tokens":[1.5]}`, "number 1.5"},
		{`{"tokens":[9223372036854775808]}`, "9223372036854775808"},
		{`{"score":1e400}`, "1e400"},
		{`{"score":"1"}`, "string"},
		{`{"score":1}{"score":2}`, "data after"},
		{`{"score":1} x`, "data after"},
		{`null`, "is null"},
		{``, "unexpected EOF"},
		{`{`, "unexpected EOF"},
		{`{"a"`, "unexpected EOF"},
		{`[1]`, "array"},
		{"{\"score\":1,\"x\":\"\x00\"}", "NUL byte"},
		{"\xff\xfe{\x00", "UTF-16"},
		{strings.Repeat("[", 100_000), "nested deeper than 100"},
	} {
		var v value
		err := JSON([]byte(c.text), &v)
		switch {
		case c.want == "" && (err != nil || v.Score != 1.5):
			t.Errorf("%s: %+v, %v", c.text, v, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%.80s: %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzYAML(f *testing.F) {
	for _, s := range []string{"a: 5", "m: {a: .inf}", "x: &x [*x]", "a: 1\n---\n", "<<: {a: 1}", "? a\n: 1", "subs: [{x: 1}]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := YAML(data)
		if err != nil {
			Explain(err)
			return
		}
		var o options
		if err := Decode(doc, &o, yaml.Strict()); err != nil {
			Explain(err)
			return
		}
		if _, err := json.Marshal(o); err != nil { // NaN or infinity came through
			t.Fatalf("%q: %v", data, err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,"m":{"a":NaN}}`, `[null]`, `{"a":1,"a":2}`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var o options
		if JSON(data, &o) != nil {
			return
		}
		if _, err := json.Marshal(o); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
	})
}
