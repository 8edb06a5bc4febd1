package fasttext

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/climb-go/climb/vec"
)

// floats is a matrix in memory, row-major.
type floats struct {
	data []float32
	cols int
}

func (m *floats) shape() (rows, cols int) { return len(m.data) / m.cols, m.cols }

func (m *floats) row(i int) []float32 { return m.data[i*m.cols : (i+1)*m.cols] }

func (m *floats) addRow(dst []float32, row int) { vec.Add(dst, dst, m.row(row)) }

func (m *floats) dot(x []float32, row int) float32 { return vec.Dot(x, m.row(row)) }

// entry is a text of a dictionary and how often it was seen.
type entry struct {
	text  string
	count int64
}

// newDictionary makes a dictionary of words and labels, in this order.
func newDictionary(args Args, words, labels []entry, tokens int64) *Dictionary {
	d := &Dictionary{args: args, words: len(words), labels: len(labels), tokens: tokens, start: []int{0}}
	for i, e := range slices.Concat(words, labels) {
		kind := byte(wordEntry)
		if i >= len(words) {
			kind = labelEntry
		}
		d.records = append(append(d.records, e.text...), 0)
		d.records = append(binary.LittleEndian.AppendUint64(d.records, uint64(e.count)), kind)
		d.start = append(d.start, len(d.records))
	}
	d.index()
	return d
}

// Save writes a model that was trained in memory to path, as fastText .bin.
func (m *Model) Save(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write model: %w", err)
	}
	if err := errors.Join(m.Write(f), f.Close()); err != nil {
		return fmt.Errorf("write model %s: %w", path, err)
	}
	return nil
}

// Write writes a model that was trained in memory, as fastText .bin, version 12.
func (m *Model) Write(out io.Writer) error {
	input, ok := m.input.(*floats)
	output, ok2 := m.output.(*floats)
	if !ok || !ok2 {
		return errors.New("the model is that of a file; copy the file")
	}
	b := bufio.NewWriter(out)
	w := &writer{out: b}
	w.args(&m.Args)
	w.dictionary(m.Dictionary)
	w.matrix(input.data, input.cols)
	w.matrix(output.data, output.cols)
	return errors.Join(w.err, b.Flush())
}

// A writer writes the parts of a model file and keeps the first error.
type writer struct {
	out io.Writer
	buf []byte
	err error
}

func (w *writer) flush() {
	if w.err == nil {
		_, w.err = w.out.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

func (w *writer) int32(x int32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(x)) }
func (w *writer) int64(x int64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(x)) }

func (w *writer) args(a *Args) {
	w.int32(magic)
	w.int32(version)
	for _, p := range a.ints() {
		w.int32(*p)
	}
	w.int64(int64(math.Float64bits(a.Sample)))
	w.flush()
}

func (w *writer) dictionary(d *Dictionary) {
	w.int32(int32(d.words + d.labels))
	w.int32(int32(d.words))
	w.int32(int32(d.labels))
	w.int64(d.tokens)
	w.int64(-1) // not pruned
	w.buf = append(w.buf, d.records...)
	w.flush()
}

// matrix writes a byte that says "not quantised", the shape and the rows.
func (w *writer) matrix(data []float32, cols int) {
	w.buf = append(w.buf, 0)
	w.int64(int64(len(data) / cols))
	w.int64(int64(cols))
	for row := range slices.Chunk(data, cols) {
		for _, x := range row {
			w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(x))
		}
		w.flush()
	}
	w.flush()
}
