package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var readMini = sync.OnceValues(func() ([]string, error) {
	dir := os.Getenv("CLIMB_TEST_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	paths, err := filepath.Glob(filepath.Join(dir, "mini", "corpus", "*.jsonl"))
	var texts []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for dec := json.NewDecoder(bytes.NewReader(data)); ; {
			var doc struct{ Text string }
			if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			texts = append(texts, doc.Text)
		}
	}
	return texts, err
})

// miniTexts are the documents of the mini corpus.
func miniTexts(t testing.TB) []string {
	texts, err := readMini()
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) == 0 {
		t.Skip("no mini corpus in ../../shared/data; set CLIMB_TEST_DATA to a folder with mini/corpus/*.jsonl")
	}
	return texts
}

func size(texts []string) (n int64) {
	for _, s := range texts {
		n += int64(len(s))
	}
	return n
}

func miniTokenizer(b *testing.B, texts []string) *Tokenizer {
	tok, err := Train(slices.Values(texts), TrainOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return tok
}

func BenchmarkTrain(b *testing.B) {
	texts := miniTexts(b)
	b.SetBytes(size(texts))
	for b.Loop() {
		miniTokenizer(b, texts)
	}
}

func BenchmarkEncode(b *testing.B) {
	texts := miniTexts(b)
	tok := miniTokenizer(b, texts)
	b.SetBytes(size(texts))
	b.ReportAllocs()
	var dst []uint32
	tokens := 0
	for b.Loop() {
		tokens = 0
		for _, s := range texts {
			dst = tok.Encode(dst[:0], s)
			tokens += len(dst)
		}
	}
	b.ReportMetric(float64(size(texts))/float64(tokens), "bytes/token")
}

func BenchmarkDecode(b *testing.B) {
	texts := miniTexts(b)
	tok := miniTokenizer(b, texts)
	var ids []uint32
	for _, s := range texts {
		ids = tok.Encode(ids, s)
	}
	b.SetBytes(size(texts))
	for b.Loop() {
		tok.Decode(ids)
	}
}

// Without the cache: every word is merged anew.
func BenchmarkMerge(b *testing.B) {
	texts := miniTexts(b)
	tok := miniTokenizer(b, texts)
	text := strings.Join(texts, "\n")[:1<<20]
	ws := words(tok.pattern, text)
	b.SetBytes(1 << 20)
	var dst []uint32
	for b.Loop() {
		dst = dst[:0]
		for _, w := range ws {
			dst = tok.appendMerged(dst, w)
		}
	}
}

func BenchmarkLongWord(b *testing.B) {
	tok := miniTokenizer(b, miniTexts(b))
	rng := rand.New(rand.NewPCG(1, 2))
	w := make([]byte, 1<<20)
	for i := range w {
		w[i] = 'a' + byte(rng.IntN(26))
	}
	text := string(w)
	b.SetBytes(1 << 20)
	var dst []uint32
	for b.Loop() {
		dst = tok.Encode(dst[:0], text)
	}
}

func BenchmarkScan(b *testing.B) {
	texts := miniTexts(b)
	for _, p := range patterns {
		b.Run(p.name, func(b *testing.B) {
			b.SetBytes(size(texts))
			for b.Loop() {
				for _, s := range texts {
					for len(s) > 0 {
						s = s[p.next(s):]
					}
				}
			}
		})
	}
}

func BenchmarkIndexedAt(b *testing.B) {
	doc := make([]uint32, 1<<20)
	bin, idx := writeIndexed(b, Uint16, [][]uint32{doc})
	x := open(b, bin, idx)
	b.SetBytes(2 << 20)
	for b.Loop() {
		x.At(doc, 0)
	}
}

func BenchmarkIndexWriter(b *testing.B) {
	doc := make([]uint32, 500)
	b.SetBytes(1000)
	w, err := NewIndexWriter(io.Discard, io.Discard, Uint16)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := w.Add(doc); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
