package token

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/climb-go/climb/option"
)

// TrainOptions are the settings of [Train].
type TrainOptions struct {
	Vocab        int      `json:"vocab" default:"8192" min:"257" max:"1048576" doc:"vocabulary size, the 256 bytes and the special tokens included"`
	MinFrequency int64    `json:"min_frequency" default:"2" min:"1" doc:"minimum frequency of a pair of tokens to be merged"`
	Special      []string `json:"special" default:"<|endoftext|>" doc:"special tokens, which get the first ids; one of them ends a document"`
	Pattern      string   `json:"pattern" default:"llama3" choices:"gpt2,llama3" doc:"pre-tokenization: split text into words as GPT-2 or as Llama 3 does (numbers in groups of up to three digits)"`
	Memory       int64    `json:"memory" default:"536870912" min:"1048576" doc:"memory for the table of distinct words, in bytes; when it is full the rarest words are dropped"`
}

// Train learns a tokenizer from texts: it counts their words, then merges the
// most frequent adjacent pair of tokens again and again until there are o.Vocab
// ids or no pair occurs o.MinFrequency times. Of equally frequent pairs the one
// with the smaller left id is merged, then the one with the smaller right id.
// Ids are given as Hugging Face's BpeTrainer gives them: special tokens, the
// 256 bytes in order of their rune in the byte-level alphabet, then the merges;
// the merges are its merges. We differ where a token can be made in two ways
// ("ab"+"c" and "a"+"bc"): there its queue may miss occurrences or list a pair
// twice, while here counts are always exact.
//
// The result depends on the texts and the options only. Memory is about
// o.Memory, whatever the size of the texts: when the table of words is full, the
// rarest words are forgotten until half of it is free. Below the limit, about
// two million distinct words by default, counts are exact. A word of more than
// 4 KiB is counted in pieces of 4 KiB.
func Train(texts iter.Seq[string], o TrainOptions) (*Tokenizer, error) {
	option.Fill(&o)
	if err := option.Check("tokenizer", o); err != nil {
		return nil, err
	}
	t := &Tokenizer{pattern: patternNamed(o.Pattern)}
	if err := t.addSpecial(o.Special); err != nil {
		return nil, err
	}
	order := slices.Sorted(slices.Values(alphabet[:]))
	var byteIDs [256]uint32
	for _, r := range order {
		b := alphabetBytes[r]
		byteIDs[b] = uint32(len(t.tokens))
		t.tokens, t.names = append(t.tokens, string([]byte{b})), append(t.names, string(r))
	}
	if o.Vocab < len(t.tokens) {
		return nil, &option.Error{Path: "tokenizer.vocab", Text: fmt.Sprintf("%d is too small: 256 bytes and %d special tokens need %d", o.Vocab, len(o.Special), len(t.tokens))}
	}
	words := countWords(texts, t.pattern.next, o.Memory)
	if len(words.text) == 0 {
		return nil, errors.New("train tokenizer: the texts are empty; there is nothing to learn from")
	}
	tr := newTrainer(words, byteIDs)
	tr.learn(t, o.Vocab, o.MinFrequency)
	return t, t.assemble()
}

func patternNamed(name string) *pattern {
	for i := range patterns {
		if patterns[i].name == name {
			return &patterns[i]
		}
	}
	panic("token: no pattern " + name)
}

func (t *Tokenizer) addSpecial(special []string) error {
	for i, s := range special {
		path := fmt.Sprintf("tokenizer.special[%d]", i)
		switch {
		case s == "":
			return &option.Error{Path: path, Text: "is empty"}
		case slices.Contains(special[:i], s):
			return &option.Error{Path: path, Text: fmt.Sprintf("%q is listed twice", s)}
		case len([]rune(s)) == 1 && len(unspell(s)) == 1:
			return &option.Error{Path: path, Text: fmt.Sprintf("%q is the name of a byte; choose a longer text such as <|%s|>", s, s)}
		}
		t.added = append(t.added, addedToken{ID: uint32(i), Content: s, Special: true})
		t.tokens, t.names = append(t.tokens, s), append(t.names, s)
	}
	return nil
}

