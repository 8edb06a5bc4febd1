package vec

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// An NPYHeader describes the array in a .npy file, the format of numpy.save:
// https://numpy.org/neps/nep-0001-npy-format.html
type NPYHeader struct {
	Dtype string // "<f2", "<f4", "<i4" or "<i2"
	Rows  int
	Cols  int // 0: the array has one dimension, of Rows elements
}

const npyMagic = "\x93NUMPY"

var npySizes = map[string]int{"<f2": 2, "<f4": 4, "<i2": 2, "<i4": 4}

func (h NPYHeader) itemSize() int { return npySizes[h.Dtype] }

// width is the number of elements in a row.
func (h NPYHeader) width() int { return max(h.Cols, 1) }

// bytes is the header as written: version 1.0, always 128 bytes, so that the row
// count can be set at the end.
func (h NPYHeader) bytes() []byte {
	shape := fmt.Sprintf("(%d,)", h.Rows)
	if h.Cols > 0 {
		shape = fmt.Sprintf("(%d, %d)", h.Rows, h.Cols)
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", h.Dtype, shape)
	return fmt.Appendf(nil, "%s\x01\x00\x76\x00%-117s\n", npyMagic, dict)
}

// An NPYWriter writes one .npy array row by row; the number of rows need not be
// known. The first error sticks and is returned by every later call.
type NPYWriter struct {
	header NPYHeader
	w      io.WriteSeeker
	buf    *bufio.Writer
	items  int
	row    []byte
	err    error
}

// NewNPYWriter starts an array of the given dtype ("<f2", "<f4", "<i2", "<i4") and
// columns (0 for one dimension) at the current position of w, which must be 0.
func NewNPYWriter(w io.WriteSeeker, dtype string, cols int) (*NPYWriter, error) {
	if npySizes[dtype] == 0 || cols < 0 {
		return nil, fmt.Errorf("write npy: dtype %q with %d columns: dtypes are <f2, <f4, <i2, <i4", dtype, cols)
	}
	n := &NPYWriter{header: NPYHeader{Dtype: dtype, Cols: cols}, w: w, buf: bufio.NewWriterSize(w, 1<<16)}
	_, n.err = n.buf.Write(n.header.bytes())
	return n, n.err
}

// WriteFloats appends whole rows to an <f2 or <f4 array.
func (n *NPYWriter) WriteFloats(rows []float32) error {
	if !n.begin(len(rows), "f", "floats") {
		return n.err
	}
	var half [512]uint16
	for len(rows) > 0 && n.err == nil {
		x := rows[:min(len(rows), len(half))]
		n.row = n.row[:0]
		if n.header.Dtype == "<f2" {
			HalfFromFloat(half[:len(x)], x)
			for _, h := range half[:len(x)] {
				n.row = binary.LittleEndian.AppendUint16(n.row, h)
			}
		} else {
			for _, v := range x {
				n.row = binary.LittleEndian.AppendUint32(n.row, math.Float32bits(v))
			}
		}
		_, n.err = n.buf.Write(n.row)
		rows = rows[len(x):]
	}
	return n.err
}

// WriteInts appends whole rows to an <i2 or <i4 array. A value that <i2 cannot
// hold is an error.
func (n *NPYWriter) WriteInts(rows []int32) error {
	if !n.begin(len(rows), "i", "integers") {
		return n.err
	}
	for len(rows) > 0 && n.err == nil {
		x := rows[:min(len(rows), 512)]
		n.row = n.row[:0]
		for _, v := range x {
			if n.header.Dtype == "<i4" {
				n.row = binary.LittleEndian.AppendUint32(n.row, uint32(v))
				continue
			}
			if v != int32(int16(v)) {
				n.err = fmt.Errorf("write npy: %d does not fit <i2: use <i4", v)
				return n.err
			}
			n.row = binary.LittleEndian.AppendUint16(n.row, uint16(v))
		}
		_, n.err = n.buf.Write(n.row)
		rows = rows[len(x):]
	}
	return n.err
}

func (n *NPYWriter) begin(items int, kind, what string) bool {
	switch {
	case n.err != nil:
	case n.header.Dtype[1:2] != kind:
		n.err = fmt.Errorf("write npy: %s to an array of %s", what, n.header.Dtype)
	case items%n.header.width() != 0:
		n.err = fmt.Errorf("write npy: %d %s are not whole rows of %d", items, what, n.header.width())
	default:
		n.items += items
	}
	return n.err == nil
}

// Close writes what is buffered and sets the row count; it does not close w.
func (n *NPYWriter) Close() error {
	if n.err != nil {
		return n.err
	}
	if n.err = n.buf.Flush(); n.err != nil {
		return n.err
	}
	n.header.Rows = n.items / n.header.width()
	if _, n.err = n.w.Seek(0, io.SeekStart); n.err != nil {
		return n.err
	}
	if _, n.err = n.w.Write(n.header.bytes()); n.err != nil {
		return n.err
	}
	if _, n.err = n.w.Seek(0, io.SeekEnd); n.err != nil {
		return n.err
	}
	n.err = errors.New("write npy: the array is closed")
	return nil
}

// An NPYReader reads one .npy array in order or from any row. It is not for
// concurrent use; open the file once per goroutine.
type NPYReader struct {
	Header NPYHeader
	path   string
	r      io.ReaderAt
	data   int64 // offset of the first element
	row    int   // the next row
	buf    []byte
	half   []uint16
	close  func() error
}

// OpenNPY opens a .npy file. It is an error if the file is shorter or longer
// than its header says.
func OpenNPY(path string) (*NPYReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		var n *NPYReader
		if n, err = readNPY(f, info.Size()); err == nil {
			n.path, n.close = path, f.Close
			return n, nil
		}
	}
	f.Close()
	return nil, fmt.Errorf("read npy %s: %w", path, err)
}

