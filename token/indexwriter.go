package token

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// Element types of Megatron's .bin, as numbered in the .idx header.
const (
	Int32  uint8 = 4
	Uint16 uint8 = 8
)

// Dtype is the element type that Megatron gives a vocabulary of this many ids:
// Uint16 below 65500, else Int32 (megatron/core/datasets/indexed_dataset.py,
// DType.optimal_dtype).
func Dtype(vocab int) uint8 {
	if vocab < 65500 {
		return Uint16
	}
	return Int32
}

func dtypeSize(dtype uint8) (int64, error) {
	switch dtype {
	case Int32:
		return 4, nil
	case Uint16:
		return 2, nil
	}
	return 0, fmt.Errorf("element type %d is not supported; %d (int32) and %d (uint16) are", dtype, Int32, Uint16)
}

// The header of .idx: magic, version, element type, sequences, documents + 1.
const (
	indexMagic   = "MMIDIDX\x00\x00"
	indexVersion = 1
	indexHeader  = len(indexMagic) + 8 + 1 + 8 + 8
)

// An IndexWriter writes a Megatron dataset: .bin holds the tokens of all
// documents one after another, little endian; .idx holds the header, then for
// every document its length in tokens (int32) and its offset in .bin in bytes
// (int64), then the documents' first sequences (int64, one sequence per
// document) and their end.
//
// .bin is written as documents are added. The lengths, 4 bytes per document,
// are kept in memory for the first million documents and in a temporary file
// beyond; .idx is written from them by Close. So memory does not grow with the
// dataset, and bin and idx can be any io.Writer.
type IndexWriter struct {
	TempDir string // of the lengths, past a million documents; "" is os.TempDir()

	bin     *bufio.Writer
	idx     io.Writer
	dtype   uint8
	size    int64
	docs    int64
	lengths []int32 // of the last documents
	spill   *os.File
	buf     []byte
	failed  error // the first write error: the files cannot be completed
}

// lengthsInMemory is a variable for tests.
var lengthsInMemory = 1 << 20

// NewIndexWriter writes to bin and idx, which it does not close, tokens of
// type Int32 or Uint16.
func NewIndexWriter(bin, idx io.Writer, dtype uint8) (*IndexWriter, error) {
	size, err := dtypeSize(dtype)
	if err != nil {
		return nil, fmt.Errorf("write token index: %w", err)
	}
	return &IndexWriter{bin: bufio.NewWriterSize(bin, 1<<16), idx: idx, dtype: dtype, size: size}, nil
}

// Add writes a document. Its last token should be the one that ends documents,
// so an empty document is an error.
func (w *IndexWriter) Add(doc []uint32) error {
	if len(doc) == 0 {
		return fmt.Errorf("write document %d: it has no tokens; append the end-of-document token", w.docs)
	}
	if len(doc) > math.MaxInt32 {
		return fmt.Errorf("write document %d: %d tokens are more than an index can tell", w.docs, len(doc))
	}
	limit := uint32(math.MaxInt32)
	if w.dtype == Uint16 {
		limit = math.MaxUint16
	}
	b := w.buf[:0]
	for i, id := range doc {
		if id > limit {
			return fmt.Errorf("write document %d: token %d at position %d does not fit the element type; its largest is %d", w.docs, id, i, limit)
		}
		if b = binary.LittleEndian.AppendUint16(b, uint16(id)); w.dtype == Int32 {
			b = binary.LittleEndian.AppendUint16(b, uint16(id>>16))
		}
	}
	w.buf = b
	if len(w.lengths) == lengthsInMemory && w.failed == nil {
		w.failed = w.spillLengths()
	}
	if w.failed != nil {
		return w.failed
	}
	if _, err := w.bin.Write(b); err != nil {
		w.failed = fmt.Errorf("write tokens: %w", err)
		return w.failed
	}
	w.lengths = append(w.lengths, int32(len(doc)))
	w.docs++
	return nil
}

func (w *IndexWriter) spillLengths() error {
	err := error(nil)
	if w.spill == nil {
		if w.spill, err = os.CreateTemp(w.TempDir, "climb-lengths-*"); err == nil {
			os.Remove(w.spill.Name()) // unix keeps it until it is closed, so that a killed process leaves nothing; elsewhere Close removes it
		}
	}
	if err == nil {
		err = binary.Write(w.spill, binary.LittleEndian, w.lengths)
	}
	if err != nil {
		return fmt.Errorf("write document lengths (a temporary file of 4 bytes per document; set TMPDIR to a disk with room): %w", err)
	}
	w.lengths = w.lengths[:0]
	return nil
}

// Close writes the index. Without it there is none; it must be called also to
// give up, as it removes the temporary file.
func (w *IndexWriter) Close() error {
	defer w.removeSpill()
	if w.failed != nil {
		return w.failed
	}
	if err := w.bin.Flush(); err != nil {
		return fmt.Errorf("write tokens: %w", err)
	}
	if err := w.writeIndex(); err != nil {
		return fmt.Errorf("write token index: %w", err)
	}
	return nil
}

func (w *IndexWriter) removeSpill() {
	if w.spill != nil {
		w.spill.Close()
		os.Remove(w.spill.Name())
		w.spill = nil
	}
}

func (w *IndexWriter) writeIndex() error {
	out := bufio.NewWriterSize(w.idx, 1<<16)
	b := append(make([]byte, 0, 64), indexMagic...)
	b = binary.LittleEndian.AppendUint64(b, indexVersion)
	b = append(b, w.dtype)
	b = binary.LittleEndian.AppendUint64(b, uint64(w.docs))
	b = binary.LittleEndian.AppendUint64(b, uint64(w.docs)+1)
	out.Write(b) // a bufio.Writer keeps its first error for Flush
	err := w.eachLength(func(n int32) { out.Write(binary.LittleEndian.AppendUint32(b[:0], uint32(n))) })
	if err != nil {
		return err
	}
	offset := int64(0)
	err = w.eachLength(func(n int32) {
		out.Write(binary.LittleEndian.AppendUint64(b[:0], uint64(offset)))
		offset += int64(n) * w.size
	})
	if err != nil {
		return err
	}
	for i := range w.docs + 1 {
		out.Write(binary.LittleEndian.AppendUint64(b[:0], uint64(i)))
	}
	return out.Flush()
}

// eachLength calls f with the length of every document, in order.
func (w *IndexWriter) eachLength(f func(int32)) error {
	if w.spill != nil {
		if _, err := w.spill.Seek(0, io.SeekStart); err != nil {
			return err
		}
		in, chunk := bufio.NewReaderSize(w.spill, 1<<16), [4]byte{}
		for range w.docs - int64(len(w.lengths)) {
			if _, err := io.ReadFull(in, chunk[:]); err != nil {
				return fmt.Errorf("read back document lengths: %w", err)
			}
			f(int32(binary.LittleEndian.Uint32(chunk[:])))
		}
	}
	for _, n := range w.lengths {
		f(n)
	}
	return nil
}