// wordCounts are the distinct words of a corpus, in the order they were first
// seen.
type wordCounts struct {
	text  []string
	count []int64
	index map[string]int32
	bytes int64 // of memory, here and in the trainer, estimated
}

const trainWord = 1 << 12 // longest word counted, bytes

// wordMemory estimates what a word of n bytes takes: string, count, map entry
// and trainWordState, then per byte the text, its tokens and where lists.
func wordMemory(n int) int64 { return 128 + 16*int64(n) }

func countWords(texts iter.Seq[string], next func(string) int, memory int64) *wordCounts {
	c := &wordCounts{index: make(map[string]int32)}
	for text := range texts {
		for len(text) > 0 {
			w := text[:min(next(text), trainWord)]
			text = text[len(w):]
			if i, ok := c.index[w]; ok {
				c.count[i]++
				continue
			}
			w = strings.Clone(w)
			c.index[w] = int32(len(c.text))
			c.text, c.count = append(c.text, w), append(c.count, 1)
			if c.bytes += wordMemory(len(w)); c.bytes > memory {
				c.prune(memory / 2)
			}
		}
	}
	return c
}

// prune forgets the rarest words, all of one count at a time, until the table
// takes at most target bytes.
func (c *wordCounts) prune(target int64) {
	least := int64(0)
	for c.bytes > target {
		least = slices.MinFunc(c.count, func(a, b int64) int { return cmp.Compare(uint64(a-least-1), uint64(b-least-1)) })
		for i, n := range c.count {
			if n == least {
				c.bytes -= wordMemory(len(c.text[i]))
			}
		}
	}
	n := 0
	clear(c.index)
	for i, w := range c.text {
		if c.count[i] > least {
			c.text[n], c.count[n] = w, c.count[i]
			c.index[w] = int32(n)
			n++
		}
	}
	clear(c.text[n:])
	c.text, c.count = c.text[:n], c.count[:n]
}

// A trainer holds the words as tokens, and for every adjacent pair its exact
// count and the words it may be found in.
type trainer struct {
	words []trainWordState
	pairs map[uint64]int32 // left<<32 | right -> index
	count []int64          // by index
	where [][]int32        // by index: words, some of which may have lost the pair
	queue []candidate      // a max-heap
	grown []uint64         // pairs whose count went up in this merge
}

type trainWordState struct {
	ids   []uint32
	count int64
}

// A candidate is a pair and a count it had. Counts go down without the queue
// being told, so a candidate is checked when it comes up; when a count goes up
// the pair is pushed again.
type candidate struct {
	count int64
	pair  uint64
}

func (a candidate) before(b candidate) bool {
	return a.count > b.count || a.count == b.count && a.pair < b.pair
}

func newTrainer(c *wordCounts, byteIDs [256]uint32) *trainer {
	t := &trainer{pairs: make(map[uint64]int32), words: make([]trainWordState, len(c.text))}
	total := 0
	for _, w := range c.text {
		total += len(w)
	}
	arena := make([]uint32, total)
	for i, w := range c.text {
		ids := arena[:len(w):len(w)]
		arena = arena[len(w):]
		for j := range len(w) {
			ids[j] = byteIDs[w[j]]
			if j > 0 {
				t.add(ids[j-1], ids[j], c.count[i], int32(i))
			}
		}
		t.words[i] = trainWordState{ids, c.count[i]}
	}
	c.index, c.text = nil, nil
	t.pushGrown()
	return t
}

// add changes the count of a pair; where it rises, word w holds the pair.
func (t *trainer) add(left, right uint32, n int64, w int32) {
	key := uint64(left)<<32 | uint64(right)
	i, ok := t.pairs[key]
	if !ok {
		i = int32(len(t.count))
		t.pairs[key] = i
		t.count, t.where = append(t.count, 0), append(t.where, nil)
	}
	t.count[i] += n
	if n < 0 {
		return
	}
	if len(t.where[i]) == 0 || t.where[i][len(t.where[i])-1] != w {
		t.where[i] = append(t.where[i], w)
	}
	t.grown = append(t.grown, key)
}

