package export

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// A tokenWriter writes ids of 2 or 4 bytes, little endian.
type tokenWriter struct {
	w     *bufio.Writer
	width int // bytes
	buf   []byte
	n     int64 // tokens written
}

func newTokenWriter(w io.Writer, width int) *tokenWriter {
	return &tokenWriter{w: bufio.NewWriterSize(w, 1<<16), width: width}
}

func (t *tokenWriter) add(ids ...uint32) error {
	b, err := appendIDs(t.buf[:0], ids, t.width)
	if err != nil {
		return err
	}
	t.buf = b
	t.n += int64(len(ids))
	_, err = t.w.Write(b)
	return err
}

func appendIDs(b []byte, ids []uint32, width int) ([]byte, error) {
	if width == 4 {
		for _, id := range ids {
			b = binary.LittleEndian.AppendUint32(b, id)
		}
		return b, nil
	}
	for _, id := range ids {
		if id > math.MaxUint16 {
			return nil, fmt.Errorf("write tokens: id %d does not fit 16 bits", id)
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(id))
	}
	return b, nil
}

// eachID reads ids of 2 or 4 bytes to the end of r.
func eachID(r io.Reader, width int, use func(id uint32) error) error {
	in := bufio.NewReaderSize(r, 1<<16)
	var b [4]byte
	for {
		_, err := io.ReadFull(in, b[:width])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the file ends inside a token: %w", err)
		}
		id := uint32(binary.LittleEndian.Uint16(b[:]))
		if width == 4 {
			id = binary.LittleEndian.Uint32(b[:])
		}
		if err := use(id); err != nil {
			return err
		}
	}
}

// mostTokens of a document that is read back: a file without ends of documents
// must not fill the memory.
const mostTokens = 1 << 26

// A splitter finds the documents in a stream of tokens by the one that ends, or
// begins, each.
type splitter struct {
	eod    uint32
	begins bool // the token stands before a document
	use    func(Doc) error
	doc    []uint32
}

func (s *splitter) add(id uint32) error {
	if s.begins && id == s.eod {
		if err := s.end(); err != nil {
			return err
		}
	}
	if len(s.doc) == mostTokens {
		return errors.New("a document is longer than 67 million tokens: the file does not have the token that ends documents")
	}
	s.doc = append(s.doc, id)
	if !s.begins && id == s.eod {
		return s.flush(false)
	}
	return nil
}

func (s *splitter) flush(cut bool) error {
	d := Doc{Tokens: s.doc, Cut: cut}
	s.doc = s.doc[:0]
	return s.use(d)
}

// end gives what is left.
func (s *splitter) end() error {
	if len(s.doc) == 0 {
		return nil
	}
	return s.flush(!s.begins)
}

// readTokens reads a file of nothing but tokens, split into documents.
func readTokens(path string, width int, s *splitter) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := eachID(f, width, s.add); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// local is a file of the export on this machine.
func local(dir string, p Part, name string) string {
	return filepath.Join(dir, filepath.FromSlash(p.path(name)))
}
