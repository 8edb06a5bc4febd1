package main

import "strings"

// A param is an argument or result and its place in the frame.
type param struct {
	name, typ string
	offset    int
}

// A signature is a function's parameters laid out as the assembler's calling
// convention (ABI0) has them.
type signature struct {
	args, result string // as written
	params       []param
	size         int
}

var sizes = map[string]int{"float32": 4, "float64": 8, "int": 8}

// parse reads "a, b []float32, n int" and the type of the result, "" for none.
func parse(args, result string) signature {
	s := signature{args: args, result: result}
	var untyped []string
	for f := range strings.SplitSeq(args, ",") {
		name, typ, typed := strings.Cut(strings.TrimSpace(f), " ")
		untyped = append(untyped, name)
		if typed {
			for _, n := range untyped {
				s.add(n, typ)
			}
			untyped = nil
		}
	}
	s.size = (s.size + 7) &^ 7
	if result != "" {
		s.add("ret", result)
	}
	return s
}

func (s *signature) add(name, typ string) {
	size, align := sizes[typ], sizes[typ]
	switch {
	case strings.HasPrefix(typ, "[]"):
		size, align = 24, 8
	case strings.HasPrefix(typ, "*"):
		size, align = 8, 8
	}
	s.size = (s.size + align - 1) / align * align
	s.params = append(s.params, param{name, typ, s.size})
	s.size += size
}

func (s signature) String() string {
	if s.result == "" {
		return "(" + s.args + ")"
	}
	return "(" + s.args + ") " + s.result
}

// names lists the arguments for a call.
func (s signature) names() string {
	var names []string
	for _, p := range s.params {
		if p.name != "ret" {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ", ")
}
