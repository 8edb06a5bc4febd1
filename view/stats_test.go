package view

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
)

// statsCorpus writes many shards of text in two made-up languages, with bad
// lines among them, and returns the options that read them.
func statsCorpus(t *testing.T, dir string, n int) (o corpus.Options, want Count, lengths []int64) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		text := strings.TrimSpace(strings.Repeat([]string{"der und die ", "the of and "}[i%2], 1+i*7%191))
		fmt.Fprintf(&b, "{\"text\":%q,\"source\":\"s%d\"}\n", text, i%3)
		want.add(Count{Documents: 1, Bytes: int64(len(text))})
		lengths = append(lengths, int64(len(text)))
		if i%100 == 0 {
			b.WriteString("not json\n")
		}
	}
	path := filepath.Join(dir, "a.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return corpus.Options{Inputs: corpus.Paths(path), ShardBytes: 50000}, want, lengths
}

// tools trains a tokenizer and a language model.
func tools(t *testing.T, dir string) (tok *token.Tokenizer, tokenizer, language string) {
	t.Helper()
	o := token.TrainOptions{Vocab: 280}
	option.Fill(&o)
	tok, err := token.Train(slices.Values([]string{"der und die", "the of and", "der und die", "the of and"}), o)
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, language = filepath.Join(dir, "tokenizer.json"), filepath.Join(dir, "lid.bin")
	f, err := os.Create(tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tok.Save(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	var texts []string
	var labels []int
	for i := range 200 {
		texts, labels = append(texts, []string{"der und die", "the of and"}[i%2]), append(labels, i%2)
	}
	c := fasttext.Classifier{Dim: 4, Buckets: 1000}
	option.Fill(&c)
	m, err := c.Train(t.Context(), texts, labels, []string{"de", "en"})
	if err == nil {
		err = m.Save(language)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tok, tokenizer, language
}

// The counts are those of the documents written, for any number of workers.
func TestDescribeCorpus(t *testing.T) {
	dir := t.TempDir()
	const n = 3000
	o, want, lengths := statsCorpus(t, dir, n)
	tok, tokenizer, language := tools(t, t.TempDir())
	var before *CorpusStats
	for _, workers := range []int{1, 2, 7} {
		var read int64
		s, err := DescribeCorpus(t.Context(), StatsOptions{Corpus: o, Tokenizer: tokenizer, Language: language, Workers: workers, Watch: func(done, total int64) {
			if done <= read || done > total {
				t.Errorf("%d bytes done of %d, after %d", done, total, read)
			}
			read = done
		}})
		if err != nil {
			t.Fatal(err)
		}
		if before != nil {
			if d := cmp.Diff(before, s); d != "" {
				t.Errorf("with %d workers:\n%s", workers, d)
			}
			continue
		}
		before = s
		if read != s.Stored || s.Files != 1 || s.Bad.Dropped() != n/100 || s.Bad.Reasons[corpus.InvalidJSON] != n/100 {
			t.Errorf("%d of %d bytes, %d files, %+v", read, s.Stored, s.Files, s.Bad)
		}
		tokens := int64(0)
		for i := range n {
			tokens += int64(len(tok.Encode(nil, strings.TrimSpace(strings.Repeat([]string{"der und die ", "the of and "}[i%2], 1+i*7%191))))) + 1
		}
		want.Tokens = tokens
		if s.Count != want {
			t.Errorf("%+v, want %+v", s.Count, want)
		}
		checkLengths(t, s.Lengths, lengths)
		for i, groups := range [][]Group{s.Sources, s.Languages} {
			var sum Count
			for _, g := range groups {
				sum.add(g.Count)
				if g.Documents != n/int64(3-i) {
					t.Errorf("%+v", g)
				}
			}
			if sum != want || len(groups) != 3-i {
				t.Errorf("groups %+v add up to %+v, want %+v", groups, sum, want)
			}
		}
		if s.InTokens.Most >= s.Lengths.Most || s.InTokens.Least < 2 {
			t.Errorf("lengths in tokens %+v", s.InTokens)
		}
	}
}

func checkLengths(t *testing.T, l *Lengths, lengths []int64) {
	t.Helper()
	slices.Sort(lengths)
	n := len(lengths)
	if l.Least != lengths[0] || l.Most != lengths[n-1] {
		t.Errorf("%d to %d, want %d to %d", l.Least, l.Most, lengths[0], lengths[n-1])
	}
	for q, got := range map[float64]int64{0.05: l.P5, 0.25: l.P25, 0.5: l.Median, 0.75: l.P75, 0.95: l.P95, 0.99: l.P99} {
		exact := lengths[int(math.Ceil(q*float64(n)))-1]
		if got < exact || float64(got) > float64(exact)*33/32 {
			t.Errorf("quantile %g is %d, want %d or a little more", q, got, exact)
		}
	}
	sum := int64(0)
	for _, b := range l.Bins {
		for _, x := range lengths {
			if b.From <= x && x < b.To {
				b.Documents--
				sum++
			}
		}
		if b.Documents != 0 {
			t.Errorf("bin %+v: so many documents too many", b)
		}
	}
	if sum != int64(n) {
		t.Errorf("the bins hold %d lengths of %d", sum, n)
	}
}

func TestHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 100 {
		var h, part histogram
		var lengths []int64
		for i := range 1 + rng.IntN(200) {
			x := rng.Int64() >> rng.IntN(64)
			lengths = append(lengths, x)
			if at := binOf(x); binStart(at) > x || at+1 < len(h.bins) && binStart(at+1) <= x && binStart(at+1) > 0 {
				t.Fatalf("%d is put in bin %d, from %d", x, at, binStart(at))
			}
			if i%2 == 0 {
				h.add(x)
			} else {
				part.add(x)
			}
		}
		h.merge(&part)
		if int64(len(lengths)) != h.n || h.least != slices.Min(lengths) || h.most != slices.Max(lengths) {
			t.Fatalf("%d lengths from %d to %d of %v", h.n, h.least, h.most, lengths)
		}
	}
	if l := new(histogram).lengths(); l.Mean != 0 || l.Median != 0 || len(l.Bins) != 0 {
		t.Errorf("of nothing: %+v", l)
	}
}

// More sources than are kept count as others.
func TestTallyIsBounded(t *testing.T) {
	a, b := newCounts(), newCounts()
	for i := range 1500 {
		a.sources.add(fmt.Sprint(i), Count{Documents: 1, Bytes: 1})
		b.sources.add(fmt.Sprint(i+700), Count{Documents: 1, Bytes: 1})
	}
	a.merge(b)
	groups := a.sources.groups()
	if len(groups) != corpus.MostSources+1 || groups[0].Name != corpus.OtherSources || groups[0].Documents != 500+1500-300 {
		t.Errorf("%d groups, the first %+v", len(groups), groups[0])
	}
}

func TestInOrder(t *testing.T) {
	var got []int
	var now, most atomic.Int64
	err := inOrder(t.Context(), 1000, 3, func(_ context.Context, i int) (int, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		return i * i, nil
	}, func(i, x int) { got = append(got, x-i*i+i) })
	if err != nil || len(got) != 1000 || !slices.IsSorted(got) || got[999] != 999 || most.Load() > 3 {
		t.Errorf("%v, %d results, %d at a time", err, len(got), most.Load())
	}
	broken := errors.New("broken")
	used := 0
	err = inOrder(t.Context(), 1000, 3, func(_ context.Context, i int) (int, error) {
		if i == 500 {
			return 0, broken
		}
		return 0, nil
	}, func(int, int) { used++ })
	if err != broken || used != 500 {
		t.Errorf("%v after %d results", err, used)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inOrder(ctx, 10, 2, func(ctx context.Context, _ int) (int, error) { return 0, ctx.Err() }, func(int, int) {}); err != context.Canceled {
		t.Error(err)
	}
}
