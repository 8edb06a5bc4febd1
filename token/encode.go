package token

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	cacheSlots   = 1 << 17 // words remembered, 72 bytes each: 9 MB at most
	cachedWord   = 22      // longest word remembered, bytes
	cachedTokens = 10      // most tokens of one
	shortWord    = 32      // longest word merged by scanning, bytes
	// longestWord is where a word is cut, whatever the pattern says, so that a
	// line of 100 MB without a space needs some 30 MB and not 3 GB. Hugging Face's
	// library does not cut; a token across such a cut is all that differs.
	longestWord = 1 << 20
)

// Encode appends the tokens of text to dst and returns it. Special tokens are
// never found in text: a document that quotes "<|endoftext|>" is encoded as
// any other text, so that nothing but the caller ends a document. Added tokens
// that are not special are found.
func (t *Tokenizer) Encode(dst []uint32, text string) []uint32 {
	return t.encode(dst, text, t.plain)
}

// EncodeSpecial is [Tokenizer.Encode] that finds special tokens in text too, as
// Hugging Face's encode does. It is for texts of which one knows that the marks
// in them are meant.
func (t *Tokenizer) EncodeSpecial(dst []uint32, text string) []uint32 {
	return t.encode(dst, text, t.marked)
}

// Continue appends the tokens of text where it follows context: as
// lm-evaluation-harness has them, those of both less as many as context alone
// has. It differs from Encode where a tokenizer puts a space before a text or
// normalizes it.
func (t *Tokenizer) Continue(dst []uint32, context, text string) []uint32 {
	if !t.joined || context == "" {
		return t.Encode(dst, text)
	}
	head := strings.TrimRight(context, " \t\n\r\v\f")
	alone := len(t.Encode(nil, head))
	both := t.Encode(nil, context+text)
	return append(dst, both[min(alone, len(both)):]...)
}

const noToken = ^uint32(0)

func (t *Tokenizer) encode(dst []uint32, text string, added addedVocab) []uint32 {
	if t.pattern != nil && added.raw == nil && added.normal == nil {
		return t.appendWords(dst, text)
	}
	words := t.wordsTo(&dst)
	added.raw.cut(text, func(between string, at int, id uint32) {
		if between != "" && t.normalize != nil {
			between = t.normalize(between)
		}
		added.normal.cut(between, func(between string, inside int, id uint32) {
			if between != "" {
				words(between, at == 0 && inside == 0)
			}
			if id != noToken {
				dst = append(dst, id)
			}
		})
		if id != noToken {
			dst = append(dst, id)
		}
	})
	return dst
}

// appendWords cuts text by the one pattern.
func (t *Tokenizer) appendWords(dst []uint32, text string) []uint32 {
	for len(text) > 0 {
		n := min(t.pattern.next(text), longestWord)
		dst = t.appendWord(dst, text[:n])
		text = text[n:]
	}
	return dst
}

// wordsTo is the chain of pre-tokenizers, which appends the tokens of the words
// to dst.
func (t *Tokenizer) wordsTo(dst *[]uint32) func(s string, head bool) {
	if t.pattern != nil {
		return func(s string, _ bool) { *dst = t.appendWords(*dst, s) }
	}
	next := func(s string, _ bool) {
		if t.cutters.spelled {
			s = unspell(s)
		}
		for len(s) > 0 {
			n := len(s)
			if t.chars != nil {
				n = t.chars.next(s)
			}
			n = cutWord(s[:n], t.chars != nil)
			*dst = t.appendWord(*dst, s[:n])
			s = s[n:]
		}
	}
	for _, c := range slices.Backward(t.cutters.list) {
		after := next
		next = func(s string, head bool) { c.cut(s, head, after) }
	}
	return next
}

// cutWord is the length of w, or of what is taken of one that is too long.
func cutWord(w string, runes bool) int {
	n := min(len(w), longestWord)
	for runes && n < len(w) && !utf8.RuneStart(w[n]) {
		n--
	}
	return n
}

// A cached word fills a cache line. It is immutable, so readers need no lock.
type cached struct {
	bytes, tokens uint8
	word          [cachedWord]byte
	ids           [cachedTokens]uint32
}

// appendWord encodes one word. The cache is direct-mapped: a word replaces the
// one in its slot. What is in it changes the speed, never the result.
func (t *Tokenizer) appendWord(dst []uint32, w string) []uint32 {
	if len(w) == 1 && t.chars == nil {
		return append(dst, t.bytes[w[0]])
	}
	if len(w) > cachedWord {
		return t.appendMerged(dst, w)
	}
	slot := &t.cache[maphash.String(t.seed, w)%cacheSlots]
	if c := slot.Load(); c != nil && string(c.word[:c.bytes]) == w {
		return append(dst, c.ids[:c.tokens]...)
	}
	start := len(dst)
	dst = t.appendMerged(dst, w)
	if n := len(dst) - start; n <= cachedTokens {
		c := &cached{bytes: uint8(len(w)), tokens: uint8(n)}
		copy(c.word[:], w)
		copy(c.ids[:], dst[start:])
		slot.Store(c)
	}
	return dst
}

// appendMerged starts from the bytes of w and applies the merge of lowest rank,
// leftmost first, until none applies.
func (t *Tokenizer) appendMerged(dst []uint32, w string) []uint32 {
	if t.ignoreMerges {
		if id, ok := t.whole[w]; ok {
			return append(dst, id)
		}
	}
	if len(w) <= shortWord {
		return t.mergeShort(dst, w)
	}
	l := t.scratch.Get().(*longWord)
	dst = l.merge(dst, t, w)
	t.scratch.Put(l)
	return dst
}

