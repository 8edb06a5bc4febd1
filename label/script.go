package label

import (
	_ "embed"
	"unicode"
)

// surprises have for each row of three ASCII letters the surprise of the third
// after the other two, in 1/16 bits: five bits of the index a letter. The
// probabilities are those of all kinds of sound text together, each language and
// code counting the same. They were counted in the half of the text that constants
// are chosen on (bench/quality -tables).
//
//go:embed surprises.bin
var surprises string

// What the last character of a word was.
const (
	afterOther  = iota
	afterLetter // a letter
	afterInner  // a digit or a mark after a letter
	afterStop   // a full stop after a letter
)

// Scripts that do not part words by spaces.
const (
	spaced   = iota
	twoWide           // Han, kana: two columns a character, two characters a word
	oneWide           // Thai, Lao, Tibetan, Burmese, Khmer: four characters a word
	hangul            // two columns a character; words are parted, but joined to their particles
	firstFar = 0x0E00 // no script before needs a look
)

// joining returns the script of a letter.
func joining(r rune) byte {
	switch {
	case r < firstFar:
		return spaced
	case r < 0x10A0, 0x1780 <= r && r < 0x1800:
		return oneWide
	case r < 0x1200 && r >= 0x1100, 0xAC00 <= r && r < 0xD7B0, 0x3130 <= r && r < 0x3190:
		return hangul
	case 0x2E80 <= r && r < 0xA000, 0xF900 <= r && r < 0xFB00, 0xFF66 <= r && r < 0xFFA0, 0x1B000 <= r && r < 0x1B170, 0x20000 <= r && r < 0x40000:
		return twoWide
	}
	return spaced
}

// beyond counts a character that is not ASCII.
func (d *doc) beyond(r rune) {
	w := &d.word
	d.encoding(r)
	isMark := unicode.IsMark(r)
	switch {
	case isMark || unicode.IsLetter(r):
	case unicode.IsDigit(r):
		d.grow(r)
		d.digit()
		return
	default:
		d.grow(r)
		d.mark(r)
		return
	}
	script := joining(r)
	if w.named && !isMark && (script != w.script || script != spaced && script != hangul && parts(script, d.line.last, r)) && script|w.script != spaced {
		d.endWord()
	}
	d.grow(r)
	small, width := r, 1
	switch script {
	case spaced:
		small = unicode.ToLower(r)
	case oneWide:
		d.joined++
		if r < 0x0F00 {
			d.endless++
		}
	default:
		width = 2
		w.size++
		d.joined += width
	}
	if small == r {
		w.lower += width
	} else {
		w.upper++
	}
	d.letters += width
	w.script, w.abc, w.after = script, 0, afterLetter
	d.letter(small)
}

// parts tells whether a word ends between two letters of a script that does not
// say where. Where it does depends on the two letters alone, so that equal text is
// cut equally, and words have the script's usual length on average.
func parts(script byte, a, b rune) bool {
	h := (uint32(a)*0x9e3779b1 ^ uint32(b)) * 0x85ebca6b
	if script == twoWide {
		return h>>31 == 0
	}
	return h>>30 == 0
}

// encoding counts what a wrong encoding leaves: replacement and control
// characters, and UTF-8 or Windows-1251 read as Latin-1 or Windows-1252.
func (d *doc) encoding(r rune) {
	w := &d.word
	switch {
	case r == unicode.ReplacementChar, r < 0xA0, 0xE000 <= r && r < 0xF900:
		d.broken++
	case w.lead > 0 && d.line.last >= 0x80 && continues(r):
		if w.lead--; w.lead == 0 {
			d.broken += 2
		}
		return
	}
	w.lead = 0
	if r < 0xC2 || r > 0xFF {
		w.high = 0
		return
	}
	switch {
	case r < 0xE0:
		w.lead = 1
	case r < 0xF0:
		w.lead = 2
	}
	if d.line.last < 0x80 {
		w.high = 0
	}
	if w.high++; w.high >= 4 { // no language has as many in a row
		d.broken++
		w.high = 4
	}
}

// continues tells whether Windows-1252 or Latin-1 has r for a byte that goes on
// with a character of UTF-8, 0x80 to 0xBF.
func continues(r rune) bool {
	switch {
	case r < 0xC0:
		return true
	case r == 'Œ', r == 'œ', r == 'Š', r == 'š', r == 'Ÿ', r == 'Ž', r == 'ž', r == 'ƒ', r == 'ˆ', r == '˜':
		return true
	}
	return r == '€' || r == '™' || '–' <= r && r <= '›' && r != '‖' && r != '‥' && r != '․'
}
