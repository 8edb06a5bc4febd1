package embed

import (
	"context"
	"fmt"
	"math"
	"sync"
	"unicode/utf8"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// Word embeds a text as the mean of the vectors of its words, with smooth
// inverse frequencies as weights (Arora et al. 2017, eq. 3): a word of
// frequency p counts Smooth / (Smooth + p). Unlike theirs, a word counts once
// however often it occurs. The mean is scaled to length 1; then the mean m over a
// sample is taken away, and every principal direction u of the sample is divided
// by the square root of its standard deviation s,
//
//	y = U diag(s^-1/2) U^T (x - m),
//
// half way to vectors whose directions all count alike, and the rest is scaled to
// length 1. Arora et al. take the first direction away and leave the others as
// they are; that, and whole whitening, were measured to be worse
// (docs/design/2026-11-23-embedders.md).
//
// The vectors are those of a fastText file, or are trained on the sample. Words
// are as in Lexical, in lower case, without punctuation. A word that is not
// known has the vector of its runs of characters, and counts where a text has no
// word that is known: elsewhere such words were measured to say nothing.
type Word struct {
	File       string               `json:"file" path:"file" doc:"word vectors to use, a fastText .bin or .vec; empty trains them on the sample"`
	MaxBytes   int                  `json:"max_bytes" default:"8192" min:"1" doc:"only the first so many bytes of a text are embedded"`
	Sample     int                  `json:"sample" default:"20000" min:"1" doc:"number of documents for training, and for the mean and the principal directions"`
	TrainBytes int                  `json:"train_bytes" default:"2097152" min:"1" doc:"bytes of text that the word vectors are trained on: the starts of sampled documents"`
	Smooth     float64              `json:"smooth" default:"0.003" min:"1e-9" doc:"SIF parameter a: a word of frequency p has weight a / (a + p)"`
	Train      fasttext.WordVectors `json:"train" doc:"training of the word vectors (skip-gram with negative sampling)"`
}

// A WordModel is word vectors with their weights. It is safe for concurrent
// use.
type WordModel struct {
	Options Word
	Mean    []float32 // of the sample's unit vectors, Dim
	Spread  []float32 // U diag(s^-1/2) U^T, Dim x Dim
	words   *fasttext.Model
	table   []float32        // words x Dim: vectors times weights
	number  map[uint64]int32 // of a word, by the hash that the scanner gives it
	columns []int32          // 0 to Dim-1
	scratch sync.Pool        // *wordFinder
}

// wordFinder is what one goroutine needs to find the words of a text. Words are
// told apart by hashes of 64 bits.
type wordFinder struct {
	scanner
	seen    []bool          // by number of the word
	touched []int32         // numbers of the words of this text
	others  map[uint64]bool // words of this text, where none is known
	vector  []float32       // of a text, before it is spread, or of an unknown word
}

// momentTexts is how many texts the mean and the directions are found in.
const momentTexts = 4096

// Fit finds the mean and the directions of the texts, and trains the vectors on
// them if words is nil.
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
		if words, err = o.train(ctx, texts, seed); err != nil {
			return nil, fmt.Errorf("train word vectors: %w", err)
		}
	}
	m := o.Model(words, nil, nil)
	n, d := min(len(texts), momentTexts), m.Dim()
	x := make([]float32, n*d)
	vec.ForEach(workers, (n+63)/64, func(_, b int) {
		f := m.finder()
		defer m.scratch.Put(f)
		for i := b * 64; i < min(n, b*64+64) && ctx.Err() == nil; i++ {
			m.pool(f, x[i*d:(i+1)*d], texts[i*len(texts)/n])
		}
	})
	m.center(x, n, workers)
	return m, ctx.Err()
}

