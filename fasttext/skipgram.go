package fasttext

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/climb-go/climb/vec"
)

// WordVectors trains vectors of words (skip-gram with sub-words): a word's vector is
// the mean of its own row and of the rows of its character n-grams, and is to tell
// the words near it from words drawn at random. Bojanowski et al. 2016, arXiv 1607.04606, eq. 1 with
// negative sampling (Mikolov et al. 2013, arXiv 1310.4546).
//
// As in the original, a window is of 1 to Window words, frequent words are left
// out at random, and negatives are drawn by the square root of the count; the
// words that are rarer than MinCount are no part of a window, but count where
// shares of the text are taken, and as read, so that the texts are read more
// often the more such words they have. The original updates its vectors from
// several threads without locks. Here one thread takes the words in order, so
// that the result depends on the seed alone: every pair sees the vectors that the
// one before it left, without which training on a small vocabulary goes astray. A
// window does not reach past the end of a text.
//
// The defaults are for a few megabytes of text. There the original's (dim 100,
// epochs 5, lr 0.05, negatives 5, minn 3, maxn 6) leave the vectors of most words near to where
// they started: docs/design/2026-11-23-embedders.md has the figures.
//
// Rows of words start at random, those of n-grams at 0, so that an n-gram which
// was never seen says nothing. In the original (0.9.2) each thread fills a tenth
// of all rows and the rest stays 0: one thread does about the same, ten or more
// start every row at random, with vectors that differ more from seed to seed.
type WordVectors struct {
	Dim       int     `json:"dim" default:"64" min:"1" max:"4096" doc:"dimension of the vectors"`
	Epochs    int     `json:"epochs" default:"4" min:"1" doc:"epochs: words trained on, as a multiple of the words of the texts"`
	LR        float64 `json:"lr" default:"0.2" min:"1e-6" max:"100" doc:"initial learning rate; it decays linearly to 0"`
	Window    int     `json:"window" default:"5" min:"1" doc:"context window: maximum words to either side"`
	Negatives int     `json:"negatives" default:"3" min:"1" doc:"negative samples per context word"`
	MinN      int     `json:"minn" default:"4" min:"1" doc:"shortest character n-gram (subword)"`
	MaxN      int     `json:"maxn" default:"5" min:"0" max:"64" doc:"longest character n-gram (subword); below minn = none"`
	Buckets   int     `json:"buckets" default:"200000" min:"1" max:"100000000" doc:"hash buckets for n-grams; memory is (2 x words + buckets) x dim x 4 bytes"`
	MinCount  int     `json:"min_count" default:"5" min:"1" doc:"minimum count of a word to have a vector of its own"`
	Subsample float64 `json:"subsample" default:"1e-4" min:"1e-12" max:"1" doc:"subsampling threshold: words more frequent than this share are randomly skipped"`
	Seed      uint64  `json:"-"`
}

