package label

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/climb-go/climb/vec"
)

// Linear trains a logistic regression on hashed n-grams of words with an L2
// penalty: the weights that minimise
//
//	mean of w_y * -log softmax(W x + b)_y  +  l2/2 |W|^2
//
// where x is 1 for the n-grams of a text and 0 elsewhere, scaled to length 1,
// and w_y is 1, or makes every label count alike. Weinberger et al. 2009, arXiv
// 0902.2206, for the hashing; no signs here. The minimum is found by Nesterov's
// accelerated gradient with restarts (O'Donoghue and Candès 2015, arXiv
// 1204.3982, section 3.2), in one order of additions, so that the model depends
// on nothing but the texts.
type Linear struct {
	WordNGrams int     `json:"word_ngrams" default:"2" min:"1" max:"8" doc:"longest word n-gram"`
	Bits       int     `json:"bits" default:"18" min:"8" max:"26" doc:"feature hashing: n-grams are hashed to 2^bits features"`
	L2         float64 `json:"l2" default:"1e-4" min:"1e-9" max:"1e3" doc:"L2 penalty"`
	Iterations int     `json:"iterations" default:"300" min:"1" doc:"maximum iterations of the optimizer"`
	Tolerance  float64 `json:"tolerance" default:"1e-4" min:"0" doc:"tolerance: stop when the largest gradient component is below this"`
	Learned    bool    `json:"learned" doc:"learn an L2 penalty for every group of features (n-gram order x decile of document frequency) from held-out texts, by MAID (bilevel optimization); l2 is not used then"`
	Balance    bool    `json:"balance" doc:"balanced classes: every label has equal total weight"`
}

// A LinearModel is a classifier that Linear trained.
type LinearModel struct {
	Labels      []string     `json:"labels"`
	WordNGrams  int          `json:"word_ngrams"`
	Bits        int          `json:"bits"`
	Temperature float64      `json:"temperature"`        // the scores are divided by it
	Isotonic    [][2]float64 `json:"isotonic,omitempty"` // of two labels: probability of the second one before and after, ascending

	Penalties []Penalty `json:"-"` // that Linear.Learned chose; not saved

	weights []float32 // 2^bits x labels
	bias    []float32 // labels
}

const linearMagic = "climb linear 1\n"

// features appends the buckets of a text's n-grams to dst, each once, ascending.
// Words are what white space parts, in lower case.
func features(dst []uint32, text string, n, bits int) []uint32 {
	dst = dst[:0]
	var recent [8]uint64 // hashes of the words before, the last one first
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		h := uint64(fnvStart)
		for i := range len(word) {
			h = (h ^ uint64(word[i])) * fnvPrime
		}
		copy(recent[1:], recent[:7])
		recent[0] = h
		gram := uint64(0)
		for _, w := range recent[:n] {
			if w == 0 {
				break
			}
			gram = mix(gram, w)
			dst = append(dst, uint32(gram>>(64-bits)))
		}
	}
	slices.Sort(dst)
	return slices.Compact(dst)
}

// Train fits a model. labels[i] is the label of text i, an index of names.
func (o Linear) Train(ctx context.Context, texts []string, labels []int, names []string) (*LinearModel, error) {
	if len(texts) == 0 || len(texts) != len(labels) || len(names) < 2 {
		return nil, fmt.Errorf("%d texts with %d labels of %d kinds; at least one text and two kinds are needed", len(texts), len(labels), len(names))
	}
	if o.Learned {
		return o.learn(ctx, texts, labels, names)
	}
	m := &LinearModel{Labels: names, WordNGrams: o.WordNGrams, Bits: o.Bits, Temperature: 1}
	f := &fit{o: o, labels: labels, k: len(names), rows: make([][]uint32, len(texts))}
	for i, text := range texts {
		f.rows[i] = slices.Clone(features(nil, text, o.WordNGrams, o.Bits))
	}
	f.weigh()
	w, err := f.run(ctx)
	if err != nil {
		return nil, err
	}
	at := f.k << o.Bits
	m.weights, m.bias = w[:at], w[at:]
	return m, nil
}

// fit is the problem that Train solves. Weights are (2^bits + 1) x k; the last
// row is the bias.
type fit struct {
	o       Linear
	k       int
	labels  []int
	rows    [][]uint32
	weights []float32 // of labels
	scores  []float32
}

func (f *fit) weigh() {
	counts := make([]int, f.k)
	for _, l := range f.labels {
		counts[l]++
	}
	f.weights, f.scores = make([]float32, f.k), make([]float32, f.k)
	for i, n := range counts {
		f.weights[i] = 1
		if f.o.Balance && n > 0 {
			f.weights[i] = float32(len(f.labels)) / float32(f.k*n)
		}
	}
}

func (f *fit) run(ctx context.Context) ([]float32, error) {
	n := f.k<<f.o.Bits + f.k
	w, before, at, grad := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	// The Hessian of softmax is at most 1/2, and a text with its bias has length 2.
	step := float32(1 / (float64(slices.Max(f.weights)) + f.o.L2))
	momentum := 1.0
	for range f.o.Iterations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.gradient(grad, at)
		if largest(grad) < float32(f.o.Tolerance) {
			break
		}
		copy(before, w)
		copy(w, at)
		vec.Axpy(-step, grad, w)
		next := (1 + math.Sqrt(1+4*momentum*momentum)) / 2
		beta := float32((momentum - 1) / next)
		var uphill float64 // <gradient, step taken>: momentum leads astray
		for i := range w {
			uphill += float64(grad[i]) * float64(w[i]-before[i])
		}
		if momentum = next; uphill > 0 {
			momentum, beta = 1, 0
		}
		for i := range at {
			at[i] = w[i] + beta*(w[i]-before[i])
		}
	}
	return w, nil
}

