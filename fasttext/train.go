package fasttext

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"

	"github.com/climb-go/climb/vec"
)

// Classifier trains a text classifier: a text is the mean of the vectors of its
// words, n-grams and sub-words, hashed into buckets, and a softmax over the
// labels is on top. Joulin et al. 2016, arXiv 1607.01759.
//
// The original updates its vectors from several threads without locks. Here
// texts are taken in groups of 16: the means of a group are taken with the
// vectors as they were before it, then the softmax is trained text by text, then
// the vectors change in the order of the texts. So the result depends on the
// seed and not on the number of cores. The order of the texts is drawn anew in
// every epoch; the original keeps that of the file.
//
// The training texts are held in memory, as the numbers of their rows.
type Classifier struct {
	Dim        int     `json:"dim" default:"100" min:"1" max:"4096" doc:"dimension of the vectors"`
	Epochs     int     `json:"epochs" default:"25" min:"1" doc:"epochs: passes over the texts; 5 are enough for 100,000 texts"`
	LR         float64 `json:"lr" default:"0.5" min:"1e-6" max:"100" doc:"initial learning rate; it decays linearly to 0"`
	WordNGrams int     `json:"word_ngrams" default:"2" min:"1" max:"16" doc:"longest word n-gram"`
	MinN       int     `json:"minn" min:"0" doc:"shortest character n-gram (subword)"`
	MaxN       int     `json:"maxn" min:"0" max:"64" doc:"longest character n-gram (subword); 0 = none"`
	Buckets    int     `json:"buckets" default:"262144" min:"1" max:"100000000" doc:"hash buckets for n-grams; memory is (words + buckets) x dim x 4 bytes"`
	MinCount   int     `json:"min_count" default:"1" min:"1" doc:"minimum count of a word to have a vector of its own"`
	Balance    bool    `json:"balance" doc:"balanced classes: every label has equal total weight"`
	Seed       uint64  `json:"seed" default:"1" doc:"seed of the initial vectors and of the order of the texts"`
	Workers    int     `json:"workers" min:"0" doc:"cores to use; 0 = all"`
}

// group is the number of texts whose means are taken at once.
const group = 16

// Train fits a classifier to texts. labels[i], an index of names, is that of text
// i. Names are given without the prefix __label__ and hold no white space. Every
// text is one line: newlines count as spaces, and one is added at the end.
func (o Classifier) Train(ctx context.Context, texts []string, labels []int, names []string) (*Model, error) {
	if err := checkTraining(texts, labels, names); err != nil {
		return nil, err
	}
	args := Args{Dim: int32(o.Dim), Window: 5, Epoch: int32(o.Epochs), MinCount: int32(o.MinCount), Negatives: 5,
		WordNGrams: int32(o.WordNGrams), Loss: Softmax, Kind: Supervised, Buckets: int32(o.Buckets),
		MinN: int32(o.MinN), MaxN: int32(o.MaxN), UpdateRate: 100, Sample: 1e-4}
	if o.WordNGrams <= 1 && o.MaxN == 0 { // as the original
		args.Buckets = 0
	}
	d, order := classifierDictionary(args, texts, labels, names)
	if d.words == 0 {
		return nil, fmt.Errorf("no word is there %d times; lower min_count", o.MinCount)
	}
	t := newTrainer(o, d)
	for i, text := range texts {
		t.read(text, order[labels[i]])
	}
	if err := t.run(ctx, o); err != nil {
		return nil, err
	}
	return &Model{Args: args, Dictionary: d, input: t.input, output: t.output}, nil
}

func checkTraining(texts []string, labels []int, names []string) error {
	if len(texts) == 0 || len(texts) != len(labels) {
		return fmt.Errorf("%d texts with %d labels; a classifier is trained on at least one", len(texts), len(labels))
	}
	for _, name := range names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 0x80 && space(byte(r)) }) {
			return fmt.Errorf("label %q is empty or holds white space", name)
		}
	}
	for i, l := range labels {
		if l < 0 || l >= len(names) {
			return fmt.Errorf("text %d has label %d of %d", i, l, len(names))
		}
	}
	return nil
}

// oneLine is text as a line: its newlines become spaces, and one follows.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") + "\n" }

// classifierDictionary counts words and labels. The most frequent come first,
// ties as they were met. order gives each label's place.
func classifierDictionary(args Args, texts []string, labels []int, names []string) (d *Dictionary, order []int) {
	counts := map[string]int{} // index of words
	var words []entry
	var tokens int64
	for _, text := range texts {
		text = oneLine(text)
		for word, _, next := nextWord(text, 0); word != ""; word, _, next = nextWord(text, next) {
			tokens++
			if strings.HasPrefix(word, labelPrefix) {
				continue
			}
			i, ok := counts[word]
			if !ok {
				i = len(words)
				word = strings.Clone(word)
				counts[word], words = i, append(words, entry{text: word})
			}
			words[i].count++
		}
	}
	words = slices.DeleteFunc(words, func(e entry) bool { return e.count < int64(args.MinCount) })
	slices.SortStableFunc(words, func(a, b entry) int { return cmp.Compare(b.count, a.count) })

	classes := make([]entry, len(names))
	place := make([]int, len(names))
	for i, name := range names {
		classes[i].text, place[i] = labelPrefix+name, i
	}
	for _, l := range labels {
		classes[l].count++
	}
	slices.SortStableFunc(place, func(a, b int) int { return cmp.Compare(classes[b].count, classes[a].count) })
	order = make([]int, len(names))
	sorted := make([]entry, len(names))
	for to, from := range place {
		order[from], sorted[to] = to, classes[from]
	}
	return newDictionary(args, words, sorted, tokens+int64(len(labels))), order
}

