package corpus

import (
	"unicode"
	"unicode/utf8"
)

// A Word is the hash of a word, in its lowest two bits how much it counts. The
// lengths of runs, such as GPT-3's 13 words and FineWeb's 5, were set for English;
// what is written without spaces is cut into characters, of which several count as
// one word:
//
//	Han                                                            2
//	Hiragana, Katakana                                             3
//	Thai, Lao, Khmer, Myanmar, Tai Le, New Tai Lue, Tai Tham,
//	Tai Viet; combining marks (category Mn) are not counted        6
//
// These are the characters that the Universal Declaration of Human Rights takes for
// each word of its English text, rounded up so that a run is no shorter than one of
// English words: 1.5 in Chinese, 2.2 in Japanese, 4.1 in Thai, 4.3 in Lao, 4.5 in
// Khmer, 5.2 in Burmese. FineWeb2 (arXiv 2506.20920) finds words with a segmenter
// for each language instead; those of ICU have 1.7, 1.8, 3.1, 3.3, 4.0 and 3.2 such
// characters in the same texts. A run of characters needs no dictionary, and is the
// same whatever stands around it.
type Word uint64

// How much a word counts, in its lowest bits.
const (
	spacedWord Word = iota
	hanCharacter
	kanaCharacter
	thaiCharacter // or one of the scripts of that row

	countBits Word = 3
)

const wholeWord = 6 // sixths

// sixths is how much a word counts, in sixths of a word.
func (w Word) sixths() int {
	return int(0x1236 >> (4 * (w & countBits)) & 15)
}

// CountWords is how many words a text's words count for, rounded down.
func CountWords(words []Word) int {
	n := 0
	for _, w := range words {
		n += w.sixths()
	}
	return n / wholeWord
}

// Words appends to dst each word of text, in order. A word is a run of letters and
// digits, in lower case and without accents; all else separates, so that two texts
// have the same words if they differ in case, punctuation or white space only. In
// scripts without spaces each character is one, which counts for less, see Word.
//
// It is the normalisation that FineWeb deduplicates with (datatrove,
// TextNormConfig: lower case, no punctuation, white space squeezed, NFD without
// marks), with three differences. Numbers are told apart, as SlimPajama and
// text-dedup tell them apart, and FineWeb and CCNet, which read each number or digit
// as 0, do not: sums, tables and weather reports with
// other numbers are other documents. Accents are taken off Latin letters only,
// other scripts losing what is written as a combining mark. Words are found without
// a language model.
func Words(dst []Word, text string) []Word {
	h := uint64(wordStart)
	flush := func() {
		if h != wordStart {
			dst = append(dst, Word(scramble(h))&^countBits)
			h = wordStart
		}
	}
	for i, n := 0, 0; i < len(text); i += n {
		for ; i < len(text) && asciiLetter[text[i]] != 0; i++ { // most of a text
			h = (h ^ uint64(asciiLetter[text[i]])) * wordPrime
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
		if r == 0 {
			flush()
			continue
		}
		if r >= unspacedFirst {
			if count := unspaced(r); count != spacedWord {
				flush()
				dst = append(dst, Word(scramble((wordStart^uint64(r))*wordPrime))&^countBits|count)
				continue
			}
		}
		h = (h ^ uint64(r)) * wordPrime
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

// The base of the polynomials of Grams, and its inverse modulo 2^64.
const (
	gramBase    = 0x9e3779b97f4a7c15
	gramInverse = 0xf1de83e19937733d
)

// Grams appends to dst the hashes of the runs of n words, in order of their ends:
// for each word the shortest run that ends with it and counts for at least n words,
// see Word; none if there is none. The hash of a run of k is the polynomial
// sum_i w_i p^(k-1-i) mod 2^64, scrambled.
func Grams(dst []uint64, words []Word, n int) []uint64 {
	h, power := uint64(0), uint64(1) // power is p^k
	count, first := 0, 0
	for _, w := range words {
		h, power = h*gramBase+uint64(w), power*gramBase
		count += w.sixths()
		for count-words[first].sixths() >= n*wholeWord {
			power *= gramInverse
			h -= uint64(words[first]) * power
			count -= words[first].sixths()
			first++
		}
		if count >= n*wholeWord {
			dst = append(dst, scramble(h))
		}
	}
	return dst
}

// gramStart is the first word of the run of n words that ends with word end.
func gramStart(words []Word, end, n int) int {
	for count := 0; ; end-- {
		if count += words[end].sixths(); count >= n*wholeWord || end == 0 {
			return end
		}
	}
}

// sequence is the hash of all words, as one run.
func sequence(words []Word) uint64 {
	h := uint64(0)
	for _, w := range words {
		h = h*gramBase + uint64(w)
	}
	return scramble(h)
}

// Shingles appends to dst the hashes of the runs of n words; a text that counts for
// fewer is one run, and one without words has none.
func Shingles(dst []uint64, words []Word, n int) []uint64 {
	had := len(dst)
	if dst = Grams(dst, words, n); len(dst) == had && len(words) > 0 {
		dst = append(dst, sequence(words))
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

// unspaced is how much a character counts that is of a script without spaces
// between words (of line breaking class ID or SA in Unicode's UAX 14), and
// spacedWord for others.
func unspaced(r rune) Word {
	switch {
	case unicode.Is(unicode.Han, r):
		return hanCharacter
	case unicode.In(r, unicode.Hiragana, unicode.Katakana), r == 'ー', 'ｦ' <= r && r <= 'ﾟ': // some marks are of no script
		return kanaCharacter
	case unicode.IsDigit(r):
		return spacedWord
	case unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet):
		return thaiCharacter
	}
	return spacedWord
}
