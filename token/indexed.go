package token

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/climb-go/climb/mmap"
)

// Indexed is a Megatron dataset that is open for reading. Its files are mapped
// into memory, not read: it takes address space, and what is resident is up to
// the operating system. They must not be made shorter while it is open. All
// methods but Close may be called from several goroutines.
type Indexed struct {
	bin, idx *mmap.File
	dtype    uint8
	size     int64
	seqs     int64
	docs     int
	tokens   int64
}

// OpenIndexed opens prefix.bin and prefix.idx. It reads all of the index to
// check it: that sizes agree, that sequences follow one another without gaps,
// and that documents are made of them in order. A document may be several
// sequences.
func OpenIndexed(prefix string) (*Indexed, error) {
	x := new(Indexed)
	name := prefix + ".idx"
	var err error
	if x.idx, err = mmap.Open(name); err == nil {
		if err = x.parseIndex(); err == nil {
			name = prefix + ".bin"
			if x.bin, err = mmap.Open(name); err == nil {
				err = x.checkBin()
			}
		}
	}
	if err != nil {
		x.Close()
		return nil, fmt.Errorf("read tokens %s: %w", name, err)
	}
	return x, nil
}

func (x *Indexed) checkBin() error {
	if got, want := int64(len(x.bin.Data)), x.tokens*x.size; got < want {
		return fmt.Errorf("is %d bytes and must be %d for the %d tokens of the index; it was cut short: write it again", got, want, x.tokens)
	} else if got > want {
		return fmt.Errorf("is %d bytes and must be %d for the %d tokens of the index; the two files do not belong together", got, want, x.tokens)
	}
	return nil
}

func (x *Indexed) parseIndex() error {
	b := x.idx.Data
	if len(b) < indexHeader || string(b[:len(indexMagic)]) != indexMagic {
		return errors.New("is not a Megatron index; it must begin with MMIDIDX and a header of 34 bytes")
	}
	h := b[len(indexMagic):]
	if v := binary.LittleEndian.Uint64(h); v != indexVersion {
		return fmt.Errorf("has version %d; %d is supported", v, indexVersion)
	}
	x.dtype = h[8]
	var err error
	if x.size, err = dtypeSize(x.dtype); err != nil {
		return err
	}
	seqs, ends := binary.LittleEndian.Uint64(h[9:]), binary.LittleEndian.Uint64(h[17:])
	rest := uint64(len(b) - indexHeader)
	if seqs > rest/12 || ends > rest/8 || ends < 1 {
		return fmt.Errorf("is %d bytes, too few for the %d sequences and %d document ends of its header; it was cut short: write it again", len(b), seqs, ends)
	}
	// A multimodal index has one more byte per sequence, its mode.
	if want := 12*seqs + 8*ends; rest != want && rest != want+seqs {
		return fmt.Errorf("is %d bytes and must be %d for the %d sequences and %d document ends of its header", len(b), uint64(indexHeader)+want, seqs, ends)
	}
	x.seqs, x.docs = int64(seqs), int(ends)-1
	return x.checkIndex()
}

func (x *Indexed) checkIndex() error {
	for i := range x.seqs {
		n := int32(binary.LittleEndian.Uint32(x.idx.Data[indexHeader+int(i)*4:]))
		if n < 0 {
			return fmt.Errorf("sequence %d has the length %d", i, n)
		}
		if got, want := x.offset(i), x.tokens*x.size; got != want {
			return fmt.Errorf("sequence %d is at byte %d and the ones before it end at %d", i, got, want)
		}
		x.tokens += int64(n)
	}
	before := int64(0)
	for i := range x.docs + 1 {
		s := x.firstSequence(i)
		if s < before || s > x.seqs || i == 0 && s != 0 || i == x.docs && s != x.seqs {
			return fmt.Errorf("document %d begins at sequence %d; the one before it at %d, and there are %d sequences", i, s, before, x.seqs)
		}
		before = s
	}
	return nil
}

// offset of sequence i in .bin, bytes.
func (x *Indexed) offset(i int64) int64 {
	return int64(binary.LittleEndian.Uint64(x.idx.Data[int64(indexHeader)+4*x.seqs+8*i:]))
}

// firstSequence of document i; i may be Docs().
func (x *Indexed) firstSequence(i int) int64 {
	return int64(binary.LittleEndian.Uint64(x.idx.Data[int64(indexHeader)+12*x.seqs+8*int64(i):]))
}

// Docs is the number of documents.
func (x *Indexed) Docs() int { return x.docs }

// Tokens is the number of tokens of all documents.
func (x *Indexed) Tokens() int64 { return x.tokens }

// Dtype is the element type of .bin, Int32 or Uint16.
func (x *Indexed) Dtype() uint8 { return x.dtype }

// Span gives the positions of document i, 0-based: its tokens are those from
// start up to and without end, counted over the whole dataset.
func (x *Indexed) Span(i int) (start, end int64) {
	if i < 0 || i >= x.docs {
		panic(fmt.Sprintf("token: document %d of %d", i, x.docs))
	}
	return x.position(x.firstSequence(i)), x.position(x.firstSequence(i + 1))
}

// position of the first token of sequence s, which may be x.seqs.
func (x *Indexed) position(s int64) int64 {
	if s == x.seqs {
		return x.tokens
	}
	return x.offset(s) / x.size
}

// Doc gives the tokens of document i, the one that ends it included. It is the
// caller's to change.
func (x *Indexed) Doc(i int) []uint32 {
	start, end := x.Span(i)
	doc := make([]uint32, end-start)
	x.At(doc, start)
	return doc
}

// At copies the tokens from position pos on into dst, over the ends of
// documents, and says how many: len(dst), or fewer where the dataset ends.
func (x *Indexed) At(dst []uint32, pos int64) int {
	if pos < 0 || pos > x.tokens {
		panic(fmt.Sprintf("token: position %d of %d", pos, x.tokens))
	}
	dst = dst[:min(int64(len(dst)), x.tokens-pos)]
	b := x.bin.Data[pos*x.size:]
	if x.dtype == Uint16 {
		for i := range dst {
			dst[i] = uint32(binary.LittleEndian.Uint16(b[2*i:]))
		}
		return len(dst)
	}
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return len(dst)
}

// Close unmaps the files.
func (x *Indexed) Close() error {
	var errs []error
	for _, m := range []*mmap.File{x.bin, x.idx} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	x.bin, x.idx = nil, nil
	return errors.Join(errs...)
}
