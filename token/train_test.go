package token

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/option"
)

// bruteTrain counts every pair anew before every merge.
func bruteTrain(texts []string, o TrainOptions) (names []string, merges [][3]uint32) {
	counts := map[string]int64{}
	for _, s := range texts {
		for _, w := range words(patternNamed(o.Pattern), s) {
			counts[w]++
		}
	}
	names = slices.Clone(o.Special)
	var byteIDs [256]uint32
	for _, r := range slices.Sorted(slices.Values(alphabet[:])) {
		byteIDs[alphabetBytes[r]] = uint32(len(names))
		names = append(names, string(r))
	}
	type word struct {
		ids []uint32
		n   int64
	}
	var all []word
	for w, n := range counts {
		var ids []uint32
		for i := range len(w) {
			ids = append(ids, byteIDs[w[i]])
		}
		all = append(all, word{ids, n})
	}
	for len(names) < o.Vocab {
		pairs := map[[2]uint32]int64{}
		for _, w := range all {
			for i := range len(w.ids) - 1 {
				pair := [2]uint32{w.ids[i], w.ids[i+1]}
				if !slices.Contains(o.Special, names[pair[0]]+names[pair[1]]) {
					pairs[pair] += w.n
				}
			}
		}
		var best [2]uint32
		for p, n := range pairs {
			if c := pairs[best]; n > c || n == c && (p[0] < best[0] || p[0] == best[0] && p[1] < best[1]) {
				best = p
			}
		}
		if pairs[best] < o.MinFrequency {
			break
		}
		id := slices.Index(names, names[best[0]]+names[best[1]])
		if id < 0 {
			id = len(names)
			names = append(names, names[best[0]]+names[best[1]])
		}
		if m := [3]uint32{best[0], best[1], uint32(id)}; !slices.Contains(merges, m) {
			merges = append(merges, m)
		}
		for k := range all {
			for i := 0; i+1 < len(all[k].ids); i++ {
				if all[k].ids[i] == best[0] && all[k].ids[i+1] == best[1] {
					all[k].ids = slices.Replace(all[k].ids, i, i+2, uint32(id))
				}
			}
		}
	}
	return names, merges
}

func checkTraining(t rapid.TB, texts []string, o TrainOptions) {
	tok, err := Train(slices.Values(texts), o)
	if err != nil {
		t.Fatal(err)
	}
	names, merges := bruteTrain(texts, o)
	if d := cmp.Diff(names, tok.names); d != "" {
		t.Fatalf("vocabulary of %q: %s", texts, d)
	}
	if d := cmp.Diff(merges, tok.merges); d != "" {
		t.Fatalf("merges of %q: %s", texts, d)
	}
}

func TestTrainIsBruteForce(t *testing.T) {
	for _, p := range patterns {
		checkTraining(t, lines(t), TrainOptions{Vocab: 420, MinFrequency: 2, Special: []string{"<|endoftext|>"}, Pattern: p.name})
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[ab]{1,12}( [abc]{1,9}){0,4}`), 1, 6).Draw(t, "texts")
		checkTraining(t, texts, TrainOptions{
			Vocab:        rapid.IntRange(258, 300).Draw(t, "vocab"),
			MinFrequency: rapid.Int64Range(1, 4).Draw(t, "min"),
			Special:      []string{"<|endoftext|>", "aba"}, // "aba" is also a piece of the text
			Pattern:      rapid.SampledFrom([]string{"gpt2", "llama3"}).Draw(t, "pattern"),
		})
	})
}

func TestTrainedTextIsItsMerges(t *testing.T) {
	tok, err := Train(slices.Values([]string{"aaabdaaabac"}), TrainOptions{Vocab: 260, MinFrequency: 2})
	if err != nil {
		t.Fatal(err)
	}
	// The example of the article on byte-pair encoding in Wikipedia, with ties
	// by the order of ids: aa (4 times, then aa is 2), ab, aa+ab.
	if d := cmp.Diff([]string{"aa", "ab", "aaab"}, tok.tokens[257:]); d != "" {
		t.Error(d)
	}
}

func TestTrainErrors(t *testing.T) {
	some := slices.Values([]string{"some text"})
	for _, c := range []struct {
		o    TrainOptions
		path string
	}{
		{TrainOptions{Vocab: 256}, "tokenizer.vocab"},
		{TrainOptions{Vocab: 257, Special: []string{"<a>", "<b>"}}, "tokenizer.vocab"},
		{TrainOptions{Pattern: "gpt9"}, "tokenizer.pattern"},
		{TrainOptions{Special: []string{"<a>", "<a>"}}, "tokenizer.special[1]"},
		{TrainOptions{Special: []string{"", "<a>"}}, "tokenizer.special[0]"},
		{TrainOptions{Special: []string{"<a>", "Ġ"}}, "tokenizer.special[1]"},
		{TrainOptions{MinFrequency: -1}, "tokenizer.min_frequency"},
	} {
		_, err := Train(some, c.o)
		var e *option.Error
		if !errors.As(err, &e) || e.Path != c.path {
			t.Errorf("%+v: got %v, want an error at %s", c.o, err, c.path)
		}
	}
	if _, err := Train(slices.Values([]string{"", ""}), TrainOptions{}); err == nil || !strings.Contains(err.Error(), "texts are empty") {
		t.Errorf("no text: %v", err)
	}
}

func TestSmallestVocabularyIsTheBytes(t *testing.T) {
	tok := trained(t, TrainOptions{Vocab: 257})
	if got := tok.Encode(nil, "low é"); len(got) != 6 || tok.Vocab() != 257 {
		t.Errorf("%d tokens of %d", len(got), tok.Vocab())
	}
}

func TestTrainForgetsRareWordsAtTheLimit(t *testing.T) {
	// Each text brings the word again and others that do not come back.
	texts := func(yield func(string) bool) {
		for i := range 20000 {
			if !yield(fmt.Sprintf("lowest %c%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576)) {
				return
			}
		}
	}
	c := countWords(texts, nextGPT2, 1<<20)
	if c.bytes > 1<<20 || len(c.text) > 1<<20/128 {
		t.Errorf("%d words in %d bytes by estimate, over the limit", len(c.text), c.bytes)
	}
	if i, ok := c.index["lowest"]; !ok || c.count[i] != 20000 {
		t.Error("the frequent word was forgotten or miscounted")
	}
	sum := int64(0)
	for i, w := range c.text {
		if c.index[w] != int32(i) {
			t.Fatalf("index of %q is %d, want %d", w, c.index[w], i)
		}
		sum += wordMemory(len(w))
	}
	if sum != c.bytes || len(c.index) != len(c.text) {
		t.Errorf("estimate %d, sum %d; %d words, %d in the index", c.bytes, sum, len(c.text), len(c.index))
	}
	tok, err := Train(texts, TrainOptions{Vocab: 300, Memory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Encode(nil, "lowest"); len(got) != 1 {
		t.Errorf("lowest is %d tokens", len(got))
	}
}

func TestTrainIsDeterministic(t *testing.T) {
	save := func() string {
		var b bytes.Buffer
		if err := trained(t, TrainOptions{Vocab: 500, MinFrequency: 1}).Save(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := save()
	for range 3 {
		if got := save(); got != want {
			t.Fatal("two trainings on the same text differ")
		}
	}
}

func TestOptionsFitTheirOwnLimits(t *testing.T) {
	var o TrainOptions
	option.Fill(&o)
	if err := option.Check("tokenizer", o); err != nil {
		t.Error(err)
	}
}
