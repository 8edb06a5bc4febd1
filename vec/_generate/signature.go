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
	result string
	params []param
	size   int
}

var sizes = map[string]int{"float32": 4, "int": 8}

// parse reads "a, b []float32, n int) float32".
func parse(sig string) (s signature) {
	args, result, _ := strings.Cut(sig, ")")
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
	if s.result = strings.TrimSpace(result); s.result != "" {
		s.size = (s.size + 7) &^ 7
		s.add("ret", s.result)
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

// names lists the arguments for a call.
func (s signature) names() (names []string) {
	for _, p := range s.params {
		if p.name != "ret" {
			names = append(names, p.name)
		}
	}
	return names
}
