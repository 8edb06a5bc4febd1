// Package token turns text into the tokens that a language model reads, and
// stores them.
//
// The tokenizer is byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909):
// [Train] learns one on bytes (Radford et al. 2019), for which every sequence of
// bytes, valid UTF-8 or not, decodes to itself; [Load] also reads those of
// others, on bytes or characters, with the ids of Hugging Face's library;
// [Tokenizer.Save] writes Hugging Face's tokenizer.json. [WordPiece] is
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

// A Tokenizer is a BPE tokenizer. It does not change after it is made, and all
// of its methods may be called from several goroutines.
type Tokenizer struct {
	pattern      *pattern    // the one cut of a byte-level tokenizer without a normalizer; nil: cutters
	normalize    normalizer  // nil: none
	cutters      cutters     // the pre-tokenizers
	chars        *characters // nil: byte-level
	decode       decoder     // nil: tokens are joined
	joined       bool        // tokens of a text depend on what stands before it
	parts        parts       // of the file, without pattern
	ignoreMerges bool        // a word that is a token is that token, whatever the merges say (Llama 3)
	names        []string    // id -> spelling in model.vocab; "" if the id is not there
	tokens       []string    // id -> bytes; "" if the id is not used
	merges       [][3]uint32 // left, right, result; in order of rank
	added        []addedToken
	addedText    map[uint32]string // what they decode to
	eod          uint32

	bytes  [256]uint32 // byte -> id, of a byte-level tokenizer
	table  mergeTable
	whole  map[string]uint32 // bytes -> id, for ignoreMerges
	plain  addedVocab        // added tokens found in text: those that are not special
	marked addedVocab        // all of them

	seed    maphash.Seed
	cache   []atomic.Pointer[cached]
	scratch sync.Pool // *longWord
}

// assemble builds what encoding needs from pattern, names, tokens, merges and
// added. Its errors begin with the field of tokenizer.json they are about.
func (t *Tokenizer) assemble() error {
	if t.chars == nil {
		if err := t.setBytes(); err != nil {
			return err
		}
	}
	if err := t.chooseEOD(); err != nil {
		return err
	}
	t.spellAdded()
	t.plain = newAddedVocab(t.added, false, t.normalize)
	t.marked = newAddedVocab(t.added, true, t.normalize)
	if t.ignoreMerges {
		t.whole = make(map[string]uint32, len(t.tokens))
		for id, name := range t.names {
			if name != "" && (t.chars != nil || spelled(name)) {
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

// spellAdded sets what added tokens decode to: as the library has it, those that
// are found in normalized text are normalized too.
func (t *Tokenizer) spellAdded() {
	t.addedText = make(map[uint32]string, len(t.added))
	for _, a := range t.added {
		if a.Normalized && t.normalize != nil {
			a.Content = t.normalize(a.Content)
			t.tokens[a.ID] = a.Content
		}
		t.addedText[a.ID] = a.Content
	}
}

// setBytes finds the ids of the bytes.
func (t *Tokenizer) setBytes() error {
	var seen [256]bool
	for id, name := range t.names {
		if r := []rune(name); len(r) == 1 {
			if b, ok := alphabetBytes[r[0]]; ok {
				t.bytes[b], seen[b] = uint32(id), true
			}
		}
	}
	for b := range seen {
		if !seen[b] && (b == 0xc0 || b == 0xc1 || b >= 0xf5) { // no UTF-8 has them, nor do some vocabularies
			t.bytes[b], seen[b] = t.bytes['?'], true
		}
	}
	if b := slices.Index(seen[:], false); b >= 0 {
		return fmt.Errorf("model.vocab: the byte 0x%02x (%q) is missing; a byte-level vocabulary must hold all bytes that UTF-8 has", b, string(alphabet[b]))
	}
	return nil
}

// Names of the token that ends a document, most telling first.
var eodNames = []string{"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>"}

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
// </s>, <eos> or <｜end▁of▁sentence｜>, else the first special token.
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
// An id that no token has gives U+FFFD. Where a file names other decoders than
// ByteLevel, they work as in Hugging Face's library, but that bytes which are no
// UTF-8 are kept.
func (t *Tokenizer) Decode(ids []uint32) string {
	if t.decode != nil {
		return t.decodeBy(ids)
	}
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

func (t *Tokenizer) decodeBy(ids []uint32) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		switch {
		case t.addedText[id] != "":
			texts[i] = t.addedText[id]
		case int(id) < len(t.names) && t.names[id] != "":
			texts[i] = t.names[id]
		default:
			texts[i] = "\uFFFD"
		}
	}
	return strings.Join(t.decode(texts), "")
}
