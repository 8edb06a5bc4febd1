package corpus

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/climb-go/climb/option"
)

// A ScanResult is what is known of a shard once it has been read.
type ScanResult struct {
	Documents int64 `json:"documents"`  // accepted
	TextBytes int64 `json:"text_bytes"` // of them
	Bad       Bad   `json:"bad"`
	// Texts is a checksum of all accepted texts in their order; see Checksum.
	Texts uint64 `json:"texts"`

	Sources Sources `json:"-"` // of the documents, in order
}

// A part file is what Scan leaves for Duplicates:
//
//	"climbpt1"                     8 bytes
//	mode                           8 bytes, Options.Dedup padded with NUL ("text" for "fuzzy")
//	runs: count                    uint64, 1 to 2^20
//	      count x entry, sorted    28 bytes: key a, key b uint64; shard (0), row, bytes of text uint32
//	0                              uint64
//
// all little-endian. The keys are XXH64, seed 0, of the id and of the text;
// with dedup "text" that of the text and its length in bytes; with "words" the
// hash of the sequence of words (see Words and Grams) and their number.
const (
	partMagic   = "climbpt1"
	partHeader  = 16
	partEntries = 1 << 20 // sorted at once: 32 MiB
)

// Scan reads a shard, counts its documents, and writes its part file to w. It
// holds one document and 2^20 entries at a time.
func Scan(ctx context.Context, s Shard, o Options, w io.Writer) (*ScanResult, error) {
	option.Fill(&o)
	res := &ScanResult{}
	p := partWriter{w: w, most: partEntries}
	if o.Dedup == "fuzzy" { // equal texts are found without signatures
		o.Dedup = "text"
	}
	p.header(o.Dedup)
	for d, err := range Read(ctx, s, o, &res.Bad) {
		if err != nil {
			return nil, err
		}
		res.Documents++
		res.TextBytes += int64(len(d.Text))
		res.Texts = Hash(d.Text, res.Texts)
		if d.Row >= maxRows {
			return nil, fmt.Errorf("read shard %s: more than %d documents: lower corpus.shard_bytes, or cut the file", s, int64(maxRows))
		}
		res.Sources.add(d.Source)
		if p.add(partEntry(o.Dedup, d)); p.err != nil {
			break
		}
	}
	if err := p.close(); err != nil {
		return nil, fmt.Errorf("write the part file of %s: %w", s, err)
	}
	return res, nil
}

// Checksum yields the documents of docs, and sets sum to the checksum of their
// texts once all were taken: XXH64 of each text, with that of the one before as
// the seed.
func Checksum(docs iter.Seq2[Document, error], sum *uint64) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		var h uint64
		for d, err := range docs {
			if err == nil {
				h = Hash(d.Text, h)
			}
			if !yield(d, err) {
				return
			}
		}
		*sum = h
	}
}

func partEntry(mode string, d Document) entry {
	e := entry{row: uint32(d.Row), bytes: uint32(len(d.Text)), b: Hash(d.Text, 0)}
	switch mode {
	case "text":
		e.a, e.b = e.b, uint64(len(d.Text))
	case "words":
		words := Words(nil, d.Text)
		if len(words) > 0 { // others are compared as they are
			e.a, e.b = sequence(words), uint64(len(words))
		} else {
			e.a = e.b
		}
	default:
		e.a = Hash(d.ID, 0)
	}
	return e
}

type partWriter struct {
	w       io.Writer
	entries []entry
	most    int
	err     error
}

func (p *partWriter) header(mode string) {
	var head [partHeader]byte
	copy(head[:], partMagic)
	copy(head[8:], mode)
	_, p.err = p.w.Write(head[:])
}

func (p *partWriter) add(e entry) {
	if p.entries = append(p.entries, e); len(p.entries) == p.most {
		p.run()
	}
}

// run writes what has been added as a sorted run; an empty one is the end.
func (p *partWriter) run() {
	if p.err == nil {
		_, p.err = p.w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p.entries))))
	}
	if p.err == nil {
		p.err = writeRun(p.w, p.entries)
	}
	p.entries = p.entries[:0]
}

func (p *partWriter) close() error {
	if len(p.entries) > 0 {
		p.run()
	}
	p.run()
	return p.err
}

// readPart finds the runs of a part file.
func readPart(path string, shard int) (runs []run, mode string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	var head [partHeader]byte
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:8]) != partMagic {
		return nil, "", fmt.Errorf("%s is not a part file", path)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	for at := int64(partHeader); ; {
		var b [8]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			return nil, "", fmt.Errorf("%s is truncated: scan that shard again", path)
		}
		n := binary.LittleEndian.Uint64(b[:])
		at += 8
		if n == 0 {
			break
		}
		if n > uint64(st.Size()-at)/entryBytes {
			return nil, "", fmt.Errorf("%s is truncated: scan that shard again", path)
		}
		runs = append(runs, run{path: path, off: at, count: int64(n), shard: shard})
		at += int64(n) * entryBytes
	}
	mode = string(head[8:])
	for len(mode) > 0 && mode[len(mode)-1] == 0 {
		mode = mode[:len(mode)-1]
	}
	return runs, mode, nil
}
