package corpus

import (
	"unicode"
	"unicode/utf8"
)

// Words appends to dst a hash of each word of text, in order. A word is a run
// of letters and digits, in lower case and without accents; all else separates,
// so that two texts have the same words if they differ in case, punctuation or
// white space only. With foldNumbers each run of digits is read as "0". In
// scripts without spaces each character is a word.
//
// It is the normalisation that FineWeb deduplicates with (datatrove,
// TextNormConfig: lower case, no punctuation, white space squeezed, numbers to
// 0, NFD without marks) but that accents are taken off Latin letters only, other
// scripts losing what is written as a combining mark, and that words are found
// without a language model.
func Words(dst []uint64, text string, foldNumbers bool) []uint64 {
	h, inNumber := uint64(wordStart), false
	flush := func() {
		if h != wordStart {
			dst = append(dst, scramble(h))
			h = wordStart
		}
	}
	for i, n := 0, 0; i < len(text); i += n {
		for ; i < len(text) && asciiLetter[text[i]] != 0; i++ { // most of a text
			h = (h ^ uint64(asciiLetter[text[i]])) * wordPrime
			inNumber = false
		}
		if i == len(text) {
			break
		}
		r := rune(asciiWord[text[i]&127])
		n = 1
		if text[i] >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
			if r = foldRune(r); r == combining {
				continue
			}
		}
		digit := foldNumbers && ('0' <= r && r <= '9' || r >= utf8.RuneSelf && unicode.IsDigit(r))
		switch {
		case r == 0:
			flush()
		case digit && inNumber:
			continue
		case digit:
			h = (h ^ '0') * wordPrime
		case r >= unspacedFirst && unspaced(r):
			flush()
			h = (h ^ uint64(r)) * wordPrime
			flush()
		default:
			h = (h ^ uint64(r)) * wordPrime
		}
		inNumber = digit
	}
	flush()
	return dst
}

// The hash of a word is FNV-1a over its characters.
const (
	wordStart = 0xcbf29ce484222325
	wordPrime = 0x100000001b3
)

// scramble is a bijection whose output bits depend on all of x (Stafford's
// variant 13 of the MurmurHash3 finalizer).
func scramble(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Grams appends to dst the hashes of the runs of n words, in order; none if
// there are fewer than n. A hash is the polynomial sum_i w_i p^(n-1-i) mod
// 2^64, scrambled.
func Grams(dst, words []uint64, n int) []uint64 {
	const p = 0x9e3779b97f4a7c15
	drop := uint64(1) // p^n
	for range n {
		drop *= p
	}
	h := uint64(0)
	for i, w := range words {
		h = h*p + w
		if i >= n {
			h -= words[i-n] * drop
		}
		if i >= n-1 {
			dst = append(dst, scramble(h))
		}
	}
	return dst
}

// combining stands for a mark that belongs to the letter before it.
const combining = -1

// asciiWord[c] is c in lower case if it is a letter or a digit, 0 otherwise.
var asciiWord = func() (t [128]byte) {
	for c := range byte(128) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z':
			t[c] = c
		case 'A' <= c && c <= 'Z':
			t[c] = c + 'a' - 'A'
		}
	}
	return t
}()

// asciiLetter[c] is c in lower case if it is an ASCII letter, 0 otherwise.
var asciiLetter = func() (t [256]byte) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = byte(c), byte(c)
	}
	return t
}()

// The base letters that Unicode's canonical decomposition gives to U+00C0-024F
// and U+1E00-1EFF, in lower case; a dot where there is none.
const (
	latinFirst  = 0xc0
	latinBase   = "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.yaaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll....nnnnnn...oooooo..rrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz.................................oo.............uu............................aaiioouuuuuuuuuu.aaaa....ggkkoooo..j...gg..nnaa....aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy............................"
	latin2First = 0x1e00
	latin2Base  = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy......aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy......"
)

// foldRune is r in lower case and without its accent if it is a letter or a
// number, combining for a mark, and 0 for what separates words.
func foldRune(r rune) rune {
	base := byte('.')
	switch {
	case r < latinFirst:
	case r-latinFirst < rune(len(latinBase)):
		base = latinBase[r-latinFirst]
	case r >= latin2First && r-latin2First < rune(len(latin2Base)):
		base = latin2Base[r-latin2First]
	}
	switch {
	case base != '.':
		return rune(base)
	case unicode.IsLetter(r):
		return unicode.ToLower(r)
	case unicode.Is(unicode.Mn, r):
		return combining
	case unicode.IsMark(r), unicode.IsNumber(r):
		return r
	}
	return 0
}

const unspacedFirst = 0xe00 // no script without spaces comes before it

// unspaced says whether r is of a script that does not separate words.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