// learn merges until t has vocab tokens or no pair occurs min times.
func (tr *trainer) learn(t *Tokenizer, vocab int, min int64) {
	ids := make(map[string]uint32, vocab)
	for id, name := range t.names {
		ids[name] = uint32(id)
	}
	rules := make(map[uint64]bool, vocab)
	for len(t.tokens) < vocab {
		pair, ok := tr.next(min)
		if !ok {
			return
		}
		left, right := uint32(pair>>32), uint32(pair)
		name := t.names[left] + t.names[right]
		id, known := ids[name]
		if known && int(id) < len(t.added) {
			tr.count[tr.pairs[pair]] = 0 // never make a special token out of text
			continue
		}
		if !known {
			id = uint32(len(t.tokens))
			ids[name] = id
			t.tokens, t.names = append(t.tokens, t.tokens[left]+t.tokens[right]), append(t.names, name)
		}
		if !rules[pair] {
			rules[pair] = true
			t.merges = append(t.merges, [3]uint32{left, right, id})
		}
		tr.merge(left, right, id)
	}
}

// next is the most frequent pair of those that occur min times.
func (t *trainer) next(min int64) (pair uint64, ok bool) {
	for len(t.queue) > 0 {
		c := t.queue[0]
		now := t.count[t.pairs[c.pair]]
		if now == c.count {
			t.queue = popCandidate(t.queue)
			return c.pair, now >= min
		}
		t.queue[0].count = now
		siftDown(t.queue, 0)
	}
	return 0, false
}

// merge replaces the pair by id in every word that holds it.
func (t *trainer) merge(left, right, id uint32) {
	i := t.pairs[uint64(left)<<32|uint64(right)]
	words := t.where[i]
	t.where[i] = nil
	for _, w := range words {
		t.mergeWord(w, left, right, id)
	}
	t.pushGrown()
}

func (t *trainer) mergeWord(w int32, left, right, id uint32) {
	word := &t.words[w]
	ids, n, c := word.ids, 0, word.count
	for i := 0; i < len(ids); i++ {
		if ids[i] != left || i+1 == len(ids) || ids[i+1] != right {
			ids[n] = ids[i]
			n++
			continue
		}
		t.add(left, right, -c, w)
		if n > 0 {
			t.add(ids[n-1], left, -c, w)
			t.add(ids[n-1], id, c, w)
		}
		if i+2 < len(ids) {
			t.add(right, ids[i+2], -c, w)
			t.add(id, ids[i+2], c, w)
		}
		ids[n] = id
		n, i = n+1, i+1
	}
	word.ids = ids[:n]
}

// pushGrown queues the pairs whose counts rose, each once.
func (t *trainer) pushGrown() {
	slices.Sort(t.grown)
	for _, pair := range slices.Compact(t.grown) {
		if n := t.count[t.pairs[pair]]; n > 0 {
			t.queue = pushCandidate(t.queue, candidate{n, pair})
		}
	}
	t.grown = t.grown[:0]
}

func pushCandidate(h []candidate, x candidate) []candidate {
	h = append(h, x)
	k := len(h) - 1
	for ; k > 0 && x.before(h[(k-1)/2]); k = (k - 1) / 2 {
		h[k] = h[(k-1)/2]
	}
	h[k] = x
	return h
}

func popCandidate(h []candidate) []candidate {
	n := len(h) - 1
	h[0] = h[n]
	siftDown(h[:n], 0)
	return h[:n]
}

func siftDown(h []candidate, k int) {
	if len(h) == 0 {
		return
	}
	x := h[k]
	for c := 2*k + 1; c < len(h); c = 2*k + 1 {
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(x) {
			break
		}
		h[k], k = h[c], c
	}
	h[k] = x
}