func readNPY(r io.ReaderAt, size int64) (*NPYReader, error) {
	n := &NPYReader{r: r, close: func() error { return nil }}
	var pre [12]byte
	got, err := r.ReadAt(pre[:], 0)
	if got < 10 || string(pre[:6]) != npyMagic {
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, errors.New("not a .npy file: the first bytes are not \\x93NUMPY")
	}
	length := int64(binary.LittleEndian.Uint16(pre[8:]))
	n.data = 10
	if pre[6] > 1 {
		length, n.data = int64(binary.LittleEndian.Uint32(pre[8:])), 12
	}
	if pre[6] < 1 || pre[6] > 3 || length > 1<<16 || n.data+length > size {
		return nil, fmt.Errorf("version %d.%d with a header of %d bytes in a file of %d: the file is cut short or not .npy", pre[6], pre[7], length, size)
	}
	text := make([]byte, length)
	if _, err := r.ReadAt(text, n.data); err != nil && err != io.EOF {
		return nil, err
	}
	n.data += length
	if n.Header, err = parseNPYHeader(string(text)); err != nil {
		return nil, err
	}
	return n, n.checkSize(size - n.data)
}

func (n *NPYReader) checkSize(have int64) error {
	h := n.Header
	row := int64(h.width()) * int64(h.itemSize())
	if int64(h.Cols) > have && h.Rows > 0 || int64(h.Rows) > have/row || int64(h.Rows)*row != have {
		return fmt.Errorf("%d bytes of data for %d rows of %d x %s: the file is cut short or has more than one array", have, h.Rows, h.width(), h.Dtype)
	}
	return nil
}

// parseNPYHeader reads the Python literal {'descr': '<f4', 'fortran_order':
// False, 'shape': (3, 4), }, with its keys in any order.
func parseNPYHeader(s string) (h NPYHeader, err error) {
	s = strings.TrimSpace(s)
	body, ok := strings.CutPrefix(s, "{")
	if body, ok2 := strings.CutSuffix(body, "}"); ok && ok2 {
		s = strings.TrimSpace(body)
	} else {
		return h, fmt.Errorf("header %.80q is not a dictionary", s)
	}
	var dtype, shape, order string
	for s != "" {
		key, rest, ok := strings.Cut(s, ":")
		rest = strings.TrimSpace(rest)
		end := strings.IndexByte(rest, ',')
		if strings.HasPrefix(rest, "(") {
			end = strings.IndexByte(rest, ')') + 1
		}
		if !ok || end < 0 || end > 0 && rest[end-1] != ')' && rest[0] == '(' {
			return h, fmt.Errorf("header has %.80q where 'key': value, is due", s)
		}
		value := strings.TrimSpace(rest[:end])
		s = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest[end:]), ","))
		switch strings.Trim(strings.TrimSpace(key), `'"`) {
		case "descr":
			dtype = strings.Trim(value, `'"`)
		case "fortran_order":
			order = value
		case "shape":
			shape = value
		default:
			return h, fmt.Errorf("header has the unknown key %.80s", key)
		}
	}
	if order != "False" {
		return h, fmt.Errorf("fortran_order is %q: save numpy.ascontiguousarray(x) instead", order)
	}
	if h.Dtype = dtype; h.itemSize() == 0 {
		return h, fmt.Errorf("dtype %q: only <f2, <f4, <i2 and <i4 are read; save x.astype('<f4') instead", dtype)
	}
	h.Rows, h.Cols, err = parseShape(shape)
	return h, err
}

