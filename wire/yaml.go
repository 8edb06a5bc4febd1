package wire

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a YAML file: a configuration is a page, and the aliases of a small
// file can stand for more than fits in memory.
const (
	mostYAML   = 1 << 20 // bytes
	mostValues = 100_000 // with every alias written out
	mostNested = 100
)

// YAML reads the one document of a YAML file (YAML 1.2). It is nil for a file
// with nothing but comments.
func YAML(data []byte) (doc ast.Node, err error) {
	defer recovered(&err)
	if data, err = Text(data); err != nil {
		return nil, err
	}
	if len(data) > mostYAML {
		return nil, fmt.Errorf("holds more than %d bytes; is it the right file?", mostYAML)
	}
	if err := nested(data); err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if doc != nil {
			return nil, &placed{d.Body.GetToken(), "a second document begins here; one file holds one, take the line --- away"}
		}
		doc = d.Body
	}
	if doc != nil {
		if err := (&walk{anchors: map[string]ast.Node{}}).count(doc, 0); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// recovered turns a panic of the YAML library, which some damaged files cause,
// into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("not YAML: %v", p)
	}
}

// nested refuses a file whose brackets, or dashes in one line, nest so deep that
// reading it would take the stack.
func nested(data []byte) error {
	depth, dashes, line := 0, 0, 1
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '\n':
			dashes, line = 0, line+1
		case '-', '?', ' ':
			if c != ' ' {
				dashes++
			}
		default:
			dashes = 0
		}
		if depth > 10*mostNested || dashes > 10*mostNested {
			return fmt.Errorf("line %d: nested deeper than %d", line, 10*mostNested)
		}
	}
	return nil
}

// Decode sets *v from a document of YAML, or a part of one. Beyond goccy/go-yaml
// it refuses a number that is not kept as it is written (1.9 or 2^64 for a whole
// number, 010, infinities and NaN), a text that looks like a number and would be
// read in another form, a null in a list or a map, and a tag.
func Decode(n ast.Node, v any, o ...yaml.DecodeOption) (err error) {
	defer recovered(&err)
	if n == nil {
		return nil
	}
	w := &walk{anchors: map[string]ast.Node{}}
	if err := w.check(n, reflect.TypeOf(v).Elem(), 0); err != nil {
		return err
	}
	return yaml.NodeToValue(n, v, o...)
}

// A placed error is one at a token of the file.
type placed struct {
	at   *token.Token
	text string
}

func (e *placed) Error() string { return yaml.FormatErrorWithToken(e.text, e.at, false, true) }

// Explain says what is wrong with a YAML file, with line, column and the lines
// around them.
func Explain(err error) string {
	var at *placed
	var mismatch *yaml.TypeError
	var overflow *yaml.OverflowError
	switch {
	case errors.As(err, &at):
		return at.Error()
	case errors.As(err, &mismatch):
		return yaml.FormatErrorWithToken(fmt.Sprintf("%s where %s belongs", inWords(mismatch.SrcType), inWords(mismatch.DstType)), mismatch.Token, false, true)
	case errors.As(err, &overflow):
		return yaml.FormatErrorWithToken(fmt.Sprintf("%s does not fit where %s belongs", overflow.SrcNum, inWords(overflow.DstType)), overflow.Token, false, true)
	}
	return yaml.FormatError(err, false, true)
}

// inWords names a type as the writer of a YAML file knows it.
func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint32, reflect.Uint64:
		return "a whole number from 0 on"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a section"
	}
	return t.String()
}

// A walk looks at every value of a document, those behind aliases again for each
// alias.
type walk struct {
	anchors map[string]ast.Node
	values  int
}

// step counts a value, and resolves what only points at one.
func (w *walk) step(n ast.Node, depth int) (ast.Node, error) {
	w.values++
	switch {
	case w.values > mostValues:
		return nil, &placed{n.GetToken(), fmt.Sprintf("the file holds more than %d values with its aliases written out", mostValues)}
	case depth > mostNested:
		return nil, &placed{n.GetToken(), fmt.Sprintf("nested deeper than %d, or an alias inside of itself", mostNested)}
	}
	switch x := n.(type) {
	case *ast.AnchorNode:
		w.anchors[x.Name.GetToken().Value] = x.Value
		return w.step(x.Value, depth+1)
	case *ast.AliasNode:
		if to, ok := w.anchors[x.Value.GetToken().Value]; ok {
			return w.step(to, depth+1)
		}
		return nil, nil // left to the decoder, which knows the whole file
	}
	return n, nil
}

