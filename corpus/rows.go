package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"
)

// Rows is a set of rows of one shard, such as those to drop. The zero value
// is empty; a nil *Rows is an empty set too. It takes one bit for each row of the
// pages that hold any, so that a damaged file cannot ask for much.
type Rows struct {
	pages []*rowPage
	n     int
}

// A rowPage is the bits of 65,536 rows.
type rowPage [1 << (pageBits - 6)]uint64

const pageBits = 16

// Add adds a row.
func (r *Rows) Add(row int) {
	at := row >> pageBits
	if more := at + 1 - len(r.pages); more > 0 {
		r.pages = append(r.pages, make([]*rowPage, more)...)
	}
	if r.pages[at] == nil {
		r.pages[at] = &rowPage{}
	}
	word, bit := &r.pages[at][row>>6&(1<<(pageBits-6)-1)], uint64(1)<<(row&63)
	if *word&bit == 0 {
		*word |= bit
		r.n++
	}
}

// Has says whether row is in the set.
func (r *Rows) Has(row int) bool {
	if r == nil || row>>pageBits >= len(r.pages) || r.pages[row>>pageBits] == nil {
		return false
	}
	return r.pages[row>>pageBits][row>>6&(1<<(pageBits-6)-1)]>>(row&63)&1 != 0
}

// Len is the number of rows in the set.
func (r *Rows) Len() int {
	if r == nil {
		return 0
	}
	return r.n
}

// All yields the rows, ascending.
func (r *Rows) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		if r == nil {
			return
		}
		for at, page := range r.pages {
			if page == nil {
				continue
			}
			for i, word := range page {
				for ; word != 0; word &= word - 1 {
					if !yield(at<<pageBits + i<<6 + bits.TrailingZeros64(word)) {
						return
					}
				}
			}
		}
	}
}

const rowsMagic = "climbrow"

// MarshalBinary writes the set as the 8 bytes "climbrow", the number of rows,
// and the gap before each row, all as unsigned varints.
func (r *Rows) MarshalBinary() ([]byte, error) {
	out := binary.AppendUvarint([]byte(rowsMagic), uint64(r.Len()))
	next := 0
	for row := range r.All() {
		out = binary.AppendUvarint(out, uint64(row-next))
		next = row + 1
	}
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (r *Rows) UnmarshalBinary(data []byte) error {
	*r = Rows{}
	if len(data) < len(rowsMagic) || string(data[:len(rowsMagic)]) != rowsMagic {
		return errors.New("not a file of rows")
	}
	data = data[len(rowsMagic):]
	count, k := binary.Uvarint(data)
	if k <= 0 {
		return errors.New("a file of rows is truncated")
	}
	next := uint64(0)
	for data = data[k:]; count > 0; count-- {
		gap, k := binary.Uvarint(data)
		if k <= 0 || gap >= maxRows-next {
			return fmt.Errorf("a file of rows is damaged or truncated, %d rows before its end", count)
		}
		data = data[k:]
		r.Add(int(next + gap))
		next += gap + 1
	}
	if len(data) > 0 {
		return fmt.Errorf("a file of rows has %d bytes too many", len(data))
	}
	return nil
}

// Skip leaves out the documents whose rows are in drop, and numbers the others
// from 0 again, so that later stages have dense rows.
func Skip(docs iter.Seq2[Document, error], drop *Rows) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		row := 0
		for d, err := range docs {
			if err == nil {
				if drop.Has(d.Row) {
					continue
				}
				d.Row = row
				row++
			}
			if !yield(d, err) {
				return
			}
		}
	}
}
