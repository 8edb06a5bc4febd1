package lang

import (
	"math"
	"unicode/utf8"
)

// A scanner goes over the n-grams of the words of one script in a text. The
// hash of an n-gram is (the hash of its first n-1 characters, plus the last) times
// multiplier; a space stands for both ends of a word.
type scanner struct {
	text    string
	at      int
	letters []letter
	script  script
	hash    [longest + 1]uint64 // of the last n characters
	n       int                 // characters of this word, with the space before it, up to longest
}

const (
	multiplier = 0x9e3779b97f4a7c15
	spaceHash  = (' ' + 1) * multiplier % (1 << 64)
)

func (m *Model) scan(text string, of script) scanner {
	s := scanner{text: text, letters: m.letters, script: of}
	s.begin()
	return s
}

// begin starts a word.
func (s *scanner) begin() {
	s.n = 1
	s.hash[1] = spaceHash
}

func (s *scanner) push(r uint64) {
	s.hash[4] = (s.hash[3] + r + 1) * multiplier
	s.hash[3] = (s.hash[2] + r + 1) * multiplier
	s.hash[2] = (s.hash[1] + r + 1) * multiplier
	s.hash[1] = (r + 1) * multiplier
	s.n = min(s.n+1, longest)
}

// next goes on by a character. The n-grams that end there have least to most
// characters; most is 0 at the end.
func (s *scanner) next() (least, most int) {
	if s.n > longest { // the last character ended a word
		s.begin()
	}
	for s.at < len(s.text) {
		c, size := rune(s.text[s.at]), 1
		if c >= utf8.RuneSelf {
			if c, size = utf8.DecodeRuneInString(s.text[s.at:]); c > 0xffff {
				c = 0
			}
		}
		s.at += size
		l := s.letters[c]
		if l.script == s.script {
			s.push(uint64(l.lower))
			return 1, s.n
		}
		if s.n > 1 {
			return 2, s.end()
		}
	}
	if s.n > 1 {
		return 2, s.end()
	}
	return 0, 0
}

// end ends a word.
func (s *scanner) end() int {
	s.push(' ')
	n := s.n
	s.n = longest + 1
	return n
}

// gram is the hash of the last n characters, never 0.
func (s *scanner) gram(n int) uint32 { return uint32(s.hash[n]>>32) | 1 }

// A sum adds rows of bytes, eight languages at a time: the even languages in the
// four halves of low, the odd languages in the four halves of high.
type sum struct {
	waiting   [4]int // rows that are not in them yet
	waits     int    // how many
	low, high [most / 8]uint64
	rows      int // that are in them: 256 fit, then they go to total
	total     [most]uint32
	all       int // rows that were added
	seen      [mostGrams / 64]uint64
}

func (s *sum) flush() {
	for i := range s.low {
		for j := range 4 {
			s.total[8*i+2*j] += uint32(s.low[i] >> (16 * j) & 0xffff)
			s.total[8*i+2*j+1] += uint32(s.high[i] >> (16 * j) & 0xffff)
		}
	}
	clear(s.low[:])
	clear(s.high[:])
	s.all += s.rows
	s.rows = 0
}

// find returns the row of an n-gram, -1 if the group does not know it.
func (g *group) find(gram uint32) int {
	for at := gram >> g.shift; ; at = (at + 1) & uint32(len(g.slots)-1) {
		switch g.slots[at] {
		case gram:
			return int(g.rows[at])
		case 0:
			return -1
		}
	}
}

// add adds a row, once a text: a word that comes again says nothing new.
func (g *group) add(s *sum, row int) {
	if s.seen[row/64]>>(row%64)&1 != 0 {
		return
	}
	s.seen[row/64] |= 1 << (row % 64)
	s.waiting[s.waits] = row
	if s.waits++; s.waits < len(s.waiting) {
		return
	}
	// Four at a time, the sums are loaded and stored a fourth as often.
	const even = 0x00ff00ff00ff00ff
	a, b, c, d := g.row(s.waiting[0]), g.row(s.waiting[1]), g.row(s.waiting[2]), g.row(s.waiting[3])
	low, high := s.low[:len(a)], s.high[:len(a)]
	b, c, d = b[:len(a)], c[:len(a)], d[:len(a)]
	for i, w := range a {
		x, y, z := b[i], c[i], d[i]
		low[i] += w&even + x&even + y&even + z&even
		high[i] += w>>8&even + x>>8&even + y>>8&even + z>>8&even
	}
	s.waits = 0
	if s.rows += len(s.waiting); s.rows == 256 {
		s.flush()
	}
}

// row is the weights of a row.
func (g *group) row(row int) []uint64 { return g.weights[row*g.words:][:g.words] }

// last adds the rows that still wait.
func (g *group) last(s *sum) {
	const even = 0x00ff00ff00ff00ff
	for _, row := range s.waiting[:s.waits] {
		for i, w := range g.row(row) {
			s.low[i] += w & even
			s.high[i] += w >> 8 & even
		}
	}
	s.rows += s.waits
	s.flush()
}

// score writes the sum of the weights, in nats, of the n-grams in text for each
// language, and returns how many n-grams the group knows.
func (g *group) score(m *Model, dst *[most]float32, of script, text string) int {
	var s sum
	chars := m.scan(text, of)
	for least, most := chars.next(); most > 0; least, most = chars.next() {
		for n := least; n <= most; n++ {
			if row := g.find(chars.gram(n)); row >= 0 {
				g.add(&s, row)
			}
		}
	}
	g.last(&s)
	for i := range g.languages {
		dst[i] = float32(s.total[i])/scale - bias*float32(s.all)
	}
	return s.all
}

// temperature is by how much n-grams, which overlap, say less than as many
// that are independent.
const temperature = 4

// softmax makes probabilities of scores.
func softmax(x []float32) {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	var sum float32
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v-top) / temperature))
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}
