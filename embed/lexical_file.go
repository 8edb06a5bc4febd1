package embed

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/climb-go/climb/vec"
)

// magic starts the file of a LexicalModel, version 2. After it, little-endian:
//
//	uint32                 length of the header in bytes
//	header                 JSON: options, docs, singular, mean, rows
//	rows x uint32          the buckets that are kept, ascending
//	rows x dim x float16   the matrix, row by row; row r is added
//	                       once for a text with the feature of bucket r
const magic = "climb lexical 2\n"

type lexicalHeader struct {
	Options  Lexical   `json:"options"`
	Docs     int       `json:"docs"`
	Singular []float64 `json:"singular"`
	Mean     []float32 `json:"mean"`
	Rows     int       `json:"rows"`
}

// Save writes the model: 2*dim + 4 bytes for each kept feature.
func (m *LexicalModel) Save(w io.Writer) error {
	head, err := json.Marshal(lexicalHeader{m.Options, m.Docs, m.Singular, m.mean, len(m.buckets)})
	if err != nil {
		return fmt.Errorf("write lexical model: %w", err)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	b.WriteString(magic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	b.Write(head)
	binary.Write(b, binary.LittleEndian, m.buckets)
	half := make([]uint16, m.Options.Dim)
	buf := make([]byte, 0, 2*m.Options.Dim)
	for r := range m.buckets {
		vec.HalfFromFloat(half, m.matrix[r*len(half):(r+1)*len(half)])
		buf = buf[:0]
		for _, h := range half {
			buf = binary.LittleEndian.AppendUint16(buf, h)
		}
		b.Write(buf)
	}
	if err := b.Flush(); err != nil { // bufio keeps the first error of all writes
		return fmt.Errorf("write lexical model: %w", err)
	}
	return nil
}

// LoadLexical reads what Save wrote. Vectors of the loaded model are those of
// the fitted one: Fit rounds the matrix to float16 too.
func LoadLexical(r io.Reader) (*LexicalModel, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	m, rows, err := readHeader(b)
	if err != nil {
		return nil, fmt.Errorf("read lexical model: %w", err)
	}
	row := make([]byte, 4)
	for i := range rows {
		if _, err := io.ReadFull(b, row); err != nil {
			return nil, fmt.Errorf("read lexical model: bucket %d of %d: %w", i, rows, noEOF(err))
		}
		k := binary.LittleEndian.Uint32(row)
		if k >= uint32(m.Options.Features) || i > 0 && k <= m.buckets[i-1] {
			return nil, fmt.Errorf("read lexical model: bucket %d is %d, want ascending numbers below %d", i, k, m.Options.Features)
		}
		m.buckets = append(m.buckets, k)
	}
	d := m.Options.Dim
	row, half, floats := make([]byte, 2*d), make([]uint16, d), make([]float32, d)
	for i := range rows {
		if _, err := io.ReadFull(b, row); err != nil {
			return nil, fmt.Errorf("read lexical model: row %d of %d: %w", i, rows, noEOF(err))
		}
		for j := range half {
			half[j] = binary.LittleEndian.Uint16(row[2*j:])
		}
		vec.FloatFromHalf(floats, half)
		m.matrix = append(m.matrix, floats...)
	}
	m.index()
	return m, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func readHeader(b io.Reader) (*LexicalModel, int, error) {
	start := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(b, start); err != nil || !bytes.HasPrefix(start, []byte(magic)) {
		return nil, 0, fmt.Errorf("it does not start with %q; was it written by another version?", magic)
	}
	n := binary.LittleEndian.Uint32(start[len(magic):])
	if n > 1<<20 {
		return nil, 0, fmt.Errorf("its header of %d bytes is too long", n)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(b, head); err != nil {
		return nil, 0, fmt.Errorf("header: %w", noEOF(err))
	}
	var h lexicalHeader
	if err := json.Unmarshal(head, &h); err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	if err := h.Options.check(); err != nil {
		return nil, 0, fmt.Errorf("header: %w", err)
	}
	if h.Rows < 0 || h.Rows > h.Options.Features {
		return nil, 0, fmt.Errorf("header: %d rows for %d features", h.Rows, h.Options.Features)
	}
	if len(h.Mean) != h.Options.Dim {
		return nil, 0, fmt.Errorf("header: a mean of %d numbers for vectors of %d", len(h.Mean), h.Options.Dim)
	}
	return &LexicalModel{Options: h.Options, Docs: h.Docs, Singular: h.Singular, mean: h.Mean}, h.Rows, nil
}