// Train fits vectors to texts. Words are separated by white space; a newline is
// the word </s>. The texts are held in memory, as the numbers of their words.
func (o WordVectors) Train(ctx context.Context, texts []string) (*Model, error) {
	args := Args{Dim: int32(o.Dim), Window: int32(o.Window), Epoch: int32(o.Epochs), MinCount: int32(o.MinCount), Negatives: int32(o.Negatives),
		WordNGrams: 1, Loss: NegativeSampling, Kind: SkipGram, Buckets: int32(o.Buckets),
		MinN: int32(o.MinN), MaxN: int32(o.MaxN), UpdateRate: 100, Sample: o.Subsample}
	if o.MaxN < o.MinN {
		args.MaxN, args.Buckets = 0, 0
	}
	d := wordDictionary(args, texts)
	if d.words < 2 {
		return nil, fmt.Errorf("%d words are there %d times; lower min_count or give more text", d.words, o.MinCount)
	}
	t := newWordTrainer(o, d)
	for _, text := range texts {
		t.read(text)
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return &Model{Args: args, Dictionary: d, input: t.input, output: t.output}, nil
}

// wordDictionary counts words. The most frequent come first, ties as they were
// met.
func wordDictionary(args Args, texts []string) *Dictionary {
	place := map[string]int{}
	var words []entry
	var tokens int64
	for _, text := range texts {
		for word, _, next := nextWord(text, 0); word != ""; word, _, next = nextWord(text, next) {
			tokens++
			i, ok := place[word]
			if !ok {
				i = len(words)
				word = strings.Clone(word)
				place[word], words = i, append(words, entry{text: word})
			}
			words[i].count++
		}
	}
	words = slices.DeleteFunc(words, func(e entry) bool { return e.count < int64(args.MinCount) })
	slices.SortStableFunc(words, func(a, b entry) int { return cmp.Compare(b.count, a.count) })
	return newDictionary(args, words, nil, tokens)
}

// A wordTrainer has the model and the texts as numbers of words.
type wordTrainer struct {
	WordVectors
	dict          *Dictionary
	input, output *floats
	words         []int32 // of all texts, -1 between texts
	known         int     // words of all texts
	rows          []int32 // input rows of the words
	first         []int32 // rows[first[w]:first[w+1]] are those of word w
	keep          []float64
	negative      *lottery

	mean, grad []float32 // of the word that is learned from, and by it from one pair
	sum        []float32 // of grad over a window
	drawn      []int32   // the words of a pair: the near one, then those that are not
	step       []float32 // of their output rows, as multiples of mean
	rng        *rand.PCG
}

func newWordTrainer(o WordVectors, d *Dictionary) *wordTrainer {
	t := &wordTrainer{WordVectors: o, dict: d, first: []int32{0}, rng: rand.NewPCG(o.Seed, 1<<62),
		mean: make([]float32, o.Dim), grad: make([]float32, o.Dim), sum: make([]float32, o.Dim)}
	t.input = &floats{make([]float32, (d.words+d.ngramRows())*o.Dim), o.Dim}
	t.output = &floats{make([]float32, d.words*o.Dim), o.Dim}
	r := rand.New(rand.NewPCG(o.Seed, 0))
	for i := range t.input.data[:d.words*o.Dim] {
		t.input.data[i] = (2*r.Float32() - 1) / float32(o.Dim)
	}
	chance := make([]float64, d.words)
	for w := range d.words {
		t.rows = d.AppendRows(t.rows, d.Word(w))
		t.first = append(t.first, int32(len(t.rows)))
		f := float64(d.Count(w)) / float64(d.tokens)
		t.keep = append(t.keep, math.Sqrt(o.Subsample/f)+o.Subsample/f)
		chance[w] = math.Sqrt(float64(d.Count(w)))
	}
	t.negative = newLottery(chance)
	return t
}

// read adds a text.
func (t *wordTrainer) read(text string) {
	for word, h, next := nextWord(text, 0); word != ""; word, h, next = nextWord(text, next) {
		if w := t.dict.find(word, h); w >= 0 {
			t.words = append(t.words, int32(w))
			t.known++
		}
	}
	t.words = append(t.words, -1)
}

// run reads the texts until it has read Epochs times as many words as they have,
// of which those that are too rare are never read.
func (t *wordTrainer) run(ctx context.Context) error {
	total := float64(t.Epochs) * float64(t.dict.tokens)
	words := make([]int32, 0, len(t.words))
	for pass := 0; t.known > 0 && float64(pass*t.known) < total; pass++ {
		words = t.subsample(words[:0], pass)
		for i := range words {
			if i%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			read := float64(t.known) * (float64(pass) + float64(i)/float64(len(words)))
			if read >= total {
				break
			}
			t.learn(words, i, float32(t.LR*(1-read/total)))
		}
	}
	for _, x := range t.output.data {
		if x-x != 0 {
			return fmt.Errorf("training diverged at learning rate %g over %.0f words; lower it", t.LR, total)
		}
	}
	if len(words) == 0 {
		return errors.New("no text holds a word of the dictionary")
	}
	return nil
}

// subsample gives the words of one pass.
func (t *wordTrainer) subsample(words []int32, pass int) []int32 {
	r := rand.New(rand.NewPCG(t.Seed, 1<<63|uint64(pass)))
	for _, w := range t.words {
		if w < 0 || t.keep[w] >= 1 || r.Float64() < t.keep[w] {
			words = append(words, w)
		}
	}
	return words
}

// learn learns from the word at place i and those around it. Every row of the
// word takes the whole gradient of their mean; the mean takes it pair by pair, the
// rows at the end, as nobody reads them before.
func (t *wordTrainer) learn(words []int32, i int, lr float32) {
	w := words[i]
	if w < 0 {
		return
	}
	rows := t.rows[t.first[w]:t.first[w+1]]
	clear(t.mean)
	clear(t.sum)
	vec.SumRows(t.mean, t.input.data, rows, nil)
	vec.Scale(1/float32(len(rows)), t.mean)
	window := 1 + int(t.rng.Uint64()%uint64(t.Window))
	for j := i - 1; j >= max(0, i-window) && words[j] >= 0; j-- {
		t.pair(words[j], lr)
	}
	for j := i + 1; j <= min(len(words)-1, i+window) && words[j] >= 0; j++ {
		t.pair(words[j], lr)
	}
	for _, row := range rows {
		to := t.input.row(int(row))
		vec.Add(to, to, t.sum)
	}
}

// pair learns that near stands by the word of this mean, and that words drawn at
// random do not: each of their output rows moves so that its sigmoid comes nearer
// to 1 or 0, and t.grad is what the mean is to move by.
func (t *wordTrainer) pair(near int32, lr float32) {
	t.drawn, t.step = append(t.drawn[:0], near), t.step[:0]
	for len(t.drawn) <= t.Negatives {
		if w := t.negative.draw(t.rng); w != near {
			t.drawn = append(t.drawn, w)
		}
	}
	y := float32(1)
	for _, w := range t.drawn {
		t.step = append(t.step, lr*(y-tableSigmoid(vec.Dot(t.mean, t.output.row(int(w))))))
		y = 0
	}
	clear(t.grad)
	vec.SumRows(t.grad, t.output.data, t.drawn, t.step)
	for i, w := range t.drawn {
		vec.Axpy(t.step[i], t.mean, t.output.row(int(w)))
	}
	vec.Add(t.mean, t.mean, t.grad)
	vec.Add(t.sum, t.sum, t.grad)
}

// A lottery draws numbers by their chances, in the same time however many they
// are: a place holds one number up to its cut, and another above it (Walker 1977;
// Vose 1991).
type lottery struct {
	cut   []uint64
	other []int32
}

func newLottery(chance []float64) *lottery {
	l := &lottery{make([]uint64, len(chance)), make([]int32, len(chance))}
	var sum float64
	for _, c := range chance {
		sum += c
	}
	share := make([]float64, len(chance)) // of a place
	var under, over []int32
	for i, c := range chance {
		l.cut[i], l.other[i] = math.MaxUint64, int32(i)
		if share[i] = c / sum * float64(len(chance)); share[i] < 1 {
			under = append(under, int32(i))
		} else {
			over = append(over, int32(i))
		}
	}
	for len(under) > 0 && len(over) > 0 {
		i, j := under[len(under)-1], over[len(over)-1]
		l.cut[i], l.other[i] = uint64(share[i]*(1<<64)), j
		under = under[:len(under)-1]
		if share[j] -= 1 - share[i]; share[j] < 1 {
			under, over = append(under, j), over[:len(over)-1]
		}
	}
	return l
}

func (l *lottery) draw(rng *rand.PCG) int32 {
	place, at := bits.Mul64(rng.Uint64(), uint64(len(l.cut)))
	if at < l.cut[place] {
		return int32(place)
	}
	return l.other[place]
}
