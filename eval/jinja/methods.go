package jinja

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An operation is a method or filter: what it takes after the value itself,
// and what it does. Arguments left out are absent{}.
type operation struct {
	params []string // "name" is needed, "name?" may be left out
	do     func(v any, a []any) (any, error)
}

// errOther says that the operation does not exist for the value's type.
var errOther = errors.New("is not known for it")

func (o *operation) call(name string, v any, args []any, keys map[string]any) (any, error) {
	if len(args) > len(o.params) {
		return nil, fmt.Errorf("%s takes at most %d arguments", name, len(o.params))
	}
	a := make([]any, len(o.params))
	used := 0
	for i, p := range o.params {
		key, optional := strings.CutSuffix(p, "?")
		value, named := keys[key]
		switch {
		case i < len(args) && named:
			return nil, fmt.Errorf("%s has two values for %s", name, key)
		case i < len(args):
			a[i] = args[i]
		case named:
			a[i] = value
			used++
		case !optional:
			return nil, fmt.Errorf("%s needs %s", name, key)
		default:
			a[i] = absent{}
		}
	}
	if used < len(keys) {
		return nil, fmt.Errorf("%s takes %s, not %s", name, strings.Join(o.params, ", "), strings.Join(slices.Sorted(maps.Keys(keys)), ", "))
	}
	out, err := o.do(v, a)
	if errors.Is(err, errOther) {
		return nil, fmt.Errorf("%s %w: a %s", name, err, kindOf(v))
	}
	return out, err
}

func known[T any](m map[string]T) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }

// ofString makes an operation of strings alone. The arguments are given as
// strings; those left out as "" with ok false.
func ofString(do func(s string, a []any) (any, error), params ...string) *operation {
	return &operation{params, func(v any, a []any) (any, error) {
		s, ok := v.(string)
		if !ok {
			return nil, errOther
		}
		return do(s, a)
	}}
}

// ofText is ofString for a change of the string alone.
func ofText(f func(string) string) *operation {
	return ofString(func(s string, _ []any) (any, error) { return f(s), nil })
}

// stringOr returns the argument, or a value where it was left out or is None.
func stringOr(v any, or string) (string, error) {
	switch v := v.(type) {
	case absent, nil:
		return or, nil
	case string:
		return v, nil
	}
	return "", fmt.Errorf("%s where a str belongs", kindOf(v))
}

func intOr(v any, or int) (int, error) {
	switch v := v.(type) {
	case absent, nil:
		return or, nil
	default:
		if n, ok := whole(v); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s where an int belongs", kindOf(v))
}

func strip(left, right bool) *operation {
	return ofString(func(s string, a []any) (any, error) {
		cut := isSpace
		if chars, ok := a[0].(string); ok {
			cut = func(r rune) bool { return strings.ContainsRune(chars, r) }
		} else if _, err := stringOr(a[0], ""); err != nil {
			return nil, err
		}
		if left {
			s = strings.TrimLeftFunc(s, cut)
		}
		if right {
			s = strings.TrimRightFunc(s, cut)
		}
		return s, nil
	}, "chars?")
}

// methods are Python's, of str, list and dict.
var methods = map[string]*operation{
	"strip": strip(true, true), "lstrip": strip(true, false), "rstrip": strip(false, true),
	"lower": ofText(strings.ToLower), "upper": ofText(strings.ToUpper), "capitalize": ofText(capitalize), "title": ofText(title),
	"replace":      ofString(replace, "old", "new", "count?"),
	"split":        ofString(split(strings.SplitN, false), "sep?", "maxsplit?"),
	"rsplit":       ofString(split(rsplitN, true), "sep?", "maxsplit?"),
	"splitlines":   ofString(func(s string, _ []any) (any, error) { return splitLines(s), nil }),
	"join":         ofString(func(s string, a []any) (any, error) { return join(a[0], s, absent{}) }, "iterable"),
	"startswith":   ofString(affix(strings.HasPrefix), "prefix"),
	"endswith":     ofString(affix(strings.HasSuffix), "suffix"),
	"removeprefix": ofString(cutAffix(strings.TrimPrefix), "prefix"),
	"removesuffix": ofString(cutAffix(strings.TrimSuffix), "suffix"),
	"find":         ofString(find(strings.Index), "sub"),
	"rfind":        ofString(find(strings.LastIndex), "sub"),
	"index":        {[]string{"value"}, indexOf},
	"count":        {[]string{"value"}, count},
	"isdigit":      ofString(every(unicode.IsDigit)), "isalpha": ofString(every(unicode.IsLetter)), "isspace": ofString(every(isSpace)),
	"isupper": ofString(cased(unicode.IsUpper, unicode.IsLower)), "islower": ofString(cased(unicode.IsLower, unicode.IsUpper)),
	"get": ofDict(func(d Dict, a []any) any {
		if v, ok := d.Get(Str(a[0])); ok {
			return v
		}
		if _, none := a[1].(absent); none {
			return nil
		}
		return a[1]
	}, "key", "default?"),
	"keys":   ofDict(func(d Dict, _ []any) any { keys, _ := iterate(d); return keys }),
	"values": ofDict(func(d Dict, _ []any) any { return entries(d, func(p Pair) any { return p.Value }) }),
	"items":  ofDict(func(d Dict, _ []any) any { return entries(d, func(p Pair) any { return Tuple{p.Key, p.Value} }) }),
}

func ofDict(do func(d Dict, a []any) any, params ...string) *operation {
	return &operation{params, func(v any, a []any) (any, error) {
		d, ok := v.(Dict)
		if !ok {
			return nil, errOther
		}
		return do(d, a), nil
	}}
}

func entries(d Dict, f func(Pair) any) []any {
	out := make([]any, len(d))
	for i, p := range d {
		out[i] = f(p)
	}
	return out
}

// capitalize makes the first character upper case, the others lower.
func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[n:])
}

