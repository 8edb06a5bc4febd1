package corpus

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"sort"
)

// An IDSorter makes an index from ids to numbers of rows: entries of 28 bytes,
// sorted by two XXH64 of the id. At 128 bits two of a trillion ids share a key
// with a probability of 2e-15.
type IDSorter struct {
	sorter
	most    int // entries in memory
	entries []entry
	runs    []run
}

// A RepeatedID is an id that two rows have.
type RepeatedID struct{ First, Second int64 }

func (e *RepeatedID) Error() string {
	return fmt.Sprintf("rows %d and %d have the same id", e.First, e.Second)
}

// NewIDSorter sorts up to most ids in memory, 32 bytes each, and the others by
// merging files in the folder for temporary files.
func NewIDSorter(ctx context.Context, most int) *IDSorter {
	return &IDSorter{sorter: sorter{ctx: ctx, fanIn: 64, chunk: most}, most: most}
}

func idEntry(id string, row int64) entry {
	return entry{a: Hash(id, 0), b: Hash(id, prime1), shard: uint32(row >> 32), row: uint32(row)}
}

func (e entry) number() int64 { return int64(e.shard)<<32 | int64(e.row) }

// Add adds the id of a row.
func (s *IDSorter) Add(id string, row int64) error {
	s.entries = append(s.entries, idEntry(id, row))
	if len(s.entries) < s.most {
		return nil
	}
	return s.flush()
}

func (s *IDSorter) flush() error {
	if len(s.entries) == 0 {
		return nil
	}
	path, err := s.create(func(w io.Writer) error { return writeRun(w, s.entries) })
	if err != nil {
		return fmt.Errorf("sort ids: %w", err)
	}
	s.runs = append(s.runs, run{path: path, count: int64(len(s.entries)), shard: -1})
	s.entries = s.entries[:0]
	return nil
}

// Write writes the index. It is a RepeatedID if two rows have the same id.
func (s *IDSorter) Write(w io.Writer) error {
	if err := s.flush(); err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<18)
	var last entry
	var buf []byte
	first := true
	for e, err := range s.merge(s.runs) {
		switch {
		case err != nil:
			return fmt.Errorf("sort ids: %w", err)
		case !first && e.a == last.a && e.b == last.b:
			return &RepeatedID{last.number(), e.number()}
		}
		first, last, buf = false, e, e.append(buf[:0])
		if _, err := b.Write(buf); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Close removes the temporary files.
func (s *IDSorter) Close() error { return s.close() }

// An IDIndex is an index that IDSorter wrote. It stays on disk.
type IDIndex struct {
	f *os.File
	n int
}

// OpenIDIndex opens an index.
func OpenIDIndex(path string) (*IDIndex, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size()%entryBytes != 0 {
		err = fmt.Errorf("index %s has %d bytes, no multiple of %d: it is damaged", path, info.Size(), entryBytes)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &IDIndex{f, int(info.Size() / entryBytes)}, nil
}

// Find returns the row of an id.
func (x *IDIndex) Find(id string) (row int64, ok bool, err error) {
	want := idEntry(id, 0)
	var b [entryBytes]byte
	at := func(i int) entry {
		if _, e := x.f.ReadAt(b[:], int64(i)*entryBytes); e != nil && err == nil {
			err = fmt.Errorf("read index %s: %w", x.f.Name(), noEOF(e))
		}
		return decodeEntry(&b)
	}
	i := sort.Search(x.n, func(i int) bool {
		return compareEntries(at(i), want) >= 0
	})
	if i == x.n || err != nil {
		return 0, false, err
	}
	e := at(i)
	return e.number(), e.a == want.a && e.b == want.b, err
}

// Close closes the index.
func (x *IDIndex) Close() error { return x.f.Close() }
