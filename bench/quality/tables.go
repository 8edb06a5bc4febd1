package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/climb-go/climb/corpus"
)

// makeTables writes what the rules know of languages, from the half of the sound
// text that constants are chosen on: the most frequent words of each language,
// and the letter triples that any kind of sound text has often.
func makeTables(ctx context.Context, inputs []string, languages, dir string) error {
	foreign, err := foreignTexts(languages)
	if err != nil {
		return err
	}
	words, triples := map[string]wordCounts{}, map[string]*tripleCounts{}
	for _, d := range foreign {
		if half(d.id) == reportedHalf || d.language == "und" {
			continue
		}
		if words[d.language] == nil {
			words[d.language], triples[d.language] = wordCounts{}, &tripleCounts{}
		}
		words[d.language].add(d.kind, d.text)
		triples[d.language].add(d.text)
	}
	for d, err := range documents(ctx, inputs) {
		if err != nil {
			return err
		}
		if half(d.ID) == reportedHalf || lowQuality(d.ID) || corpus.Hash(d.ID, 3)%4 != 0 {
			continue
		}
		source, _, _ := strings.Cut(d.ID, "/")
		if triples[source] == nil {
			triples[source] = &tripleCounts{}
		}
		triples[source].add(d.Text)
	}
	if err := os.WriteFile(filepath.Join(dir, "stopwords.txt"), stopLists(words), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "triples.bin"), commonTriples(triples), 0o666)
}

// wordCounts counts words by the kind of text that they are in.
type wordCounts map[string]map[string]float64

func (c wordCounts) add(kind, text string) {
	if c[kind] == nil {
		c[kind] = map[string]float64{}
	}
	for _, w := range strings.Fields(strings.ToLower(text)) {
		if w = strings.TrimFunc(w, unicode.IsPunct); strings.ContainsFunc(w, unicode.IsLetter) {
			c[kind][w]++
		}
	}
}

// shares gives each word the least of its shares in the kinds: the words of a
// subject are frequent in one, those of the language in all.
func (c wordCounts) shares() map[string]float64 {
	least := map[string]float64{}
	for _, counts := range c {
		total := 0.0
		for _, n := range counts {
			total += n
		}
		for w, n := range counts {
			least[w] = min(cmp.Or(least[w], 1), n/total)
		}
	}
	for _, counts := range c {
		for w := range least {
			if counts[w] == 0 {
				delete(least, w)
			}
		}
	}
	return least
}

// stopLists gives each language a line: its code and its eight most frequent
// words. A language whose words are not parted by spaces has none.
func stopLists(words map[string]wordCounts) []byte {
	var out []byte
	for _, language := range slices.Sorted(maps.Keys(words)) {
		if language == "eng" {
			continue // has Gopher's
		}
		shares := words[language].shares()
		list := slices.SortedFunc(maps.Keys(shares), func(a, b string) int { return cmp.Or(cmp.Compare(shares[b], shares[a]), cmp.Compare(a, b)) })
		list = slices.DeleteFunc(list, func(w string) bool { return shares[w] < 0.004 })
		list = list[:min(len(list), 8)]
		if len(list) >= 3 && !unspaced(list) {
			out = fmt.Appendf(out, "%s %s\n", language, strings.Join(list, " "))
		}
	}
	return out
}

// unspaced tells whether words are of a script that does not part them, or of
// Hangul, which joins particles to them.
func unspaced(words []string) bool {
	return strings.ContainsFunc(strings.Join(words, ""), func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
	})
}

// tripleCounts counts rows of three ASCII letters, 5 bits each.
type tripleCounts struct {
	n   [1 << 15]int
	all int
}

func (t *tripleCounts) add(text string) {
	key, run := 0, 0
	for i := range len(text) {
		c := text[i] | 0x20
		if c < 'a' || c > 'z' {
			run = 0
			continue
		}
		key = (key<<5 | int(c-'a')) & (1<<15 - 1)
		if run++; run >= 3 {
			t.n[key]++
			t.all++
		}
	}
}

// A triple is common if its share of the triples, averaged over the kinds of text
// and the languages, each counting the same, is at least this.
const commonShare = 1e-5

// commonTriples is a set of 2^15 bits. Kinds of too few triples do not count.
func commonTriples(kinds map[string]*tripleCounts) []byte {
	var mean [1 << 15]float64
	n := 0.0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if t := kinds[kind]; t.all >= 2000 {
			n++
			for key, k := range t.n {
				mean[key] += float64(k) / float64(t.all)
			}
		}
	}
	out := make([]byte, len(mean)/8)
	for key, sum := range mean {
		if sum >= commonShare*n {
			out[key/8] |= 1 << (key % 8)
		}
	}
	return out
}