// title makes the first letter of every run of letters upper case.
func title(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		letter, first := unicode.IsLetter(r), !inside
		if inside = letter; letter && first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func replace(s string, a []any) (any, error) {
	from, err := stringOr(a[0], "")
	if err != nil {
		return nil, err
	}
	to, err := stringOr(a[1], "")
	if err != nil {
		return nil, err
	}
	n, err := intOr(a[2], -1)
	if err != nil {
		return nil, err
	}
	if times := strings.Count(s, from); times > 0 && len(to) > maxText/times {
		return nil, errSize
	}
	return strings.Replace(s, from, to, n), nil
}

// split is Python's: without a separator at runs of white space, without empty
// parts.
func split(cut func(s, sep string, n int) []string, fromRight bool) func(s string, a []any) (any, error) {
	return func(s string, a []any) (any, error) {
		n, err := intOr(a[1], -1)
		if err != nil {
			return nil, err
		}
		sep, err := stringOr(a[0], "")
		if err != nil {
			return nil, err
		}
		if _, given := a[0].(string); !given {
			return listOf(fields(s, n, fromRight)), nil
		}
		if sep == "" {
			return nil, errors.New("split at an empty separator")
		}
		if n >= 0 {
			n++
		}
		return listOf(cut(s, sep, n)), nil
	}
}

// fields splits at white space, at most n times where n is not negative.
func fields(s string, n int, fromRight bool) []string {
	if n < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var out []string
	for {
		if fromRight {
			s = strings.TrimRightFunc(s, isSpace)
		} else {
			s = strings.TrimLeftFunc(s, isSpace)
		}
		if s == "" {
			break
		}
		i := strings.IndexFunc(s, isSpace)
		if fromRight {
			i = strings.LastIndexFunc(s, isSpace)
		}
		if len(out) == n || i < 0 {
			out = append(out, s)
			break
		}
		_, width := utf8.DecodeRuneInString(s[i:])
		if fromRight {
			out, s = append(out, s[i+width:]), s[:i]
		} else {
			out, s = append(out, s[:i]), s[i:]
		}
	}
	if fromRight {
		slices.Reverse(out)
	}
	return out
}

func rsplitN(s, sep string, n int) []string {
	var out []string
	for n < 0 || len(out) < n-1 {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out, s = append(out, s[i+len(sep):]), s[:i]
	}
	out = append(out, s)
	slices.Reverse(out)
	return out
}

func listOf(parts []string) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}

func splitLines(s string) []any {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	if s == "" {
		return []any{}
	}
	return listOf(strings.Split(strings.TrimSuffix(s, "\n"), "\n"))
}

func affix(has func(s, affix string) bool) func(s string, a []any) (any, error) {
	return func(s string, a []any) (any, error) {
		x, err := stringOr(a[0], "")
		return has(s, x), err
	}
}

func cutAffix(cut func(s, affix string) string) func(s string, a []any) (any, error) {
	return func(s string, a []any) (any, error) {
		x, err := stringOr(a[0], "")
		return cut(s, x), err
	}
}

// find counts characters, -1 for none.
func find(where func(s, sub string) int) func(s string, a []any) (any, error) {
	return func(s string, a []any) (any, error) {
		sub, err := stringOr(a[0], "")
		i := where(s, sub)
		if err != nil || i < 0 {
			return -1, err
		}
		return utf8.RuneCountInString(s[:i]), nil
	}
}

func indexOf(v any, a []any) (any, error) {
	switch v := v.(type) {
	case string:
		i, err := find(strings.Index)(v, a)
		if err == nil && i == -1 {
			err = fmt.Errorf("%s is not in the text", repr(a[0]))
		}
		return i, err
	case []any, Tuple:
		if i := slices.IndexFunc(elements(v), func(x any) bool { return equal(x, a[0]) }); i >= 0 {
			return i, nil
		}
		return nil, fmt.Errorf("%s is not in the list %s", repr(a[0]), repr(v))
	}
	return nil, errOther
}

func count(v any, a []any) (any, error) {
	switch v := v.(type) {
	case string:
		sub, err := stringOr(a[0], "")
		return strings.Count(v, sub), err
	case []any, Tuple:
		n := 0
		for _, x := range elements(v) {
			if equal(x, a[0]) {
				n++
			}
		}
		return n, nil
	}
	return nil, errOther
}

func every(is func(rune) bool) func(s string, a []any) (any, error) {
	return func(s string, _ []any) (any, error) {
		return s != "" && strings.IndexFunc(s, func(r rune) bool { return !is(r) }) < 0, nil
	}
}

func cased(is, other func(rune) bool) func(s string, a []any) (any, error) {
	return func(s string, _ []any) (any, error) {
		return strings.IndexFunc(s, is) >= 0 && strings.IndexFunc(s, other) < 0, nil
	}
}

// rangeOf is range(n), range(a, b) or range(a, b, step).
func rangeOf(args []any, keys map[string]any) (any, error) {
	var n [3]int
	for i, a := range args {
		v, ok := whole(a)
		if !ok || i > 2 {
			return nil, errors.New("range takes one to three ints")
		}
		n[i] = v
	}
	from, to, step := 0, n[0], 1
	if len(args) > 1 {
		from, to = n[0], n[1]
	}
	if len(args) > 2 {
		step = n[2]
	}
	if len(args) == 0 || len(keys) > 0 || step == 0 {
		return nil, errors.New("range takes one to three ints, the step not 0")
	}
	out := []any{}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if out = append(out, i); len(out) > maxSteps {
			return nil, errSize
		}
	}
	return out, nil
}
