package embed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// Lexical embeds a text by the words that it uses, and by pairs of words and
// parts of words if asked to: latent semantic analysis (Deerwester et al.
// 1990) that fits in bounded memory. Features are hashed without sign to
// Features buckets (Weinberger et al. 2009; unsigned, because collisions are
// rare at the default and a document frequency needs counts). A feature that a
// text holds, once or often, has the weight ln((1+n)/(1+df)) + 1; weights are
// projected on the first Dim right singular vectors of a sample and scaled to
// length 1. From that the mean over the sample is taken away, what all texts
// have in common, and the rest is scaled to length 1 again.
//
// CLIMB embeds the first 512 tokens with a 400M-parameter model; this reads
// MaxBytes bytes, some four times as much, and needs no model. How the weights,
// the dimension and the centring were chosen is in
// docs/design/2026-11-23-embedders.md. Character runs are for text that is
// noisy or rich in inflection.
type Lexical struct {
	Dim        int     `json:"dim" default:"256" min:"1" max:"4096" doc:"dimension of the vectors"`
	MaxBytes   int     `json:"max_bytes" default:"8192" min:"1" doc:"only the first so many bytes of a text are embedded"`
	Features   int     `json:"features" default:"262144" min:"256" max:"16777216" doc:"feature hashing: number of buckets, a power of two"`
	Keep       int     `json:"keep" default:"65536" min:"1" doc:"number of features kept, by document frequency; the model has keep x dim numbers"`
	WordNGrams int     `json:"word_ngrams" default:"1" min:"1" max:"2" doc:"longest word n-gram"`
	CharNGrams int     `json:"char_ngrams" min:"0" max:"8" doc:"longest character n-gram, from 3 on, within words; 0 = none"`
	MinDocs    int     `json:"min_docs" default:"2" min:"1" doc:"minimum document frequency: a feature occurs in at least so many sampled documents"`
	MaxShare   float64 `json:"max_share" default:"1" min:"0" max:"1" doc:"maximum document frequency: features in more than this share of the sample are dropped"`
	Sample     int     `json:"sample" default:"20000" min:"1" doc:"number of documents that the model is fitted on"`
	Power      int     `json:"power" default:"2" min:"1" max:"16" doc:"power iterations of the randomized SVD"`
	Oversample int     `json:"oversample" default:"16" min:"1" doc:"oversampling of the randomized SVD: extra directions"`
}

// A LexicalModel is a fitted Lexical. It is safe for concurrent use.
type LexicalModel struct {
	Options  Lexical
	Docs     int       // documents that it was fitted on
	Singular []float64 // singular values of the sample's matrix, descending; fewer than Dim if its rank is
	mean     []float32 // of the sample's unit vectors, Dim
	buckets  []uint32  // bucket of each row, ascending
	matrix   []float32 // len(buckets) x Dim: inverse document frequency times the right singular vectors
	row      []int32   // bucket -> row, -1 if not kept
	scratch  sync.Pool // *finder
}

// finder is what one goroutine needs to find the features of a text.
type finder struct {
	scanner
	seen    []bool  // by row
	touched []int32 // rows that were seen, by first appearance
}

// Fit learns a model from at most o.Sample of the texts, drawn by seed. The
// model is the same for any number of workers. A sample of lower rank than
// Dim leaves the last coordinates of every vector 0.
func (o Lexical) Fit(ctx context.Context, texts []string, seed uint64, workers int) (*LexicalModel, error) {
	option.Fill(&o)
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("fit lexical embedder: the sample holds no text")
	}
	rng := rand.New(rand.NewPCG(seed, 0x6c657869))
	texts = draw(texts, o.Sample, rng)
	m := &LexicalModel{Options: o, Docs: len(texts)}
	docs, err := o.features(ctx, texts, workers)
	if err != nil {
		return nil, err
	}
	idf := m.keep(docs)
	a := m.weigh(docs, idf)
	v, s, err := randomSVD(ctx, a, o.Dim, o.Oversample, o.Power, rng, workers)
	if err != nil {
		return nil, fmt.Errorf("fit lexical embedder: %w", err)
	}
	m.Singular = s
	m.matrix = make([]float32, len(m.buckets)*o.Dim)
	for i, w := range idf {
		for j := range s {
			m.matrix[i*o.Dim+j] = w * v[i*len(s)+j]
		}
	}
	half := make([]uint16, len(m.matrix)) // as it is saved, so that a loaded model gives the same bits
	vec.HalfFromFloat(half, m.matrix)
	vec.FloatFromHalf(m.matrix, half)
	m.center(docs, workers)
	return m, nil
}

// center sets m.mean, summed in the order of the documents.
func (m *LexicalModel) center(docs [][]uint32, workers int) {
	d := m.Options.Dim
	const block = 64
	part := make([][]float64, (len(docs)+block-1)/block)
	vec.ForEach(workers, len(part), func(_, b int) {
		part[b] = make([]float64, d)
		x := make([]float32, d)
		var rows []int32
		for _, doc := range docs[b*block : min(len(docs), b*block+block)] {
			clear(x)
			rows = rows[:0]
			for _, f := range doc {
				if r := m.row[f]; r >= 0 {
					rows = append(rows, r)
				}
			}
			vec.SumRows(x, m.matrix, rows, nil)
			normalize(x)
			for j, v := range x {
				part[b][j] += float64(v)
			}
		}
	})
	sum := make([]float64, d)
	for _, p := range part {
		for j, v := range p {
			sum[j] += v
		}
	}
	m.mean = make([]float32, d)
	for j, v := range sum {
		m.mean[j] = float32(v / float64(len(docs)))
	}
}

