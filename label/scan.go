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
	plain, titled, upper   int // words in lower case; in lower case but for one capital; in capitals, of 3 letters or more
	exclaims               int
	coded, garbled         int // words with marks of code or formulas; with a digit or a mark between letters
	joined, endless        int // letters of scripts that join words; of those without a full stop
	triples, surprise      int // of ASCII letters in a row; how rare they are, see surprises
	broken                 int // characters that a wrong encoding leaves behind
	hashes, ellipses       int // "#"; "..." and "…"
	newlines               int
	bytes, tagged          int // of the text; of tags of HTML and XML in it

	lines                            int
	terminal                         int // lines that end a sentence
	short                            int // lines of under 30 characters, inner spaces included
	bullets                          int
	trailing                         int // lines that end in an ellipsis
	menu                             int // lines of up to 5 words from a capital to a letter or digit
	tableChars                       int // characters of table rows and rules
	stamped                          []span
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
	found                           found
}

// span is the words from a to before b.
type span struct{ a, b int }

// word is the word being read.
type word struct {
	text, marks uint64 // hash of letters and digits; of all characters
	size        int
	letter      bool
	digit       bool // the last character was a digit
	named       bool // has a letter or digit

	lower, upper int  // letters
	joint        bool // the last character joins the digits before it to those after it
	coded        bool // has a mark of code or of formulas
	garbled      bool // has a digit or a mark between letters, the second in lower case
	after        byte // what the last character was: see afterLetter
	script       byte // of the last letter: see joining
	abc, triple  int  // ASCII letters in a row up to here; the last three, 5 bits each
	lead, high   byte // characters still to come of one read in a wrong encoding; letters of Latin-1 in a row
	run, runs    int  // digits in a row up to here; such rows that are joined
}

// line is the line, or the paragraph, being read.
type line struct {
	hash         uint64
	words, chars int
	first, last  rune // characters
	lone         bool // the first character is a word
	dots         int  // full stops in a row up to here

	gap   int  // white space since the last word, a tab as 3
	cells int  // bars, and gaps of 3 or more between words
	rules int  // characters that tables are ruled with
	stamp bool // has a time stamp or a number of 6 digits near its start
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
	*d = doc{hash: d.hash[:0], size: d.size[:0], gram: d.gram, stamped: d.stamped[:0], seen: d.seen, seenLines: d.seenLines, seenParagraphs: d.seenParagraphs, found: d.found}
	lines := strings.Count(text, "\n") + 1
	d.seenLines.reset(lines)
	d.seenParagraphs.reset(lines)
	d.bytes, d.tagged = len(text), tagged(text)
	d.word = word{text: fnvStart, marks: fnvStart}
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		i += n
		if r > ' ' && r < utf8.RuneSelf || !unicode.IsSpace(r) {
			if d.char(r); 'a' <= r && r <= 'z' {
				i = d.small(text, i)
			}
			continue
		}
		d.endWord()
		switch r {
		case '\n':
			d.newlines++
			d.endLine()
		case '\t':
			d.line.gap += 3
		default:
			d.line.gap++
		}
	}
	d.endWord()
	d.endLine()
	d.endParagraph()
}

