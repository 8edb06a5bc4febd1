package label

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestNGramMatchesTheDefinition compares with modified Kneser-Ney written out
// over strings: counts in maps, one formula.
func TestNGramMatchesTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 30 {
		n := 2 + round%4
		var texts []string
		for range 20 {
			var w []string
			for range 1 + rng.IntN(40) {
				w = append(w, string(rune('a'+min(rng.IntN(12), rng.IntN(12)))))
			}
			texts = append(texts, strings.Join(w, " "))
		}
		m, err := TrainNGram(slices.Values(texts), NGram{Order: n, MinCount: 1 + round%3})
		if err != nil {
			t.Fatal(err)
		}
		oracle := newKneserNey(texts, n, 1+round%3)
		for _, text := range texts {
			words := oracle.words(text)
			var d doc
			d.scan(text)
			ids := m.ids(nil, d.hash)
			for end := 2; end <= len(ids); end++ {
				start := max(0, end-n)
				got, want := m.probability(ids[start:end]), oracle.p(words[start:end])
				if math.Abs(got-want) > 1e-12 {
					t.Fatalf("order %d, %q: p = %v, want %v", n, words[start:end], got, want)
				}
			}
		}
		sumsToOne(t, m, n)
	}
}

// sumsToOne adds the probabilities of all words, those that were never seen
// in a context included.
func sumsToOne(t *testing.T, m *NGramModel, n int) {
	for _, context := range [][]uint32{{startOfText}, {startOfText, firstWord}, {firstWord, firstWord + 1, unknownWord}, {endOfText, endOfText}} {
		context = context[max(0, len(context)-n+1):]
		sum := 0.0
		for id := range uint32(firstWord + len(m.words)) {
			if id != startOfText {
				sum += m.probability(append(slices.Clone(context), id))
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("after %v: probabilities sum to %v", context, sum)
		}
	}
}

type kneserNey struct {
	n      int
	vocab  map[string]bool
	counts []map[string]int // by length - 1
}

func newKneserNey(texts []string, n, least int) *kneserNey {
	k := &kneserNey{n: n, vocab: map[string]bool{"<unk>": true, "</s>": true}, counts: make([]map[string]int, n)}
	count := map[string]int{}
	var train []string
	for i, text := range texts {
		if i%10 != 9 {
			train = append(train, text)
			for _, w := range strings.Fields(text) {
				count[w]++
			}
		}
	}
	for w, c := range count {
		if c >= least {
			k.vocab[w] = true
		}
	}
	raw := make([]map[string]int, n)
	for i := range n {
		raw[i], k.counts[i] = map[string]int{}, map[string]int{}
		for _, text := range train {
			w := k.words(text)
			for at := 0; at+i+1 <= len(w); at++ {
				raw[i][strings.Join(w[at:at+i+1], " ")]++
			}
		}
	}
	k.counts[n-1] = raw[n-1]
	for i := range n - 1 {
		for g, c := range raw[i] {
			if strings.HasPrefix(g, "<s> ") {
				k.counts[i][g] = c
			}
		}
		for g := range raw[i+1] {
			_, rest, _ := strings.Cut(g, " ")
			k.counts[i][rest]++
		}
	}
	return k
}

func (k *kneserNey) words(text string) []string {
	out := []string{"<s>"}
	for _, w := range strings.Fields(text) {
		if !k.vocab[w] {
			w = "<unk>"
		}
		out = append(out, w)
	}
	return append(out, "</s>")
}

func (k *kneserNey) p(w []string) float64 {
	if len(w) == 0 {
		return 1 / float64(len(k.vocab))
	}
	counts := k.counts[len(w)-1]
	var n [5]float64
	for g, c := range counts {
		if g != "<s>" && c <= 4 {
			n[c]++
		}
	}
	y := n[1] / (n[1] + 2*n[2])
	d := []float64{0, 1 - 2*y*n[2]/n[1], 2 - 3*y*n[3]/n[2], 3 - 4*y*n[4]/n[3]}
	for i := 1; i <= 3; i++ {
		if !(d[i] > 0 && d[i] <= float64(i)) {
			d = []float64{0, 0.5, 1, 1.5}
		}
	}
	context := strings.Join(w[:len(w)-1], " ")
	var total, gamma float64
	for v := range k.vocab {
		if c := counts[strings.TrimSpace(context+" "+v)]; c > 0 {
			total += float64(c)
			gamma += d[min(c, 3)]
		}
	}
	lower := k.p(w[1:])
	if total == 0 {
		return lower
	}
	c := counts[strings.Join(w, " ")]
	return (float64(c)-d[min(c, 3)])/total + gamma/total*lower
}

// TestNGramPrefersTheReference: text like the reference scores high, shuffled
// words and other text low, and known is a share of words.
func TestNGramPrefersTheReference(t *testing.T) {
	var texts []string
	for i := range 60 {
		texts = append(texts, fmt.Sprintf("the cat number %d sat on the mat and the dog sat by the door of the house all day", i))
	}
	m, err := TrainNGram(slices.Values(texts), NGram{})
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 8)
	if err := m.Label(t.Context(), dst, []string{"The cat, number 99, sat on the mat; and the dog sat by the door of the house all day!", "mat the on dog and the door by sat of house", "quite different words here", ""}); err != nil {
		t.Fatal(err)
	}
	if !(dst[0] > 0.5 && dst[0] > dst[2] && dst[2] > dst[4] && dst[4] < 0.1) || dst[1] != 1 || dst[5] != 0 || dst[6] != 0 {
		t.Errorf("scores %.3f", dst)
	}
}

func TestNGramReadsNoMoreThanBytes(t *testing.T) {
	read := 0
	texts := func(yield func(string) bool) {
		for yield(prose(100, uint64(read))) {
			read++
		}
	}
	m, err := TrainNGram(texts, NGram{Bytes: 20_000})
	if err != nil || read > 60 || m.Limit() <= 0 {
		t.Errorf("%d texts read, %v", read, err)
	}
	if _, err := TrainNGram(slices.Values([]string{"", " "}), NGram{}); err == nil || !strings.Contains(err.Error(), "ngram.reference") {
		t.Errorf("no words: %v", err)
	}
	if _, err := TrainNGram(texts, NGram{Order: 9}); err == nil || !strings.Contains(err.Error(), "ngram.order") {
		t.Errorf("order 9: %v", err)
	}
}
