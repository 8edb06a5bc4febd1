package corpus

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Near holds the groups of near-duplicates.
type Near struct {
	Groups int64
	Drops  []NearDrop // by shard and row
}

// A NearDrop is a document to drop, and the one of its group that stays.
type NearDrop struct {
	Shard, Row         int
	KeptShard, KeptRow int
	Bytes              int64 // of the text that is dropped
}

// FindNear joins the pairs in the files of Match: documents that are connected
// by pairs are a group, and the best of it stays. Rows in copies[shard] are
// dropped already: they connect others, but never stay. Memory is about 60 bytes
// for each document that matches another.
func FindNear(ctx context.Context, matches []string, copies []*Rows) (*Near, error) {
	f := forest{index: map[uint64]uint32{}}
	for _, path := range matches {
		if err := f.read(ctx, path, copies); err != nil {
			return nil, fmt.Errorf("join near-duplicates: %w", err)
		}
	}
	return f.groups(), nil
}

// A forest is a union-find structure; the root of a tree is its best document.
type forest struct {
	index  map[uint64]uint32 // shard<<32|row -> node
	docs   []entry           // a is 1 for those dropped already, else 0
	parent []uint32
}

func (f *forest) read(ctx context.Context, path string, copies []*Rows) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<18)
	for n := 0; ; n++ {
		if n&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var pair [2]entry
		for i := range pair {
			var b [entryBytes]byte
			if _, err := io.ReadFull(r, b[:]); errors.Is(err, io.EOF) && i == 0 {
				return nil
			} else if err != nil {
				return fmt.Errorf("read %s: %w", path, noEOF(err))
			}
			pair[i] = decodeEntry(&b)
			if int(pair[i].shard) >= len(copies) {
				return fmt.Errorf("read %s: shard %d of %d: it is damaged, match that bucket again", path, pair[i].shard, len(copies))
			}
		}
		f.join(f.node(pair[0], copies), f.node(pair[1], copies))
	}
}

func (f *forest) node(e entry, copies []*Rows) uint32 {
	id := uint64(e.shard)<<32 | uint64(e.row)
	n, ok := f.index[id]
	if !ok {
		if e.a = 0; copies[e.shard].Has(int(e.row)) {
			e.a = 1
		}
		n = uint32(len(f.docs))
		f.index[id] = n
		f.docs, f.parent = append(f.docs, e), append(f.parent, n)
	}
	return n
}

func (f *forest) root(n uint32) uint32 {
	for f.parent[n] != n {
		f.parent[n] = f.parent[f.parent[n]]
		n = f.parent[n]
	}
	return n
}

func (f *forest) join(x, y uint32) {
	x, y = f.root(x), f.root(y)
	if compareEntries(f.docs[y], f.docs[x]) < 0 {
		x, y = y, x
	}
	f.parent[y] = x
}

func (f *forest) groups() *Near {
	out := &Near{}
	seen := make([]bool, len(f.docs))
	for i, d := range f.docs {
		r := f.root(uint32(i))
		if kept := f.docs[r]; r != uint32(i) && d.a == 0 {
			if !seen[r] {
				seen[r] = true
				out.Groups++
			}
			out.Drops = append(out.Drops, NearDrop{int(d.shard), int(d.row), int(kept.shard), int(kept.row), int64(d.bytes)})
		}
	}
	slices.SortFunc(out.Drops, func(a, b NearDrop) int {
		return cmp.Or(cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Row, b.Row))
	})
	return out
}
