package corpus

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sort"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// An entry is what external sorting sorts: a key of two words, and where it
// comes from.
type entry struct {
	a, b              uint64
	shard, row, bytes uint32
}

const (
	entryBytes = 28
	maxRows    = 1 << 32
)

func compareEntries(x, y entry) int {
	if c := cmp.Compare(x.a, y.a); c != 0 {
		return c
	}
	if c := cmp.Compare(x.b, y.b); c != 0 {
		return c
	}
	if c := cmp.Compare(x.shard, y.shard); c != 0 {
		return c
	}
	return cmp.Compare(x.row, y.row)
}

func (e entry) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, e.a)
	dst = binary.LittleEndian.AppendUint64(dst, e.b)
	dst = binary.LittleEndian.AppendUint32(dst, e.shard)
	dst = binary.LittleEndian.AppendUint32(dst, e.row)
	return binary.LittleEndian.AppendUint32(dst, e.bytes)
}

func decodeEntry(b *[entryBytes]byte) entry {
	u64, u32 := binary.LittleEndian.Uint64, binary.LittleEndian.Uint32
	return entry{u64(b[0:]), u64(b[8:]), u32(b[16:]), u32(b[20:]), u32(b[24:])}
}

// writeRun sorts entries and writes them.
func writeRun(w io.Writer, entries []entry) error {
	slices.SortFunc(entries, compareEntries)
	var buf []byte
	for len(entries) > 0 {
		chunk := entries[:min(len(entries), 1<<12)]
		entries = entries[len(chunk):]
		buf = buf[:0]
		for _, e := range chunk {
			buf = e.append(buf)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// A run is a sorted stretch of a file. shard, if not negative, stands in for
// that of its entries.
type run struct {
	path       string
	off, count int64 // bytes, entries
	shard      int
}

// A cursor reads a run.
type cursor struct {
	run
	head entry
	left int64
	file *os.File
	r    *bufio.Reader
}

func (c *cursor) open() (err error) {
	if c.file, err = os.Open(c.path); err != nil {
		return err
	}
	c.r = bufio.NewReaderSize(io.NewSectionReader(c.file, c.off, c.count*entryBytes), 32<<10)
	c.left = c.count
	return nil
}

// next moves to the next entry; false at the end.
func (c *cursor) next() (bool, error) {
	if c.left == 0 {
		return false, nil
	}
	c.left--
	var b [entryBytes]byte
	if _, err := io.ReadFull(c.r, b[:]); err != nil {
		return false, fmt.Errorf("read %s: %w", c.path, noEOF(err))
	}
	before := c.head
	if c.head = decodeEntry(&b); c.shard >= 0 {
		c.head.shard = uint32(c.shard)
	}
	if c.left+1 < c.count && compareEntries(before, c.head) > 0 {
		return false, fmt.Errorf("read %s: its entries are not sorted: it is damaged, scan that shard again", c.path)
	}
	return true, nil
}

// A sorter merges runs, in as many passes as the number of open files asks
// for, and keeps what it writes in a folder of its own.
type sorter struct {
	ctx     context.Context
	mu      sync.Mutex
	dir     string // "" until needed
	fanIn   int    // runs merged at once; each takes 32 KiB and an open file
	chunk   int    // entries sorted in memory
	workers int    // merges at once
	least   int64  // entries of a range
}

// each calls f for 0 to n-1, as many at a time as there are workers.
func (s *sorter) each(n int, f func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(max(1, s.workers))
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	return g.Wait()
}

func (s *sorter) close() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// create makes a temporary file, lets write fill it, and closes it.
func (s *sorter) create(write func(w io.Writer) error) (path string, err error) {
	s.mu.Lock()
	if s.dir == "" {
		s.dir, err = os.MkdirTemp("", "climb-merge-*")
	}
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(s.dir, "run-*")
	if err != nil {
		return "", err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	err = errors.Join(write(w), w.Flush(), f.Close())
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w: free some space on it, or set TMPDIR to a larger disk", err)
	}
	return f.Name(), err
}

// merge yields the entries of all runs in order.
func (s *sorter) merge(runs []run) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		runs, err := s.narrow(runs)
		if err == nil {
			err = s.mergeOnce(runs, func(e entry) bool { return yield(e, nil) })
		}
		if err != nil {
			yield(entry{}, err)
		}
	}
}

// narrow merges groups of runs until they can be merged at once.
func (s *sorter) narrow(runs []run) ([]run, error) {
	for len(runs) > s.fanIn {
		groups := slices.Collect(slices.Chunk(runs, s.fanIn))
		merged := make([]run, len(groups))
		err := s.each(len(groups), func(i int) error {
			if len(groups[i]) == 1 {
				merged[i] = groups[i][0]
				return nil
			}
			var of run
			path, err := s.create(func(w io.Writer) (err error) {
				of, err = s.mergeTo(w, groups[i])
				return err
			})
			of.path = path
			merged[i] = of
			return err
		})
		if err != nil {
			return nil, err
		}
		runs = merged
	}
	return runs, nil
}

// ranges cuts runs into ranges of the first word of their keys, which is spread
// evenly, one after the other, each the parts of all runs: what they yield is that of
// the runs. With one worker, or few entries, there is one.
func (s *sorter) ranges(runs []run) ([][]run, error) {
	runs, err := s.narrow(runs)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, r := range runs {
		total += r.count
	}
	n := min(4*int64(s.workers), total/max(1, s.least))
	if s.workers < 2 || n < 2 {
		return [][]run{runs}, nil
	}
	out := make([][]run, n)
	for _, r := range runs {
		cuts, err := r.cut(int(n))
		if err != nil {
			return nil, err
		}
		for i, c := range cuts {
			if c.count > 0 {
				out[i] = append(out[i], c)
			}
		}
	}
	return out, nil
}

// cut divides a run by the first word of its keys into n equal ranges of it.
func (r run) cut(n int) ([]run, error) {
	f, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, from := make([]run, n), int64(0)
	for i := range n {
		to := r.count
		if i < n-1 {
			bound := (^uint64(0)/uint64(n) + 1) * uint64(i+1)
			to = from + int64(sort.Search(int(r.count-from), func(k int) bool {
				var b [8]byte
				if _, e := f.ReadAt(b[:], r.off+(from+int64(k))*entryBytes); e != nil && err == nil {
					err = fmt.Errorf("read %s: %w", r.path, noEOF(e))
				}
				return binary.LittleEndian.Uint64(b[:]) >= bound
			}))
		}
		out[i] = run{path: r.path, off: r.off + from*entryBytes, count: to - from, shard: r.shard}
		from = to
	}
	return out, err
}

func (s *sorter) mergeTo(w io.Writer, runs []run) (run, error) {
	out := run{shard: -1}
	var buf []byte
	var failed error
	err := s.mergeOnce(runs, func(e entry) bool {
		buf = e.append(buf[:0])
		_, failed = w.Write(buf)
		out.count++
		return failed == nil
	})
	return out, errors.Join(err, failed)
}

// mergeOnce merges runs with a heap of cursors until yield returns false.
func (s *sorter) mergeOnce(runs []run, yield func(entry) bool) error {
	var opened, heap []*cursor
	defer func() {
		for _, c := range opened {
			c.file.Close()
		}
	}()
	for _, r := range runs {
		c := &cursor{run: r}
		if err := c.open(); err != nil {
			return err
		}
		opened = append(opened, c)
		ok, err := c.next()
		if err != nil {
			return err
		}
		if ok {
			heap = append(heap, c)
		}
	}
	return drain(s.ctx, heap, yield)
}

func drain(ctx context.Context, heap []*cursor, yield func(entry) bool) error {
	for i := len(heap)/2 - 1; i >= 0; i-- {
		siftDown(heap, i)
	}
	for n := 0; len(heap) > 0; n++ {
		if n&0xffff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !yield(heap[0].head) {
			return nil
		}
		ok, err := heap[0].next()
		if err != nil {
			return err
		}
		if !ok {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		siftDown(heap, 0)
	}
	return nil
}

func siftDown(heap []*cursor, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if right := child + 1; right < len(heap) && compareEntries(heap[right].head, heap[child].head) < 0 {
			child = right
		}
		if compareEntries(heap[i].head, heap[child].head) <= 0 {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
