package label

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// stopLists has a line a language: its code in ISO 639-3, the share of its words that
// are stop words, and these, its most frequent ones, counted in the half of the text
// that constants are chosen on (bench/quality -tables).
//
//go:embed stopwords.txt
var stopLists string

// Words that English grammar knows the neighbours of. After a determiner comes no
// bare word; addressing are the words that speak to the reader.
const (
	determiners = "the a an my our your their its every"
	bareWords   = "the a an of and to in is was were are be been for on with at by from as or but that it he she they we which who had has have if than then because would could can my your their his this these"
	addressing  = "you your yours we our us"
)

// A lexicon finds the words and phrases that the rules know in one pass.
type lexicon struct {
	filter    [1 << 14 / 64]uint64 // by the hash: worth a look into index
	words     map[uint64]*known    // while it is made
	index     table                // the words again: a look into it is quicker
	known     []*known             // by slot of index
	languages int
	usual     []float64 // of each language, the share of stop words
	phrases   int
}

// A known word.
type known struct {
	id                    int
	languages             []int32 // whose stop word it is
	determiner, bare, you bool
	phrases               []phrase // that it begins
}

type phrase struct {
	id     int
	rest   []uint64
	advert bool
}

var everyLanguage = sync.OnceValue(func() *lexicon {
	lists, usual := []string{"the be to of and that have with"}, []float64{usualStops} // Gopher's, for English
	for line := range strings.Lines(stopLists) {
		_, rest, _ := strings.Cut(line, " ")
		share, words, _ := strings.Cut(rest, " ")
		x, err := strconv.ParseFloat(share, 64)
		if err != nil {
			panic("label: stopwords.txt: " + err.Error())
		}
		lists, usual = append(lists, words), append(usual, x)
	}
	l := newLexicon(lists)
	l.usual = usual
	return l
})

// newLexicon knows these lists of stop words, one a language.
func newLexicon(stops []string) *lexicon {
	l := &lexicon{words: map[uint64]*known{}, languages: len(stops), usual: slices.Repeat([]float64{usualStops}, len(stops))}
	var d doc
	each := func(words string, f func(*known)) {
		d.scan(words)
		for _, h := range d.hash {
			f(l.add(h))
		}
	}
	for i, list := range stops {
		each(list, func(k *known) { k.languages = append(k.languages, int32(i)) })
	}
	each(determiners, func(k *known) { k.determiner = true })
	each(bareWords, func(k *known) { k.bare = true })
	each(addressing, func(k *known) { k.you = true })
	for i, list := range []string{furniture, advertising} {
		for text := range strings.SplitSeq(list, ";") {
			if d.scan(text); d.words > 0 {
				k := l.add(d.hash[0])
				k.phrases = append(k.phrases, phrase{l.phrases, slices.Clone(d.hash[1:]), i == 1})
				l.phrases++
			}
		}
	}
	l.index.reset(len(l.words))
	for h := range l.words {
		l.index.add(h)
	}
	l.known = make([]*known, len(l.index.key))
	for h, k := range l.words {
		l.known[l.index.slot(h)] = k
	}
	return l
}

func (l *lexicon) add(hash uint64) *known {
	k := l.words[hash]
	if k == nil {
		k = &known{id: len(l.words)}
		l.words[hash] = k
		l.filter[hash%(1<<14)/64] |= 1 << (hash % 64)
	}
	return k
}

// found is what a lexicon finds in a text.
type found struct {
	stops            int     // words of the language that has most of them
	best             int32   // that language
	usual            float64 // its usual share of them
	determiners      int
	misplaced        int // of them before a word that follows none
	you              int
	boilerplate, ads phraseCount

	language []int32 // words of each
	counts   []int32 // of each known word
	hits     []hit
	seen     []bool // by phrase
}

type hit struct {
	at   int // of the words
	word *known
}

// A phraseCount counts phrases. A single word counts once however often a text
// has it: a text about it is not for that reason a page's furniture.
type phraseCount struct{ n, distinct int }

// weight is the number of phrases, less for each that the text has few kinds of:
// one alone says nothing.
func (p phraseCount) weight() float64 {
	if p.distinct == 0 {
		return 0
	}
	return float64(p.n) * (1 - 1/float64(p.distinct))
}

// read counts anew.
func (f *found) read(l *lexicon, hash []uint64) {
	*f = found{language: resized(f.language, l.languages), counts: resized(f.counts, len(l.words)), hits: f.hits[:0], seen: resized(f.seen, l.phrases)}
	determiner := false
	for i, h := range hash {
		if l.filter[h%(1<<14)/64]>>(h%64)&1 == 0 {
			determiner = false
			continue
		}
		at := l.index.slot(h)
		if at < 0 {
			determiner = false
			continue
		}
		k := l.known[at]
		if len(k.languages) > 0 {
			f.hits = append(f.hits, hit{i, k})
		}
		if determiner && k.bare {
			f.misplaced++
		}
		if determiner = k.determiner; determiner {
			f.determiners++
		}
		if k.you {
			f.you++
		}
		if k.phrases != nil {
			f.phrases(k, hash[i+1:])
		}
	}
	f.tally(l)
}

func (f *found) phrases(k *known, next []uint64) {
	for _, p := range k.phrases {
		if len(p.rest) > len(next) || !slices.Equal(p.rest, next[:len(p.rest)]) {
			continue
		}
		c := &f.boilerplate
		if p.advert {
			c = &f.ads
		}
		if !f.seen[p.id] {
			c.distinct++
		}
		if !f.seen[p.id] || len(p.rest) > 0 {
			c.n++
		}
		f.seen[p.id] = true
		return
	}
}

// tally finds the language with most stop words.
func (f *found) tally(l *lexicon) {
	for _, h := range f.hits {
		f.counts[h.word.id]++
	}
	for _, h := range f.hits {
		n := f.counts[h.word.id]
		if n == 0 {
			continue // added already
		}
		f.counts[h.word.id] = 0
		for _, language := range h.word.languages {
			f.language[language] += n
		}
	}
	best := int32(0)
	for i, n := range f.language {
		if n > f.language[best] {
			best = int32(i)
		}
	}
	f.best, f.stops, f.usual = best, int(f.language[best]), l.usual[best]
}

// stopsIn counts the stop words of a span.
func (f *found) stopsIn(s span) (n int) {
	from, _ := slices.BinarySearchFunc(f.hits, s.a, func(h hit, at int) int { return h.at - at })
	for _, h := range f.hits[from:] {
		if h.at >= s.b {
			break
		}
		if slices.Contains(h.word.languages, f.best) {
			n++
		}
	}
	return n
}

// resized is s with n elements, all zero.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
