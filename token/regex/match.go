package regex

import "unicode/utf8"

type opcode uint8

const (
	opMatch  opcode = iota
	opSet           // one character of set
	opRun           // min to max characters of set; without atomic, fewer if the rest wants it
	opSplit         // x, and if that fails y
	opJump          // to x
	opLook          // sub matches here (not: does not)
	opBehind        // sub matches the min characters before (not: does not)
	opAtomic        // sub, in the one way that is found first
	opAssert        // at
)

type inst struct {
	op       opcode
	set      *set
	min, max int // max below 0: no limit
	x, y     int
	first    *[256]bool // opSplit: bytes without which x need not be tried
	sub      []inst
	not      bool
	atomic   bool
	at       assertion
}

type assertion uint8

const (
	lineStart assertion = iota
	lineEnd
	textStart
	textEnd
	textEndLine // the end, or a line break at the end
	wordEdge
	wordInside
)

// A frame is where to go on when a path fails: at pc with pos and, of a run,
// with one character less down to low.
type frame struct{ pc, pos, low int }

// mostSteps bounds the work at one start, as Oniguruma's limit on retries does;
// beyond it there is no match there.
const mostSteps = 10_000_000

type matcher struct {
	s     string
	stack []frame
	steps int
}

// match runs prog at pos, and gives the end of the match.
func (m *matcher) match(prog []inst, pos int) (int, bool) {
	base := len(m.stack)
	pc := 0
	for {
		in := &prog[pc]
		ok := true
		switch in.op {
		case opMatch:
			m.stack = m.stack[:base]
			return pos, true
		case opSet:
			n := in.set.next(m.s, pos)
			pos, ok = pos+n, n > 0
		case opRun:
			pos, ok = m.run(in, pc, pos)
		case opSplit:
			if in.first == nil || pos < len(m.s) && in.first[m.s[pos]] {
				m.stack = append(m.stack, frame{in.y, pos, pos})
				pc = in.x
			} else {
				pc = in.y
			}
			continue
		case opJump:
			pc = in.x
			continue
		case opAtomic:
			var end int
			if end, ok = m.match(in.sub, pos); ok {
				pos = end
			}
		default:
			ok = m.holds(in, pos)
		}
		if ok {
			pc++
			continue
		}
		if m.steps++; len(m.stack) == base || m.steps > mostSteps {
			m.stack = m.stack[:base]
			return 0, false
		}
		pc, pos = m.back()
	}
}

// run takes as many characters as it may, and notes that fewer would do.
func (m *matcher) run(in *inst, pc, pos int) (end int, ok bool) {
	low := pos
	for range in.min {
		n := in.set.next(m.s, low)
		if n == 0 {
			return pos, false
		}
		low += n
	}
	more := in.max
	if more > 0 {
		more -= in.min
	}
	end = in.set.span(m.s, low, more)
	if end > low && !in.atomic {
		m.stack = append(m.stack, frame{pc + 1, end - m.widthBefore(end), low})
	}
	return end, true
}

// back is where to go on after a failure.
func (m *matcher) back() (pc, pos int) {
	top := &m.stack[len(m.stack)-1]
	pc, pos = top.pc, top.pos
	if top.pos > top.low {
		top.pos -= m.widthBefore(top.pos)
	} else {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return pc, pos
}

func (m *matcher) widthBefore(at int) int {
	if m.s[at-1] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeLastRuneInString(m.s[:at])
	return n
}

// holds tells whether an instruction that takes no characters does not object.
func (m *matcher) holds(in *inst, pos int) bool {
	switch in.op {
	case opLook:
		_, ok := m.match(in.sub, pos)
		return ok != in.not
	case opBehind:
		for range in.min {
			if pos == 0 {
				return in.not
			}
			pos -= m.widthBefore(pos)
		}
		_, ok := m.match(in.sub, pos)
		return ok != in.not
	}
	switch in.at {
	case lineStart:
		return pos == 0 || m.s[pos-1] == '\n' && pos < len(m.s)
	case lineEnd:
		return pos == len(m.s) || m.s[pos] == '\n'
	case textStart:
		return pos == 0
	case textEnd:
		return pos == len(m.s)
	case textEndLine:
		return pos == len(m.s) || pos == len(m.s)-1 && m.s[pos] == '\n'
	}
	after := pos < len(m.s) && in.set.next(m.s, pos) > 0
	before := pos > 0 && in.set.next(m.s, pos-m.widthBefore(pos)) > 0
	return (before != after) == (in.at == wordEdge)
}