func largest(x []float32) (m float32) {
	for _, v := range x {
		m = max(m, v, -v)
	}
	return m
}

// gradient writes the gradient of the objective at w to grad.
func (f *fit) gradient(grad, w []float32) {
	k, bias := f.k, f.k<<f.o.Bits
	copy(grad, w)
	vec.Scale(float32(f.o.L2), grad[:bias])
	clear(grad[bias:])
	for i, row := range f.rows {
		scale := unit(row)
		linearScores(f.scores, w[:bias], w[bias:], row, scale)
		vec.Softmax(f.scores)
		f.scores[f.labels[i]]--
		vec.Scale(f.weights[f.labels[i]]/float32(len(f.rows)), f.scores)
		vec.Add(grad[bias:], grad[bias:], f.scores)
		vec.Scale(scale, f.scores)
		for _, r := range row {
			to := grad[int(r)*k : int(r)*k+k]
			for j, s := range f.scores {
				to[j] += s
			}
		}
	}
}

func unit(row []uint32) float32 { return float32(1 / math.Sqrt(float64(max(1, len(row))))) }

func linearScores(dst, weights, bias []float32, row []uint32, scale float32) {
	clear(dst)
	k := len(dst)
	for _, r := range row {
		for j, x := range weights[int(r)*k : int(r)*k+k] {
			dst[j] += x
		}
	}
	for j := range dst {
		dst[j] = dst[j]*scale + bias[j]
	}
}

// linearWorker asks a model; it keeps memory for that.
type linearWorker struct {
	model *LinearModel
	row   []uint32
}

// Probabilities writes the probability of every label to dst. Every text has
// one.
func (w *linearWorker) Probabilities(dst []float32, text string) bool {
	m := w.model
	w.row = features(w.row, text, m.WordNGrams, m.Bits)
	linearScores(dst, m.weights, m.bias, w.row, unit(w.row))
	vec.Scale(float32(1/m.Temperature), dst)
	vec.Softmax(dst)
	if len(m.Isotonic) > 0 {
		dst[1] = float32(interpolate(m.Isotonic, float64(dst[1])))
		dst[0] = 1 - dst[1]
	}
	return true
}

// Save writes the model: the line "climb linear 1", a line of JSON, and the
// weights, 2^bits x labels, and the biases, as little-endian float32.
func (m *LinearModel) Save(path string) error {
	head, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write model %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	b := bufio.NewWriter(f)
	fmt.Fprintf(b, "%s%s\n", linearMagic, head)
	if err := errors.Join(binary.Write(b, binary.LittleEndian, m.weights), binary.Write(b, binary.LittleEndian, m.bias), b.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write model %s: %w", path, err)
	}
	return nil
}

// OpenLinear reads a model that Save wrote.
func OpenLinear(path string) (*LinearModel, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	m, err := parseLinear(data)
	if err != nil {
		return nil, fmt.Errorf("read model %s: %w", path, err)
	}
	return m, nil
}

// mostWeight bounds weights, so that no sum of them over a text is infinite.
const mostWeight = 1e12

// check holds what line 2 of a file says to what Train and calibration write.
func (m *LinearModel) check() error {
	k := len(m.Labels)
	if k < 2 || m.Bits < 8 || m.Bits > 26 || m.WordNGrams < 1 || m.WordNGrams > 8 || !(m.Temperature >= 1e-3 && m.Temperature <= 1e3) || len(m.Isotonic) > 0 && k != 2 {
		return errors.New("labels, bits, word_ngrams, temperature or isotonic is out of range")
	}
	for i, name := range m.Labels {
		if name == "" || slices.Index(m.Labels, name) < i {
			return fmt.Errorf("labels: %q is empty or there twice", name)
		}
	}
	for i, point := range m.Isotonic {
		if !(point[0] >= 0 && point[0] <= 1 && point[1] >= 0 && point[1] <= 1) {
			return fmt.Errorf("isotonic: point %d is no pair of probabilities", i)
		}
		if i > 0 && !(point[0] > m.Isotonic[i-1][0] && point[1] >= m.Isotonic[i-1][1]) {
			return fmt.Errorf("isotonic: point %d is out of order", i)
		}
	}
	return nil
}

func parseLinear(data []byte) (*LinearModel, error) {
	rest, ok := bytes.CutPrefix(data, []byte(linearMagic))
	head, rest, ok2 := bytes.Cut(rest, []byte("\n"))
	if !ok || !ok2 {
		return nil, errors.New("is not a model of `climb label train`; it must begin with the line \"climb linear 1\"")
	}
	m := new(LinearModel)
	d := json.NewDecoder(bytes.NewReader(head))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("line 2: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("line 2: data after the JSON object")
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("line 2: %w", err)
	}
	k := len(m.Labels)
	if want := 4 * (k<<m.Bits + k); len(rest) != want {
		return nil, fmt.Errorf("has %d bytes of weights and must have %d; it was cut short or is damaged", len(rest), want)
	}
	all := make([]float32, k<<m.Bits+k)
	for i := range all {
		all[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:]))
		if !(all[i] >= -mostWeight && all[i] <= mostWeight) {
			return nil, fmt.Errorf("weight %d is %v: want a number from -%g to %g", i, all[i], mostWeight, mostWeight)
		}
	}
	m.weights, m.bias = all[:k<<m.Bits], all[k<<m.Bits:]
	return m, nil
}
