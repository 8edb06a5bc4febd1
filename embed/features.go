package embed

import (
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Salts keep the three kinds of feature apart before they share buckets.
const (
	prime    = 0x9E3779B97F4A7C15 // 2^64 / golden ratio
	saltWord = 0x8EBC6AF09C88C6E3
	saltPair = 0x589965CC75374CC3
	saltChar = 0x1D8E4E27C47D124F
)

// bucket spreads the hash h over 1<<logSize buckets.
func bucket(h uint64, logSize int) uint32 {
	hi, lo := bits.Mul64(h^prime, 0xD6E8FEB86659FD93)
	return uint32((hi ^ lo) >> (64 - logSize))
}

// lower holds the lower-case form of ASCII letters and digits, 0 for the rest.
var lower = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			t[c] = byte(c)
		case 'A' <= c && c <= 'Z':
			t[c] = byte(c) + 'a' - 'A'
		}
	}
	return t
}()

// A scanner turns a text into feature buckets. It is scratch of one goroutine.
type scanner struct {
	opt     *Lexical
	each    func(word []rune) // told the words instead, if not nil
	log     int               // log2 of the number of buckets
	word    []rune            // letters of the open word, after '<'
	hash    uint64            // of the open word
	last    uint64            // hash of the word before, 0 at the start
	buckets []uint32          // what was found, in order, repeats included
}

// scan fills s.buckets with the features of text: every word (a run of
// letters, marks and digits, in lower case), every pair of neighbouring words,
// and every run of 3 to CharNGrams characters of "<word>". Scripts that
// write no spaces between words count each character as a word.
func (s *scanner) scan(text string) {
	s.buckets, s.word, s.hash, s.last = s.buckets[:0], append(s.word[:0], '<'), 0, 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			i++
			if l := lower[c]; l != 0 {
				s.put(rune(l))
			} else if len(s.word) > 1 {
				s.end()
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == utf8.RuneError || !unicode.In(r, unicode.L, unicode.M, unicode.N):
			s.end()
		case r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
			s.end()
			s.put(r)
			s.end()
		default:
			s.put(unicode.ToLower(r))
		}
	}
	s.end()
}

func (s *scanner) put(r rune) {
	s.word = append(s.word, r)
	s.hash = (s.hash ^ uint64(r)) * prime
}

// end closes the open word, if any.
func (s *scanner) end() {
	if len(s.word) == 1 {
		return
	}
	if s.each != nil {
		s.each(s.word[1:])
		s.word, s.hash = s.word[:1], 0
		return
	}
	h := s.hash
	s.buckets = append(s.buckets, bucket(h^saltWord, s.log))
	if s.opt.WordNGrams > 1 && s.last != 0 {
		s.buckets = append(s.buckets, bucket(bits.RotateLeft64(s.last, 23)*prime+h^saltPair, s.log))
	}
	if s.opt.CharNGrams >= minChars {
		s.chars()
	}
	s.word, s.hash, s.last = s.word[:1], 0, h
}

// minChars is the shortest run of characters that counts as a feature.
const minChars = 3

func (s *scanner) chars() {
	s.word = append(s.word, '>')
	for i := range s.word {
		h := uint64(saltChar)
		for j, r := range s.word[i:min(len(s.word), i+s.opt.CharNGrams)] {
			h = (h ^ uint64(r)) * prime
			if j+1 >= minChars {
				s.buckets = append(s.buckets, bucket(h, s.log))
			}
		}
	}
}
