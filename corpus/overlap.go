package corpus

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
	"unicode/utf8"
)

// A GramSet holds the runs of n words of evaluation files, to find documents
// that contain one: such a document may give an answer away. The rule is that
// of GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C) and OLMo, n = 13 on
// words as Words finds them, of which characters of
// scripts without spaces count for parts. We drop whole documents, where
// GPT-3 cuts 200 characters around the match, and count a run however often it
// occurs in the corpus.
//
// It takes 16 bytes for each run of the files, and 4 for the filter before them.
type GramSet struct {
	n      int
	grams  []gram // ascending
	filter []uint64
	shift  int // of a hash, to a bit of filter
}

// A gram is the hash of a run and the number of its file.
type gram struct {
	hash uint64
	file int32
}

// NewGramSet makes the set of the runs of n words in files, texts[i] being
// those of file i.
func NewGramSet(n int, texts [][]string) *GramSet {
	s := &GramSet{n: n}
	var words []Word
	var hashes []uint64
	for file := range texts {
		for _, text := range texts[file] {
			words = Words(words[:0], text)
			hashes = Grams(hashes[:0], words, n)
			for _, h := range hashes {
				s.grams = append(s.grams, gram{h, int32(file)})
			}
		}
	}
	slices.SortFunc(s.grams, func(a, b gram) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.file, b.file)) })
	s.grams = slices.Clip(slices.Compact(s.grams))
	size := max(6, bits.Len(uint(len(s.grams)))+5) // log2 of 32 to 64 bits a gram
	s.filter, s.shift = make([]uint64, 1<<size/64), 64-size
	for _, g := range s.grams {
		s.filter[g.hash>>s.shift/64] |= 1 << (g.hash >> s.shift % 64)
	}
	return s
}

// Len is the number of runs, those in several files counted in each.
func (s *GramSet) Len() int { return len(s.grams) }

// An Overlap is a document's first run of words that a file has too.
type Overlap struct {
	File int
	Word int // 0-based, the run's first, as Words counts
	Len  int // words of the run
}

// A GramFinder looks for the runs of a GramSet in texts. It is for one
// goroutine; the set may be shared.
type GramFinder struct {
	set   *GramSet
	words []Word
	grams []uint64
}

// Finder returns a finder.
func (s *GramSet) Finder() *GramFinder { return &GramFinder{set: s} }

// Find appends to dst the first overlap of text with each file that it shares a
// run with, in the order of the text.
func (f *GramFinder) Find(dst []Overlap, text string) []Overlap {
	s, first := f.set, len(dst)
	f.words = Words(f.words[:0], text)
	f.grams = Grams(f.grams[:0], f.words, s.n)
	for i, h := range f.grams {
		if s.filter[h>>s.shift/64]>>(h>>s.shift%64)&1 == 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(s.grams, h, func(g gram, h uint64) int { return cmp.Compare(g.hash, h) })
		for ; at < len(s.grams) && s.grams[at].hash == h; at++ {
			file := int(s.grams[at].file)
			if !slices.ContainsFunc(dst[first:], func(o Overlap) bool { return o.File == file }) {
				end := len(f.words) - len(f.grams) + i // each word from the first run's end on ends one
				start := gramStart(f.words, end, s.n)
				dst = append(dst, Overlap{file, start, end + 1 - start})
			}
		}
	}
	return dst
}

// Excerpt returns the n words of text from the 0-based word first on, as they are
// written.
func Excerpt(text string, first, n int) string {
	var words []Word
	// end is the length of the shortest beginning with so many words, the last
	// one's first character.
	end := func(count int) int {
		return sort.Search(len(text), func(length int) bool {
			words = Words(words[:0], text[:length])
			return len(words) >= count
		})
	}
	from, to := end(first+1), end(first+n)
	_, size := utf8.DecodeLastRuneInString(text[:from])
	from -= size
	for to < len(text) {
		_, size := utf8.DecodeRuneInString(text[to:])
		if len(Words(words[:0], "a"+text[to:to+size]+"a")) > 1 { // it separates
			break
		}
		to += size
	}
	return text[from:to]
}
