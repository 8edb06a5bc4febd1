package token

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A WordPiece is the tokenizer of BERT and of the embedding models that come
// from it: text is normalised, cut at white space and punctuation, and each
// word into the longest pieces of the vocabulary, from the left (Devlin et al.
// 2019, arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144). It does not change
// after it is made, and all of its methods may be called from several
// goroutines. It reads text for models only: it cannot be trained, and decodes
// nothing.
type WordPiece struct {
	normal        bertNormalizer
	start, rest   map[string]uint32 // pieces at the start of a word, and after it without their prefix
	longest       int               // bytes of the longest piece
	maxChars      int               // characters of a word above which it is unknown
	unknown, pad  uint32
	before, after []uint32 // put around every text
	vocab         int
}

// Vocab is the number of ids: the largest id plus one.
func (w *WordPiece) Vocab() int { return w.vocab }

// Pad is the token that fills up the shorter texts of a batch: that of the
// file's padding, else [PAD] or <pad>, else 0.
func (w *WordPiece) Pad() uint32 { return w.pad }

// Around is how many tokens Encode puts around a text, such as [CLS] and [SEP].
func (w *WordPiece) Around() int { return len(w.before) + len(w.after) }

// Encode appends the tokens of text to dst, with what the model has around a
// text, and returns it. At most limit tokens are added, and at least those
// around the text: what does not fit is left out at the end of the text, and
// not read. Special tokens are never found in text: "[SEP]" is three words.
// (Hugging Face's encode does find them.) A byte that is not part of valid UTF-8
// counts as U+FFFD.
func (w *WordPiece) Encode(dst []uint32, text string, limit int) []uint32 {
	dst = append(dst, w.before...)
	e := wordEncoder{w: w, dst: dst, end: len(dst) + max(0, limit-w.Around())}
	for len(text) > 0 && len(e.dst) < e.end {
		n := strings.IndexFunc(text, w.normal.space)
		if n < 0 {
			n = len(text)
		}
		e.chunk(text[:n])
		e.flush()
		_, width := utf8.DecodeRuneInString(text[n:])
		text = text[n+width:]
	}
	return append(e.dst[:min(len(e.dst), e.end)], w.after...)
}

// A wordEncoder is one text on its way.
type wordEncoder struct {
	w     *WordPiece
	dst   []uint32
	end   int    // length of dst at which the text is cut
	word  []byte // the word so far
	chars int    // of the word
	kept  []byte // a chunk without what is cleaned away
}

// chunk reads text without white space. The accents of a letter are in the
// chunk of the letter, so that chunks are normalised one by one.
func (e *wordEncoder) chunk(text string) {
	n := &e.w.normal
	if !n.stripAccents {
		for _, r := range text {
			if !n.drops(r) {
				e.add(r)
			}
		}
		return
	}
	e.kept = e.kept[:0]
	for _, r := range text {
		if !n.drops(r) {
			e.kept = utf8.AppendRune(e.kept, r)
		}
	}
	var parts norm.Iter
	for parts.Init(norm.NFD, e.kept); !parts.Done() && len(e.dst) < e.end; {
		for part := parts.Next(); len(part) > 0; {
			r, width := utf8.DecodeRune(part)
			part = part[width:]
			if !isAccent(r) {
				e.add(r)
			}
		}
	}
}

// add puts a character that is neither dropped nor an accent at the end of the
// word, or makes it a word of its own.
func (e *wordEncoder) add(r rune) {
	alone := e.w.normal.chinese && isChinese(r)
	if e.w.normal.lowercase && r == 'İ' { // the one letter with two in lower case
		e.put('i')
		r = '\u0307'
	} else if e.w.normal.lowercase {
		r = unicode.ToLower(r)
	}
	if alone = alone || isPunctuation(r); alone {
		e.flush()
	}
	e.put(r)
	if alone {
		e.flush()
	}
}

func (e *wordEncoder) put(r rune) {
	if e.chars++; e.chars <= e.w.maxChars { // a longer word is unknown, whatever it is
		e.word = utf8.AppendRune(e.word, r)
	}
}

// flush ends the word.
func (e *wordEncoder) flush() {
	if e.chars > 0 {
		if len(e.dst) < e.end {
			e.dst = e.w.pieces(e.dst, e.word, e.chars)
		}
		e.word, e.chars = e.word[:0], 0
	}
}

// pieces appends the pieces of a word: each the longest that the rest of the
// word begins with. A word for which there is none at some place is unknown as
// a whole.
func (w *WordPiece) pieces(dst []uint32, word []byte, chars int) []uint32 {
	begin, known := len(dst), w.start
	if chars > w.maxChars {
		return append(dst, w.unknown)
	}
	for len(word) > 0 {
		n := min(len(word), w.longest)
		id, ok := known[string(word[:n])]
		for !ok && n > 1 {
			n--
			id, ok = known[string(word[:n])]
		}
		if !ok {
			return append(dst[:begin], w.unknown)
		}
		dst, word, known = append(dst, id), word[n:], w.rest
	}
	return dst
}
