package jinja

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Values are nil, bool, int, float64, string, []any, Tuple and Dict, and
// absent{}, which an if without else gives.

// A Tuple is a list that prints with round brackets.
type Tuple []any

// absent is Jinja's lenient Undefined: it prints as nothing.
type absent struct{}

// elements are those of a list or tuple.
func elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case Tuple:
		return v
	}
	return nil
}

// A Dict is Python's dict with names for keys: it keeps their order.
type Dict []Pair

// A Pair is an entry of a Dict.
type Pair struct {
	Key   string
	Value any
}

// Get returns the value of a key.
func (d Dict) Get(key string) (any, bool) {
	for _, p := range d {
		if p.Key == key {
			return p.Value, true
		}
	}
	return nil, false
}

// Set replaces the value of a key, or adds it.
func (d *Dict) Set(key string, value any) {
	for i := range *d {
		if (*d)[i].Key == key {
			(*d)[i].Value = value
			return
		}
	}
	*d = append(*d, Pair{key, value})
}

// Keys are the names of the entries.
func (d Dict) Keys() []string {
	out := make([]string, len(d))
	for i, p := range d {
		out[i] = p.Key
	}
	return out
}

// UnmarshalJSON reads an object; of a key given twice the last value holds.
func (d *Dict) UnmarshalJSON(data []byte) error {
	v, err := FromJSON(data)
	if err != nil {
		return err
	}
	x, ok := v.(Dict)
	if !ok {
		return errors.New("not a JSON object")
	}
	*d = x
	return nil
}

// FromJSON reads a JSON value: objects become Dicts, whole numbers ints.
func FromJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := decode(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func decode(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		if n, err := strconv.Atoi(t.String()); err == nil {
			return n, nil
		}
		return t.Float64()
	case json.Delim:
		if t == '[' {
			out := []any{}
			for dec.More() {
				v, err := decode(dec, depth+1)
				if err != nil {
					return nil, err
				}
				out = append(out, v)
			}
			_, err := dec.Token()
			return out, err
		}
		out := Dict{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := decode(dec, depth+1)
			if err != nil {
				return nil, err
			}
			out.Set(key.(string), v)
		}
		_, err := dec.Token()
		return out, err
	}
	return t, nil
}

// kindOf names a value's type as Python does.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []any:
		return "list"
	case Tuple:
		return "tuple"
	case absent:
		return "Undefined"
	}
	return "dict"
}

// Str is Python's str().
func Str(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return repr(v)
}

// repr is Python's repr().
func repr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(v)
	case float64:
		return reprFloat(v)
	case string:
		return reprString(v)
	case []any:
		return "[" + reprs(v) + "]"
	case Tuple:
		if len(v) == 1 {
			return "(" + reprs(v) + ",)"
		}
		return "(" + reprs(v) + ")"
	case absent:
		return ""
	}
	d := v.(Dict)
	parts := make([]string, len(d))
	for i, p := range d {
		parts[i] = reprString(p.Key) + ": " + repr(p.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func reprs(items []any) string {
	parts := make([]string, len(items))
	for i, x := range items {
		parts[i] = repr(x)
	}
	return strings.Join(parts, ", ")
}

func reprFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func reprString(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b := []byte{quote}
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == ' ' || unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r < 0x100:
			b = fmt.Appendf(b, `\x%02x`, r)
		case r < 0x10000:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = fmt.Appendf(b, `\U%08x`, r)
		}
	}
	return string(append(b, quote))
}

// isSpace is Python's str.isspace of one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case Dict:
		return len(v) > 0
	}
	return len(elements(v)) > 0
}

// whole returns an int, or a bool as Python counts it.
func whole(v any) (int, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int:
		return v, true
	}
	return 0, false
}

func float(v any) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	n, ok := whole(v)
	return float64(n), ok
}

func equal(a, b any) bool {
	if x, ok := float(a); ok {
		y, ok := float(b)
		return ok && x == y
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		s, ok := b.(string)
		return ok && a == s
	case []any, Tuple:
		return kindOf(a) == kindOf(b) && slices.EqualFunc(elements(a), elements(b), equal)
	case absent:
		return a == b
	}
	x := a.(Dict)
	y, ok := b.(Dict)
	if !ok || len(x) != len(y) {
		return false
	}
	for _, p := range x {
		if v, ok := y.Get(p.Key); !ok || !equal(p.Value, v) {
			return false
		}
	}
	return true
}

// order compares two values as Python's < does.
func order(a, b any) (int, error) {
	if x, ok := float(a); ok {
		if y, ok := float(b); ok {
			return cmp.Compare(x, y), nil
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), nil
		}
	}
	if x, y := elements(a), elements(b); x != nil && y != nil && kindOf(a) == kindOf(b) {
		for i := range min(len(x), len(y)) {
			if !equal(x[i], y[i]) {
				return order(x[i], y[i])
			}
		}
		return cmp.Compare(len(x), len(y)), nil
	}
	return 0, fmt.Errorf("%s and %s have no order", kindOf(a), kindOf(b))
}

func contains(x, v any) (bool, error) {
	switch x := x.(type) {
	case string:
		s, ok := v.(string)
		if !ok {
			return false, fmt.Errorf("%s in str: only a str can be in a str", kindOf(v))
		}
		return strings.Contains(x, s), nil
	case []any, Tuple:
		return slices.ContainsFunc(elements(x), func(y any) bool { return equal(y, v) }), nil
	case Dict:
		s, ok := v.(string)
		if ok {
			_, ok = x.Get(s)
		}
		return ok, nil
	}
	return false, fmt.Errorf("nothing is in %s", kindOf(x))
}

// iterate lists what a for loop goes over: characters, elements or keys.
func iterate(v any) ([]any, error) {
	switch v := v.(type) {
	case string:
		out := make([]any, 0, len(v))
		for _, r := range v {
			out = append(out, string(r))
		}
		return out, nil
	case []any, Tuple:
		return elements(v), nil
	case absent:
		return nil, nil
	case Dict:
		out := make([]any, len(v))
		for i, p := range v {
			out[i] = p.Key
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s cannot be looped over", kindOf(v))
}

func length(v any) (int, error) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), nil
	case []any, Tuple:
		return len(elements(v)), nil
	case absent:
		return 0, nil
	case Dict:
		return len(v), nil
	}
	return 0, fmt.Errorf("%s has no length", kindOf(v))
}
