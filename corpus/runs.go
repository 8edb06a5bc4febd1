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
	"syscall"
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
	ctx   context.Context
	dir   string // "" until needed
	fanIn int    // runs merged at once; each takes 32 KiB and an open file
	chunk int    // entries sorted in memory
}

func (s *sorter) close() error {
	if s.dir == "" {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// create makes a temporary file, lets write fill it, and closes it.
func (s *sorter) create(write func(w io.Writer) error) (path string, err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "climb-merge-*"); err != nil {
			return "", err
		}
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
		for len(runs) > s.fanIn {
			var merged run
			path, err := s.create(func(w io.Writer) (err error) {
				merged, err = s.mergeTo(w, runs[:s.fanIn])
				return err
			})
			if err != nil {
				yield(entry{}, err)
				return
			}
			merged.path = path
			runs = append(runs[s.fanIn:len(runs):len(runs)], merged)
		}
		if err := s.mergeOnce(runs, func(e entry) bool { return yield(e, nil) }); err != nil {
			yield(entry{}, err)
		}
	}
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