// center sets the mean and the directions from n vectors x, n x Dim, which it
// changes. To each variance Dim/n of the mean variance is added, so that
// directions which a small sample tells nothing of stay as they are.
func (m *WordModel) center(x []float32, n, workers int) {
	d := m.Dim()
	sum := make([]float64, d)
	for i := range n {
		for j, v := range x[i*d : (i+1)*d] {
			sum[j] += float64(v)
		}
	}
	m.Mean = make([]float32, d)
	for j, v := range sum {
		m.Mean[j] = float32(v / float64(n))
	}
	for i := range n {
		vec.Axpy(-1, m.Mean, x[i*d:(i+1)*d])
	}
	var eig mat.EigenSym
	if !eig.Factorize(gram(x, x, n, d, workers), true) {
		panic("embed: eigenvalues of a covariance did not converge; the word vectors hold NaN or Inf")
	}
	values, u := eig.Values(nil), new(mat.Dense)
	eig.VectorsTo(u)
	ridge := floats.Sum(values) / float64(n)
	if ridge <= 0 { // all texts are alike
		return
	}
	half := make([]float32, d*d) // U diag(s^-1/4)
	for i := range half {
		half[i] = float32(u.At(i/d, i%d) * math.Pow(max(0, values[i%d])+ridge, -1./8))
	}
	m.Spread = make([]float32, d*d)
	vec.GemmParallel(workers, false, true, d, d, d, 1, half, d, half, d, 0, m.Spread, d)
}

// train reads words as they are pooled, from the starts of documents spread over
// the sample.
func (o Word) train(ctx context.Context, texts []string, seed uint64) (*fasttext.Model, error) {
	most := min(o.MaxBytes, max(trainStart, o.TrainBytes/len(texts)))
	var size int
	for _, t := range texts {
		size += min(len(t), most)
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
		s.scan(texts[i][:min(len(texts[i]), most)])
		lines = append(lines, string(line))
	}
	t := o.Train
	t.Seed = seed
	return t.Train(ctx, lines)
}

// trainStart is how many bytes of a document the vectors are trained on at
// least: the starts of many say more than a few as a whole.
const trainStart = 1024

// Model is the embedder with the mean and the directions of a fitted one; nil
// leaves vectors as they are.
func (o Word) Model(words *fasttext.Model, mean, spread []float32) *WordModel {
	option.Fill(&o)
	m := &WordModel{Options: o, Mean: mean, Spread: spread, words: words, number: make(map[uint64]int32, words.Words())}
	d := m.Dim()
	for j := range d {
		m.columns = append(m.columns, int32(j))
	}
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
		if !m.pool(f, row, text) || m.Mean == nil {
			continue
		}
		vec.Axpy(-1, m.Mean, row)
		if m.Spread != nil {
			copy(f.vector, row)
			clear(row)
			vec.SumRows(row, m.Spread, m.columns, f.vector)
		}
		normalize(row)
	}
	return nil
}

func (m *WordModel) finder() *wordFinder {
	if f, ok := m.scratch.Get().(*wordFinder); ok {
		return f
	}
	return &wordFinder{seen: make([]bool, m.words.Words()), others: map[uint64]bool{}, vector: make([]float32, m.Dim())}
}

// pool writes the unit vector of a text, neither centred nor spread, and tells
// whether the text has words.
func (m *WordModel) pool(f *wordFinder, dst []float32, text string) bool {
	text = text[:min(len(text), m.Options.MaxBytes)]
	clear(dst)
	f.each = func([]rune) {
		if i, ok := m.number[f.hash]; ok && !f.seen[i] {
			f.seen[i], f.touched = true, append(f.touched, i)
		}
	}
	f.scan(text)
	found := len(f.touched) > 0
	vec.SumRows(dst, m.table, f.touched, nil)
	for _, i := range f.touched {
		f.seen[i] = false
	}
	f.touched = f.touched[:0]
	if !found {
		found = m.poolUnknown(f, dst, text)
	}
	normalize(dst)
	return found
}

// poolUnknown adds up the vectors of the words of a text, of which none is known,
// and tells whether there are any.
func (m *WordModel) poolUnknown(f *wordFinder, dst []float32, text string) bool {
	f.each = func(word []rune) {
		if !f.others[f.hash] {
			f.others[f.hash] = true
			m.words.WordVector(f.vector, string(word))
			vec.Add(dst, dst, f.vector)
		}
	}
	f.scan(text)
	found := len(f.others) > 0
	clear(f.others)
	return found
}

// wordHash is the hash that the scanner has for a word.
func wordHash(word string) (h uint64) {
	for _, r := range word {
		h = (h ^ uint64(r)) * prime
	}
	return h
}
