package lang

import (
	"bufio"
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"unicode"
)

// magic is the first line of a model file. Lines of text follow, which say
// where it is from, then an empty line, and the body, packed with DEFLATE. The
// body has, for each script with several languages, its number, their codes,
// the number of n-grams, their hashes, rising, and a byte an n-gram for each
// language. Numbers are uint32, little-endian; a script of 0 is the end.
const magic = "climb language model 1\n"

//go:embed model.bin
var file []byte

// builtin is the model that is built in.
var builtin = sync.OnceValue(func() *Model {
	m, err := Read(bytes.NewReader(file))
	if err != nil {
		panic("lang: the model that is built in: " + err.Error())
	}
	return m
})

// Header returns the lines that say what the model is made from.
func Header() string {
	head, _, _ := bytes.Cut(file, []byte("\n\n"))
	return string(head) + "\n"
}

// A Model tells languages. It may be used by several goroutines at once.
type Model struct {
	codes   []string     // of all languages, sorted
	only    [scripts]int // index of the language of a script that has one; -1
	groups  [scripts]group
	letters []letter // of the Basic Multilingual Plane
}

// A group is the languages of one script with their n-grams. Hashes are kept in
// a table with open addressing, at most half full.
type group struct {
	languages []int    // indices of codes
	words     int      // uint64s of a row, 8 languages each
	shift     uint     // of a hash to its place
	slots     []uint32 // hashes; 0 is free
	rows      []uint16 // of each slot
	weights   []uint64 // rows: a byte a language, (weight + bias) x scale
}

const (
	longest = 4    // characters of an n-gram
	bias    = 4.0  // nats; the least weight is -bias
	scale   = 28.0 // steps of a nat; the greatest weight is 255/scale - bias

	mostGrams = 1 << 14 // of a script
)

// Read reads a model.
func Read(r io.Reader) (*Model, error) {
	b := bufio.NewReader(r)
	for first := true; ; first = false {
		line, err := b.ReadString('\n')
		if err == nil && first && line != magic {
			err = fmt.Errorf("it does not begin with %q", magic)
		}
		if err != nil {
			return nil, fmt.Errorf("read a language model: %w", err)
		}
		if line == "\n" {
			break
		}
	}
	tables, err := readBody(bufio.NewReader(flate.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("read a language model: %w", err)
	}
	return newModel(tables)
}

// A table is a group as it is stored.
type table struct {
	script  script
	codes   []string
	hashes  []uint32
	weights [][]byte // languages x n-grams
}

func readBody(r io.Reader) (tables []table, err error) {
	number := func(most uint32) (n uint32) {
		if err == nil {
			err = binary.Read(r, binary.LittleEndian, &n)
		}
		if err == nil && n > most {
			err = fmt.Errorf("%d where %d is the most", n, most)
		}
		if err != nil {
			return 0
		}
		return n
	}
	block := func(n uint32) []byte {
		b := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(r, b)
		}
		return b
	}
	for {
		s := number(uint32(scripts) - 1)
		if err != nil || s == 0 {
			return tables, err
		}
		t := table{script: script(s)}
		for range number(most) {
			t.codes = append(t.codes, string(block(number(8))))
		}
		t.hashes = make([]uint32, number(mostGrams))
		if err == nil {
			err = binary.Read(r, binary.LittleEndian, t.hashes)
		}
		for range t.codes {
			t.weights = append(t.weights, block(uint32(len(t.hashes))))
		}
		tables = append(tables, t)
	}
}

// newModel makes a model of its tables.
func newModel(tables []table) (*Model, error) {
	m := &Model{letters: newLetters()}
	for _, code := range only {
		if code != "" {
			m.codes = append(m.codes, code)
		}
	}
	for _, t := range tables {
		m.codes = append(m.codes, t.codes...)
	}
	slices.Sort(m.codes)
	m.codes = slices.Compact(m.codes)
	if len(m.codes) > most {
		return nil, fmt.Errorf("a model of %d languages: %d is the most", len(m.codes), most)
	}
	for s, code := range only {
		m.only[s] = slices.Index(m.codes, code)
	}
	for _, t := range tables {
		if !slices.IsSorted(t.hashes) || len(t.hashes) > 0 && t.hashes[0] == 0 {
			return nil, errors.New("a model whose n-grams are out of order")
		}
		m.groups[t.script] = m.newGroup(t)
	}
	return m, nil
}

func (m *Model) newGroup(t table) group {
	size, shift := 16, uint(28)
	for size < 3*len(t.hashes) {
		size, shift = 2*size, shift-1
	}
	g := group{words: (len(t.codes) + 7) / 8, shift: shift, slots: make([]uint32, size), rows: make([]uint16, size)}
	g.weights = make([]uint64, len(t.hashes)*g.words)
	for i, code := range t.codes {
		g.languages = append(g.languages, slices.Index(m.codes, code))
		for row, w := range t.weights[i] {
			g.weights[row*g.words+i/8] |= uint64(w) << (8 * (i % 8))
		}
	}
	for row, h := range t.hashes {
		at := h >> shift
		for g.slots[at] != 0 {
			at = (at + 1) & uint32(size-1)
		}
		g.slots[at], g.rows[at] = h, uint16(row)
	}
	return g
}

// newLetters makes the table of characters. ASCII's digits and marks have their
// weight against a text being prose, in quarters of a letter.
func newLetters() []letter {
	t := make([]letter, 1<<16)
	for r := '!'; r <= '~'; r++ {
		t[r].lower = 4
	}
	for _, r := range ".,:'\"-!?" {
		t[r].lower = 2
	}
	for _, r := range "{}[]<>=_;$&|\\^~*+#%@`" {
		t[r].lower = 8
	}
	for r := rune('A'); r <= 'Z'; r++ {
		t[r], t[r|0x20] = letter{uint16(r | 0x20), latin}, letter{uint16(r | 0x20), latin}
	}
	for _, b := range blocks {
		for r := b.first; r <= b.last; r++ {
			if unicode.IsLetter(r) || unicode.IsMark(r) {
				t[r] = letter{uint16(r), b.script}
				if lower := unicode.ToLower(r); lower <= 0xffff {
					t[r].lower = uint16(lower)
				}
			}
		}
	}
	return t
}
