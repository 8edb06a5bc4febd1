package export

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/corpus"
)

// The shuffle is a sort by random key in two steps, as in an external merge:
// a Piece is one file for each input shard, in which the records of each output
// shard lie together; Write reads one output shard's records from all pieces,
// sorts them by key, and writes them.
//
// A piece file is, for each output shard, one zstd frame of records
// (u64 key, u32 length, then the JSON line), followed by the offsets of the
// frames (shards+1 times u64) and their number (u32), all little-endian.

type record struct {
	key  uint64
	line []byte // with its newline, once it has been read from a piece
	tail string // the end of the line that differs between the copies of a document
}

// A Piece collects the records of one input shard.
type Piece struct {
	shards [][]record
}

// NewPiece makes a piece for the given number of output shards.
func NewPiece(shards int) *Piece { return &Piece{make([][]record, shards)} }

// Add puts copies of a document into the piece: place(i) is the output shard of
// copy i and its key in the order of the dataset. The copies share their line.
func (p *Piece) Add(doc corpus.Document, from Provenance, copies int, place func(copy int) (shard int, key uint64)) {
	line := head(doc, from)
	for i := range copies {
		shard, key := place(i)
		p.shards[shard] = append(p.shards[shard], record{key, line, strconv.Itoa(i) + "}}\n"})
	}
}

// Put puts a record of any kind into the piece, for Gather; the data stays the
// piece's.
func (p *Piece) Put(shard int, key uint64, data []byte) {
	p.shards[shard] = append(p.shards[shard], record{key: key, line: data})
}

// Gather gives the records of output shard i that Put has put into the pieces, in
// the order of their keys. Memory is the shard's.
func Gather(ctx context.Context, pieces []string, i int) ([][]byte, error) {
	records, err := gather(ctx, pieces, i)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(records))
	for j, r := range records {
		out[j] = r.line
	}
	return out, nil
}

// WriteTo writes the piece file.
func (p *Piece) WriteTo(w io.Writer) (int64, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, err
	}
	defer enc.Close()
	var at int64
	var raw, frame, index []byte
	for _, records := range p.shards {
		index = binary.LittleEndian.AppendUint64(index, uint64(at))
		raw = raw[:0]
		for _, r := range records {
			raw = binary.LittleEndian.AppendUint64(raw, r.key)
			raw = binary.LittleEndian.AppendUint32(raw, uint32(len(r.line)+len(r.tail)))
			raw = append(raw, r.line...)
			raw = append(raw, r.tail...)
		}
		frame = enc.EncodeAll(raw, frame[:0])
		n, err := w.Write(frame)
		at += int64(n)
		if err != nil {
			return at, err
		}
	}
	index = binary.LittleEndian.AppendUint64(index, uint64(at))
	index = binary.LittleEndian.AppendUint32(index, uint32(len(p.shards)))
	n, err := w.Write(index)
	return at + int64(n), err
}

// gather reads the records of output shard i, and puts them in shuffled order.
func gather(ctx context.Context, pieces []string, i int) (records []record, err error) {
	for _, path := range pieces {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if records, err = readPiece(records, path, i); err != nil {
			return nil, fmt.Errorf("read piece %s: %w", path, err)
		}
	}
	// The key of a document's copy is unique but for hash collisions; the
	// stable sort then keeps the order of the input.
	slices.SortStableFunc(records, func(a, b record) int { return cmp.Compare(a.key, b.key) })
	return records, nil
}

var errPiece = errors.New("not a piece file, or a truncated one")

func readPiece(records []record, path string, shard int) ([]record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	frame, err := readFrame(f, shard)
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	raw, err := dec.DecodeAll(frame, nil)
	if err != nil {
		return nil, err
	}
	for len(raw) > 0 {
		if len(raw) < 12 {
			return nil, errPiece
		}
		key, n := binary.LittleEndian.Uint64(raw), int(binary.LittleEndian.Uint32(raw[8:]))
		if len(raw) < 12+n {
			return nil, errPiece
		}
		records = append(records, record{key: key, line: raw[12 : 12+n : 12+n]})
		raw = raw[12+n:]
	}
	return records, nil
}

// readFrame returns the compressed records of one output shard.
func readFrame(f *os.File, shard int) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var foot [4]byte
	if _, err := f.ReadAt(foot[:], info.Size()-4); err != nil {
		return nil, errors.Join(errPiece, err)
	}
	shards := int64(binary.LittleEndian.Uint32(foot[:]))
	start := info.Size() - 4 - 8*(shards+1)
	if start < 0 || int64(shard) >= shards {
		return nil, errPiece
	}
	var ends [16]byte
	if _, err := f.ReadAt(ends[:], start+8*int64(shard)); err != nil {
		return nil, err
	}
	lo, hi := int64(binary.LittleEndian.Uint64(ends[:])), int64(binary.LittleEndian.Uint64(ends[8:]))
	if lo < 0 || hi < lo || hi > start {
		return nil, errPiece
	}
	frame := make([]byte, hi-lo)
	_, err = f.ReadAt(frame, lo)
	return frame, err
}
