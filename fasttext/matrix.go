package fasttext

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/climb-go/climb/vec"
)

// A matrix has rows that texts are made of.
type matrix interface {
	shape() (rows, cols int)
	addRow(dst []float32, row int)    // dst += row
	dot(x []float32, row int) float32 // <x, row>
}

// dense is a float32 matrix in the file, little-endian, row-major.
type dense struct {
	data       []byte
	rows, cols int
	inOrder    bool // dot adds up from left to right, rounding every time
}

func (m *dense) shape() (rows, cols int) { return m.rows, m.cols }

func (m *dense) row(i int) []byte { return m.data[4*i*m.cols : 4*(i+1)*m.cols] }

func (m *dense) addRow(dst []float32, row int) { vec.AddBytes(dst, m.row(row)) }

func (m *dense) dot(x []float32, row int) (sum float32) {
	b := m.row(row)
	if !m.inOrder {
		return vec.DotBytes(x, b)
	}
	for i, v := range x {
		sum += float32(v * math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return sum
}

func scale(a float32, x []float32) { vec.Scale(a, x) }

// quantised is a matrix by product quantisation: a row is a code for each part of
// its columns, times the norm that its last code stands for.
type quantised struct {
	codes      []byte // rows x parts
	norms      []byte // rows; nil = 1
	rows, cols int
	pq, normPQ quantiser
}

// quantiser has 256 centroids for each part of a vector (Jégou et al. 2011).
type quantiser struct {
	dim, parts, width, last int // width of a part; of the last one
	centroids               []float32
}

const centroids = 256

func readMatrix(c *cursor, isQuantised bool) matrix {
	if isQuantised {
		return readQuantised(c)
	}
	rows, cols := c.int64(), c.int64()
	return &dense{data: c.table(rows, cols, 4), rows: int(rows), cols: int(cols)}
}

func readQuantised(c *cursor) *quantised {
	withNorms := c.bool()
	rows, cols, size := c.int64(), c.int64(), c.int32()
	m := &quantised{rows: int(rows), cols: int(cols)}
	m.codes = c.bytes(int64(size))
	m.pq = readQuantiser(c)
	if c.err == nil && (int64(m.pq.dim) != cols || rows < 0 || rows > int64(size) || rows*int64(m.pq.parts) != int64(size)) {
		c.err = fmt.Errorf("has %d codes for a matrix of %d x %d in %d parts", size, rows, cols, m.pq.parts)
	}
	if withNorms && c.err == nil {
		m.norms = c.bytes(rows)
		m.normPQ = readQuantiser(c)
		if c.err == nil && m.normPQ.dim != 1 {
			c.err = fmt.Errorf("has norms of %d dimensions", m.normPQ.dim)
		}
	}
	return m
}

func readQuantiser(c *cursor) (q quantiser) {
	q.dim, q.parts, q.width, q.last = int(c.int32()), int(c.int32()), int(c.int32()), int(c.int32())
	if c.err != nil {
		return q
	}
	if q.dim < 1 || q.width < 1 || q.last < 1 || q.last > q.width || (q.dim-q.last)%q.width != 0 || q.parts != (q.dim-q.last)/q.width+1 {
		c.err = fmt.Errorf("has a product quantiser of %d dimensions in %d parts of %d, the last of %d", q.dim, q.parts, q.width, q.last)
		return q
	}
	q.centroids = c.floats(int64(q.dim) * centroids)
	return q
}

// centroid gives the values that a code stands for in a part.
func (q *quantiser) centroid(part int, code byte) []float32 {
	width := q.width
	if part == q.parts-1 {
		width = q.last
	}
	at := part*centroids*q.width + int(code)*width
	return q.centroids[at : at+width]
}

func (m *quantised) shape() (rows, cols int) { return m.rows, m.cols }

func (m *quantised) norm(row int) float32 {
	if m.norms == nil {
		return 1
	}
	return m.normPQ.centroids[m.norms[row]]
}

func (m *quantised) addRow(dst []float32, row int) {
	norm := m.norm(row)
	for part, code := range m.codes[row*m.pq.parts : (row+1)*m.pq.parts] {
		c := m.pq.centroid(part, code)
		to := dst[part*m.pq.width:][:len(c)]
		for i, x := range c {
			to[i] += norm * x
		}
	}
}

func (m *quantised) dot(x []float32, row int) (sum float32) {
	for part, code := range m.codes[row*m.pq.parts : (row+1)*m.pq.parts] {
		c := m.pq.centroid(part, code)
		from := x[part*m.pq.width:][:len(c)]
		for i, v := range c {
			sum += from[i] * v
		}
	}
	return sum * m.norm(row)
}
