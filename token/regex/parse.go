package regex

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	mostRepeats = 1000    // in one {n,m}
	mostInsts   = 1 << 16 // of a program, unrolled
	mostDepth   = 100     // of groups
)

type parser struct {
	src   string
	at    int
	fold  bool // (?i)
	line  bool // (?m) in Ruby's sense: . is also a line break
	depth int
}

func (p *parser) parse() (*node, error) {
	n, err := p.alternatives()
	if err == nil && p.at < len(p.src) {
		err = p.errorf("a ) too many")
	}
	if err == nil && n.size() > mostInsts {
		err = p.errorf("repeats are too large")
	}
	return n, err
}

func (n *node) size() int {
	size := 2
	for _, s := range n.subs {
		size += s.size()
	}
	if n.kind == kindRepeat && n.subs[0].kind != kindSet {
		size *= max(1, n.min, n.max)
	}
	return min(size, 1<<30)
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s (in the regular expression %q, byte %d)", fmt.Sprintf(format, args...), p.src, p.at)
}

func (p *parser) rest() string { return p.src[p.at:] }

// take goes over text if it comes next.
func (p *parser) take(text string) bool {
	if strings.HasPrefix(p.rest(), text) {
		p.at += len(text)
		return true
	}
	return false
}

func (p *parser) rune() rune {
	c, n := utf8.DecodeRuneInString(p.rest())
	p.at += n
	return c
}

// alternatives reads up to a ) or the end.
func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, p.errorf("groups are too deep")
	}
	defer func() { p.depth-- }()
	var all []*node
	for {
		n := &node{kind: kindConcat}
		for p.at < len(p.src) && p.src[p.at] != '|' && p.src[p.at] != ')' {
			part, err := p.repeated()
			if err != nil {
				return nil, err
			}
			switch {
			case part != nil:
				n.subs = append(n.subs, part)
			case len(n.subs) > 0 || len(all) > 0:
				return nil, p.errorf("flags in the middle of a group are not supported")
			}
		}
		if len(n.subs) == 1 {
			n = n.subs[0]
		}
		if all = append(all, n); !p.take("|") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return &node{kind: kindAlternate, subs: all}, nil
}

func (p *parser) repeated() (*node, error) {
	n, err := p.atom()
	if err != nil || n == nil {
		return n, err
	}
	for {
		lo, hi, interval, ok, err := p.quantifier()
		if err != nil || !ok {
			return n, err
		}
		if n.kind == kindLook || n.kind == kindBehind || n.kind == kindAssert || n.empty() {
			return nil, p.errorf("a repeat of what may be empty is not supported")
		}
		loop := &node{kind: kindRepeat, subs: []*node{n}, min: lo, max: hi}
		switch { // after {n,m}, Ruby's + is a repeat of its own, and {n}? the option of n
		case interval && lo == hi && p.take("?"):
			loop = &node{kind: kindRepeat, subs: []*node{loop}, max: 1}
		case p.take("?"):
			loop.mode = lazy
		case !interval && p.take("+"):
			loop.mode = possessive
		}
		n = loop
	}
}

func (p *parser) quantifier() (lo, hi int, interval, ok bool, err error) {
	switch {
	case p.take("*"):
		return 0, -1, false, true, nil
	case p.take("+"):
		return 1, -1, false, true, nil
	case p.take("?"):
		return 0, 1, false, true, nil
	}
	end := strings.IndexByte(p.rest(), '}')
	if !strings.HasPrefix(p.rest(), "{") || end < 0 {
		return 0, 0, false, false, nil
	}
	from, to, comma := strings.Cut(p.rest()[1:end], ",")
	lo, hi = 0, -1
	if from != "" {
		lo, err = strconv.Atoi(from)
	}
	if !comma {
		hi = lo
	} else if to != "" && err == nil {
		hi, err = strconv.Atoi(to)
	}
	if err != nil || from == "" && to == "" {
		return 0, 0, false, false, nil // a brace as it is
	}
	if lo < 0 || lo > mostRepeats || hi > mostRepeats || hi >= 0 && hi < lo || hi == 0 {
		return 0, 0, false, false, p.errorf("the repeat %s is not supported", p.rest()[:end+1])
	}
	p.at += end + 1
	return lo, hi, true, true, nil
}

// atom reads what a repeat applies to; nil for flags up to the end of the group.
func (p *parser) atom() (*node, error) {
	switch c := p.rune(); c {
	case '(':
		return p.group()
	case '[':
		r, err := p.class()
		return &node{kind: kindSet, set: newSet(r)}, err
	case '.':
		if p.line {
			return &node{kind: kindSet, set: newSet(ranges{{0, unicode.MaxRune}})}, nil
		}
		return &node{kind: kindSet, set: newSet(one('\n').not())}, nil
	case '^':
		return &node{kind: kindAssert, at: lineStart}, nil
	case '$':
		return &node{kind: kindAssert, at: lineEnd}, nil
	case '*', '+', '?':
		return nil, p.errorf("%q repeats nothing", string(c))
	case '\\':
		return p.escape()
	default:
		return p.literal(one(c)), nil
	}
}

func (p *parser) literal(r ranges) *node {
	if p.fold {
		r = r.folded()
	}
	return &node{kind: kindSet, set: newSet(r)}
}

func (p *parser) escape() (*node, error) {
	ends := map[byte]assertion{'A': textStart, 'z': textEnd, 'Z': textEndLine, 'b': wordEdge, 'B': wordInside}
	if p.at < len(p.src) {
		if at, ok := ends[p.src[p.at]]; ok {
			p.at++
			return &node{kind: kindAssert, at: at, set: newSet(word())}, nil
		}
	}
	r, err := p.escaped()
	if err != nil {
		return nil, err
	}
	if len(r) > 1 { // a class is not folded
		return &node{kind: kindSet, set: newSet(r)}, nil
	}
	return p.literal(r), nil
}

func (p *parser) group() (*node, error) {
	fold, line := p.fold, p.line
	defer func() { p.fold, p.line = fold, line }()
	n := &node{kind: kindConcat}
	switch {
	case p.take("?="):
		n.kind = kindLook
	case p.take("?!"):
		n.kind, n.not = kindLook, true
	case p.take("?<="):
		n.kind = kindBehind
	case p.take("?<!"):
		n.kind, n.not = kindBehind, true
	case p.take("?>"):
		n.kind = kindAtomic
	case p.take("?<") || p.take("?'"):
		return nil, p.errorf("named groups are not supported")
	case p.take("?"):
		scoped, err := p.flags()
		if err != nil {
			return nil, err
		}
		if !scoped { // to the end of the group that this stands in
			fold, line = p.fold, p.line
			return nil, nil
		}
	}
	sub, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.errorf("a ) is missing")
	}
	if _, ok := sub.fixed(); n.kind == kindBehind && !ok {
		return nil, p.errorf("a look-behind of no fixed length is not supported")
	}
	if n.kind == kindConcat {
		return sub, nil
	}
	n.subs = []*node{sub}
	return n, nil
}

// flags reads those of (?i) or, scoped, of (?i: and (?:.
func (p *parser) flags() (scoped bool, err error) {
	for on := true; p.at < len(p.src); {
		switch c := p.rune(); c {
		case '-':
			on = false
		case 'i':
			p.fold = on
		case 'm':
			p.line = on
		case ':':
			return true, nil
		case ')':
			return false, nil
		default:
			return false, p.errorf("the group (?%s is not supported", string(c))
		}
	}
	return false, p.errorf("a ) is missing")
}
