package fasttext

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A cursor reads numbers from data, little-endian. After the first error, which
// it keeps, everything it gives is zero.
type cursor struct {
	data []byte
	at   int
	err  error
}

// bytes gives the next n bytes, not copied.
func (c *cursor) bytes(n int64) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > int64(len(c.data)-c.at) {
		c.err = fmt.Errorf("ends at byte %d, where %d more were to follow byte %d; it was cut short or is damaged: get it anew", len(c.data), n, c.at)
		return nil
	}
	b := c.data[c.at : c.at+int(n) : c.at+int(n)]
	c.at += int(n)
	return b
}

func (c *cursor) int32() int32 {
	if b := c.bytes(4); b != nil {
		return int32(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.bytes(8); b != nil {
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) bool() bool {
	b := c.bytes(1)
	return b != nil && b[0] != 0
}

// table gives rows*cols elements of size bytes.
func (c *cursor) table(rows, cols, size int64) []byte {
	if c.err == nil && (rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt64/8/cols) {
		c.err = fmt.Errorf("has a matrix of %d x %d at byte %d; the file is damaged: get it anew", rows, cols, c.at)
	}
	if c.err != nil {
		return nil
	}
	return c.bytes(rows * cols * size)
}

// floats copies n float32 numbers.
func (c *cursor) floats(n int64) []float32 {
	b := c.table(n, 1, 4)
	if b == nil {
		return nil
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}
