package token

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An addedSet finds added tokens in text, as Hugging Face's library does:
// leftmost, of several there the longest; with single_word not inside of a
// word; with lstrip and rstrip together with the white space around it.
type addedSet struct {
	tokens []addedToken
	at     [256][]int // first byte -> tokens, longest first
}

// newAddedSet takes the tokens that keep holds for, by what they are in text.
func newAddedSet(tokens []addedToken, keep func(addedToken) bool, spell func(string) string) *addedSet {
	s := &addedSet{}
	for _, a := range tokens {
		if a.Content = spell(a.Content); a.Content != "" && keep(a) {
			s.tokens = append(s.tokens, a)
		}
	}
	if len(s.tokens) == 0 {
		return nil
	}
	slices.SortStableFunc(s.tokens, func(a, b addedToken) int { return len(b.Content) - len(a.Content) })
	for i, a := range s.tokens {
		s.at[a.Content[0]] = append(s.at[a.Content[0]], i)
	}
	return s
}

// find is the first token in text at from or later.
func (s *addedSet) find(text string, from int) (token *addedToken, start int) {
	for i := from; i < len(text); i++ {
		for _, k := range s.at[text[i]] {
			if strings.HasPrefix(text[i:], s.tokens[k].Content) {
				return &s.tokens[k], i
			}
		}
	}
	return nil, len(text)
}

// cut yields what is between the added tokens, and after each the token's id, or
// noToken at the end of the text. A nil set finds nothing.
func (s *addedSet) cut(text string, yield func(between string, at int, id uint32)) {
	if s == nil {
		yield(text, 0, noToken)
		return
	}
	done := 0
	for from := 0; ; {
		a, start := s.find(text, from)
		if a == nil {
			break
		}
		end := start + len(a.Content)
		from = end
		if a.SingleWord && (endsWithWord(text[:start]) || startsWithWord(text[end:])) {
			continue
		}
		if a.LStrip {
			start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if a.RStrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
		}
		yield(text[min(done, start):start], done, a.ID)
		done = end
	}
	if done < len(text) {
		yield(text[done:], done, noToken)
	}
}

// isWord tells whether \w of Rust's regular expressions matches a character.
func isWord(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}

func endsWithWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && isWord(r)
}

func startsWithWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWord(r)
}

// An addedVocab is the added tokens of a tokenizer: those found in a text as it
// is, and those found after it is normalized.
type addedVocab struct{ raw, normal *addedSet }

func newAddedVocab(tokens []addedToken, special bool, normalize normalizer) addedVocab {
	spell := func(s string) string { return s }
	raw := newAddedSet(tokens, func(a addedToken) bool { return (special || !a.Special) && !a.Normalized }, spell)
	if normalize != nil {
		spell = normalize
	}
	return addedVocab{raw, newAddedSet(tokens, func(a addedToken) bool { return (special || !a.Special) && a.Normalized }, spell)}
}