// count looks at the size of a document alone.
func (w *walk) count(n ast.Node, depth int) error {
	if n == nil {
		return nil
	}
	n, err := w.step(n, depth)
	if err != nil || n == nil {
		return err
	}
	switch x := n.(type) {
	case *ast.TagNode:
		return w.count(x.Value, depth+1)
	case *ast.SequenceNode:
		for _, e := range x.Values {
			if err := w.count(e, depth+1); err != nil {
				return err
			}
		}
	case ast.MapNode:
		for i := x.MapRange(); i.Next(); {
			if err := w.count(i.Value(), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// check reports the first value below n that would be changed on reading it as
// a t.
func (w *walk) check(n ast.Node, t reflect.Type, depth int) error {
	if n == nil {
		return nil
	}
	n, err := w.step(n, depth)
	if err != nil || n == nil {
		return err
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Interface { // looked at when it is known what it is
		return nil
	}
	switch x := n.(type) {
	case *ast.TagNode:
		return &placed{x.GetToken(), "a tag; write the plain value"}
	case *ast.SequenceNode:
		return w.list(x, t, depth)
	case ast.MapNode:
		return w.mapping(x, t, depth)
	}
	if text := changed(n, t); text != "" {
		return &placed{n.GetToken(), strings.TrimPrefix(n.GetPath(), "$.") + ": " + text}
	}
	return nil
}

const empty = "is empty; write a value, or take the entry away"

func (w *walk) list(x *ast.SequenceNode, t reflect.Type, depth int) error {
	if t.Kind() != reflect.Slice {
		return nil // the decoder says so
	}
	for _, e := range x.Values {
		if e.Type() == ast.NullType {
			return &placed{e.GetToken(), empty}
		}
		if err := w.check(e, t.Elem(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) mapping(x ast.MapNode, t reflect.Type, depth int) error {
	for i := x.MapRange(); i.Next(); {
		key, value := i.Key(), i.Value()
		to := t
		switch {
		case key.Type() == ast.MergeKeyType: // the value holds keys of this mapping
		case t.Kind() == reflect.Map:
			to = t.Elem()
			if value.Type() == ast.NullType {
				return &placed{value.GetToken(), empty}
			}
			if text := changed(key, t.Key()); text != "" {
				return &placed{key.GetToken(), text}
			}
		case t.Kind() == reflect.Struct:
			if _, ok := key.(*ast.StringNode); !ok {
				return &placed{key.GetToken(), fmt.Sprintf("unknown field %q", key.GetToken().Value)}
			}
			if to = fieldOf(t, key.GetToken().Value); to == nil {
				continue // strict decoding says so
			}
		default:
			return nil
		}
		if err := w.check(value, to, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// fieldOf is the type of the field of a struct that a key sets, nil if none.
func fieldOf(t reflect.Type, key string) reflect.Type {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			if found := fieldOf(f.Type, key); found != nil {
				return found
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		if name == key && f.IsExported() {
			return f.Type
		}
	}
	return nil
}

// changed says why a single value would not be kept as it is written, "" if it
// is.
func changed(n ast.Node, t reflect.Type) string {
	written := n.GetToken().Value
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return wholeNumber(n, written, t)
	case reflect.Float32, reflect.Float64:
		return number(n, written, t)
	case reflect.String:
		switch x := n.(type) {
		case *ast.IntegerNode:
			if fmt.Sprint(x.Value) == written {
				return ""
			}
		case *ast.FloatNode:
			if fmt.Sprint(x.Value) == written {
				return ""
			}
		case *ast.BoolNode:
			if fmt.Sprint(x.Value) == written {
				return ""
			}
		case *ast.InfinityNode, *ast.NanNode:
		default:
			if strings.ContainsRune(written, 0) {
				return "text with a NUL character"
			}
			return ""
		}
		return fmt.Sprintf("%s where text belongs; write it in quotes", written)
	}
	return ""
}

func wholeNumber(n ast.Node, written string, t reflect.Type) string {
	no := fmt.Sprintf("%s where %s belongs", written, inWords(t))
	switch x := n.(type) {
	case *ast.IntegerNode:
		return octal(written)
	case *ast.FloatNode:
		return exact(x.Value, no)
	case *ast.StringNode: // 1e6, which YAML 1.2 and this parser take for text, and quoted numbers
		if _, err := strconv.ParseInt(written, 10, 64); err == nil {
			return octal(written)
		}
		if f, err := strconv.ParseFloat(written, 64); err == nil {
			return exact(f, no)
		}
	case *ast.InfinityNode, *ast.NanNode:
		return no
	}
	return "" // null leaves the default, all else is a matter of types
}

// exact tells whether a number with a point or an exponent is a whole one that
// is known to the last digit.
func exact(f float64, no string) string {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return ""
	}
	return no
}

// octal refuses a leading zero, which YAML 1.1 reads as octal and 1.2 does not.
func octal(written string) string {
	digits := strings.TrimLeft(written, "+-")
	if len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789_") == "" {
		return fmt.Sprintf("%s: a leading zero is octal to some programs and not to others; write %s or 0o%s", written, strings.TrimLeft(digits, "0_"), strings.TrimLeft(digits, "0_"))
	}
	return ""
}

func number(n ast.Node, written string, t reflect.Type) string {
	no := fmt.Sprintf("%s where %s belongs; it has to be finite", written, inWords(t))
	switch x := n.(type) {
	case *ast.IntegerNode:
		if i, ok := x.Value.(int64); ok && int64(float64(i)) != i {
			return fmt.Sprintf("%s has more digits than a number here keeps", written)
		}
		if u, ok := x.Value.(uint64); ok && (float64(u) >= 1<<64 || uint64(float64(u)) != u) {
			return fmt.Sprintf("%s has more digits than a number here keeps", written)
		}
		return octal(written)
	case *ast.FloatNode:
		if math.IsInf(x.Value, 0) || math.IsNaN(x.Value) {
			return no
		}
	case *ast.InfinityNode, *ast.NanNode:
		return no
	case *ast.StringNode:
		if f, err := strconv.ParseFloat(written, 64); err == nil && (math.IsInf(f, 0) || math.IsNaN(f)) || errors.Is(err, strconv.ErrRange) {
			return no
		}
	}
	return ""
}
