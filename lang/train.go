package lang

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// A Trainer makes models. The zero value has the settings of the model that is
// built in.
type Trainer struct {
	Header string // lines that say what the model is made from
	Grams  int    // most n-grams of a script; 0 is 12000

	counts [scripts]map[string]*tally
}

// A tally is the n-grams of a language in one script.
type tally struct {
	of    map[uint32]float64
	total float64
}

// prior is the number of times that an n-gram counts as seen, and as expected,
// before any text is read.
const prior = 4

// Add reads a text in a language. It counts in the script that most of it is
// written in; texts in scripts of one language are not needed.
func (t *Trainer) Add(code, text string) {
	m := &Model{letters: newLetters()}
	c := m.count(text)
	s, own, _ := c.main()
	if own == 0 || only[s] != "" {
		return
	}
	if t.counts[s] == nil {
		t.counts[s] = map[string]*tally{}
	}
	n := t.counts[s][code]
	if n == nil {
		n = &tally{of: map[uint32]float64{}}
		t.counts[s][code] = n
	}
	chars := m.scan(text, s)
	for least, most := chars.next(); most > 0; least, most = chars.next() {
		for k := least; k <= most; k++ {
			n.of[chars.gram(k)]++
			n.total++
		}
	}
}

// Write trains the model on what was added and writes it. The same texts give
// the same bytes.
func (t *Trainer) Write(w io.Writer) error {
	var body bytes.Buffer
	number := func(n int) { _ = binary.Write(&body, binary.LittleEndian, uint32(n)) } // to memory
	for s, languages := range t.counts {
		if len(languages) == 0 {
			continue
		}
		x := weigh(languages, cmp.Or(t.Grams, 8000))
		number(s)
		number(len(x.codes))
		for _, code := range x.codes {
			number(len(code))
			body.WriteString(code)
		}
		number(len(x.hashes))
		_ = binary.Write(&body, binary.LittleEndian, x.hashes)
		for _, column := range x.weights {
			body.Write(column)
		}
	}
	number(0)
	if strings.Contains(t.Header, "\n\n") {
		return fmt.Errorf("write a language model: an empty line in its header %q", t.Header)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n\n", magic, strings.TrimSpace(t.Header)); err != nil {
		return err
	}
	z, err := flate.NewWriter(w, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(body.Bytes()); err != nil {
		return err
	}
	return z.Close()
}

// weigh computes the weights of n-grams, ln((c + prior) / (e + prior)) for one
// that was seen c times where e are expected by its mean share over the
// languages, and keeps those that tell most: by mean share x variance of the
// weights over the languages.
func weigh(languages map[string]*tally, grams int) table {
	x := table{codes: slices.Sorted(maps.Keys(languages))}
	share := map[uint32]float64{}
	for _, code := range x.codes {
		l := languages[code]
		for g, n := range l.of { // every g once: the order does not matter
			share[g] += n / l.total / float64(len(x.codes))
		}
	}
	type ranked struct {
		gram  uint32
		tells float64
	}
	weight := func(l *tally, g uint32) float64 {
		return math.Log((l.of[g] + prior) / (share[g]*l.total + prior))
	}
	var all []ranked
	for g, q := range share {
		var sum, squares float64
		for _, code := range x.codes {
			w := weight(languages[code], g)
			sum, squares = sum+w, squares+w*w
		}
		n := float64(len(x.codes))
		all = append(all, ranked{g, q * (squares/n - sum/n*sum/n)})
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.tells, a.tells), cmp.Compare(a.gram, b.gram)) })
	for _, r := range all[:min(len(all), grams)] {
		x.hashes = append(x.hashes, r.gram)
	}
	slices.Sort(x.hashes)
	for _, code := range x.codes {
		column := make([]byte, len(x.hashes))
		for i, g := range x.hashes {
			column[i] = byte(math.Round(min(max((weight(languages[code], g)+bias)*scale, 0), 255)))
		}
		x.weights = append(x.weights, column)
	}
	return x
}
