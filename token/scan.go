package token

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// A pattern cuts text into the words inside which merges happen. The regular
// expression is what tokenizer.json carries; next is a scanner written by hand
// that cuts at the same places.
type pattern struct {
	name      string
	regex     string
	spellings []string           // other ways in which published files write the same language
	next      func(s string) int // bytes of the first word of s, which is not empty; at least 1
}

// The two expressions, in the syntax of Oniguruma and fancy-regex. Letters
// (\p{L}), numbers (\p{N}) and white space (\s) are Unicode's; a byte that is
// not part of valid UTF-8 counts as U+FFFD, which is none of the three, and is
// kept as it is. Unicode is that of Go's tables (15.0 in Go 1.26), which may
// know a few more letters than the regular expression engine of another
// reader.
const (
	// GPT-2: Radford et al. 2019, encoder.py.
	gpt2Regex = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	// Llama 3 and cl100k_base: numbers fall into groups of up to three digits.
	llama3Regex = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

var patterns = []pattern{
	{name: "gpt2", regex: gpt2Regex, next: nextGPT2, spellings: []string{
		`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	}},
	{name: "llama3", regex: llama3Regex, next: nextLlama3, spellings: []string{
		`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
	}},
}

// qwen2 cuts as llama3 does, but that every digit is a word. It is read only.
var qwen2 = pattern{
	name:  "qwen2",
	regex: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	next:  func(s string) int { return nextCL100K(s, 1) },
}

// findPattern is the scanner for an expression, or nil.
func findPattern(regex string) *pattern {
	for _, p := range []*pattern{&patterns[0], &patterns[1], &qwen2} {
		if p.regex == regex || slices.Contains(p.spellings, regex) {
			return p
		}
	}
	return nil
}

// A class is what the expressions tell apart.
type class uint8

const (
	other class = iota // punctuation, symbols, marks, control characters, invalid bytes
	letter
	number
	space
)

// classes of the Basic Multilingual Plane.
var classes = func() *[1 << 16]class {
	var t [1 << 16]class
	for c, table := range map[class]*unicode.RangeTable{letter: unicode.L, number: unicode.N, space: unicode.White_Space} {
		for _, r := range table.R16 {
			for x := int(r.Lo); x <= int(r.Hi); x += int(r.Stride) {
				t[x] = c
			}
		}
	}
	return &t
}()

// classAt gives the class and the width in bytes of the rune at s[i].
func classAt(s string, i int) (class, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return classes[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	switch {
	case r < 1<<16:
		return classes[r], n
	case unicode.IsLetter(r):
		return letter, n
	case unicode.IsNumber(r):
		return number, n
	}
	return other, n
}

// run is the end of the run of class c that holds s[:i] and goes on at s[i].
func run(s string, i int, c class) int {
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf { // as classAt, 2x the whole scan for English
			if classes[b] != c {
				break
			}
			i++
			continue
		}
		k, n := classAt(s, i)
		if k != c {
			break
		}
		i += n
	}
	return i
}

func nextGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	c, n := classAt(s, 0)
	if s[0] == ' ' && len(s) > 1 {
		if c2, n2 := classAt(s, 1); c2 != space {
			c, n = c2, 1+n2
		}
	}
	if c == space {
		return spaces(s, false)
	}
	return run(s, n, c)
}

func nextLlama3(s string) int { return nextCL100K(s, 3) }

// nextCL100K takes groups of up to digits numbers.
func nextCL100K(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	c, n := classAt(s, 0)
	switch {
	case c == letter:
		return run(s, n, letter)
	case c == number:
		for range digits - 1 {
			if n == len(s) {
				break
			}
			c, w := classAt(s, n)
			if c != number {
				break
			}
			n += w
		}
		return n
	case newline(s[0]):
		return spaces(s, true)
	}
	if n < len(s) { // any other character may lead a run of letters, a space one of symbols
		switch c2, n2 := classAt(s, n); {
		case c2 == letter:
			return run(s, n+n2, letter)
		case c2 == other && s[0] == ' ':
			c, n = other, n+n2
		}
	}
	if c == space {
		return spaces(s, true)
	}
	n = run(s, n, other)
	for n < len(s) && newline(s[n]) {
		n++
	}
	return n
}

func newline(c byte) bool { return c == '\n' || c == '\r' }

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd at the head of
// s, or 0. With fold, case is ignored as Unicode does: U+017F folds to s.
func contraction(s string, fold bool) int {
	if s[0] != '\'' || len(s) < 2 {
		return 0
	}
	lower := byte(0)
	if fold {
		lower = 'a' - 'A'
	}
	switch s[1] | lower {
	case 's', 't', 'm', 'd':
		return 2
	case 'l', 'r', 'v':
		if len(s) < 3 {
			return 0
		}
		want := byte('e')
		if s[1]|lower == 'l' {
			want = 'l'
		}
		if s[2]|lower == want {
			return 3
		}
	}
	if fold && len(s) >= 3 && s[1:3] == "ſ" {
		return 3
	}
	return 0
}

// spaces cuts at the head of a run of white space: up to its last line break
// (with newlines), else all of it at the end of the text, else all but its
// last character, which belongs to the next word.
func spaces(s string, newlines bool) int {
	end, last, after := 0, 0, 0
	for end < len(s) {
		c, n := classAt(s, end)
		if c != space {
			break
		}
		if newline(s[end]) {
			after = end + n
		}
		end, last = end+n, n
	}
	switch {
	case newlines && after > 0:
		return after
	case end == len(s) || end == last:
		return end
	}
	return end - last
}
