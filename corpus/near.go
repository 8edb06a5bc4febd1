package corpus

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"math/bits"
	"os"
	"sort"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Near holds the groups of near-duplicates.
type Near struct {
	Groups int64
	Drops  int64 // documents to drop
	forest *forest
}

// A NearDrop is a document to drop.
type NearDrop struct {
	Shard, Row int
	Bytes      int64 // of the text that is dropped
	node       uint32
}

// FindNear joins the pairs in the files of Match: documents that are connected
// by pairs are a group, and the best of it stays. rows[shard] is the number of
// documents of a shard. Rows in copies[shard] are dropped already: they connect
// others, but never stay.
//
// Two passes over the files: the first marks the documents that match another, in as
// many files at a time as there are workers, the second joins them. Memory is 1.3 bits
// for each document and 16 bytes for each that matches another, of which there can be
// 2^32.
func FindNear(ctx context.Context, matches []string, rows []int64, copies []*Rows, workers int) (*Near, error) {
	f := newForest(rows)
	err := f.mark(ctx, matches, workers)
	if err == nil {
		err = f.count()
	}
	if err != nil {
		return nil, fmt.Errorf("join near-duplicates: %w", err)
	}
	f.drop(copies)
	for _, path := range matches {
		if err := f.read(ctx, path); err != nil {
			return nil, fmt.Errorf("join near-duplicates: %w", err)
		}
	}
	return f.near(), nil
}

// All yields the documents to drop, by shard and row.
func (n *Near) All() iter.Seq[NearDrop] {
	return func(yield func(NearDrop) bool) {
		f := n.forest
		for node := range f.places() {
			if !f.drops(node.node) {
				continue
			}
			node.Bytes = int64(f.bytes[node.node])
			if !yield(node) {
				return
			}
		}
	}
}

// Kept is the document of d's group that stays.
func (n *Near) Kept(d NearDrop) (shard, row int) {
	return n.forest.place(n.forest.root(d.node))
}

// A forest is a union-find structure over the documents that match another; the root
// of a tree is its best document. A node is the number of such a document, in the
// order of shards and rows.
type forest struct {
	base    []uint64 // number of the first document of each shard, and of all
	matched []uint64 // a bit a document
	before  []uint32 // nodes before each block of the bits
	parent  []uint32 // by node
	rank    []uint64
	bytes   []uint32
	gone    []uint64 // a bit a node: dropped already
}

// blockWords of matched have a count of their own.
const blockWords = 8

func newForest(rows []int64) *forest {
	f := &forest{base: make([]uint64, len(rows)+1)}
	for i, n := range rows {
		f.base[i+1] = f.base[i] + uint64(n)
	}
	f.matched = make([]uint64, (f.base[len(rows)]+63)/64)
	return f
}

// document is the number of a document, over all shards.
func (f *forest) document(path string, e *entry) (uint64, error) {
	if int(e.shard) >= len(f.base)-1 {
		return 0, fmt.Errorf("read %s: shard %d of %d: it is damaged, match that bucket again", path, e.shard, len(f.base)-1)
	}
	d := f.base[e.shard] + uint64(e.row)
	if d >= f.base[e.shard+1] {
		return 0, fmt.Errorf("read %s: row %d of %d in shard %d: it is damaged, match that bucket again", path, e.row, f.base[e.shard+1]-f.base[e.shard], e.shard)
	}
	return d, nil
}

// mark notes which documents match another.
func (f *forest) mark(ctx context.Context, matches []string, workers int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, workers))
	for _, path := range matches {
		g.Go(func() error {
			return f.pairs(ctx, path, func(_ [2]entry, at [2]uint64) {
				for _, d := range at {
					if word, bit := &f.matched[d/64], uint64(1)<<(d%64); atomic.LoadUint64(word)&bit == 0 {
						atomic.OrUint64(word, bit)
					}
				}
			})
		})
	}
	return g.Wait()
}

// pairs reads the pairs of a file.
func (f *forest) pairs(ctx context.Context, path string, use func(pair [2]entry, at [2]uint64)) error {
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
		b, err := r.Peek(2 * entryBytes)
		if err == io.EOF && len(b) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, noEOF(err))
		}
		pair := [2]entry{decodeEntry((*[entryBytes]byte)(b)), decodeEntry((*[entryBytes]byte)(b[entryBytes:]))}
		var at [2]uint64
		for i := range pair {
			if at[i], err = f.document(path, &pair[i]); err != nil {
				return err
			}
		}
		use(pair, at)
		if _, err := r.Discard(2 * entryBytes); err != nil {
			return err
		}
	}
}

