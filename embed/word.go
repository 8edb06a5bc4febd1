package embed

import (
	"context"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// Word embeds a text as the mean of the vectors of its words, with smooth
// inverse frequencies as weights (Arora et al. 2017, eq. 3): a word of
// frequency p counts Smooth / (Smooth + p). Unlike theirs, a word counts once
// however often it occurs, as it does in Lexical, where that was measured to be
// better; for word vectors it was not compared. The mean is scaled
// to length 1, then the mean over a sample is taken away (Arora et al. take
// away the first principal direction, which points the same way), and the rest
// is scaled to length 1.
//
// The vectors are those of a fastText file, or are trained on the sample. Words
// are as in Lexical, in lower case, without punctuation. A word that is not
// known has the vector of its runs of characters, and counts in full.
type Word struct {
	File       string               `json:"file" doc:"word vectors to use, a fastText .bin or .vec; empty trains them on the sample"`
	MaxBytes   int                  `json:"max_bytes" default:"8192" min:"1" doc:"bytes of a text that are read; the rest is ignored"`
	Sample     int                  `json:"sample" default:"20000" min:"1" doc:"documents that the mean is taken over, and that the vectors are trained on"`
	TrainBytes int                  `json:"train_bytes" default:"8388608" min:"1" doc:"bytes of the sample that the vectors are trained on"`
	Smooth     float64              `json:"smooth" default:"0.001" min:"1e-9" doc:"a of the weight a / (a + p) of a word of frequency p"`
	Train      fasttext.WordVectors `json:"train" doc:"the vectors that are trained"`
}

// A WordModel is word vectors with their weights. It is safe for concurrent
// use.
type WordModel struct {
	Options Word
	Mean    []float32 // of the sample's unit vectors, Dim
	words   *fasttext.Model
	table   []float32        // words x Dim: vectors times weights
	number  map[uint64]int32 // of a word, by the hash that the scanner gives it
	scratch sync.Pool        // *wordFinder
}

// wordFinder is what one goroutine needs to find the words of a text. Words are
// told apart by hashes of 64 bits.
type wordFinder struct {
	scanner
	seen    []bool          // by number of the word
	touched []int32         // numbers of the words of this text
	others  map[uint64]bool // words that are not known, of this text
	recent  [recentWords]recentWord
}

// recentWords is how many words that are not known have their vectors kept, each
// in the place that its hash gives it: texts use rare words again, and a vector is
// some twenty rows from all over the memory.
const recentWords = 1 << recentBits

const recentBits = 14

type recentWord struct {
	hash   uint64
	vector []float32
}

// Fit takes the mean over the texts, and trains the vectors on them if words is
// nil.
func (o Word) Fit(ctx context.Context, texts []string, words *fasttext.Model, seed uint64, workers int) (*WordModel, error) {
	option.Fill(&o)
	if err := option.Check("word", o); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("fit word embedder: the sample holds no text")
	}
	if words == nil {
		var err error
		if words, err = o.train(ctx, texts, seed, workers); err != nil {
			return nil, fmt.Errorf("train word vectors: %w", err)
		}
	}
	m := o.Model(words, nil)
	part := make([][]float64, (len(texts)+63)/64)
	vec.ForEach(workers, len(part), func(_, b int) {
		part[b] = make([]float64, m.Dim())
		x := make([]float32, m.Dim())
		f := m.finder()
		defer m.scratch.Put(f)
		for i := b * 64; i < min(len(texts), b*64+64) && ctx.Err() == nil; i++ {
			m.pool(f, x, texts[i])
			for j, v := range x {
				part[b][j] += float64(v) / float64(len(texts))
			}
		}
	})
	m.Mean = make([]float32, m.Dim())
	for j := range m.Mean {
		var sum float64
		for _, p := range part {
			sum += p[j]
		}
		m.Mean[j] = float32(sum)
	}
	return m, ctx.Err()
}

