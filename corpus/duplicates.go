package corpus

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Counts are the totals of Duplicates: Documents = Kept + Duplicates.
type Counts struct {
	Documents      int64 `json:"documents"`
	Kept           int64 `json:"kept"`
	Duplicates     int64 `json:"duplicates"`
	DuplicateBytes int64 `json:"duplicate_bytes"` // of text
	IDReused       int64 `json:"id_reused"`       // kept documents whose id an earlier one with another text has; counted with dedup "id" only
}

// Duplicates merges the part files of Scan, parts[i] being that of shard i,
// and calls write once for each shard, in order, with the rows to drop: of the
// documents with one id and text, with one text, or with the same words, as Options.Dedup was in
// Scan, the first by shard and row is kept. Two documents are taken for the
// same if the 128 bits of their keys agree; with dedup "text" and "words" these
// are 64 bits of hash and the length.
//
// It sorts in external memory: about 50 MiB a worker, whatever the number of
// documents, and temporary files in the system's folder for them (TMPDIR). Parts are
// merged 320 at a time, so that two passes do for 100,000 of them, by at most three
// workers, for the sake of the open files: a pass by groups of parts, the last one by
// ranges of the keys. The answer does not depend on the number of workers.
func Duplicates(ctx context.Context, parts []string, workers int, write func(shard int, drop *Rows) error) (Counts, error) {
	s := &sorter{ctx: ctx, fanIn: 320, chunk: 1 << 20, workers: min(workers, 3), least: 1 << 20}
	counts, err := duplicates(s, parts, write)
	if err = errors.Join(err, s.close()); err != nil {
		err = fmt.Errorf("find duplicates: %w", err)
	}
	return counts, err
}

func duplicates(s *sorter, parts []string, write func(shard int, drop *Rows) error) (Counts, error) {
	var runs []run
	mode := ""
	for i, path := range parts {
		found, m, err := readPart(path, i)
		if err != nil {
			return Counts{}, err
		}
		if i > 0 && m != mode {
			return Counts{}, fmt.Errorf("%s was scanned with dedup %q, %s with %q: scan them alike", parts[0], mode, path, m)
		}
		runs, mode = append(runs, found...), m
	}
	ranges, err := s.ranges(runs)
	if err != nil {
		return Counts{}, err
	}
	found := make([]dropFinder, len(ranges))
	err = s.each(len(ranges), func(i int) error {
		f := &found[i]
		f.sorter, f.mode = s, mode
		for e, err := range s.merge(ranges[i]) {
			if err == nil {
				err = f.add(e)
			}
			if err != nil {
				return err
			}
		}
		return f.spill()
	})
	all := dropFinder{sorter: s}
	for _, f := range found {
		all.join(&f)
	}
	if err != nil {
		return all.Counts, err
	}
	return all.Counts, all.write(len(parts), write)
}

// join adds what another finder has found in another range.
func (f *dropFinder) join(of *dropFinder) {
	f.Documents += of.Documents
	f.Duplicates += of.Duplicates
	f.DuplicateBytes += of.DuplicateBytes
	f.IDReused += of.IDReused
	f.Kept = f.Documents - f.Duplicates
	f.runs = append(f.runs, of.runs...)
}

// A dropFinder takes the entries in order of their keys and collects which
// rows to drop, in sorted runs.
type dropFinder struct {
	Counts
	*sorter
	mode  string
	last  entry
	drops []entry // a is the shard, b the row
	runs  []run
}

func (f *dropFinder) add(e entry) error {
	first := f.Documents == 0
	f.Documents++
	same := !first && e.a == f.last.a
	switch {
	case f.mode == "none":
	case same && e.b == f.last.b:
		f.Duplicates++
		f.DuplicateBytes += int64(e.bytes)
		f.drops = append(f.drops, entry{a: uint64(e.shard), b: uint64(e.row)})
	case same && f.mode == "id":
		f.IDReused++
	}
	f.last = e
	if len(f.drops) < f.chunk {
		return nil
	}
	return f.spill()
}

// spill writes the collected drops as a run.
func (f *dropFinder) spill() error {
	n := len(f.drops)
	if n == 0 {
		return nil
	}
	path, err := f.create(func(w io.Writer) error { return writeRun(w, f.drops) })
	f.runs = append(f.runs, run{path: path, count: int64(n), shard: -1})
	f.drops = f.drops[:0]
	return err
}

// write gives each shard its drops.
func (f *dropFinder) write(shards int, write func(shard int, drop *Rows) error) error {
	shard, rows := 0, &Rows{}
	advance := func(to int) error {
		for ; shard < to; shard++ {
			if err := write(shard, rows); err != nil {
				return err
			}
			rows = &Rows{}
		}
		return nil
	}
	for e, err := range f.merge(f.runs) {
		if err == nil {
			err = advance(int(e.a))
		}
		if err != nil {
			return err
		}
		rows.Add(int(e.b))
	}
	return advance(shards)
}
