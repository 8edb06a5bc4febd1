package report

import (
	"bytes"
	"fmt"
	"html/template"
	"reflect"
	"strings"
	"text/template/parse"
)

// A filler fills a page template: the part of the language of html/template that
// the pages use, with the same result to the byte. Fields are looked up but
// never methods. html/template finds methods by name as it runs, which makes the
// linker keep every exported method of every type in the program: 5.7 MB of 31.
//
// A value is escaped as text, right in the body and in quoted attributes alone;
// template.HTML, CSS and JS are written as they are. A test holds every page to
// html/template, which knows where in the page a value stands.
type filler struct {
	root  *parse.ListNode
	funcs map[string]any
}

// mustParse is for the templates that are part of the program.
func mustParse(name, text string, funcs map[string]any) *filler {
	f := &filler{funcs: map[string]any{"len": length, "index": index, "eq": equal, "lt": less, "not": not, "or": or}}
	for k, v := range funcs {
		f.funcs[k] = v
	}
	trees, err := parse.Parse(name, text, "{{", "}}", f.funcs)
	if err != nil {
		panic(err)
	}
	f.root = trees[name].Root
	return f
}

// fill gives the page with data as the dot.
func (f *filler) fill(data any) (page []byte, err error) {
	s := filling{funcs: f.funcs, vars: []variable{{"$", reflect.ValueOf(data)}}}
	defer func() {
		if r := recover(); r != nil {
			page, err = nil, fmt.Errorf("fill the page at %.60q: %v", fmt.Sprint(s.at), r)
		}
	}()
	s.walk(reflect.ValueOf(data), f.root)
	return s.out.Bytes(), nil
}

type variable struct {
	name  string
	value reflect.Value
}

// filling is a page being filled. What does not fit panics; fill recovers.
type filling struct {
	funcs map[string]any
	vars  []variable
	out   bytes.Buffer
	at    parse.Node
}

func (s *filling) walk(dot reflect.Value, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			s.walk(dot, child)
		}
	case *parse.TextNode:
		s.out.Write(n.Text)
	case *parse.ActionNode:
		s.at = n
		if v := s.pipe(dot, n.Pipe); len(n.Pipe.Decl) == 0 {
			s.out.WriteString(escaped(v))
		} else {
			s.vars = append(s.vars, variable{n.Pipe.Decl[0].Ident[0], v})
		}
	case *parse.IfNode:
		s.branch(dot, &n.BranchNode)
	case *parse.WithNode:
		s.branch(dot, &n.BranchNode)
	case *parse.RangeNode:
		s.loop(dot, n)
	default:
		s.at = n
		panic(fmt.Sprintf("%T is not supported", n))
	}
}

func (s *filling) branch(dot reflect.Value, n *parse.BranchNode) {
	s.at = n
	defer s.leave(len(s.vars))
	v := s.pipe(dot, n.Pipe)
	if n.NodeType == parse.NodeWith && truth(v) {
		dot = v
	}
	if truth(v) {
		s.walk(dot, n.List)
	} else if n.ElseList != nil {
		s.walk(dot, n.ElseList)
	}
}

func (s *filling) loop(dot reflect.Value, n *parse.RangeNode) {
	s.at = n
	v := bare(s.pipe(dot, n.Pipe))
	for i := range v.Len() {
		mark := len(s.vars)
		values := []reflect.Value{reflect.ValueOf(i), v.Index(i)}
		for k, d := range n.Pipe.Decl {
			s.vars = append(s.vars, variable{d.Ident[0], values[k+2-len(n.Pipe.Decl)]})
		}
		s.walk(v.Index(i), n.List)
		s.leave(mark)
	}
	if v.Len() == 0 && n.ElseList != nil {
		s.walk(dot, n.ElseList)
	}
}

// leave forgets the variables of a block.
func (s *filling) leave(mark int) { s.vars = s.vars[:mark] }

func (s *filling) pipe(dot reflect.Value, n *parse.PipeNode) reflect.Value {
	if len(n.Cmds) != 1 {
		panic("pipelines are not supported")
	}
	args := n.Cmds[0].Args
	if name, ok := args[0].(*parse.IdentifierNode); ok {
		return s.call(dot, name.Ident, args[1:])
	}
	if len(args) != 1 {
		panic("methods are not supported")
	}
	return s.value(dot, args[0])
}