func (d *doc) char(r rune) {
	w := &d.word
	switch {
	case 'a' <= r && r <= 'z':
		if r == 'x' && w.digit { // 0x10, 8x16
			w.coded = true
		}
		d.abc(r, r)
		w.lower++
		w.garbled = w.garbled || w.after == afterInner
		w.after = afterLetter
	case 'A' <= r && r <= 'Z':
		d.abc(r, r+'a'-'A')
		w.upper++
		w.after = afterLetter
	case r >= utf8.RuneSelf:
		d.beyond(r)
	default:
		d.grow(r)
		if '0' <= r && r <= '9' {
			d.digit()
		} else {
			d.mark(r)
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

// grow adds a character to the word.
func (d *doc) grow(r rune) {
	w := &d.word
	if w.size == 0 {
		d.line.startWord(r)
	}
	w.size++
	w.marks = (w.marks ^ uint64(r)) * fnvPrime
}

// abc counts an ASCII letter, given as it is and in lower case.
func (d *doc) abc(r, small rune) {
	w := &d.word
	if w.script != 0 {
		d.endWord()
	}
	d.grow(r)
	d.letters++
	d.letter(small)
	w.coded = w.coded || w.after == afterStop
	w.triple = (w.triple<<5 | int(small-'a')) & (len(surprises) - 1)
	if w.abc++; w.abc >= 3 {
		d.triples++
		d.surprise += int(surprises[w.triple])
	}
}

// mostTag is the length of the longest tag.
const mostTag = 400

// tagged is the number of bytes of text in tags: "<", a letter or "/", and what
// follows up to ">".
func tagged(text string) (n int) {
	for at := strings.IndexByte(text, '<'); at >= 0; {
		text = text[at+1:]
		at = strings.IndexByte(text, '<')
		end := strings.IndexByte(text[:min(len(text), mostTag)], '>')
		if end > 0 && (at < 0 || end < at) && (text[0] == '/' || text[0]|0x20-'a' < 26) {
			n += end + 2
		}
	}
	return n
}

// small counts the small ASCII letters of text from i on, which follow one, as char
// does, and returns where they end. Most of most text is of such rows.
func (d *doc) small(text string, i int) int {
	w, from := &d.word, i
	hash, marks, triple, surprise := w.text, w.marks, w.triple, 0
	for ; i < len(text) && text[i]-'a' < 26; i++ {
		c := uint64(text[i])
		hash = (hash ^ c) * fnvPrime
		marks = (marks ^ c) * fnvPrime
		triple = (triple<<5 | int(c-'a')) & (len(surprises) - 1)
		surprise += int(surprises[triple])
		if i == from && w.abc == 1 { // two letters are no triple
			surprise = 0
		}
	}
	n := i - from
	if n == 0 {
		return i
	}
	d.triples += max(0, w.abc+n-2) - max(0, w.abc-2)
	d.surprise += surprise
	d.letters += n
	w.abc, w.size, w.lower = w.abc+n, w.size+n, w.lower+n
	w.text, w.marks, w.triple = hash, marks, triple
	d.line.last = rune(text[i-1])
	return i
}

func (d *doc) digit() {
	w := &d.word
	w.abc = 0
	if w.after == afterLetter {
		w.after = afterInner
	}
	d.digits++
	switch {
	case w.digit:
		w.run++
	case w.joint:
		w.run, w.runs = 1, w.runs+1
	default:
		w.run, w.runs = 1, 1
	}
	if !w.digit {
		w.text = (w.text ^ '0') * fnvPrime
	}
	w.digit, w.named, w.joint = true, true, false
	if l := &d.line; (w.runs == 3 || w.run == 6) && l.chars+w.size <= stampWithin {
		l.stamp = true
	}
}

// stampWithin is the number of characters at the start of a line in which a
// time stamp makes it a line of a log.
const stampWithin = 40

// mark counts a character that is no letter and no digit.
func (d *doc) mark(r rune) {
	w := &d.word
	w.joint, w.digit, w.abc = false, false, 0
	inner := w.after == afterLetter
	if inner {
		w.after = afterInner
	}
	switch r {
	case '{', '}', '=', '_', '\\', '[', ']':
		w.coded = true
	case '(':
		w.coded = w.coded || w.named
	case ',', ':':
		w.coded = w.coded || w.size > 1 && (d.line.last == '"' || d.line.last == '\'')
	case '.':
		if inner {
			w.after = afterStop
		}
	case '\'', '’', '-', '/', '@', '·', '‐', '\u00ad', '\u200c', '\u200d':
		if inner {
			w.after = afterOther
		}
	}
	switch r {
	case '#':
		d.hashes++
	case '!':
		d.exclaims++
	case ':', '.', '/':
		w.joint = w.run > 0
	case '-':
		w.joint = w.run > 0
		d.line.rules++
	case '=', '+', '_':
		d.line.rules++
	case '|':
		d.line.rules++
		d.line.cells++
		if d.line.last == r { // "||" is an operator
			d.line.cells -= 2
		}
	}
	w.run = 0
}

// letter counts a letter, given in lower case.
func (d *doc) letter(r rune) {
	w := &d.word
	w.letter, w.named, w.digit, w.joint, w.run = true, true, false, false, 0
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
	if w.coded {
		d.coded++
	} else if w.garbled {
		d.garbled++
	}
	d.kind(w)
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

// kind counts a word by its case. A word in lower case, or with one capital,
// may have one mark, as at the end of a sentence.
func (d *doc) kind(w *word) {
	switch {
	case w.upper == 0 && w.lower > 0 && w.size-w.lower <= 1:
		d.plain++
	case w.upper == 1 && w.lower > 0 && w.size-w.lower-w.upper <= 1:
		d.titled++
	case w.upper >= 3:
		d.upper++
	}
}

// startWord begins a word with its first character.
func (l *line) startWord(r rune) {
	if l.words == 0 {
		l.first = r
	} else if l.gap >= 3 {
		l.cells++
	}
	l.gap = 0
}

func (d *doc) endLine() {
	l := &d.line
	if l.words == 0 {
		l.gap = 0
		d.endParagraph()
		return
	}
	d.lines++
	if l.words == 1 && l.last == ',' { // of a table of constants
		d.coded++
	}
	d.shape(l)
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

// shape counts a line that is furniture: of a menu, a table or a log.
func (d *doc) shape(l *line) {
	if l.words <= 5 && l.rules == 0 && unicode.IsUpper(l.first) && (unicode.IsLetter(l.last) || unicode.IsDigit(l.last)) {
		d.menu++
	}
	if l.cells >= 2 || l.chars > 8 && 5*l.rules > 3*l.chars {
		d.tableChars += l.chars
	}
	if l.stamp && l.words > 1 {
		d.stamped = append(d.stamped, span{len(d.hash) - l.words, len(d.hash)})
	}
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
	case '.', '!', '?', '"', '\'', '”', '’', '»', '…', '。', '．', '！', '？', '」', '』', '؟', '۔', '।', '॥', '։', '።', '။', '།', '។':
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
