package jinja

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scope holds variables; assignments in a loop do not leave it.
type scope struct {
	vars  map[string]any
	outer *scope
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) names() []string {
	all := map[string]any{}
	for ; s != nil; s = s.outer {
		maps.Copy(all, s.vars)
	}
	return slices.Sorted(maps.Keys(all))
}

// run is one rendering.
type run struct {
	source string
	scope  *scope
	out    strings.Builder
	steps  int
}

// located is an error that already names its place.
type located struct{ error }

func (l located) Unwrap() error { return l.error }

// missing is the error of a value that is not there: Jinja's Undefined.
type missing struct{ what string }

func (m missing) Error() string { return m.what }

func (r *run) fail(x expr, err error) error {
	if _, ok := errors.AsType[located](err); ok {
		return err
	}
	return located{fmt.Errorf("%s: %w", at(r.source, x.offset()), err)}
}

func (r *run) nodes(nodes []node) error {
	for _, n := range nodes {
		if err := n.run(r); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) write(s string) error {
	if r.out.Len()+len(s) > maxText {
		return errSize
	}
	r.out.WriteString(s)
	return nil
}

// assign sets one variable, or several from a list as long.
func (r *run) assign(names []string, v any, x expr) error {
	if len(names) == 1 {
		r.scope.vars[names[0]] = v
		return nil
	}
	items, err := iterate(v)
	if err == nil && len(items) != len(names) {
		err = fmt.Errorf("%d values for %d variables", len(items), len(names))
	}
	if err != nil {
		return r.fail(x, err)
	}
	for i, name := range names {
		r.scope.vars[name] = items[i]
	}
	return nil
}

func (r *run) eval(x expr) (any, error) {
	if r.steps++; r.steps > maxSteps {
		return nil, errSteps
	}
	v, err := r.value(x)
	if err != nil {
		return nil, r.fail(x, err)
	}
	switch v := v.(type) {
	case string:
		if len(v) > maxText {
			return nil, errSize
		}
	default:
		n := len(elements(v))
		if n > maxText {
			return nil, errSize
		}
		r.steps += n / 16
	}
	return v, nil
}

func (r *run) value(x expr) (any, error) {
	switch x := x.(type) {
	case literal:
		return x.value, nil
	case variable:
		v, ok := r.scope.get(x.name)
		if !ok {
			have := r.scope.names()
			if len(have) == 0 {
				return nil, missing{fmt.Sprintf("there is no %s", x.name)}
			}
			return nil, missing{fmt.Sprintf("there is no %s; there are %s", x.name, strings.Join(have, ", "))}
		}
		return v, nil
	case list:
		items, err := r.all(x.items)
		if x.tuple {
			return Tuple(items), err
		}
		return items, err
	case dict:
		return r.dict(x)
	case unary:
		return r.unary(x)
	case binary:
		return r.binary(x)
	case compare:
		return r.compare(x)
	case cond:
		v, err := r.eval(x.test)
		switch {
		case err != nil:
			return nil, err
		case truth(v):
			return r.eval(x.then)
		case x.els == nil:
			return absent{}, nil
		}
		return r.eval(x.els)
	case attribute:
		v, err := r.eval(x.x)
		if err != nil {
			return nil, err
		}
		return item(v, x.name)
	case index:
		vs, err := r.all([]expr{x.x, x.i})
		if err != nil {
			return nil, err
		}
		return item(vs[0], vs[1])
	case slice:
		return r.slice(x)
	case call:
		return r.call(x)
	case filter:
		return r.filter(x)
	}
	return r.test(x.(test))
}

func (r *run) all(xs []expr) ([]any, error) {
	out := make([]any, len(xs))
	for i, x := range xs {
		v, err := r.eval(x)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (r *run) dict(x dict) (any, error) {
	d := Dict{}
	for i := range x.keys {
		kv, err := r.all([]expr{x.keys[i], x.values[i]})
		if err != nil {
			return nil, err
		}
		key, ok := kv[0].(string)
		if !ok {
			return nil, fmt.Errorf("%s is a key of a dict; only str is known", kindOf(kv[0]))
		}
		d.Set(key, kv[1])
	}
	return d, nil
}

func (r *run) unary(x unary) (any, error) {
	v, err := r.eval(x.x)
	if err != nil {
		return nil, err
	}
	if x.op == "not" {
		return !truth(v), nil
	}
	sign := map[string]int{"-": -1, "+": 1}[x.op]
	if n, ok := whole(v); ok {
		return sign * n, nil
	}
	if f, ok := v.(float64); ok {
		return float64(sign) * f, nil
	}
	return nil, fmt.Errorf("%s before %s", x.op, kindOf(v))
}

func (r *run) binary(x binary) (any, error) {
	a, err := r.eval(x.x)
	if err != nil {
		return nil, err
	}
	if x.op == "and" && !truth(a) || x.op == "or" && truth(a) {
		return a, nil
	}
	b, err := r.eval(x.y)
	switch {
	case err != nil:
		return nil, err
	case x.op == "and" || x.op == "or":
		return b, nil
	case x.op == "~":
		return Str(a) + Str(b), nil
	}
	return arithmetic(x.op, a, b)
}

func (r *run) compare(x compare) (any, error) {
	a, err := r.eval(x.x)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		b, err := r.eval(x.ys[i])
		if err != nil {
			return nil, err
		}
		holds := false
		switch op {
		case "==", "!=":
			holds = equal(a, b) == (op == "==")
		case "in", "not in":
			var in bool
			in, err = contains(b, a)
			holds = in == (op == "in")
		default:
			var c int
			c, err = order(a, b)
			holds = c < 0 && op[0] == '<' || c > 0 && op[0] == '>' || c == 0 && len(op) == 2
		}
		if err != nil || !holds {
			return false, err
		}
		a = b
	}
	return true, nil
}

// slice is x[from:to:step] with Python's bounds.
func (r *run) slice(x slice) (any, error) {
	v, err := r.eval(x.x)
	if err != nil {
		return nil, err
	}
	items, err := iterate(v)
	if _, isDict := v.(Dict); err != nil || isDict {
		return nil, fmt.Errorf("%s cannot be sliced", kindOf(v))
	}
	var bounds [3]*int
	for i, e := range []expr{x.from, x.to, x.step} {
		if e == nil {
			continue
		}
		b, err := r.eval(e)
		if err != nil {
			return nil, err
		}
		if n, ok := whole(b); ok {
			bounds[i] = &n
		} else if b != nil {
			return nil, fmt.Errorf("%s is no bound of a slice", kindOf(b))
		}
	}
	out, err := slicing(items, bounds)
	if _, isTuple := v.(Tuple); isTuple {
		return Tuple(out), err
	}
	if _, isString := v.(string); !isString || err != nil {
		return out, err
	}
	var b strings.Builder
	for _, c := range out {
		b.WriteString(c.(string))
	}
	return b.String(), nil
}

// given are the arguments of a call, and their names where they have them.
func (r *run) given(args []expr, keys map[string]expr) (a []any, k map[string]any, err error) {
	if a, err = r.all(args); err != nil {
		return nil, nil, err
	}
	k = map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if k[key], err = r.eval(keys[key]); err != nil {
			return nil, nil, err
		}
	}
	return a, k, nil
}

func (r *run) call(x call) (any, error) {
	args, keys, err := r.given(x.args, x.keys)
	if err != nil {
		return nil, err
	}
	if x.x == nil {
		return rangeOf(args, keys)
	}
	v, err := r.eval(x.x)
	if err != nil {
		return nil, err
	}
	return methods[x.name].call(x.name, v, args, keys)
}

func (r *run) filter(x filter) (any, error) {
	v, err := r.eval(x.x)
	if _, isMissing := errors.AsType[missing](err); isMissing && (x.name == "default" || x.name == "d") {
		v, err = absent{}, nil
	}
	if err != nil {
		return nil, err
	}
	args, keys, err := r.given(x.args, x.keys)
	if err != nil {
		return nil, err
	}
	if x.name == "map" {
		return r.mapped(v, args, keys)
	}
	return filters[x.name].call(x.name, v, args, keys)
}

// mapped applies a filter to each element, or takes an attribute of each.
func (r *run) mapped(v any, args []any, keys map[string]any) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	if path, ok := keys["attribute"]; ok {
		for i, x := range items {
			if out[i], err = follow(x, path); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if len(args) == 0 {
		return nil, errors.New("map needs the name of a filter, or attribute=")
	}
	name, _ := args[0].(string)
	if filters[name] == nil {
		return nil, fmt.Errorf("filter %s is not known; there are %s", name, known(filters))
	}
	for i, x := range items {
		if r.steps++; r.steps > maxSteps {
			return nil, errSteps
		}
		if out[i], err = filters[name].call(name, x, args[1:], keys); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// follow takes a dotted path of attributes.
func follow(x, path any) (any, error) {
	if n, ok := path.(int); ok {
		return item(x, n)
	}
	for name := range strings.SplitSeq(Str(path), ".") {
		var err error
		if x, err = item(x, name); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (r *run) test(x test) (any, error) {
	v, err := r.eval(x.x)
	if x.name == "defined" || x.name == "undefined" {
		_, isMissing := errors.AsType[missing](err)
		isMissing = isMissing || v == any(absent{})
		if err != nil && !isMissing {
			return nil, err
		}
		return (isMissing == (x.name == "undefined")) != x.not, nil
	}
	if err != nil {
		return nil, err
	}
	args, err := r.all(x.args)
	if err != nil {
		return nil, err
	}
	holds, err := tests[x.name](v, args)
	return holds != x.not, err
}