// trainer has the model and the texts as rows.
type trainer struct {
	dict          *Dictionary
	input, output *floats
	line          line
	rows          []int32 // of all texts
	start         []int   // of text i in rows
	labels        []int32
	weights       []float32 // of labels

	mean, grad [group][]float32 // of a text
	scores     []float32
	workers    int
}

func newTrainer(o Classifier, d *Dictionary) *trainer {
	t := &trainer{dict: d, start: []int{0}, scores: make([]float32, d.labels), workers: o.Workers}
	if t.workers == 0 {
		t.workers = runtime.GOMAXPROCS(0)
	}
	t.input = &floats{make([]float32, (d.words+d.ngramRows())*o.Dim), o.Dim}
	t.output = &floats{make([]float32, d.labels*o.Dim), o.Dim}
	for i := range group {
		t.mean[i], t.grad[i] = make([]float32, o.Dim), make([]float32, o.Dim)
	}
	// Rows are drawn in blocks, each from a generator of its own.
	block, data := 512*o.Dim, t.input.data
	vec.ForEach(t.workers, (len(data)+block-1)/block, func(_, i int) {
		r := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		part := data[i*block : min((i+1)*block, len(data))]
		for j := range part {
			part[j] = (2*r.Float32() - 1) / float32(o.Dim)
		}
	})
	t.weights = make([]float32, d.labels)
	for i := range t.weights {
		t.weights[i] = 1
		if n := d.Count(d.words + i); o.Balance && n > 0 {
			t.weights[i] = float32(d.tokensOfLabels()) / float32(int64(d.labels)*n)
		}
	}
	return t
}

// tokensOfLabels is the number of texts that the dictionary was made from.
func (d *Dictionary) tokensOfLabels() (n int64) {
	for _, c := range d.labelCounts() {
		n += c
	}
	return n
}

// read adds a text; one without known words teaches nothing.
func (t *trainer) read(text string, label int) {
	t.line.read(t.dict, oneLine(text))
	if len(t.line.rows) == 0 {
		return
	}
	t.rows = append(t.rows, t.line.rows...)
	t.start = append(t.start, len(t.rows))
	t.labels = append(t.labels, int32(label))
}

func (t *trainer) of(text int) []int32 { return t.rows[t.start[text]:t.start[text+1]] }

func (t *trainer) run(ctx context.Context, o Classifier) error {
	n := len(t.labels)
	if n == 0 {
		return errors.New("no text holds a word of the dictionary")
	}
	r := rand.New(rand.NewPCG(o.Seed, 1<<63))
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	total, done := float64(len(t.rows))*float64(o.Epochs), 0.0
	for range o.Epochs {
		r.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		for texts := range slices.Chunk(order, group) {
			if err := ctx.Err(); err != nil {
				return err
			}
			t.step(texts, float32(o.LR*(1-done/total)))
			for _, i := range texts {
				done += float64(len(t.of(i)))
			}
		}
	}
	for _, x := range t.output.data {
		if x-x != 0 {
			return fmt.Errorf("training diverged at learning rate %g; lower it", o.LR)
		}
	}
	return nil
}

// step learns from a group of texts.
func (t *trainer) step(texts []int, lr float32) {
	vec.ForEach(t.workers, len(texts), func(_, i int) {
		mean, rows := t.mean[i], t.of(texts[i])
		clear(mean)
		for _, row := range rows {
			vec.Add(mean, mean, t.input.row(int(row)))
		}
		vec.Scale(1/float32(len(rows)), mean)
	})
	for i, text := range texts {
		t.softmax(t.grad[i], t.mean[i], t.labels[text], lr)
		vec.Scale(1/float32(len(t.of(text))), t.grad[i])
	}
	// Every worker has rows of its own, whose changes it makes in order.
	vec.ForEach(t.workers, t.workers, func(_, w int) {
		for i, text := range texts {
			for _, row := range t.of(text) {
				if int(row)%t.workers == w {
					to := t.input.row(int(row))
					vec.Add(to, to, t.grad[i])
				}
			}
		}
	})
}

// softmax trains the output on one text, and writes what its vectors are to
// change by to grad.
func (t *trainer) softmax(grad, mean []float32, label int32, lr float32) {
	for l := range t.scores {
		t.scores[l] = vec.Dot(mean, t.output.row(l))
	}
	vec.Softmax(t.scores)
	clear(grad)
	lr *= t.weights[label]
	for l, p := range t.scores {
		y := float32(0)
		if int32(l) == label {
			y = 1
		}
		row := t.output.row(l)
		vec.Axpy(lr*(y-p), row, grad)
		vec.Axpy(lr*(y-p), mean, row)
	}
}

// Sharpen multiplies the scores before the softmax by factor, 1 over the
// temperature. The model must have been trained in memory.
func (m *Model) Sharpen(factor float32) error {
	output, ok := m.output.(*floats)
	if !ok || m.Loss != Softmax {
		return errors.New("only a softmax classifier that was trained in memory has a temperature to set")
	}
	vec.Scale(factor, output.data)
	return nil
}