func (s *filling) value(dot reflect.Value, node parse.Node) reflect.Value {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return field(dot, n.Ident)
	case *parse.VariableNode:
		for i := len(s.vars) - 1; ; i-- {
			if s.vars[i].name == n.Ident[0] {
				return field(s.vars[i].value, n.Ident[1:])
			}
		}
	case *parse.StringNode:
		return reflect.ValueOf(n.Text)
	case *parse.BoolNode:
		return reflect.ValueOf(n.True)
	case *parse.NumberNode:
		if n.IsInt && !strings.Contains(n.Text, ".") {
			return reflect.ValueOf(int(n.Int64))
		}
		return reflect.ValueOf(n.Float64)
	case *parse.PipeNode:
		return s.pipe(dot, n)
	}
	panic(fmt.Sprintf("%T is not supported", node))
}

// call calls a function of the template. Pointers to what it takes are followed.
func (s *filling) call(dot reflect.Value, name string, nodes []parse.Node) reflect.Value {
	f := reflect.ValueOf(s.funcs[name])
	t := f.Type()
	args := make([]reflect.Value, len(nodes))
	for i, n := range nodes {
		v := s.value(dot, n)
		want := t.In(min(i, t.NumIn()-1))
		if t.IsVariadic() && i >= t.NumIn()-1 {
			want = want.Elem()
		}
		if _, literal := n.(*parse.NumberNode); literal && want.Kind() != reflect.Interface {
			v = v.Convert(want)
		} else if !v.Type().AssignableTo(want) {
			v = bare(v)
		}
		args[i] = v
	}
	return f.Call(args)[0]
}

// field follows the names of fields.
func field(v reflect.Value, names []string) reflect.Value {
	for _, name := range names {
		found := bare(v).FieldByName(name)
		if !found.IsValid() {
			panic(fmt.Sprintf("%s has no field %s", v.Type(), name))
		}
		v = found
	}
	return v
}

// bare is what v holds or points to.
func bare(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v
}

// truth is as in html/template: empty, zero and nil are false, structs true.
func truth(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() > 0
	case reflect.Interface:
		return !v.IsNil() && truth(v.Elem())
	case reflect.Float64:
		return v.Float() != 0 // -0 is 0
	case reflect.Struct:
		return true
	}
	return !v.IsZero()
}

// escaper replaces what html/template replaces in text and in quoted attributes.
var escaper = strings.NewReplacer("\x00", "\uFFFD", `"`, "&#34;", "&", "&amp;", "'", "&#39;", "+", "&#43;", "<", "&lt;", ">", "&gt;")

func escaped(v reflect.Value) string {
	switch x := bare(v).Interface().(type) {
	case template.HTML:
		return string(x)
	case template.CSS:
		return string(x)
	case template.JS:
		return string(x)
	default:
		return escaper.Replace(fmt.Sprint(x))
	}
}

func length(x any) int { return bare(reflect.ValueOf(x)).Len() }

// index gives an element of a slice or of a map, nil or zero if the map lacks it.
func index(x, key any) any {
	v := bare(reflect.ValueOf(x))
	if v.Kind() != reflect.Map {
		return v.Index(key.(int)).Interface()
	}
	if e := v.MapIndex(reflect.ValueOf(key)); e.IsValid() {
		return e.Interface()
	}
	return reflect.Zero(v.Type().Elem()).Interface()
}

func equal(a, b any) bool { return a == b }

func less(a, b any) bool { return number(a) < number(b) }

func number(x any) float64 {
	if v := bare(reflect.ValueOf(x)); v.CanInt() {
		return float64(v.Int())
	} else {
		return v.Float()
	}
}

func not(x any) bool { return !truth(reflect.ValueOf(x)) }

// or is its first argument that is not empty, or the last.
func or(args ...any) any {
	for _, x := range args[:len(args)-1] {
		if truth(reflect.ValueOf(x)) {
			return x
		}
	}
	return args[len(args)-1]
}
