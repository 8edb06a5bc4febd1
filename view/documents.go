package view

import (
	"context"
	"fmt"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/task"
)

// A Document is one of the corpus, for a person who reads.
type Document struct {
	ID     string `json:"id"`
	Source string `json:"source,omitempty"`
	Text   string `json:"text"`  // its start
	Bytes  int    `json:"bytes"` // of the whole text
}

// A Cursor is a place in the corpus. The zero value is its beginning.
type Cursor struct {
	Shard int `json:"shard"`
	Row   int `json:"row"`
}

// documentBytes is how much of a document is shown.
const documentBytes = 4000

// Documents reads at most n documents of a domain in the order of the corpus, from
// a cursor on, and returns where to read on; nil after the last. They are read from
// the input files, a shard from its beginning.
func (r *View) Documents(ctx context.Context, domain int, from Cursor, n int) (out []Document, next *Cursor, err error) {
	assigned, err := r.Curation.Assignment()
	if err != nil {
		return nil, nil, err
	}
	t, err := r.Curation.Texts()
	if err != nil {
		return nil, nil, err
	}
	if from.Shard < 0 || from.Row < 0 || from.Shard > len(t.Shards) {
		return nil, nil, task.Usage(fmt.Errorf("there is no row %d in a shard %d", from.Row, from.Shard))
	}
	for shard := from.Shard; shard < len(t.Shards); shard++ {
		codes, err := curate.DomainOf.Ints(assigned, shard)
		if err != nil {
			return nil, nil, err
		}
		wanted := map[int]bool{}
		for row := from.Row; row < len(codes); row++ {
			if int(codes[row]) != domain {
				continue
			}
			if len(out)+len(wanted) == n {
				next = &Cursor{shard, row}
				break
			}
			wanted[row] = true
		}
		from.Row = 0
		if len(wanted) > 0 {
			for d, err := range t.Shard(ctx, shard) {
				if err != nil {
					return nil, nil, err
				}
				if !wanted[d.Row] {
					continue
				}
				out = append(out, Document{ID: d.ID, Source: d.Source, Text: curate.CutRunes(d.Text, documentBytes), Bytes: len(d.Text)})
				if delete(wanted, d.Row); len(wanted) == 0 {
					break
				}
			}
		}
		if next != nil {
			return out, next, ctx.Err()
		}
	}
	return out, nil, ctx.Err()
}

// DomainLengths are the lengths of the documents of each domain, in bytes.
func (r *View) DomainLengths(domains int) ([]*Lengths, error) {
	assigned, err := r.Curation.Assignment()
	if err != nil {
		return nil, err
	}
	sums := make([]histogram, domains)
	for shard := range r.Curation.Shards {
		codes, err := curate.DomainOf.Ints(assigned, shard)
		if err != nil {
			return nil, err
		}
		g, err := curate.ReadGrades(assigned, shard)
		if err != nil {
			return nil, err
		}
		for row, d := range codes[:min(len(codes), len(g.Bytes))] {
			if int(d) >= 0 && int(d) < domains {
				sums[d].add(int64(g.Bytes[row]))
			}
		}
	}
	out := make([]*Lengths, domains)
	for i := range sums {
		out[i] = sums[i].lengths()
	}
	return out, nil
}
