package jinja

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// filters are Jinja's, and the harness's regex_replace.
var filters = map[string]*operation{
	"trim":  {[]string{"chars?"}, func(v any, a []any) (any, error) { return strip(true, true).do(Str(v), a) }},
	"lower": soft(strings.ToLower), "upper": soft(strings.ToUpper), "capitalize": soft(capitalize), "title": soft(title),
	"string":        soft(func(s string) string { return s }),
	"replace":       {[]string{"old", "new", "count?"}, func(v any, a []any) (any, error) { return replace(Str(v), a) }},
	"regex_replace": {[]string{"pattern", "repl", "count?"}, regexReplace},
	"join": {[]string{"d?", "attribute?"}, func(v any, a []any) (any, error) {
		sep, err := stringOr(a[0], "")
		if err != nil {
			return nil, err
		}
		return join(v, sep, a[1])
	}},
	"length": {nil, size}, "count": {nil, size},
	"wordcount": {nil, func(v any, _ []any) (any, error) { return len(strings.FieldsFunc(Str(v), isSpace)), nil }},
	"first":     {nil, func(v any, _ []any) (any, error) { return endOf(v, 0) }},
	"last":      {nil, func(v any, _ []any) (any, error) { return endOf(v, -1) }},
	"list":      {nil, func(v any, _ []any) (any, error) { return iterate(v) }},
	"reverse":   {nil, reverse},
	"sort":      {[]string{"reverse?", "case_sensitive?", "attribute?"}, sorted},
	"unique":    {nil, unique},
	"int":       {[]string{"default?"}, toInt},
	"float":     {[]string{"default?"}, toFloat},
	"abs":       {nil, abs},
	"round":     {[]string{"precision?"}, round},
	"sum":       {nil, sum},
	"min":       {nil, func(v any, _ []any) (any, error) { return extreme(v, -1) }},
	"max":       {nil, func(v any, _ []any) (any, error) { return extreme(v, 1) }},
	"default":   {[]string{"default_value?", "boolean?"}, byDefault},
	"d":         {[]string{"default_value?", "boolean?"}, byDefault},
	"items":     {nil, func(v any, _ []any) (any, error) { return methods["items"].do(v, nil) }},
}

// soft turns the value to a string first, as Jinja's filters do.
func soft(f func(string) string) *operation {
	return &operation{nil, func(v any, _ []any) (any, error) { return f(Str(v)), nil }}
}

func size(v any, _ []any) (any, error) {
	n, err := length(v)
	return n, err
}

func endOf(v any, i int) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	return item(items, i)
}

func join(v any, sep string, attribute any) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	parts, n := make([]string, len(items)), 0
	for i, x := range items {
		if _, none := attribute.(absent); !none {
			if x, err = follow(x, attribute); err != nil {
				return nil, err
			}
		}
		parts[i] = Str(x)
		if n += len(parts[i]) + len(sep); n > maxText {
			return nil, errSize
		}
	}
	return strings.Join(parts, sep), nil
}

func reverse(v any, _ []any) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, isString := v.(string); isString {
		return join(items, "", absent{})
	}
	return items, nil
}

// sorted ignores case unless told otherwise, as Jinja's sort does.
func sorted(v any, a []any) (any, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	key := func(x any) any {
		if _, none := a[2].(absent); !none {
			y, e := follow(x, a[2])
			x, err = y, cmp.Or(err, e)
		}
		if s, ok := x.(string); ok && (a[1] == absent{} || !truth(a[1])) {
			return strings.ToLower(s)
		}
		return x
	}
	sign := 1
	if a[0] != (absent{}) && truth(a[0]) {
		sign = -1
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(x, y any) int {
		c, e := order(key(x), key(y))
		err = cmp.Or(err, e)
		return sign * c
	})
	return items, err
}

// unique ignores case, as Jinja's does.
func unique(v any, _ []any) (any, error) {
	items, err := iterate(v)
	fold := func(x any) any {
		if s, ok := x.(string); ok {
			return strings.ToLower(s)
		}
		return x
	}
	out := []any{}
	for _, x := range items {
		if !slices.ContainsFunc(out, func(y any) bool { return equal(fold(x), fold(y)) }) {
			out = append(out, x)
		}
	}
	return out, err
}

func toInt(v any, a []any) (any, error) {
	or, err := intOr(a[0], 0)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok {
		if n, err := strconv.Atoi(strings.TrimFunc(s, isSpace)); err == nil {
			return n, nil
		}
		if v, err = strconv.ParseFloat(strings.TrimFunc(s, isSpace), 64); err != nil {
			return or, nil
		}
	}
	if n, ok := whole(v); ok {
		return n, nil
	}
	if f, ok := v.(float64); ok && math.Abs(f) < 1<<53 {
		return int(f), nil
	}
	return or, nil
}

func toFloat(v any, a []any) (any, error) {
	if f, ok := float(v); ok {
		return f, nil
	}
	if s, ok := v.(string); ok {
		if f, err := strconv.ParseFloat(strings.TrimFunc(s, isSpace), 64); err == nil {
			return f, nil
		}
	}
	if f, ok := float(a[0]); ok {
		return f, nil
	}
	return 0.0, nil
}

