package label

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/climb-go/climb/option"
)

// NGram scores a text by its perplexity under an n-gram model of words that
// is trained on a sample of reference text: the nearer the text is to the
// reference, the higher the score. Such scores part web text by its likeness
// to Wikipedia in CCNet (Wenzek et al. 2020, arXiv 1911.00359, section 3.3).
//
// The model is interpolated Kneser-Ney with the three discounts of each order
// (Chen and Goodman 1999, "An Empirical Study of Smoothing Techniques for
// Language Modeling", section 4.1.6 and equations 26 to 30), as in KenLM:
//
//	p(w|h) = (c(hw) - D(c(hw)))/c(h) + gamma(h) p(w|h'),  gamma(h) = (D1 N1(h) + D2 N2(h) + D3 N3+(h))/c(h)
//
// h' is h without its first word, c counts occurrences in the highest order
// and for n-grams that begin a text, and distinct words before the n-gram
// elsewhere; under the words lies the uniform distribution over the vocabulary.
//
// We differ from KenLM in the words, which are those of Rules (no case, no
// punctuation, any number is one word), in that a text is one sentence, and in
// that words rarer than MinCount share the entry of the unknown word, whose
// probability is thereby estimated and not left over.
type NGram struct {
	Reference string  `json:"reference" path:"file" doc:"file or folder of good text, the language model's training data; any format of the corpus"`
	Order     int     `json:"order" default:"3" min:"2" max:"6" doc:"order n of the n-gram model, in words"`
	MinCount  int     `json:"min_count" default:"2" min:"1" doc:"minimum count of a word in the reference; rarer words are unknown (out of vocabulary)"`
	Bytes     int64   `json:"bytes" default:"8388608" min:"1024" doc:"maximum bytes of reference text; memory is about 12 bytes per byte and order"`
	MaxBytes  int     `json:"max_bytes" default:"131072" min:"1024" doc:"score the first so many bytes of a document"`
	Limit     float64 `json:"limit" min:"0" doc:"perplexity at which the score is 1/2; 0 = twice the median perplexity of held-out reference texts (one in ten)"`
}

// NGramModel is a trained NGram. It is a Labeler with two columns:
// perplexity, which is 1/(1 + (perplexity/limit)^2), and known, the share of
// the words that the reference has.
type NGramModel struct {
	o     NGram
	words map[uint64]uint32 // hash of a word -> id
	order []order           // order[n-1]: n-grams
	floor float64           // the uniform probability
}

// An order holds the n-grams of one length by the hash of their ids.
type order struct {
	grams    table
	contexts table // of the n-1 words before; its counts are 1 + the index of total and kinds
	total    []float64
	kinds    [][3]int32 // n-grams with the context: counted once, twice, more
	discount [3]float64
}

// Ids of words; those of the reference follow.
const (
	unknownWord = iota
	startOfText
	endOfText
	firstWord
)

