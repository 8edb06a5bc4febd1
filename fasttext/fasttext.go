// Package fasttext reads, trains and writes the models of fastText 0.9: text
// classifiers (Joulin et al. 2016, arXiv 1607.01759), also quantised ones
// (Joulin et al. 2016, arXiv 1612.03651), and word vectors with sub-words
// (Bojanowski et al. 2016, arXiv 1607.04606).
//
// A model that is opened is mapped into memory, not read: of its matrices only
// the rows that texts touch become resident, once for all processes. Tokens,
// hashes and probabilities are those of the original program, its quirks
// included.
package fasttext

import (
	"errors"
	"fmt"
	"math"

	"github.com/climb-go/climb/mmap"
	"github.com/climb-go/climb/vec"
)

// What a model was trained for.
const (
	CBOW       = 1
	SkipGram   = 2
	Supervised = 3
)

// How a model turns scores into probabilities.
const (
	HierarchicalSoftmax = 1
	NegativeSampling    = 2
	Softmax             = 3
	OneVsAll            = 4
)

// Args are the arguments that a model file keeps, in the order of the file.
type Args struct {
	Dim, Window, Epoch, MinCount, Negatives, WordNGrams int32
	Loss, Kind                                          int32
	Buckets, MinN, MaxN, UpdateRate                     int32
	Sample                                              float64
}

// A Model is a fastText model. All methods but Close may be called from several
// goroutines.
type Model struct {
	Args
	*Dictionary

	input, output matrix
	tree          []node // hierarchical softmax only
	file          *mmap.File
}

const (
	magic   = 793712314
	version = 12
)

// Open maps the model at path, .bin or .ftz, into memory. The dictionary is
// read and every number that something depends on is checked. The file must not
// be made shorter while the model is open.
func Open(path string) (*Model, error) {
	file, err := mmap.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	m, err := parse(file.Data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read model %s: %w", path, err), file.Close())
	}
	m.file = file
	return m, nil
}

// Close unmaps the file. The model cannot be used any more.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

func parse(data []byte) (*Model, error) {
	c := &cursor{data: data}
	if c.int32() != magic {
		return nil, errors.New("is not a fastText model; .bin and .ftz files begin with 0x2f4f16ba")
	}
	v := c.int32()
	if c.err == nil && v != version && v != version-1 {
		return nil, fmt.Errorf("has version %d; 11 and 12 are supported", v)
	}
	m := new(Model)
	m.readArgs(c)
	if v == version-1 && m.Kind == Supervised { // those had no sub-words
		m.MaxN = 0
	}
	if c.err == nil {
		c.err = m.checkArgs()
	}
	m.Dictionary = readDictionary(c, m.Args)
	quantised := c.bool()
	m.input = readMatrix(c, quantised)
	m.output = readMatrix(c, c.bool() && quantised)
	if c.err == nil {
		c.err = m.check(quantised)
	}
	if c.err != nil {
		return nil, c.err
	}
	if c.at != len(data) {
		return nil, fmt.Errorf("has %d bytes after its end", len(data)-c.at)
	}
	// These losses look their probability up in a table of steps, so that a sum
	// which differs in the last place may fall on another step.
	if out, ok := m.output.(*dense); ok && (m.Loss == OneVsAll || m.Loss == NegativeSampling) {
		out.inOrder = true
	}
	if m.Kind == Supervised && m.Loss == HierarchicalSoftmax {
		var err error
		m.tree, err = buildTree(m.labelCounts())
		return m, err
	}
	return m, nil
}

func (a *Args) ints() []*int32 {
	return []*int32{&a.Dim, &a.Window, &a.Epoch, &a.MinCount, &a.Negatives, &a.WordNGrams, &a.Loss, &a.Kind,
		&a.Buckets, &a.MinN, &a.MaxN, &a.UpdateRate}
}

func (a *Args) readArgs(c *cursor) {
	for _, p := range a.ints() {
		*p = c.int32()
	}
	a.Sample = math.Float64frombits(uint64(c.int64()))
}

func (a *Args) checkArgs() error {
	switch {
	case a.Dim < 1:
		return fmt.Errorf("has vectors of %d dimensions", a.Dim)
	case a.Kind < CBOW || a.Kind > Supervised:
		return fmt.Errorf("is of an unknown kind, %d", a.Kind)
	case a.Loss < HierarchicalSoftmax || a.Loss > OneVsAll:
		return fmt.Errorf("has an unknown loss, %d", a.Loss)
	case a.Buckets < 0:
		return fmt.Errorf("has %d buckets", a.Buckets)
	case a.Buckets == 0 && (a.MaxN > 0 || a.WordNGrams > 1) && a.MaxN >= a.MinN:
		return errors.New("has n-grams and no buckets for them")
	}
	return nil
}

// check compares the shapes of the matrices with what rows may be asked for.
func (m *Model) check(quantised bool) error {
	if m.pruned != nil && !quantised {
		return errors.New("is pruned and not quantised, which the original refuses too; get the model anew")
	}
	rows, dim := m.input.shape()
	if dim != int(m.Dim) {
		return fmt.Errorf("has input vectors of %d dimensions; its arguments say %d", dim, m.Dim)
	}
	if need := max(1, m.Words()+m.ngramRows()); rows < need {
		return fmt.Errorf("has %d input vectors; its %d words and %d n-grams need %d", rows, m.Words(), m.ngramRows(), need)
	}
	rows, dim = m.output.shape()
	need := m.Words()
	if m.Kind == Supervised {
		need = m.Labels()
	}
	if dim != int(m.Dim) || rows < need {
		return fmt.Errorf("has %d output vectors of %d dimensions; %d of %d are needed", rows, dim, need, m.Dim)
	}
	return nil
}

// WordVector writes the vector of word to dst, Dim elements: the mean of its own
// row, if the dictionary has it, and of those of its sub-words. It is all zeros
// when there are none.
func (m *Model) WordVector(dst []float32, word string) {
	m.meanRows(dst, m.AppendRows(nil, word))
}

// meanRows writes the mean of rows of the input matrix to dst.
func (m *Model) meanRows(dst []float32, rows []int32) {
	clear(dst)
	if f, ok := m.input.(*floats); ok {
		vec.SumRows(dst, f.data, rows, nil)
	} else {
		for _, r := range rows {
			m.input.addRow(dst, int(r))
		}
	}
	if len(rows) > 0 {
		scale(1/float32(len(rows)), dst)
	}
}
