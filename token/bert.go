package token

import "unicode"

// A bertNormalizer is what BERT does to text before it is cut into words. The
// order is that of Hugging Face's library: clean, characters of Chinese as
// words, accents, lower case. White space is found where it separates words,
// and so is not made into plain spaces. Unicode is that of Go's tables.
type bertNormalizer struct {
	clean        bool // control characters and U+FFFD are dropped
	chinese      bool // every character of Chinese is a word
	stripAccents bool // canonical decomposition, less the non-spacing marks
	lowercase    bool // of each character by itself
}

// drops tells whether a character is cleaned away.
func (n *bertNormalizer) drops(r rune) bool {
	return n.clean && (r == unicode.ReplacementChar || isOther(r))
}

// space tells whether a character separates words: Unicode's white space, where
// \v, \f and U+0085 are not cleaned away.
func (n *bertNormalizer) space(r rune) bool {
	return unicode.IsSpace(r) && !n.drops(r)
}

// isOther: Unicode's general category C, which is control and format characters
// and private use, less \t, \n and \r.
func isOther(r rune) bool {
	return r != '\t' && r != '\n' && r != '\r' && unicode.Is(unicode.C, r)
}

func isAccent(r rune) bool { return r > unicode.MaxASCII && unicode.Is(unicode.Mn, r) }

// isPunctuation: what stands alone, Unicode's category P and all of ASCII that
// is no letter, digit, space or control character, such as $ and ^.
func isPunctuation(r rune) bool {
	if r <= unicode.MaxASCII {
		return r > ' ' && r < 0x7f && !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z')
	}
	return unicode.Is(unicode.P, r)
}

// isChinese: the blocks of CJK ideographs that BERT lists. Hugging Face's library
// has the start of the seventh block, U+2B820 in BERT, 256 later, and
// models are used with that library, so we have it too.
func isChinese(r rune) bool {
	if r < 0x3400 {
		return false
	}
	for _, b := range chinese {
		if b[0] <= r && r <= b[1] {
			return true
		}
	}
	return false
}

var chinese = [][2]rune{{0x4e00, 0x9fff}, {0x3400, 0x4dbf}, {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
	{0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff}, {0x2f800, 0x2fa1f}}