// train reads words as they are pooled, from documents spread over the sample.
func (o Word) train(ctx context.Context, texts []string, seed uint64, workers int) (*fasttext.Model, error) {
	var size int
	for _, t := range texts {
		size += min(len(t), o.MaxBytes)
	}
	step := max(1, (size+o.TrainBytes-1)/o.TrainBytes)
	var lines []string
	var line []byte
	s := scanner{each: func(word []rune) {
		for _, r := range word {
			line = utf8.AppendRune(line, r)
		}
		line = append(line, ' ')
	}}
	for i := 0; i < len(texts); i += step {
		line = line[:0]
		s.scan(texts[i][:min(len(texts[i]), o.MaxBytes)])
		lines = append(lines, string(line))
	}
	t := o.Train
	t.Seed = seed
	return t.Train(ctx, lines)
}

// Model is the embedder with the mean of a fitted one; nil takes none away.
func (o Word) Model(words *fasttext.Model, mean []float32) *WordModel {
	option.Fill(&o)
	m := &WordModel{Options: o, Mean: mean, words: words, number: make(map[uint64]int32, words.Words())}
	d := m.Dim()
	m.table = make([]float32, words.Words()*d)
	var tokens float64
	for i := range words.Words() {
		tokens += float64(words.Count(i))
	}
	for i := range words.Words() {
		row, word := m.table[i*d:(i+1)*d], words.Word(i)
		m.number[wordHash(word)] = int32(i)
		words.WordVector(row, word)
		vec.Scale(float32(o.Smooth/(o.Smooth+float64(words.Count(i))/tokens)), row)
	}
	return m
}

// Words gives the word vectors.
func (m *WordModel) Words() *fasttext.Model { return m.words }

// Dim implements Embedder.
func (m *WordModel) Dim() int { return int(m.words.Dim) }

// Embed implements Embedder.
func (m *WordModel) Embed(ctx context.Context, dst []float32, texts []string) error {
	d := m.Dim()
	if len(dst) != len(texts)*d {
		panic(fmt.Sprintf("embed: dst holds %d numbers, want %d texts x %d", len(dst), len(texts), d))
	}
	f := m.finder()
	defer m.scratch.Put(f)
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		row := dst[i*d : (i+1)*d]
		if m.pool(f, row, text) && m.Mean != nil {
			vec.Axpy(-1, m.Mean, row)
			normalize(row)
		}
	}
	return nil
}

func (m *WordModel) finder() *wordFinder {
	if f, ok := m.scratch.Get().(*wordFinder); ok {
		return f
	}
	return &wordFinder{seen: make([]bool, m.words.Words()), others: map[uint64]bool{}}
}

// pool writes the unit vector of a text, the mean not taken away, and tells
// whether the text has words.
func (m *WordModel) pool(f *wordFinder, dst []float32, text string) bool {
	clear(dst)
	f.each = func(word []rune) {
		i, ok := m.number[f.hash]
		switch {
		case ok && !f.seen[i]:
			f.seen[i], f.touched = true, append(f.touched, i)
		case !ok && !f.others[f.hash]:
			f.others[f.hash] = true
			vec.Add(dst, dst, f.unknown(m, word))
		}
	}
	f.scan(text[:min(len(text), m.Options.MaxBytes)])
	vec.SumRows(dst, m.table, f.touched, nil)
	known := len(f.touched) + len(f.others)
	for _, i := range f.touched {
		f.seen[i] = false
	}
	f.touched = f.touched[:0]
	clear(f.others)
	normalize(dst)
	return known > 0
}

// unknown gives the vector of the open word, which the model does not know.
func (f *wordFinder) unknown(m *WordModel, word []rune) []float32 {
	r := &f.recent[f.hash>>(64-recentBits)]
	if r.vector == nil {
		r.vector = make([]float32, m.Dim())
	} else if r.hash == f.hash {
		return r.vector
	}
	r.hash = f.hash
	m.words.WordVector(r.vector, string(word))
	return r.vector
}

// wordHash is the hash that the scanner has for a word.
func wordHash(word string) (h uint64) {
	for _, r := range word {
		h = (h ^ uint64(r)) * prime
	}
	return h
}