func parseShape(s string) (rows, cols int, err error) {
	dims := strings.Split(strings.TrimSuffix(strings.Trim(s, "() "), ","), ",")
	rows, err = strconv.Atoi(strings.TrimSpace(dims[0]))
	if err == nil && len(dims) == 2 {
		cols, err = strconv.Atoi(strings.TrimSpace(dims[1]))
		if err == nil && cols == 0 {
			err = errors.New("no columns")
		}
	}
	if err != nil || len(dims) > 2 || rows < 0 || cols < 0 || cols > math.MaxInt32 {
		return 0, 0, fmt.Errorf("shape %.80q: only (rows,) and (rows, columns) are read", s)
	}
	return rows, cols, nil
}

// ReadFloats reads as many of the next rows of an <f2 or <f4 array as dst holds
// and returns their number; io.EOF after the last row.
func (n *NPYReader) ReadFloats(dst []float32) (rows int, err error) {
	return n.read(len(dst), "f", "floats", func(at int, b []byte) {
		if n.Header.Dtype == "<f4" {
			for i := 0; i < len(b); i += 4 {
				dst[at+i/4] = math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))
			}
			return
		}
		n.half = n.half[:0]
		for i := 0; i < len(b); i += 2 {
			n.half = append(n.half, binary.LittleEndian.Uint16(b[i:]))
		}
		FloatFromHalf(dst[at:at+len(n.half)], n.half)
	})
}

// ReadInts reads as many of the next rows of an <i2 or <i4 array as dst holds
// and returns their number; io.EOF after the last row.
func (n *NPYReader) ReadInts(dst []int32) (rows int, err error) {
	return n.read(len(dst), "i", "integers", func(at int, b []byte) {
		if n.Header.Dtype == "<i4" {
			for i := 0; i < len(b); i += 4 {
				dst[at+i/4] = int32(binary.LittleEndian.Uint32(b[i:]))
			}
			return
		}
		for i := 0; i < len(b); i += 2 {
			dst[at+i/2] = int32(int16(binary.LittleEndian.Uint16(b[i:])))
		}
	})
}

// read hands the bytes of the next rows that fit in room elements to decode, in
// pieces; at is the piece's first element.
func (n *NPYReader) read(room int, kind, what string, decode func(at int, b []byte)) (int, error) {
	h := n.Header
	if h.Dtype[1:2] != kind {
		return 0, fmt.Errorf("read npy %s: the array holds %s, not %s", n.path, h.Dtype, what)
	}
	rows := min(room/h.width(), h.Rows-n.row)
	if rows == 0 && h.Rows > n.row {
		return 0, fmt.Errorf("read npy %s: room for %d elements, but a row has %d", n.path, room, h.width())
	}
	if rows == 0 {
		return 0, io.EOF
	}
	if n.buf == nil {
		n.buf = make([]byte, 1<<16)
	}
	size, items := h.itemSize(), rows*h.width()
	start := n.data + int64(n.row)*int64(h.width()*size)
	for at := 0; at < items; {
		b := n.buf[:min(len(n.buf), (items-at)*size)]
		if got, err := n.r.ReadAt(b, start+int64(at*size)); got < len(b) {
			if err == io.EOF {
				err = fmt.Errorf("%w: the file was cut short after it was opened", io.ErrUnexpectedEOF)
			}
			return 0, fmt.Errorf("read npy %s: %w", n.path, err)
		}
		decode(at, b)
		at += len(b) / size
	}
	n.row += rows
	return rows, nil
}

// SeekRow makes row i, in [0, Rows], the next to be read.
func (n *NPYReader) SeekRow(i int) error {
	if i < 0 || i > n.Header.Rows {
		return fmt.Errorf("read npy %s: row %d of %d", n.path, i, n.Header.Rows)
	}
	n.row = i
	return nil
}

// Close closes the file.
func (n *NPYReader) Close() error { return n.close() }
