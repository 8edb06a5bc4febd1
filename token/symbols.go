package token

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// characters is the start of BPE where words are made of characters and not of
// bytes, as in SentencePiece: a character is its token; without one, its bytes
// are those of byte fallback, <0x00> to <0xFF>; without these too, it is the
// unknown token.
type characters struct {
	ids     map[rune]uint32
	bytes   *[256]uint32 // nil without byte fallback
	unknown uint32       // noToken if there is none: the character is dropped
	fuse    bool         // unknown characters side by side are one token
	mark    string       // where words can be cut since no merge crosses its front; "" if one does
}

// byteName is how byte fallback writes a byte in a vocabulary.
func byteName(b int) string { return fmt.Sprintf("<0x%02X>", b) }

func newCharacters(t *Tokenizer, m *modelJSON) (*characters, error) {
	c := &characters{ids: map[rune]uint32{}, unknown: noToken, fuse: m.FuseUnk}
	for name, id := range m.Vocab {
		if r, n := utf8.DecodeRuneInString(name); n == len(name) {
			c.ids[r] = id
		}
	}
	if m.ByteFallback {
		c.bytes = new([256]uint32)
		for b := range c.bytes {
			id, ok := m.Vocab[byteName(b)]
			if !ok {
				return nil, fmt.Errorf("model.vocab: %s is missing; model.byte_fallback needs all 256 bytes", byteName(b))
			}
			c.bytes[b] = id
		}
	}
	if m.UnkToken != nil {
		id, ok := m.Vocab[*m.UnkToken]
		if !ok {
			return nil, fmt.Errorf("model.unk_token: %q is not in model.vocab", *m.UnkToken)
		}
		c.unknown = id
	}
	if _, known := c.ids['▁']; known && !t.crosses("▁") {
		c.mark = "▁"
	}
	return c, nil
}

// crosses tells whether a merge, or a word that is looked up whole, has mark
// after another character.
func (t *Tokenizer) crosses(mark string) bool {
	inside := func(name string) bool { return strings.Contains(strings.TrimLeft(name, mark), mark) }
	for _, m := range t.merges {
		if inside(t.names[m[2]]) {
			return true
		}
	}
	return t.ignoreMerges // a word is looked up whole
}

// next is the length of the first word of s: up to a mark that follows another
// character. Merges cross no such place, so that the tokens are those of the
// whole text.
func (c *characters) next(s string) int {
	if c.mark == "" {
		return len(s)
	}
	lead := len(s) - len(strings.TrimLeft(s, c.mark))
	if i := strings.Index(s[lead:], c.mark); i >= 0 {
		return lead + i
	}
	return len(s)
}

// append appends the tokens of the characters of w.
func (c *characters) append(dst []uint32, w string) []uint32 {
	fused := false // the last token is an unknown one that more may join
	for i, r := range w {
		n := 1
		if r >= utf8.RuneSelf {
			n = runeWidth(w, i)
		}
		id, ok := c.ids[r]
		if ok = ok && (r != utf8.RuneError || n > 1); ok {
			dst, fused = append(dst, id), false
			continue
		}
		if c.bytes != nil {
			for _, b := range []byte(w[i : i+n]) {
				dst = append(dst, c.bytes[b])
			}
			continue
		}
		if c.unknown != noToken && !(fused && c.fuse) {
			dst = append(dst, c.unknown)
		}
		fused = true
	}
	return dst
}