// mergeShort keeps the rank of every adjacent pair and scans for the lowest:
// quadratic, and the faster way for a word of a few bytes.
func (t *Tokenizer) mergeShort(dst []uint32, w string) []uint32 {
	var ids, ranks [shortWord]uint32
	n := len(w)
	if t.chars == nil {
		for i := range n {
			ids[i] = t.bytes[w[i]]
		}
	} else if n = len(t.chars.append(ids[:0], w)); n == 0 {
		return dst
	}
	rank := func(i int) {
		if ranks[i] = noToken; i+1 < n {
			ranks[i], _ = t.table.find(ids[i], ids[i+1])
		}
	}
	for i := range n {
		rank(i)
	}
	for {
		best := 0
		for i := 1; i < n; i++ {
			if ranks[i] < ranks[best] {
				best = i
			}
		}
		if ranks[best] == noToken {
			return append(dst, ids[:n]...)
		}
		ids[best] = t.merges[ranks[best]][2]
		copy(ids[best+1:n], ids[best+2:n])
		copy(ranks[best+1:n], ranks[best+2:n])
		n--
		rank(best)
		if best > 0 {
			rank(best - 1)
		}
	}
}

// A longWord is the memory to merge a long word: its symbols as a linked list,
// and a heap of the pairs that have a merge. n bytes take O(n log n).
type longWord struct {
	ids        []uint32 // noToken: merged into the symbol at its left
	prev, next []int32  // positions; -1 and len(ids) at the ends
	heap       []uint64 // rank<<32 | position of the left symbol
}

func (l *longWord) merge(dst []uint32, t *Tokenizer, w string) []uint32 {
	if l.ids = slices.Grow(l.ids[:0], len(w)); t.chars == nil {
		for i := range len(w) {
			l.ids = append(l.ids, t.bytes[w[i]])
		}
	} else {
		l.ids = t.chars.append(l.ids, w)
	}
	n := len(l.ids)
	l.prev, l.next = slices.Grow(l.prev[:0], n)[:n], slices.Grow(l.next[:0], n)[:n]
	for i := range n {
		l.prev[i], l.next[i] = int32(i-1), int32(i+1)
	}
	l.heap = l.heap[:0]
	for i := range n {
		l.offer(t, int32(i))
	}
	for len(l.heap) > 0 {
		top := l.pop()
		i := int32(uint32(top))
		if l.rank(t, i) != uint32(top>>32) {
			continue // the pair has changed since
		}
		j := l.next[i]
		l.ids[i], l.ids[j] = t.merges[top>>32][2], noToken
		if l.next[i] = l.next[j]; int(l.next[i]) < n {
			l.prev[l.next[i]] = i
		}
		l.offer(t, i)
		if l.prev[i] >= 0 {
			l.offer(t, l.prev[i])
		}
	}
	for i := int32(0); int(i) < n; i = l.next[i] {
		dst = append(dst, l.ids[i])
	}
	return dst
}

// rank is the rank of the merge of symbol i with the one after it, or noToken.
func (l *longWord) rank(t *Tokenizer, i int32) uint32 {
	if j := l.next[i]; l.ids[i] != noToken && int(j) < len(l.ids) {
		r, _ := t.table.find(l.ids[i], l.ids[j])
		return r
	}
	return noToken
}

func (l *longWord) offer(t *Tokenizer, i int32) {
	r := l.rank(t, i)
	if r == noToken {
		return
	}
	h := append(l.heap, 0)
	k, x := len(h)-1, uint64(r)<<32|uint64(i)
	for ; k > 0 && h[(k-1)/2] > x; k = (k - 1) / 2 {
		h[k] = h[(k-1)/2]
	}
	h[k], l.heap = x, h
}

func (l *longWord) pop() uint64 {
	h := l.heap
	top, x := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	for k, c := 0, 1; len(h) > 0; c = 2*k + 1 {
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if c >= len(h) || h[c] >= x {
			h[k] = x
			break
		}
		h[k], k = h[c], c
	}
	l.heap = h
	return top
}

// A mergeTable finds the merge of two tokens: open addressing over a power of
// two, at most half full.
type mergeTable struct {
	slots []mergeSlot
	shift int
}

type mergeSlot struct {
	left, right uint32
	rank, id    uint32
}

func newMergeTable(merges [][3]uint32) mergeTable {
	log := bits.Len(uint(2*len(merges) + 1))
	m := mergeTable{make([]mergeSlot, 1<<log), 64 - log}
	for i := range m.slots {
		m.slots[i] = mergeSlot{noToken, noToken, noToken, noToken}
	}
	for rank, e := range merges {
		*m.slot(e[0], e[1]) = mergeSlot{e[0], e[1], uint32(rank), e[2]} // a pair listed twice has its last rank, as in Hugging Face's library
	}
	return m
}

// slot is where the pair is, or the free slot where it would be.
func (m *mergeTable) slot(left, right uint32) *mergeSlot {
	mask := len(m.slots) - 1
	i := int((uint64(left)<<32 | uint64(right)) * 0x9E3779B97F4A7C15 >> m.shift)
	for {
		s := &m.slots[i&mask]
		if s.left == left && s.right == right || s.left == noToken {
			return s
		}
		i++
	}
}

// find gives the rank of the merge and the id of its result, or noToken twice.
func (m *mergeTable) find(left, right uint32) (rank, id uint32) {
	s := m.slot(left, right)
	return s.rank, s.id
}