func (o *Lexical) check() error {
	if err := option.Check("lexical", o); err != nil {
		return err
	}
	if o.Features&(o.Features-1) != 0 {
		return &option.Error{Path: "lexical.features", Text: fmt.Sprintf("%d is not a power of two", o.Features)}
	}
	return nil
}

// draw returns n of the texts without replacement, in their order, or all.
func draw(texts []string, n int, rng *rand.Rand) []string {
	if len(texts) <= n {
		return texts
	}
	pick := rng.Perm(len(texts))[:n]
	slices.Sort(pick)
	out := make([]string, n)
	for i, p := range pick {
		out[i] = texts[p]
	}
	return out
}

// features returns the buckets of every text, as they appear, without repeats.
func (o *Lexical) features(ctx context.Context, texts []string, workers int) ([][]uint32, error) {
	docs := make([][]uint32, len(texts))
	const block = 16
	scan, seen := make([]scanner, max(1, workers)), make([][]bool, max(1, workers))
	vec.ForEach(workers, (len(texts)+block-1)/block, func(w, b int) {
		if ctx.Err() != nil {
			return
		}
		s := &scan[w]
		if seen[w] == nil {
			s.opt, s.log, seen[w] = o, bits.TrailingZeros(uint(o.Features)), make([]bool, o.Features)
		}
		for i := b * block; i < min(len(texts), b*block+block); i++ {
			s.scan(o.cut(texts[i]))
			found := s.buckets[:0]
			for _, f := range s.buckets {
				if !seen[w][f] {
					seen[w][f], found = true, append(found, f)
				}
			}
			for _, f := range found {
				seen[w][f] = false
			}
			docs[i] = slices.Clone(found)
		}
	})
	return docs, ctx.Err()
}

// cut returns the part of a text that is read.
func (o *Lexical) cut(text string) string { return text[:min(len(text), o.MaxBytes)] }

// keep chooses m.buckets and returns their inverse document frequencies
// ln((1+n)/(1+df)) + 1. A sample too small for MinDocs and MaxShare keeps
// every feature that it has.
func (m *LexicalModel) keep(docs [][]uint32) []float32 {
	df := make([]int, m.Options.Features)
	for _, doc := range docs {
		for _, f := range doc {
			df[f]++
		}
	}
	n := float64(len(docs))
	var all []uint32
	for b, d := range df {
		if d > 0 {
			all = append(all, uint32(b))
			if d >= m.Options.MinDocs && float64(d) <= m.Options.MaxShare*n {
				m.buckets = append(m.buckets, uint32(b))
			}
		}
	}
	if len(m.buckets) == 0 {
		m.buckets = all
	}
	slices.SortStableFunc(m.buckets, func(a, b uint32) int { return cmp.Compare(df[b], df[a]) })
	m.buckets = slices.Clone(m.buckets[:min(len(m.buckets), m.Options.Keep)])
	slices.Sort(m.buckets)
	idf := make([]float32, len(m.buckets))
	for i, b := range m.buckets {
		idf[i] = float32(math.Log((1+n)/float64(1+df[b])) + 1)
	}
	return idf
}

// weigh returns the documents' unit vectors of weights idf over the kept
// features.
func (m *LexicalModel) weigh(docs [][]uint32, idf []float32) *sparse {
	m.index()
	a := &sparse{rows: len(docs), cols: len(idf), ptr: []int{0}}
	for _, doc := range docs {
		start := len(a.val)
		for _, f := range doc {
			if r := m.row[f]; r >= 0 {
				a.idx = append(a.idx, r)
				a.val = append(a.val, idf[r])
			}
		}
		if sq := vec.SumSquares(a.val[start:]); sq > 0 {
			vec.Scale(float32(1/math.Sqrt(sq)), a.val[start:])
		}
		a.ptr = append(a.ptr, len(a.val))
	}
	return a
}

// index makes m.row from m.buckets.
func (m *LexicalModel) index() {
	m.row = slices.Repeat([]int32{-1}, m.Options.Features)
	for r, b := range m.buckets {
		m.row[b] = int32(r)
	}
}

// Dim implements Embedder.
func (m *LexicalModel) Dim() int { return m.Options.Dim }

// Embed implements Embedder.
func (m *LexicalModel) Embed(ctx context.Context, dst []float32, texts []string) error {
	d := m.Options.Dim
	if len(dst) != len(texts)*d {
		panic(fmt.Sprintf("embed: dst holds %d numbers, want %d texts x %d", len(dst), len(texts), d))
	}
	f, _ := m.scratch.Get().(*finder)
	if f == nil {
		f = &finder{scanner: scanner{opt: &m.Options, log: bits.TrailingZeros(uint(m.Options.Features))}, seen: make([]bool, len(m.buckets))}
	}
	defer m.scratch.Put(f)
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.embed(f, dst[i*d:(i+1)*d], text)
	}
	return nil
}

func (m *LexicalModel) embed(f *finder, dst []float32, text string) {
	f.scan(m.Options.cut(text))
	clear(dst)
	f.touched = f.touched[:0]
	for _, b := range f.buckets {
		if r := m.row[b]; r >= 0 && !f.seen[r] {
			f.seen[r], f.touched = true, append(f.touched, r)
		}
	}
	vec.SumRows(dst, m.matrix, f.touched, nil)
	for _, r := range f.touched {
		f.seen[r] = false
	}
	if normalize(dst); len(f.touched) > 0 {
		vec.Axpy(-1, m.mean, dst)
		normalize(dst)
	}
}