func abs(v any, _ []any) (any, error) {
	if n, ok := whole(v); ok {
		return max(n, -n), nil
	}
	if f, ok := v.(float64); ok {
		return math.Abs(f), nil
	}
	return nil, errOther
}

func round(v any, a []any) (any, error) {
	n, err := intOr(a[0], 0)
	f, ok := float(v)
	if err != nil || !ok || n < 0 || n > 15 {
		return nil, cmp.Or(err, errOther)
	}
	s := strconv.FormatFloat(f, 'f', n, 64) // halves to even, from the exact value, as Python's round
	return strconv.ParseFloat(s, 64)
}

func sum(v any, _ []any) (any, error) {
	items, err := iterate(v)
	var out any = 0
	for _, x := range items {
		if _, ok := float(x); !ok {
			return nil, fmt.Errorf("sum of a %s", kindOf(x))
		}
		if out, err = arithmetic("+", out, x); err != nil {
			return nil, err
		}
	}
	return out, err
}

// extreme is the first of the least (sign -1) or greatest elements; strings
// without regard to case, as in Jinja.
func extreme(v any, sign int) (any, error) {
	a := []any{sign > 0, absent{}, absent{}}
	s, err := sorted(v, a)
	if err != nil {
		return nil, err
	}
	return item(s, 0)
}

func byDefault(v any, a []any) (any, error) {
	if _, none := v.(absent); !none && (a[1] == absent{} || !truth(a[1]) || truth(v)) {
		return v, nil
	}
	if a[0] == (absent{}) {
		return "", nil
	}
	return a[0], nil
}

// regexReplace is the harness's filter, re.sub. The pattern is Go's RE2:
// without look-around and back-references. \1 in the replacement is a group.
func regexReplace(v any, a []any) (any, error) {
	pattern, err1 := stringOr(a[0], "")
	to, err2 := stringOr(a[1], "")
	n, err3 := intOr(a[2], 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("regex_replace: %w; patterns are those of https://golang.org/s/re2syntax", err)
	}
	s := Str(v)
	to = regexp.MustCompile(`\\(\d)`).ReplaceAllString(strings.ReplaceAll(to, "$", "$$"), "$${${1}}")
	var out []byte
	last := 0
	for i, m := range re.FindAllStringSubmatchIndex(s, -1) {
		if n > 0 && i == n {
			break
		}
		out = append(out, s[last:m[0]]...)
		out = re.ExpandString(out, to, s, m)
		if last = m[1]; len(out) > maxText {
			return nil, errSize
		}
	}
	return string(append(out, s[last:]...)), nil
}

// tests are what may follow "is".
var tests = map[string]func(v any, a []any) (bool, error){
	"defined": func(any, []any) (bool, error) { return true, nil }, "undefined": func(any, []any) (bool, error) { return false, nil },
	"none":        func(v any, _ []any) (bool, error) { return v == nil, nil },
	"boolean":     kindIs("bool"),
	"string":      kindIs("str"),
	"integer":     kindIs("int"),
	"float":       kindIs("float"),
	"mapping":     kindIs("dict"),
	"number":      func(v any, _ []any) (bool, error) { _, ok := float(v); return ok, nil },
	"iterable":    func(v any, _ []any) (bool, error) { _, err := iterate(v); return err == nil, nil },
	"sequence":    func(v any, _ []any) (bool, error) { _, err := length(v); return err == nil, nil },
	"true":        func(v any, _ []any) (bool, error) { return v == true, nil },
	"false":       func(v any, _ []any) (bool, error) { return v == false, nil },
	"odd":         divides(2, 1),
	"even":        divides(2, 0),
	"divisibleby": divides(0, 0),
	"in": func(v any, a []any) (bool, error) {
		if len(a) != 1 {
			return false, errors.New("the test in needs one value")
		}
		return contains(a[0], v)
	},
	"equalto": same, "eq": same, "sameas": same,
	"lower": func(v any, _ []any) (bool, error) { return truthOf(methods["islower"].do(Str(v), nil)) },
	"upper": func(v any, _ []any) (bool, error) { return truthOf(methods["isupper"].do(Str(v), nil)) },
}

func truthOf(v any, err error) (bool, error) { return err == nil && truth(v), err }

func same(v any, a []any) (bool, error) {
	if len(a) != 1 {
		return false, errors.New("the test needs one value")
	}
	return equal(v, a[0]), nil
}

func kindIs(name string) func(v any, a []any) (bool, error) {
	return func(v any, _ []any) (bool, error) { return kindOf(v) == name, nil }
}

// divides tests v % n == rest; n 0 is the test's argument.
func divides(n, rest int) func(v any, a []any) (bool, error) {
	return func(v any, a []any) (bool, error) {
		by, ok := n, true
		if n == 0 && len(a) == 1 {
			by, ok = whole(a[0])
		}
		x, ok2 := whole(v)
		if !ok || !ok2 || by == 0 {
			return false, errors.New("the test needs ints, the divisor not 0")
		}
		m, err := integer("%", x, by)
		return m == rest, err
	}
}
