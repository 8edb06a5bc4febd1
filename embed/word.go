package embed

import (
	"context"
	"fmt"
	"strings"
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
	table   []float32 // words x Dim: vectors times weights
	scratch sync.Pool // *wordFinder
}

// wordFinder is what one goroutine needs to find the words of a text.
type wordFinder struct {
	scanner
	text    []byte // words in lower case
	end     []int  // of word i in text
	seen    []bool // by number of the word
	touched []int32
	others  map[string]bool // words that are not known, of this text
	vector  []float32
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
		for i := b * 64; i < min(len(texts), b*64+64) && ctx.Err() == nil; i++ {
			m.pool(x, texts[i])
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
	f := &wordFinder{}
	for i := 0; i < len(texts); i += step {
		f.split(texts[i][:min(len(texts[i]), o.MaxBytes)])
		var b strings.Builder
		for at, start := 0, 0; at < len(f.end); at++ {
			b.Write(f.text[start:f.end[at]])
			b.WriteByte(' ')
			start = f.end[at]
		}
		lines = append(lines, b.String())
	}
	t := o.Train
	t.Seed = seed
	return t.Train(ctx, lines)
}

// Model is the embedder with the mean of a fitted one; nil takes none away.
func (o Word) Model(words *fasttext.Model, mean []float32) *WordModel {
	option.Fill(&o)
	m := &WordModel{Options: o, Mean: mean, words: words}
	d := m.Dim()
	m.table = make([]float32, words.Words()*d)
	var tokens float64
	for i := range words.Words() {
		tokens += float64(words.Count(i))
	}
	for i := range words.Words() {
		row := m.table[i*d : (i+1)*d]
		words.WordVector(row, words.Word(i))
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
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		row := dst[i*d : (i+1)*d]
		if m.pool(row, text) && m.Mean != nil {
			vec.Axpy(-1, m.Mean, row)
			normalize(row)
		}
	}
	return nil
}

// pool writes the unit vector of a text, the mean not taken away, and tells
// whether the text has words.
func (m *WordModel) pool(dst []float32, text string) bool {
	f, _ := m.scratch.Get().(*wordFinder)
	if f == nil {
		f = &wordFinder{seen: make([]bool, m.words.Words()), others: map[string]bool{}, vector: make([]float32, m.Dim())}
	}
	defer m.scratch.Put(f)
	f.split(text[:min(len(text), m.Options.MaxBytes)])
	clear(dst)
	start := 0
	for _, end := range f.end {
		word := f.text[start:end]
		start = end
		i := m.words.Find(string(word))
		switch {
		case i >= 0 && i < len(f.seen) && !f.seen[i]:
			f.seen[i], f.touched = true, append(f.touched, int32(i))
			vec.Add(dst, dst, m.table[i*len(dst):(i+1)*len(dst)])
		case i < 0 && !f.others[string(word)]:
			f.others[string(word)] = true
			m.words.WordVector(f.vector, string(word))
			vec.Add(dst, dst, f.vector)
		}
	}
	for _, i := range f.touched {
		f.seen[i] = false
	}
	f.touched = f.touched[:0]
	clear(f.others)
	normalize(dst)
	return len(f.end) > 0
}

// split finds the words of text.
func (f *wordFinder) split(text string) {
	f.text, f.end = f.text[:0], f.end[:0]
	f.each = func(word []rune) {
		for _, r := range word {
			f.text = utf8.AppendRune(f.text, r)
		}
		f.end = append(f.end, len(f.text))
	}
	f.scan(text)
}
