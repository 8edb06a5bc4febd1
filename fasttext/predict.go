package fasttext

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/vec"
)

// A Prediction is a label with its probability.
type Prediction struct {
	Label       int
	Probability float32
}

// A Predictor classifies texts one after another; it keeps the memory for that.
type Predictor struct {
	model  *Model
	line   line
	hidden []float32 // dim
	scores []float32 // labels
	nodes  []float32 // of the tree: log probabilities
}

// NewPredictor makes a predictor of a supervised model.
func (m *Model) NewPredictor() (*Predictor, error) {
	if m.Kind != Supervised {
		return nil, errors.New("the model has word vectors and no labels; a classifier is trained with `fasttext supervised`")
	}
	return &Predictor{model: m, hidden: make([]float32, m.Dim), scores: make([]float32, m.Labels()), nodes: make([]float32, len(m.tree))}, nil
}

// smallest is what the original adds to a probability before its logarithm. Its
// probabilities are therefore up to 1.00001, and so are these.
const smallest = 1e-5

// Probabilities writes the probability of every label to dst, in the order of
// the dictionary, and tells whether there are any: a text without known words
// and n-grams has none, and dst is all zeros. text is one line; end it with a
// newline for what the original gives for a line of a file, or Python's binding
// for a text: the newline is a word. What follows the first newline is not read.
func (p *Predictor) Probabilities(dst []float32, text string) bool {
	m := p.model
	if len(dst) != m.Labels() {
		panic(fmt.Sprintf("fasttext: %d labels in a slice of %d", m.Labels(), len(dst)))
	}
	p.line.read(m.Dictionary, text)
	if len(p.line.rows) == 0 {
		clear(dst)
		return false
	}
	m.meanRows(p.hidden, p.line.rows)
	switch m.Loss {
	case HierarchicalSoftmax:
		p.treeScores(dst)
	case Softmax:
		for i := range dst {
			dst[i] = m.output.dot(p.hidden, i)
		}
		vec.Softmax(dst)
		for i := range dst {
			dst[i] += smallest
		}
	default:
		for i := range dst {
			dst[i] = tableSigmoid(m.output.dot(p.hidden, i)) + smallest
		}
	}
	return true
}

// Predict gives the k most probable labels of probability threshold or more,
// best first, all of them if k < 0; ties by index. See Probabilities for text.
func (p *Predictor) Predict(text string, k int, threshold float32) []Prediction {
	if !p.Probabilities(p.scores, text) {
		return nil
	}
	var out []Prediction
	for i, x := range p.scores {
		if x >= threshold+smallest {
			out = append(out, Prediction{i, x})
		}
	}
	slices.SortStableFunc(out, func(a, b Prediction) int { return cmp.Compare(b.Probability, a.Probability) })
	if k >= 0 && len(out) > k {
		out = out[:k]
	}
	return out
}

// Batch writes the probabilities of texts to dst, len(texts) x Labels, row-major,
// on up to workers goroutines. known[i] is false where text i has none; known may
// be nil.
func (m *Model) Batch(dst []float32, known []bool, texts []string, workers int) error {
	n := m.Labels()
	predictors := make([]*Predictor, max(1, min(workers, len(texts))))
	for i := range predictors {
		var err error
		if predictors[i], err = m.NewPredictor(); err != nil {
			return err
		}
	}
	vec.ForEach(len(predictors), len(texts), func(w, i int) {
		ok := predictors[w].Probabilities(dst[i*n:(i+1)*n], texts[i])
		if known != nil {
			known[i] = ok
		}
	})
	return nil
}

// tableSigmoid is the original's logistic function: 513 values between -8 and 8.
func tableSigmoid(x float32) float32 {
	switch {
	case x < -8:
		return 0
	case x > 8:
		return 1
	case x != x:
		return x
	}
	return sigmoidTable[int((x+8)*512/8/2)]
}

var sigmoidTable = func() (t [513]float32) {
	for i := range t {
		x := float32(i*2*8)/512 - 8
		t[i] = float32(1 / (1 + math.Exp(-float64(x))))
	}
	return t
}()

// node is a node of the Huffman tree: the labels, then those that join two.
type node struct {
	left, right int32 // -1 for a label
	count       int64
}

// most is the count of a node that is not there yet.
const most = 1e15

// buildTree makes the tree as the original does, for counts that fall.
func buildTree(counts []int64) ([]node, error) {
	n := len(counts)
	if n == 0 {
		return nil, errors.New("has no labels")
	}
	tree := make([]node, 2*n-1)
	var total int64
	for i := range tree {
		tree[i] = node{-1, -1, most}
		if i < n {
			if counts[i] < 0 || counts[i] > most-1-total {
				return nil, fmt.Errorf("counts label %d %d times; the file is damaged: get it anew", i, counts[i])
			}
			total += counts[i]
			tree[i].count = counts[i]
		}
	}
	leaf, inner := n-1, n
	next := func() int32 {
		if leaf >= 0 && tree[leaf].count < tree[inner].count {
			leaf--
			return int32(leaf + 1)
		}
		inner++
		return int32(inner - 1)
	}
	for i := n; i < len(tree); i++ {
		tree[i].left, tree[i].right = next(), next()
		tree[i].count = tree[tree[i].left].count + tree[tree[i].right].count
	}
	return tree, nil
}

// treeScores walks from the root, the last node: children stand before parents.
// As in the original, what is less probable than 1e-5 is 0, with all below it.
func (p *Predictor) treeScores(dst []float32) {
	tree, labels := p.model.tree, len(dst)
	p.nodes[len(tree)-1] = 0
	least, none := float32(math.Log(smallest)), float32(math.Inf(-1))
	for i := len(tree) - 1; i >= labels; i-- {
		if p.nodes[i] < least {
			p.nodes[tree[i].left], p.nodes[tree[i].right] = none, none
			continue
		}
		// Rounded to float32 where the original does, or other labels than its
		// own would fall below the limit.
		e := float32(math.Exp(-float64(p.model.output.dot(p.hidden, i-labels))))
		f := float32(1 / float64(1+e))
		p.nodes[tree[i].left] = p.nodes[i] + float32(math.Log(float64(1-f)+smallest))
		p.nodes[tree[i].right] = p.nodes[i] + float32(math.Log(float64(f)+smallest))
	}
	for i, x := range p.nodes[:labels] {
		if x < least {
			p.nodes[i] = none
		}
	}
	vec.Exp(dst, p.nodes[:labels])
}
