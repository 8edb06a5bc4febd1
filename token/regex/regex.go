// Package regex is the regular expressions with which a tokenizer.json cuts
// text into words: those of Oniguruma in Ruby's syntax, which Hugging Face's
// library uses, matched by backtracking. Unlike Go's regexp it has look-ahead,
// look-behind, possessive loops and atomic groups, \s, \d and \w are Unicode's,
// and ^ and $ are the ends of a line. Back-references, loops over what may be
// empty and other rarities are refused in words.
//
// A byte that is not part of valid UTF-8 counts as U+FFFD. Unicode is that of
// Go's tables.
package regex

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// A Regexp is a compiled expression. It may be used from several goroutines.
type Regexp struct {
	source string
	prog   []inst
	first  *[256]bool // bytes that a match can begin with; nil: any, or none at all
	room   sync.Pool  // *matcher
	run    *set       // a match begins with a greedy run of these: where it fails, so it does in the rest of the run
}

// Compile parses an expression. Its errors name what is not supported.
func Compile(source string) (*Regexp, error) {
	p := &parser{src: source}
	tree, err := p.parse()
	if err != nil {
		return nil, err
	}
	r := &Regexp{source: source}
	r.prog = append(compile(nil, tree), inst{op: opMatch})
	if first, empty := tree.first(); !empty {
		r.first = first
	}
	if head := tree.head(); head.kind == kindRepeat && head.min == 1 && head.max < 0 && head.subs[0].kind == kindSet && head.mode != lazy {
		r.run = head.subs[0].set
	}
	return r, nil
}

// String is the expression.
func (r *Regexp) String() string { return r.source }

// Find is the leftmost match in s that begins at from or later; of several
// there, the one that backtracking finds first. Without one, start is -1.
func (r *Regexp) Find(s string, from int) (start, end int) {
	m := r.matcher(s)
	defer r.room.Put(m)
	return r.find(m, from)
}

func (r *Regexp) matcher(s string) *matcher {
	m, ok := r.room.Get().(*matcher)
	if !ok {
		m = new(matcher)
	}
	m.s = s
	return m
}

func (r *Regexp) find(m *matcher, from int) (start, end int) {
	s := m.s
	for at := from; at <= len(s); {
		if r.first != nil {
			for at < len(s) && !r.first[s[at]] {
				at += width(s, at)
			}
			if at == len(s) {
				break
			}
		}
		m.steps = 0
		if end, ok := m.match(r.prog, at); ok {
			return at, end
		}
		if at == len(s) {
			break
		}
		if r.run != nil {
			if next := r.run.span(s, at, -1); next > at {
				at = next
				continue
			}
		}
		at += width(s, at)
	}
	return -1, -1
}

// All calls yield with every match in turn, as Oniguruma's scan does: a match
// of nothing at the end of the last one is passed over.
func (r *Regexp) All(s string, yield func(start, end int)) {
	m := r.matcher(s)
	defer r.room.Put(m)
	for at, last := 0, -1; at <= len(s); {
		start, end := r.find(m, at)
		if start < 0 {
			return
		}
		if start == end && end == last {
			if at >= len(s) {
				return
			}
			at += width(s, at)
			continue
		}
		yield(start, end)
		at, last = end, end
	}
}

func width(s string, at int) int {
	if s[at] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s[at:])
	return n
}

// Quote is the expression that matches text and nothing else.
func Quote(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if strings.IndexByte(`\.+*?()|[]{}^$`, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
