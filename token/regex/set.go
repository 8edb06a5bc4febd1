package regex

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// ranges are characters: sorted, apart, ends included.
type ranges [][2]rune

func (r ranges) union(o ranges) ranges {
	all := slices.Concat(r, o)
	slices.SortFunc(all, func(a, b [2]rune) int { return int(a[0]) - int(b[0]) })
	var out ranges
	for _, x := range all {
		if n := len(out); n > 0 && x[0] <= out[n-1][1]+1 {
			out[n-1][1] = max(out[n-1][1], x[1])
			continue
		}
		out = append(out, x)
	}
	return out
}

func (r ranges) not() ranges {
	var out ranges
	next := rune(0)
	for _, x := range r {
		if x[0] > next {
			out = append(out, [2]rune{next, x[0] - 1})
		}
		next = x[1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, [2]rune{next, unicode.MaxRune})
	}
	return out
}

func (r ranges) and(o ranges) ranges { return r.not().union(o.not()).not() }

// folded are the characters and those that differ from them in case only.
func (r ranges) folded() ranges {
	var more ranges
	for _, x := range r {
		for c := x[0]; c <= min(x[1], 0x1ffff); c++ { // no case above
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				more = append(more, [2]rune{f, f})
			}
		}
	}
	return r.union(more)
}

func one(c rune) ranges { return ranges{{c, c}} }

func ofTable(t *unicode.RangeTable) ranges {
	var out ranges
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			out = append(out, [2]rune{lo, hi})
			return
		}
		for c := lo; c <= hi; c += stride {
			out = append(out, [2]rune{c, c})
		}
	}
	for _, x := range t.R16 {
		add(rune(x.Lo), rune(x.Hi), rune(x.Stride))
	}
	for _, x := range t.R32 {
		add(rune(x.Lo), rune(x.Hi), rune(x.Stride))
	}
	return ranges{}.union(out)
}

func ofTables(tables ...*unicode.RangeTable) ranges {
	var out ranges
	for _, t := range tables {
		out = out.union(ofTable(t))
	}
	return out
}

// A set answers quickly whether a character is one of ranges.
type set struct {
	ascii [utf8.RuneSelf]bool
	plane [1 << 16 / 64]uint64 // the Basic Multilingual Plane
	above ranges
	first *[256]bool // bytes that the UTF-8 of a member can begin with
}

func newSet(r ranges) *set {
	s := &set{}
	for _, x := range r {
		for c := x[0]; c <= min(x[1], 0xffff); c++ {
			s.plane[c>>6] |= 1 << (c & 63)
			if c < utf8.RuneSelf {
				s.ascii[c] = true
			}
		}
		if x[1] > 0xffff {
			s.above = append(s.above, [2]rune{max(x[0], 0x10000), x[1]})
		}
	}
	s.first = s.firstBytes()
	return s
}

func (s *set) has(c rune) bool {
	if c <= 0xffff {
		return s.plane[c>>6]>>(c&63)&1 != 0
	}
	_, ok := slices.BinarySearchFunc(s.above, c, func(x [2]rune, c rune) int {
		switch {
		case x[1] < c:
			return -1
		case x[0] > c:
			return 1
		}
		return 0
	})
	return ok
}

// next is the width of the character at text[at] if it is in the set, else 0.
func (s *set) next(text string, at int) int {
	if at >= len(text) {
		return 0
	}
	if b := text[at]; b < utf8.RuneSelf {
		if s.ascii[b] {
			return 1
		}
		return 0
	}
	c, n := utf8.DecodeRuneInString(text[at:])
	if s.has(c) {
		return n
	}
	return 0
}

// span is the end of the run of at most most characters of the set from at on;
// a negative most is no limit.
func (s *set) span(text string, at, most int) int {
	for ; most != 0 && at < len(text); most-- {
		n := s.next(text, at)
		if n == 0 {
			break
		}
		at += n
	}
	return at
}

// firstBytes are those that the UTF-8 of a member can begin with; bytes that
// are no UTF-8 count as U+FFFD.
func (s *set) firstBytes() *[256]bool {
	var out [256]bool
	copy(out[:], s.ascii[:])
	for lead := 0xc2; lead <= 0xf4; lead++ {
		lo, hi := rune(lead&0x1f)<<6, rune(lead&0x1f)<<6|0x3f
		switch {
		case lead >= 0xf0:
			lo, hi = rune(lead&0x07)<<18, rune(lead&0x07)<<18|0x3ffff
		case lead >= 0xe0:
			lo, hi = rune(lead&0x0f)<<12, rune(lead&0x0f)<<12|0xfff
		}
		out[lead] = s.hasAny(max(lo, utf8.RuneSelf), min(hi, unicode.MaxRune))
	}
	if s.has(utf8.RuneError) {
		for b := utf8.RuneSelf; b < 256; b++ {
			out[b] = true
		}
	}
	return &out
}

func (s *set) hasAny(lo, hi rune) bool {
	for word := lo >> 6; word <= min(hi, 0xffff)>>6; word++ { // lo and hi+1 are multiples of 64
		if s.plane[word] != 0 {
			return true
		}
	}
	return slices.ContainsFunc(s.above, func(x [2]rune) bool { return x[0] <= hi && lo <= x[1] })
}
