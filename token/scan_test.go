package token

import (
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Go's regexp has no look-ahead and an ASCII \s, so the reference matches the
// alternatives before \s+(?!\S) with it and does the rest by definition.
var referenceHeads = map[string]*regexp.Regexp{
	"gpt2":   regexp.MustCompile(`^(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\v\x{85}\p{Z}\p{L}\p{N}]+)`),
	"llama3": regexp.MustCompile(`^(?:(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\v\x{85}\p{Z}\p{L}\p{N}]+[\r\n]*|[\s\v\x{85}\p{Z}]*[\r\n]+)`),
}

var referenceSpace = regexp.MustCompile(`^[\s\v\x{85}\p{Z}]+`)

func referenceWords(pattern, s string) []string {
	var words []string
	for len(s) > 0 {
		w := referenceHeads[pattern].FindString(s)
		if w == "" {
			w = referenceSpace.FindString(s)
			if _, n := utf8.DecodeLastRuneInString(w); len(w) < len(s) && len(w) > n {
				w = w[:len(w)-n]
			}
		}
		words, s = append(words, w), s[len(w):]
	}
	return words
}

func words(p *pattern, s string) []string {
	var out []string
	for len(s) > 0 {
		n := p.next(s)
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

// nasty draws from what the expressions tell apart and what they nearly do.
var nasty = []string{" ", "  ", "\n", "\r\n", "\r", "\t", "\v", "\u0085", "\u00a0", "\u2003", "\u3000", "\u200b", "'", "'s", "'S", "'ſ", "'re", "'VE", "'Ll", "'l",
	"a", "B", "é", "e\u0301", "ß", "漢", "𝒳", "𐐷", "1", "234", "5678", "½", "Ⅷ", "٣", "𝟙", ".", "--", "“", "🙂", "\x00", "\x80", "\xff", "\xe6\xbc", "\ufffd", "_", "<|endoftext|>"}

func nastyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := ""
		for _, part := range rapid.SliceOfN(rapid.SampledFrom(nasty), 0, 24).Draw(t, "parts") {
			s += part
		}
		return s
	})
}

func TestWordsAreThoseOfTheExpression(t *testing.T) {
	for _, p := range patterns {
		rapid.Check(t, func(t *rapid.T) {
			s := nastyText().Draw(t, "text")
			if d := cmp.Diff(referenceWords(p.name, s), words(&p, s)); d != "" {
				t.Fatalf("%s on %q: %s", p.name, s, d)
			}
		})
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          []string
	}{
		{"gpt2", "It's 12345 o'clock,  DON'T\n\n go  ", []string{"It", "'s", " 12345", " o", "'", "clock", ",", " ", " DON", "'", "T", "\n\n", " go", "  "}},
		{"llama3", "It's 12345 o'clock,  DON'T\n\n go  ", []string{"It", "'s", " ", "123", "45", " o", "'clock", ",", " ", " DON", "'T", "\n\n", " go", "  "}},
		{"llama3", " (x) => {\n\n\tif", []string{" (", "x", ")", " =>", " {\n\n", "\tif"}},
	} {
		if d := cmp.Diff(c.want, words(patternNamed(c.pattern), c.text)); d != "" {
			t.Errorf("%s on %q: %s", c.pattern, c.text, d)
		}
	}
}