// Labeler implements Method: it trains the model.
func (o NGram) Labeler(ctx context.Context, texts Texts) (Labeler, error) {
	var failed error
	m, err := TrainNGram(func(yield func(string) bool) {
		for text, err := range texts(ctx, o.Reference) {
			if failed = err; err != nil || !yield(text) {
				return
			}
		}
	}, o)
	if failed != nil {
		return nil, fmt.Errorf("read label.ngram.reference: %w", failed)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Check implements option.Checker.
func (o NGram) Check() error {
	if o.Reference == "" {
		return errors.New("ngram.reference: is empty; name a file or folder of text that is good")
	}
	return nil
}

// Sources implements Sourced.
func (o NGram) Sources() (models, texts []Source) {
	return nil, []Source{{"label.ngram.reference", o.Reference}}
}

// TrainNGram reads texts until o.Bytes and estimates the model.
func TrainNGram(texts iter.Seq[string], o NGram) (*NGramModel, error) {
	option.Fill(&o)
	if err := option.Check("ngram", o); err != nil {
		return nil, err
	}
	m := &NGramModel{o: o, order: make([]order, o.Order)}
	train, held := m.read(texts)
	if len(train) == 0 {
		return nil, errors.New("train n-gram model: ngram.reference holds no words")
	}
	m.count(train)
	for n := range m.order {
		if err := m.order[n].setDiscounts(); err != nil {
			return nil, fmt.Errorf("train n-gram model: %d-grams: %w", n+1, err)
		}
	}
	if m.o.Limit == 0 {
		m.o.Limit = 2 * m.median(held, train)
	}
	return m, nil
}

// read makes lists of ids of the texts, one in ten of them kept apart, and
// settles the vocabulary.
func (m *NGramModel) read(texts iter.Seq[string]) (train, held [][]uint32) {
	var d doc
	var hashes [][]uint64
	var left = m.o.Bytes
	count := map[uint64]int{}
	for text := range texts {
		text = head(text, int(min(left, math.MaxInt32)))
		left -= int64(len(text))
		if d.scan(text); d.words == 0 {
			continue
		}
		hashes = append(hashes, slices.Clone(d.hash))
		if len(hashes)%10 != 0 {
			for _, h := range d.hash {
				count[h]++
			}
		}
		if left < 4 {
			break
		}
	}
	m.words = map[uint64]uint32{}
	for i, text := range hashes {
		if i%10 == 9 {
			continue
		}
		for _, h := range text {
			if _, ok := m.words[h]; !ok && count[h] >= m.o.MinCount {
				m.words[h] = uint32(firstWord + len(m.words))
			}
		}
	}
	for i, text := range hashes {
		ids := m.ids(nil, text)
		if i%10 == 9 {
			held = append(held, ids)
		} else {
			train = append(train, ids)
		}
		hashes[i] = nil
	}
	return train, held
}

// ids appends a text's words between the marks of its start and end.
func (m *NGramModel) ids(dst []uint32, hashes []uint64) []uint32 {
	dst = append(dst, startOfText)
	for _, h := range hashes {
		dst = append(dst, m.words[h]) // unknownWord if absent
	}
	return append(dst, endOfText)
}

// gram is the hash of an n-gram; gram(nil) is the hash of the empty n-gram.
func gram(ids []uint32) uint64 {
	h := uint64(len(ids)) + 0x51_7c_c1b7
	for _, id := range ids {
		h = mix(h, uint64(id)+1)
	}
	return h
}

// count counts n-grams from the longest order down: the count of a shorter one
// is the number of distinct longer ones that end with it.
func (m *NGramModel) count(texts [][]uint32) {
	var words int
	for _, t := range texts {
		words += len(t)
	}
	highest := len(m.order)
	for n := highest; n >= 1; n-- {
		var above *order
		if n < highest {
			above = &m.order[n]
		}
		m.order[n-1].count(texts, n, words, above)
	}
	m.floor = 1 / float64(len(m.words)+2) // the unknown word and the end, not the start
}

func (o *order) count(texts [][]uint32, n, words int, above *order) {
	o.grams.reset(words)
	var seen table // n-grams of above that were met
	if above != nil {
		seen.reset(words)
	}
	for _, t := range texts {
		for end := 2; end <= len(t); end++ {
			start := end - n
			if start < 0 {
				continue
			}
			// Before a text's start there is no word to tell apart.
			if above != nil && start > 0 && seen.add(gram(t[start-1:end])) > 1 {
				continue
			}
			o.grams.add(gram(t[start:end]))
		}
	}
	o.grams.compact()
	o.gather(texts, n, words)
	o.contexts.compact()
}

// gather sums the counts over each context.
func (o *order) gather(texts [][]uint32, n, words int) {
	o.contexts.reset(words)
	var seen table
	seen.reset(words)
	for _, t := range texts {
		for end := max(2, n); end <= len(t); end++ {
			key := gram(t[end-n : end])
			if seen.add(key) > 1 {
				continue
			}
			i := o.context(t[end-n : end-1])
			if i < 0 {
				i = len(o.total)
				key := gram(t[end-n : end-1])
				o.contexts.add(key)
				o.contexts.count[o.contexts.slot(key)] = int32(i + 1)
				o.total, o.kinds = append(o.total, 0), append(o.kinds, [3]int32{})
			}
			c := o.grams.get(key)
			o.total[i] += float64(c)
			o.kinds[i][min(c, 3)-1]++
		}
	}
}

// context is the index of total and kinds, -1 if the words never came before
// another.
func (o *order) context(ids []uint32) int { return int(o.contexts.get(gram(ids))) - 1 }

// setDiscounts estimates D1, D2 and D3+ from the counts of counts. A small
// sample may lack n-grams of some count; then the discounts are KenLM's
// fallback of 1/2, 1 and 3/2.
func (o *order) setDiscounts() error {
	var n [5]float64
	used := 0
	for _, c := range o.grams.count {
		if c > 0 {
			used++
		}
		if 1 <= c && c <= 4 {
			n[c]++
		}
	}
	if used == 0 {
		return errors.New("there are none; the reference texts are too short")
	}
	y := n[1] / (n[1] + 2*n[2])
	for k := 1; k <= 3; k++ {
		o.discount[k-1] = float64(k) - float64(k+1)*y*n[k+1]/n[k]
		if d := o.discount[k-1]; !(d > 0 && d <= float64(k)) {
			o.discount = [3]float64{0.5, 1, 1.5}
			break
		}
	}
	return nil
}

// probability of the last word after those before it, at most Order - 1 of
// which count.
func (m *NGramModel) probability(ids []uint32) float64 {
	p := m.floor
	for n := 1; n <= min(len(ids), len(m.order)); n++ {
		o := &m.order[n-1]
		at := o.context(ids[len(ids)-n : len(ids)-1])
		if at < 0 {
			break // no longer context was seen either
		}
		kinds, gamma := o.kinds[at], 0.0
		for i, d := range o.discount {
			gamma += d * float64(kinds[i])
		}
		p *= gamma / o.total[at]
		if c := o.grams.get(gram(ids[len(ids)-n:])); c > 0 {
			p += (float64(c) - o.discount[min(c, 3)-1]) / o.total[at]
		}
	}
	return p
}

// perplexity of a text with its end, given its start.
func (m *NGramModel) perplexity(ids []uint32) float64 {
	var logs float64
	for end := 2; end <= len(ids); end++ {
		logs += math.Log(m.probability(ids[max(0, end-len(m.order)):end]))
	}
	return math.Exp(-logs / float64(len(ids)-1))
}

// median perplexity of the held-out texts; of the first of the others if
// there are none.
func (m *NGramModel) median(held, train [][]uint32) float64 {
	if len(held) == 0 {
		held = train[:min(len(train), 9)]
	}
	x := make([]float64, len(held))
	for i, ids := range held {
		x[i] = m.perplexity(ids)
	}
	slices.Sort(x)
	return x[len(x)/2]
}

// Limit is the perplexity at which the score is 1/2.
func (m *NGramModel) Limit() float64 { return m.o.Limit }

// Names lists the columns.
func (m *NGramModel) Names() []string { return NGram{}.Names() }

// Names lists the columns of the trained model.
func (NGram) Names() []string { return []string{"perplexity", "known"} }

// Label writes the columns of each text. A text without words scores 0.
func (m *NGramModel) Label(ctx context.Context, dst []float32, texts []string) error {
	if len(dst) != 2*len(texts) {
		panic(fmt.Sprintf("label: dst of %d for %d texts x 2 columns", len(dst), len(texts)))
	}
	d := docs.Get().(*doc)
	defer docs.Put(d)
	var ids []uint32
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		clear(dst[2*i : 2*i+2])
		if d.scan(head(text, m.o.MaxBytes)); d.words == 0 {
			continue
		}
		ids = m.ids(ids[:0], d.hash)
		known := 0
		for _, id := range ids[1 : len(ids)-1] {
			if id != unknownWord {
				known++
			}
		}
		x := m.perplexity(ids) / m.o.Limit
		dst[2*i], dst[2*i+1] = float32(1/(1+x*x)), float32(known)/float32(d.words)
	}
	return nil
}
