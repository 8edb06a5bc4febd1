package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/climb-go/climb/corpus"
)

// makeTables writes what the rules know of languages, from the half of the sound
// text that constants are chosen on: the most frequent words of each language,
// and how rare each triple of letters is in sound text.
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
	return os.WriteFile(filepath.Join(dir, "surprises.bin"), surprises(triples), 0o666)
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

// stopLists gives each language a line: its code, its eight most frequent words, and
// before them which share of its words they are. A language whose words are not parted by spaces has none.
func stopLists(words map[string]wordCounts) []byte {
	var out []byte
	for _, language := range slices.Sorted(maps.Keys(words)) {
		if language == "eng" {
			continue // has Gopher's
		}
		shares := words[language].shares()
		list := slices.SortedFunc(maps.Keys(shares), func(a, b string) int { return cmp.Or(cmp.Compare(shares[b], shares[a]), cmp.Compare(a, b)) })
		list = slices.DeleteFunc(list, func(w string) bool { return shares[w] < 0.002 })
		list = list[:min(len(list), 8)]
		if len(list) >= 3 && !unspaced(list) {
			usual := 0.0
			for _, w := range list {
				usual += shares[w]
			}
			out = fmt.Appendf(out, "%s %.2f %s\n", language, usual, strings.Join(list, " "))
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

// Counts are smoothed by smooth of a kind's triples, spread over all that begin
// with the same two letters.
const smooth = 1e-5

// surprises has for each triple the surprise of its third letter after the other
// two, in 1/16 bits, where each kind of text and each language counts the same. Kinds
// of too few triples do not count.
func surprises(kinds map[string]*tripleCounts) []byte {
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
	out := make([]byte, len(mean))
	for pair := range 1 << 10 {
		row := mean[pair<<5:][:26]
		sum := smooth
		for _, x := range row {
			sum += x / n
		}
		for c, x := range row {
			out[pair<<5|c] = byte(min(255, math.Round(-16*math.Log2((x/n+smooth/26)/sum))))
		}
	}
	return out
}
