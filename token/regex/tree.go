package regex

type kind uint8

const (
	kindSet kind = iota
	kindConcat
	kindAlternate
	kindRepeat
	kindLook
	kindBehind
	kindAtomic
	kindAssert
)

type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// A node is a part of an expression.
type node struct {
	kind     kind
	set      *set
	subs     []*node
	min, max int // kindRepeat; max below 0: no limit
	mode     mode
	not      bool
	at       assertion
}

// head is the first part of what is matched in sequence.
func (n *node) head() *node {
	for n.kind == kindConcat && len(n.subs) > 0 {
		n = n.subs[0]
	}
	return n
}

// empty tells whether n can match nothing.
func (n *node) empty() bool {
	switch n.kind {
	case kindSet:
		return false
	case kindRepeat:
		return n.min == 0 || n.subs[0].empty()
	case kindAlternate:
		for _, s := range n.subs {
			if s.empty() {
				return true
			}
		}
		return false
	case kindConcat, kindAtomic:
		for _, s := range n.subs {
			if !s.empty() {
				return false
			}
		}
	}
	return true
}

// first are the bytes that a match can begin with, unless it can be empty.
func (n *node) first() (bytes *[256]bool, empty bool) {
	bytes = new([256]bool)
	join := func(o *[256]bool) {
		for b, has := range o {
			bytes[b] = bytes[b] || has
		}
	}
	switch n.kind {
	case kindSet:
		return n.set.first, false
	case kindRepeat:
		bytes, empty = n.subs[0].first()
		return bytes, empty || n.min == 0
	case kindAlternate:
		for _, s := range n.subs {
			f, e := s.first()
			join(f)
			empty = empty || e
		}
		return bytes, empty
	case kindConcat, kindAtomic:
		for _, s := range n.subs {
			f, e := s.first()
			join(f)
			if !e {
				return bytes, false
			}
		}
	}
	return bytes, true
}

// fixed is the number of characters that n matches, if it is always the same.
func (n *node) fixed() (int, bool) {
	switch n.kind {
	case kindSet:
		return 1, true
	case kindConcat, kindAtomic:
		sum := 0
		for _, s := range n.subs {
			k, ok := s.fixed()
			if !ok {
				return 0, false
			}
			sum += k
		}
		return sum, true
	case kindRepeat:
		k, ok := n.subs[0].fixed()
		return k * n.min, ok && n.min == n.max
	case kindAlternate:
		k, ok := n.subs[0].fixed()
		for _, s := range n.subs[1:] {
			o, same := s.fixed()
			ok = ok && same && o == k
		}
		return k, ok
	}
	return 0, true
}

// compile appends the instructions of n.
func compile(prog []inst, n *node) []inst {
	switch n.kind {
	case kindSet:
		return append(prog, inst{op: opSet, set: n.set})
	case kindAssert:
		return append(prog, inst{op: opAssert, at: n.at, set: n.set})
	case kindLook:
		return append(prog, inst{op: opLook, sub: whole(n.subs[0]), not: n.not})
	case kindBehind:
		k, _ := n.subs[0].fixed()
		return append(prog, inst{op: opBehind, sub: whole(n.subs[0]), not: n.not, min: k})
	case kindAtomic:
		return append(prog, inst{op: opAtomic, sub: whole(n.subs[0])})
	case kindAlternate:
		return alternate(prog, n.subs)
	case kindRepeat:
		return repeat(prog, n)
	}
	for _, s := range n.subs {
		prog = compile(prog, s)
	}
	return prog
}

func whole(n *node) []inst { return append(compile(nil, n), inst{op: opMatch}) }

func alternate(prog []inst, subs []*node) []inst {
	var ends []int
	for i, s := range subs {
		split := len(prog)
		if i < len(subs)-1 {
			prog = append(prog, inst{op: opSplit, x: split + 1, first: firstOf(s)})
		}
		prog = compile(prog, s)
		if i < len(subs)-1 {
			ends = append(ends, len(prog))
			prog = append(prog, inst{op: opJump})
			prog[split].y = len(prog)
		}
	}
	for _, e := range ends {
		prog[e].x = len(prog)
	}
	return prog
}

func firstOf(n *node) *[256]bool {
	if first, empty := n.first(); !empty {
		return first
	}
	return nil
}

// repeat compiles a loop. One over single characters is one instruction, others
// are unrolled as often as they must be, and at most as often as they may be.
func repeat(prog []inst, n *node) []inst {
	body := n.subs[0]
	if body.kind == kindSet && n.mode != lazy {
		return append(prog, inst{op: opRun, set: body.set, min: n.min, max: n.max, atomic: n.mode == possessive})
	}
	if n.mode == possessive {
		loop := *n
		loop.mode = greedy
		return append(prog, inst{op: opAtomic, sub: whole(&loop)})
	}
	for range n.min {
		prog = compile(prog, body)
	}
	split := func(first *[256]bool) int {
		prog = append(prog, inst{op: opSplit, first: first})
		return len(prog) - 1
	}
	aim := func(at, in, out int) {
		if prog[at].x, prog[at].y = in, out; n.mode == lazy {
			prog[at].x, prog[at].y = out, in
		}
	}
	var first *[256]bool
	if n.mode == greedy {
		first = firstOf(body)
	}
	if n.max < 0 {
		at := split(first)
		prog = compile(prog, body)
		prog = append(prog, inst{op: opJump, x: at})
		aim(at, at+1, len(prog))
		return prog
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, split(first))
		prog = compile(prog, body)
	}
	for _, at := range splits {
		aim(at, at+1, len(prog))
	}
	return prog
}
