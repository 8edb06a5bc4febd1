package fasttext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strings"
)

const (
	endOfLine   = "</s>"      // the word that a newline is
	labelPrefix = "__label__" // the original does not keep another in the file
)

const (
	wordEntry  = 0
	labelEntry = 1
)

// A Dictionary has the words and labels of a model, and tells the rows of the
// input matrix that a word or a line stands for: those of words come first,
// those of n-grams follow.
type Dictionary struct {
	args          Args
	words, labels int
	tokens        int64

	// Entry i is records[start[i]:start[i+1]], as in the file: the text, a zero,
	// the count in eight bytes, the type in one.
	records []byte
	start   []int
	slots   []uint64 // an open hash table: hash of the text << 32 | entry + 1

	pruned     map[int32]int32 // bucket: row of n-grams; nil = all buckets are there
	prunedRows int
}

// Words is the number of words, Labels that of labels.
func (d *Dictionary) Words() int  { return d.words }
func (d *Dictionary) Labels() int { return d.labels }

// Word gives word i, Label label i with its prefix.
func (d *Dictionary) Word(i int) string  { return string(d.text(i)) }
func (d *Dictionary) Label(i int) string { return string(d.text(d.words + i)) }

// Count is how often entry i was seen in training: words first, then labels.
func (d *Dictionary) Count(i int) int64 {
	return int64(binary.LittleEndian.Uint64(d.records[d.start[i+1]-9:]))
}

func (d *Dictionary) text(i int) []byte { return d.records[d.start[i] : d.start[i+1]-10] }

func (d *Dictionary) labelCounts() []int64 {
	counts := make([]int64, d.labels)
	for i := range counts {
		counts[i] = d.Count(d.words + i)
	}
	return counts
}

// Find gives the entry of a text, -1 if there is none.
func (d *Dictionary) Find(text string) int { return d.find(text, hash(text)) }

func (d *Dictionary) find(text string, h uint32) int {
	for i := d.slot(h); ; i = (i + 1) & (len(d.slots) - 1) {
		s := d.slots[i]
		if s == 0 {
			return -1
		}
		if entry := int(uint32(s)) - 1; uint32(s>>32) == h && string(d.text(entry)) == text {
			return entry
		}
	}
}

func (d *Dictionary) slot(h uint32) int {
	return int(h*0x9e3779b1>>8^h) & (len(d.slots) - 1)
}

// insert adds entry i to the table. Of equal texts the last one counts.
func (d *Dictionary) insert(i int) {
	text := d.text(i)
	h := hash(text)
	for s := d.slot(h); ; s = (s + 1) & (len(d.slots) - 1) {
		old := d.slots[s]
		if old == 0 || uint32(old>>32) == h && bytes.Equal(d.text(int(uint32(old))-1), text) {
			d.slots[s] = uint64(h)<<32 | uint64(i+1)
			return
		}
	}
}

// index makes the hash table of all entries.
func (d *Dictionary) index() {
	d.slots = make([]uint64, 1<<bits.Len(uint(2*len(d.start))))
	for i := range len(d.start) - 1 {
		d.insert(i)
	}
}

func readDictionary(c *cursor, args Args) *Dictionary {
	size, words, labels := int64(c.int32()), c.int32(), c.int32()
	d := &Dictionary{args: args, words: int(words), labels: int(labels), tokens: c.int64()}
	pruned := c.int64()
	if c.err == nil && (words < 0 || labels < 0 || size != int64(words)+int64(labels) || size > int64(len(c.data)-c.at)/10) {
		c.err = fmt.Errorf("has a dictionary of %d entries, %d words and %d labels; the file is damaged: get it anew", size, words, labels)
	}
	if c.err != nil {
		return d
	}
	d.readEntries(c, int(size))
	if pruned >= 0 {
		d.readPruned(c, pruned)
	}
	if c.err == nil {
		d.index()
	}
	return d
}

func (d *Dictionary) readEntries(c *cursor, size int) {
	d.records = c.data[c.at:]
	d.start = make([]int, 1, size+1)
	first := c.at
	for i := range size {
		n := bytes.IndexByte(c.data[c.at:], 0)
		if n < 0 {
			c.err = errors.New("ends within its dictionary; it was cut short: get it anew")
			return
		}
		b := c.bytes(int64(n) + 10)
		if b == nil {
			return
		}
		if kind := b[n+9]; kind != wordEntry && i < d.words || kind != labelEntry && i >= d.words {
			c.err = fmt.Errorf("has %q at place %d of its dictionary, where the type %d does not belong", b[:n], i, kind)
			return
		}
		d.start = append(d.start, c.at-first)
	}
	d.records = d.records[:c.at-first]
}

func (d *Dictionary) readPruned(c *cursor, size int64) {
	b := c.table(size, 2, 4)
	if c.err != nil {
		return
	}
	d.pruned, d.prunedRows = make(map[int32]int32, size), int(size)
	for i := range int(size) {
		bucket, row := int32(binary.LittleEndian.Uint32(b[8*i:])), int32(binary.LittleEndian.Uint32(b[8*i+4:]))
		if row < 0 || int64(row) >= size {
			c.err = fmt.Errorf("keeps n-gram %d in row %d of %d", bucket, row, size)
			return
		}
		d.pruned[bucket] = row
	}
}

// ngramRows is the number of rows after those of the words.
func (d *Dictionary) ngramRows() int {
	switch {
	case d.pruned != nil:
		return d.prunedRows
	case d.args.MaxN <= 0 && d.args.WordNGrams <= 1:
		return 0
	}
	return int(d.args.Buckets)
}

// LabelName is label i without its prefix.
func (d *Dictionary) LabelName(i int) string { return strings.TrimPrefix(d.Label(i), labelPrefix) }
