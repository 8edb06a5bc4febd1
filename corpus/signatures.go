package corpus

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/climb-go/climb/option"
)

// A signature file is what Sign leaves of a shard for Match:
//
//	"climbsg1"                       8 bytes
//	buckets                          uint64
//	blocks: count                    uint64, from 1
//	        for each bucket:
//	        count x entry, sorted    28 bytes: key, rank uint64; shard (0), row, bytes of text uint32
//	0                                uint64
//
// all little-endian. The document with the least rank is the one to keep. A
// document without words has no entries.
const (
	signatureMagic  = "climbsg1"
	signatureHeader = 16
)

// Sign reads a shard and writes its signature file to w, and Buckets x Hashes
// bytes for each row to sketches, from which Match estimates similarities. It holds one document and 2^20 entries at a time.
// Progress, if not nil, is told how many documents have been read.
func Sign(ctx context.Context, s Shard, o Options, w, sketches io.Writer, progress func(documents int64)) error {
	option.Fill(&o)
	out := &signatureWriter{w: w, entries: make([][]entry, o.MinHash.Buckets), most: max(1, partEntries/o.MinHash.Buckets)}
	out.header()
	sign := newSigner(o.MinHash)
	sketch := make([]byte, 0, o.MinHash.Buckets*o.MinHash.Hashes)
	for d, err := range Read(ctx, s, o, nil) {
		if err != nil {
			return err
		}
		if d.Row&0xfff == 0 && progress != nil {
			progress(int64(d.Row))
		}
		if sign.sign(d.Text) {
			e := entry{b: o.MinHash.rank(d), row: uint32(d.Row), bytes: uint32(len(d.Text))}
			for bucket := range out.entries {
				e.a = sign.key(bucket)
				out.entries[bucket] = append(out.entries[bucket], e)
			}
			if len(out.entries[0]) == out.most {
				out.block()
			}
		}
		if _, err := sketches.Write(sign.sketch(sketch[:0])); err != nil {
			return fmt.Errorf("write the sketches of %s: %w", s, err)
		}
		if out.err != nil {
			break
		}
	}
	if err := out.close(); err != nil {
		return fmt.Errorf("write the signatures of %s: %w", s, err)
	}
	return nil
}

type signatureWriter struct {
	w       io.Writer
	entries [][]entry // by bucket
	most    int       // documents in a block
	err     error
}

func (s *signatureWriter) header() {
	head := binary.LittleEndian.AppendUint64([]byte(signatureMagic), uint64(len(s.entries)))
	_, s.err = s.w.Write(head)
}

// block writes what has been added; an empty one is the end.
func (s *signatureWriter) block() {
	n := len(s.entries[0])
	if s.err == nil {
		_, s.err = s.w.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	}
	for i, entries := range s.entries {
		if s.err == nil {
			s.err = writeRun(s.w, entries)
		}
		s.entries[i] = entries[:0]
	}
}

func (s *signatureWriter) close() error {
	if len(s.entries[0]) > 0 {
		s.block()
	}
	s.block()
	return s.err
}

// readSignatures finds the runs of one bucket in a signature file.
func readSignatures(path string, shard, bucket, buckets int) (runs []run, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head [signatureHeader]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:8]) != signatureMagic {
		return nil, fmt.Errorf("%s is not a signature file", path)
	}
	if got := binary.LittleEndian.Uint64(head[8:]); got != uint64(buckets) {
		return nil, fmt.Errorf("%s has %d buckets, want %d", path, got, buckets)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for at := int64(signatureHeader); ; {
		var b [8]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			return nil, fmt.Errorf("%s is truncated: sign that shard again", path)
		}
		n := binary.LittleEndian.Uint64(b[:])
		at += 8
		if n == 0 {
			return runs, nil
		}
		if n > uint64(st.Size()-at)/entryBytes/uint64(buckets) {
			return nil, fmt.Errorf("%s is truncated: sign that shard again", path)
		}
		runs = append(runs, run{path: path, off: at + int64(bucket)*int64(n)*entryBytes, count: int64(n), shard: shard})
		at += int64(buckets) * int64(n) * entryBytes
	}
}