// count numbers the documents that were marked.
func (f *forest) count() error {
	total := uint64(0)
	for i, word := range f.matched {
		if i%blockWords == 0 {
			f.before = append(f.before, uint32(total))
		}
		if total += uint64(bits.OnesCount64(word)); total > math.MaxUint32 {
			return fmt.Errorf("more than %d documents match another one, which is more than can be joined at once; remove duplicates with corpus.dedup: text first, or raise corpus.minhash.similarity", uint32(math.MaxUint32))
		}
	}
	f.parent, f.rank, f.bytes, f.gone = make([]uint32, total), make([]uint64, total), make([]uint32, total), make([]uint64, (total+63)/64)
	for n := range f.parent {
		f.parent[n] = uint32(n)
	}
	return nil
}

// node is the number of a document among those that match another.
func (f *forest) node(d uint64) uint32 {
	word := d / 64
	n := f.before[word/blockWords]
	for i := word / blockWords * blockWords; i < word; i++ {
		n += uint32(bits.OnesCount64(f.matched[i]))
	}
	return n + uint32(bits.OnesCount64(f.matched[word]&(1<<(d%64)-1)))
}

// places yields the nodes with their places, in order.
func (f *forest) places() iter.Seq[NearDrop] {
	return func(yield func(NearDrop) bool) {
		node, shard := uint32(0), 0
		for i, word := range f.matched {
			for ; word != 0; word &= word - 1 {
				d := uint64(i)*64 + uint64(bits.TrailingZeros64(word))
				for d >= f.base[shard+1] {
					shard++
				}
				if !yield(NearDrop{Shard: shard, Row: int(d - f.base[shard]), node: node}) {
					return
				}
				node++
			}
		}
	}
}

// place is the shard and row of a node.
func (f *forest) place(node uint32) (shard, row int) {
	block := sort.Search(len(f.before), func(i int) bool { return f.before[i] > node }) - 1
	left := node - f.before[block]
	word := block * blockWords
	for ; uint32(bits.OnesCount64(f.matched[word])) <= left; word++ {
		left -= uint32(bits.OnesCount64(f.matched[word]))
	}
	x := f.matched[word]
	for ; left > 0; left-- {
		x &= x - 1
	}
	d := uint64(word)*64 + uint64(bits.TrailingZeros64(x))
	shard = sort.Search(len(f.base), func(i int) bool { return f.base[i] > d }) - 1
	return shard, int(d - f.base[shard])
}

// drop notes the nodes that are dropped already.
func (f *forest) drop(copies []*Rows) {
	for p := range f.places() {
		if copies[p.Shard].Has(p.Row) {
			f.gone[p.node/64] |= 1 << (p.node % 64)
		}
	}
}

func (f *forest) isGone(n uint32) bool { return f.gone[n/64]>>(n%64)&1 != 0 }

// read joins the pairs of a file.
func (f *forest) read(ctx context.Context, path string) error {
	return f.pairs(ctx, path, func(pair [2]entry, at [2]uint64) {
		var nodes [2]uint32
		for i, e := range pair {
			n := f.node(at[i])
			nodes[i], f.rank[n], f.bytes[n] = n, e.b, e.bytes
		}
		f.join(nodes[0], nodes[1])
	})
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
	if f.better(y, x) {
		x, y = y, x
	}
	f.parent[y] = x
}

// better tells whether x is to be kept rather than y: it is not dropped already, its
// rank is less, it comes first.
func (f *forest) better(x, y uint32) bool {
	if a, b := f.isGone(x), f.isGone(y); a != b {
		return b
	}
	if f.rank[x] != f.rank[y] {
		return f.rank[x] < f.rank[y]
	}
	return x < y
}

// drops tells whether a node is dropped as a near-duplicate.
func (f *forest) drops(n uint32) bool { return f.root(n) != n && !f.isGone(n) }

func (f *forest) near() *Near {
	out := &Near{forest: f}
	seen := make([]uint64, len(f.gone))
	for i := range f.parent {
		n := uint32(i)
		if !f.drops(n) {
			continue
		}
		out.Drops++
		if r := f.root(n); seen[r/64]>>(r%64)&1 == 0 {
			seen[r/64] |= 1 << (r % 64)
			out.Groups++
		}
	}
	return out
}
