// Package token turns text into the tokens that a language model reads, and
// stores them.
//
// The tokenizer is byte-level byte-pair encoding (Sennrich et al. 2016,
// arXiv:1508.07909; on bytes, Radford et al. 2019): [Train] learns one,
// [Tokenizer.Save] and [Load] keep it as Hugging Face's tokenizer.json, and
// every sequence of bytes, valid UTF-8 or not, decodes to itself. [WordPiece] is
// the tokenizer of BERT, read for embedding models. [IndexWriter] and [Indexed]
// write and read Megatron's .bin/.idx.
package token

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A Tokenizer is a byte-level BPE tokenizer. It does not change after it is
// made, and all of its methods may be called from several goroutines.
type Tokenizer struct {
	pattern      *pattern
	ignoreMerges bool        // a word that is a token is that token, whatever the merges say (Llama 3)
	names        []string    // id -> spelling in model.vocab; "" if the id is not there
	tokens       []string    // id -> bytes; "" if the id is not used
	merges       [][3]uint32 // left, right, result; in order of rank
	added        []addedToken
	eod          uint32

	bytes   [256]uint32 // byte -> id
	table   mergeTable
	whole   map[string]uint32 // bytes -> id, for ignoreMerges
	literal []addedToken      // not special: found in text before it is cut into words; longest first
	starts  [256]bool         // first bytes of literal

	seed    maphash.Seed
	cache   []atomic.Pointer[cached]
	scratch sync.Pool // *longWord
}

// assemble builds what encoding needs from pattern, names, tokens, merges and
// added. Its errors begin with the field of tokenizer.json they are about.
func (t *Tokenizer) assemble() error {
	var seen [256]bool
	for id, name := range t.names {
		if r := []rune(name); len(r) == 1 {
			if b, ok := alphabetBytes[r[0]]; ok {
				t.bytes[b], seen[b] = uint32(id), true
			}
		}
	}
	if b := slices.Index(seen[:], false); b >= 0 {
		return fmt.Errorf("model.vocab: the byte 0x%02x (%q) is missing; only byte-level vocabularies that hold all 256 bytes can be used", b, string(alphabet[b]))
	}
	if err := t.chooseEOD(); err != nil {
		return err
	}
	for _, a := range t.added {
		if !a.Special {
			t.literal = append(t.literal, a)
			t.starts[a.Content[0]] = true
		}
	}
	slices.SortStableFunc(t.literal, func(a, b addedToken) int { return len(b.Content) - len(a.Content) })
	if t.ignoreMerges {
		t.whole = make(map[string]uint32, len(t.tokens))
		for id, name := range t.names {
			if name != "" {
				t.whole[t.tokens[id]] = uint32(id)
			}
		}
	}
	t.table = newMergeTable(t.merges)
	t.seed = maphash.MakeSeed()
	t.cache = make([]atomic.Pointer[cached], cacheSlots)
	t.scratch.New = func() any { return new(longWord) }
	return nil
}

// Names of the token that ends a document, most telling first.
var eodNames = []string{"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"}

func (t *Tokenizer) chooseEOD() error {
	for _, name := range eodNames {
		if id, ok := t.Special(name); ok {
			t.eod = id
			return nil
		}
	}
	for _, a := range t.added {
		if a.Special {
			t.eod = a.ID
			return nil
		}
	}
	return fmt.Errorf("added_tokens: no special token to end a document with; add one such as %s", eodNames[0])
}

// Vocab is the number of ids: the largest id plus one.
func (t *Tokenizer) Vocab() int { return len(t.tokens) }

// EOD is the token that ends a document: <|endoftext|>, else <|end_of_text|>,
// </s> or <eos>, else the first special token.
func (t *Tokenizer) EOD() uint32 { return t.eod }

// Equal tells whether two tokenizers make the same tokens of every text: the same
// ids stand for the same bytes, and are joined by the same rules.
func (t *Tokenizer) Equal(o *Tokenizer) bool {
	return t.ignoreMerges == o.ignoreMerges && t.eod == o.eod && slices.Equal(t.names, o.names) && slices.Equal(t.tokens, o.tokens) &&
		slices.Equal(t.merges, o.merges) && slices.Equal(t.added, o.added) && t.pattern.regex == o.pattern.regex
}

// Special is the id of a special token by its text.
func (t *Tokenizer) Special(name string) (id uint32, ok bool) {
	for _, a := range t.added {
		if a.Special && a.Content == name {
			return a.ID, true
		}
	}
	return 0, false
}

// Decode concatenates the bytes of the tokens; a special token gives its text.
// An id that no token has gives U+FFFD.
func (t *Tokenizer) Decode(ids []uint32) string {
	var b strings.Builder
	b.Grow(4 * len(ids))
	for _, id := range ids {
		if int(id) < len(t.tokens) && t.tokens[id] != "" {
			b.WriteString(t.tokens[id])
		} else {
			b.WriteRune('\uFFFD')
		}
	}
	return b.String()
}
