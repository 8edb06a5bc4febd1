package token

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func lines(t testing.TB) []string {
	data, err := os.ReadFile("testdata/text.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(data), "\n")
}

func trained(t testing.TB, o TrainOptions) *Tokenizer {
	tok, err := Train(slices.Values(lines(t)), o)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// bruteEncode merges by definition: of all adjacent pairs in a word, the one
// of lowest rank, leftmost.
func bruteEncode(tok *Tokenizer, text string) []uint32 {
	rank := make(map[[2]uint32]int)
	for r, m := range tok.merges {
		rank[[2]uint32{m[0], m[1]}] = r
	}
	var out []uint32
	for _, w := range words(tok.pattern, text) {
		var ids []uint32
		for i := range len(w) {
			ids = append(ids, tok.bytes[w[i]])
		}
		for {
			best, at := len(tok.merges), -1
			for i := range len(ids) - 1 {
				if r, ok := rank[[2]uint32{ids[i], ids[i+1]}]; ok && r < best {
					best, at = r, i
				}
			}
			if at < 0 {
				break
			}
			ids = slices.Replace(ids, at, at+2, tok.merges[best][2])
		}
		out = append(out, ids...)
	}
	return out
}

func TestEncodeIsBruteForceMerging(t *testing.T) {
	for _, p := range patterns {
		tok := trained(t, TrainOptions{Vocab: 700, Pattern: p.name})
		for _, line := range lines(t) {
			if d := cmp.Diff(bruteEncode(tok, line), tok.Encode(nil, line)); d != "" {
				t.Fatalf("%s on %q: %s", p.name, line, d)
			}
		}
		rng := rand.New(rand.NewPCG(1, 2))
		for n := 1; n < 300; n += 1 + n/16 { // over the lengths at which the algorithm changes
			w := make([]byte, n)
			for i := range w {
				w[i] = "lowernwidst"[rng.IntN(11)]
			}
			want := bruteEncode(tok, string(w))
			for range 2 { // the second time from the cache
				if d := cmp.Diff(want, tok.Encode(nil, string(w))); d != "" {
					t.Fatalf("%s on %q: %s", p.name, w, d)
				}
			}
			if d := cmp.Diff(want, new(longWord).merge(nil, tok, string(w))); d != "" {
				t.Fatalf("long way on %q: %s", w, d)
			}
		}
	}
}

func TestEncodeAppends(t *testing.T) {
	tok := trained(t, TrainOptions{Vocab: 300})
	got := tok.Encode([]uint32{7, 8}, "low")
	if d := cmp.Diff(append([]uint32{7, 8}, tok.Encode(nil, "low")...), got); d != "" {
		t.Error(d)
	}
	if got := tok.Encode(nil, ""); len(got) != 0 {
		t.Errorf("tokens of no text: %v", got)
	}
}

func TestSpecialTokensAreNotFoundInText(t *testing.T) {
	tok := trained(t, TrainOptions{Vocab: 400, Special: []string{"<|pad|>", "<|endoftext|>"}})
	if tok.EOD() != 1 {
		t.Errorf("EOD is %d, want the id of <|endoftext|>, 1", tok.EOD())
	}
	if id, ok := tok.Special("<|pad|>"); id != 0 || !ok {
		t.Errorf("<|pad|> is %d, %v", id, ok)
	}
	const text = "a <|endoftext|> b"
	ids := tok.Encode(nil, text)
	if slices.Contains(ids, tok.EOD()) || tok.Decode(ids) != text {
		t.Errorf("tokens %v, decoded %q", ids, tok.Decode(ids))
	}
	if got := tok.Decode([]uint32{tok.EOD(), 1 << 20}); got != "<|endoftext|>\ufffd" {
		t.Errorf("decoded %q", got)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, p := range patterns {
		tok := trained(t, TrainOptions{Vocab: 600, Pattern: p.name})
		rapid.Check(t, func(t *rapid.T) {
			s := nastyText().Draw(t, "text") + string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
			if got := tok.Decode(tok.Encode(nil, s)); got != s {
				t.Fatalf("%q came back as %q", s, got)
			}
		})
	}
}

func FuzzRoundTrip(f *testing.F) {
	var toks []*Tokenizer
	for _, p := range patterns {
		toks = append(toks, trained(f, TrainOptions{Vocab: 600, Pattern: p.name}))
	}
	for _, s := range lines(f) {
		f.Add(s)
	}
	f.Add("\xff\xfe\x00 '\xc5")
	f.Fuzz(func(t *testing.T, s string) {
		for _, tok := range toks {
			ids := tok.Encode(nil, s)
			if got := tok.Decode(ids); got != s {
				t.Errorf("%q came back as %q", s, got)
			}
			if len(s) < 500 && !slices.Equal(ids, bruteEncode(tok, s)) {
				t.Errorf("%q is %v, by brute force %v", s, ids, bruteEncode(tok, s))
			}
			if !slices.Equal(words(tok.pattern, s), referenceWords(tok.pattern.name, s)) {
				t.Errorf("%q is cut into %q", s, words(tok.pattern, s))
			}
		}
	})
}

// A line without a space: were it quadratic, this would take hours.
func TestLongWord(t *testing.T) {
	tok := trained(t, TrainOptions{Vocab: 700})
	text := strings.Repeat("lowerwidestnew", (longestWord+longestWord/8)/14)
	ids := tok.Encode(nil, text)
	if got := tok.Decode(ids); got != text {
		t.Fatal("a long word does not decode to itself")
	}
	if len(ids)*4 > len(text)*3 {
		t.Errorf("%d tokens for %d bytes: it was not merged", len(ids), len(text))
	}
	head := tok.Encode(nil, text[:longestWord])
	if !slices.Equal(head, ids[:len(head)]) {
		t.Error("the first piece of a long word is not encoded as it is alone")
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := trained(t, TrainOptions{Vocab: 500})
	texts := lines(t)
	want := make([][]uint32, len(texts))
	for i, s := range texts {
		want[i] = bruteEncode(tok, s)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for k := range 200 {
				i := (g*31 + k) % len(texts)
				if got := tok.Encode(nil, texts[i]); !slices.Equal(got, want[i]) || tok.Decode(got) != texts[i] {
					t.Errorf("text %d is encoded as %v, want %v", i, got, want[i])
					return
				}
			}
		})
	}
	wg.Wait()
}
