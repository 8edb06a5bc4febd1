package label

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"
)

// doc holds what one pass over a text counts. Characters are runes that are
// not white space; words are what white space parts; a line is one that holds
// a word; paragraphs are parted by blank lines. Words are compared by their
// letters in lower case and their digits, a run of digits being one and the same
// whatever it says, and words of marks only by their marks; lines, paragraphs
// and n-grams by their words. So log lines that differ in a time stamp are equal.
type doc struct {
	letters, digits, chars int
	words, alpha           int // words; words with a letter
	hashes, ellipses       int // "#"; "..." and "…"
	newlines               int

	lines                            int
	terminal                         int // lines that end a sentence
	short                            int // lines of under 30 characters, inner spaces included
	bullets                          int
	trailing                         int // lines that end in an ellipsis
	dupLines, dupLineChars           int // from the second occurrence
	paragraphs                       int
	dupParagraphs, dupParagraphChars int

	hash []uint64 // of each word
	size []int32  // characters of each word

	word word
	line line
	para line

	seen, seenLines, seenParagraphs table
	gram                            []uint64
}

// word is the word being read.
type word struct {
	text, marks uint64 // hash of letters and digits; of all characters
	size        int
	letter      bool
	digit       bool // the last character was a digit
	named       bool // has a letter or digit
}

// line is the line, or the paragraph, being read.
type line struct {
	hash         uint64
	words, chars int
	first, last  rune // characters
	lone         bool // the first character is a word
	dots         int  // full stops in a row up to here
}

// FNV-1a, 64 bit.
const (
	fnvStart = 14695981039346656037
	fnvPrime = 1099511628211
)

// mix joins two hashes; the order counts.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^bits.RotateLeft64(a, 29)^0xd6e8feb86659fd93)
	return hi ^ lo
}

// scan counts text anew; slices and tables keep their memory.
func (d *doc) scan(text string) {
	*d = doc{hash: d.hash[:0], size: d.size[:0], gram: d.gram, seen: d.seen, seenLines: d.seenLines, seenParagraphs: d.seenParagraphs}
	lines := strings.Count(text, "\n") + 1
	d.seenLines.reset(lines)
	d.seenParagraphs.reset(lines)
	d.word = word{text: fnvStart, marks: fnvStart}
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		i += n
		if !unicode.IsSpace(r) {
			d.char(r)
			continue
		}
		d.endWord()
		if r == '\n' {
			d.newlines++
			d.endLine()
		}
	}
	d.endWord()
	d.endLine()
	d.endParagraph()
}

func (d *doc) char(r rune) {
	w := &d.word
	if d.line.words == 0 && w.size == 0 {
		d.line.first = r
	}
	w.size++
	w.marks = (w.marks ^ uint64(r)) * fnvPrime
	switch {
	case 'a' <= r && r <= 'z':
		d.letter(r)
	case 'A' <= r && r <= 'Z':
		d.letter(r + 'a' - 'A')
	case '0' <= r && r <= '9', r >= utf8.RuneSelf && unicode.IsDigit(r):
		d.digits++
		if !w.digit {
			w.text = (w.text ^ '0') * fnvPrime
		}
		w.digit, w.named = true, true
	case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r)):
		d.letter(unicode.ToLower(r))
	default:
		w.digit = false
		if r == '#' {
			d.hashes++
		}
	}
	if r != '.' {
		d.line.dots = 0
	} else if d.line.dots++; d.line.dots == 3 {
		d.ellipses++
	}
	if r == '…' {
		d.ellipses++
	}
	d.line.last = r
}

// letter counts a letter, given in lower case.
func (d *doc) letter(r rune) {
	w := &d.word
	d.letters++
	w.letter, w.named, w.digit = true, true, false
	w.text = (w.text ^ uint64(r)) * fnvPrime
}

func (d *doc) endWord() {
	w := &d.word
	if w.size == 0 {
		return
	}
	h := w.text
	if !w.named {
		h = w.marks
	}
	d.words++
	d.chars += w.size
	if w.letter {
		d.alpha++
	}
	d.hash = append(d.hash, h)
	d.size = append(d.size, int32(w.size))
	l := &d.line
	if l.words == 0 {
		l.lone = w.size == 1
	}
	l.words++
	l.chars += w.size
	l.hash = mix(l.hash, h)
	d.word = word{text: fnvStart, marks: fnvStart}
}

func (d *doc) endLine() {
	l := &d.line
	if l.words == 0 {
		d.endParagraph()
		return
	}
	d.lines++
	if l.chars+l.words-1 < 30 {
		d.short++
	}
	if terminal(l.last) {
		d.terminal++
	}
	if l.dots >= 3 || l.last == '…' {
		d.trailing++
	}
	if bullet(l.first, l.lone) {
		d.bullets++
	}
	if d.seenLines.add(l.hash) > 1 {
		d.dupLines++
		d.dupLineChars += l.chars
	}
	d.para.words += l.words
	d.para.chars += l.chars
	d.para.hash = mix(d.para.hash, l.hash)
	*l = line{}
}

func (d *doc) endParagraph() {
	p := &d.para
	if p.words == 0 {
		return
	}
	d.paragraphs++
	if d.seenParagraphs.add(p.hash) > 1 {
		d.dupParagraphs++
		d.dupParagraphChars += p.chars
	}
	*p = line{}
}

// terminal tells whether a line that ends in r ends a sentence: full stop,
// exclamation or question mark, closing quotation mark (C4, FineWeb), and
// their relatives in other scripts.
func terminal(r rune) bool {
	switch r {
	case '.', '!', '?', '"', '\'', '”', '’', '»', '…', '。', '！', '？', '」', '』', '؟', '۔', '।':
		return true
	}
	return false
}

// bullet tells whether a line starts with a bullet point; a hyphen, dash or
// asterisk must be a word.
func bullet(first rune, lone bool) bool {
	switch first {
	case '•', '‣', '▪', '◦', '●', '·':
		return true
	case '-', '*', '–', '—':
		return lone
	}
	return false
}

// table counts keys. It is an open hash table with a power of two of slots, at
// most half of them used.
type table struct {
	key   []uint64
	count []int32 // 0 = free
}

// reset empties the table and makes room for n keys.
func (t *table) reset(n int) {
	slots := 1 << bits.Len(uint(2*n))
	if cap(t.key) < slots {
		t.key, t.count = make([]uint64, slots), make([]int32, slots)
	}
	t.key, t.count = t.key[:slots], t.count[:slots]
	clear(t.count)
}

// add returns how often key has been added, this time included.
func (t *table) add(key uint64) int32 {
	mask := uint64(len(t.key) - 1)
	i := (key ^ key>>32) & mask
	for t.count[i] > 0 && t.key[i] != key {
		i = (i + 1) & mask
	}
	t.key[i] = key
	t.count[i]++
	return t.count[i]
}
