package corpus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// mostLeaders bounds the documents of one key that the others are compared with.
const mostLeaders = 64

// MatchCounts are the totals of Match.
type MatchCounts struct {
	Documents int64 `json:"documents"` // in the bucket
	Pairs     int64 `json:"pairs"`     // written
	Rejected  int64 `json:"rejected"`  // documents of a group that are not similar enough to any leader of it
}

// Match writes the pairs of documents that share the key of one bucket to w:
// for each document the best one with its key, and it. They must be similar
// enough by their sketches: a document is paired with the first leader that it
// is similar to, and becomes a leader itself without one, if there are fewer
// than 64 of its key. signatures[i] and sketches[i] are the files of shard i.
//
// A pair is two entries as in the signature files, the one to keep first. The
// sort is external: about 50 MiB, whatever the number of documents.
func Match(ctx context.Context, signatures, sketches []string, bucket int, o MinHash, w io.Writer) (MatchCounts, error) {
	s := &sorter{ctx: ctx, fanIn: 256, chunk: partEntries}
	m := matcher{o: o, w: bufio.NewWriterSize(w, 1<<18), sketches: sketchReader{paths: sketches, size: o.Buckets * o.Hashes}}
	err := m.merge(s, signatures, bucket)
	if err = errors.Join(err, m.w.Flush(), s.close(), m.sketches.close()); err != nil {
		err = fmt.Errorf("match bucket %d: %w", bucket, err)
	}
	return m.MatchCounts, err
}

type matcher struct {
	MatchCounts
	o        MinHash
	w        *bufio.Writer
	sketches sketchReader
	leaders  []leader // of the key that is being read
	buf      []byte
}

// A leader is a document that later ones of its key are paired with.
type leader struct {
	entry
	sketch []byte // nil until it is needed
}

func (m *matcher) merge(s *sorter, signatures []string, bucket int) error {
	var runs []run
	for shard, path := range signatures {
		found, err := readSignatures(path, shard, bucket, m.o.Buckets)
		if err != nil {
			return err
		}
		runs = append(runs, found...)
	}
	for e, err := range s.merge(runs) {
		if err == nil {
			err = m.add(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add takes the entries in order of key, rank and place.
func (m *matcher) add(e entry) error {
	m.Documents++
	if len(m.leaders) == 0 || m.leaders[0].a != e.a {
		m.leaders = append(m.leaders[:0], leader{entry: e})
		return nil
	}
	if m.leaders[0].sketch == nil {
		if err := m.sketches.read(&m.leaders[0]); err != nil {
			return err
		}
	}
	this := leader{entry: e}
	if err := m.sketches.read(&this); err != nil {
		return err
	}
	for _, l := range m.leaders {
		if similarity(l.sketch, this.sketch) >= m.o.Similarity {
			return m.pair(l.entry, e)
		}
	}
	m.Rejected++
	if len(m.leaders) < mostLeaders {
		m.leaders = append(m.leaders, this)
	}
	return nil
}

func (m *matcher) pair(keep, e entry) error {
	m.Pairs++
	m.buf = e.append(keep.append(m.buf[:0]))
	_, err := m.w.Write(m.buf)
	return err
}

// A sketchReader reads sketches where they lie.
type sketchReader struct {
	paths []string
	size  int // bytes of one
	files map[uint32]*os.File
}

func (r *sketchReader) read(l *leader) (err error) {
	f := r.files[l.shard]
	if f == nil {
		if len(r.files) == 256 {
			if err := r.close(); err != nil {
				return err
			}
		}
		if f, err = os.Open(r.paths[l.shard]); err != nil {
			return err
		}
		if r.files == nil {
			r.files = map[uint32]*os.File{}
		}
		r.files[l.shard] = f
	}
	l.sketch = make([]byte, r.size)
	if _, err := f.ReadAt(l.sketch, int64(l.row)*int64(r.size)); err != nil {
		return fmt.Errorf("read %s: row %d: %w", f.Name(), l.row, noEOF(err))
	}
	return nil
}

func (r *sketchReader) close() (err error) {
	for _, f := range r.files {
		err = errors.Join(err, f.Close())
	}
	r.files = nil
	return err
}
