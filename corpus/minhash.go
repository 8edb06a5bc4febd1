package corpus

import (
	"encoding/json"
	"math"

	"github.com/climb-go/climb/vec"
)

// MinHash says which documents count as near-duplicates: those with one key of
// a bucket in common (Broder 1997; locality-sensitive hashing after Indyk and
// Motwani 1998). A key is made of Hashes minima, each over all runs of Words
// words under a permutation of its own, so two documents whose sets of runs
// have the Jaccard similarity s match with the probability
// 1 - (1 - s^Hashes)^Buckets. The defaults are FineWeb's (arXiv 2406.17557,
// section 3.4): one half at s = 0.72, 0.92 at 0.8. Groups are the connected
// components of the matches.
//
// A match is checked by the similarity that all hashes together estimate, with a
// standard deviation of at most 0.05; FineWeb does without.
//
// Words that are changed one by one cost far more similarity than their share:
// with a tenth of them changed a run of five survives with 0.9^5, s is 0.42, and
// the defaults find one pair in a hundred. Words 3, Buckets 28, Hashes 4 with
// Similarity 0.4 find most such pairs (bench/corpus).
//
// A permutation is x -> a x + b mod 2^32 with odd a, x being 32 bits of the hash
// of a run; datatrove's are modulo 2^61-1. A text of fewer than Words words is
// one run, where datatrove passes over it; one without any word matches nothing.
type MinHash struct {
	Words      int     `json:"words" default:"5" min:"1" max:"64" doc:"shingle size: words in an n-gram"`
	Buckets    int     `json:"buckets" default:"14" min:"1" max:"256" doc:"LSH bands (buckets); documents with equal keys in one band are candidates"`
	Hashes     int     `json:"hashes" default:"8" min:"1" max:"64" doc:"rows per LSH band: hashes in a key; more are stricter"`
	Similarity float64 `json:"similarity" default:"0.5" min:"1e-9" max:"1" doc:"minimum Jaccard similarity of near-duplicates, estimated from all hashes; 1e-9 accepts every candidate, as FineWeb does"`
	Keep       string  `json:"keep" default:"longest" choices:"longest,first,best" doc:"document kept of each group of near-duplicates: the longest, the first, or the best by score_field; ties go to the longer, then the first"`
	ScoreField string  `json:"score_field" doc:"numeric field for keep: best, higher is better; documents without it rank last"`
}

// signatureSeed makes the permutations.
const signatureSeed = 0x5eed

// A signer makes signatures. sig holds Buckets x Hashes minima, row-major.
type signer struct {
	o      MinHash
	a, b   []uint32 // of the permutations
	words  []Word
	grams  []uint64
	x, sig []uint32
}

func newSigner(o MinHash) *signer {
	n := o.Buckets * o.Hashes
	s := &signer{o: o, a: make([]uint32, n), b: make([]uint32, n), sig: make([]uint32, n)}
	for i := range n {
		r := scramble(signatureSeed + uint64(i)*0x9e3779b97f4a7c15)
		s.a[i], s.b[i] = uint32(r)|1, uint32(r>>32)
	}
	return s
}

// sign computes the signature of a text; false if it has no words.
func (s *signer) sign(text string) bool {
	s.words = Words(s.words[:0], text)
	if len(s.words) == 0 {
		return false
	}
	s.grams = Shingles(s.grams[:0], s.words, s.o.Words)
	for i := range s.sig {
		s.sig[i] = math.MaxUint32
	}
	const block = 2048 // 8 KiB of hashes stay in the first cache
	for at := 0; at < len(s.grams); at += block {
		s.x = s.x[:0]
		for _, g := range s.grams[at:min(at+block, len(s.grams))] {
			s.x = append(s.x, uint32(g>>32))
		}
		vec.MinHash(s.sig, s.a, s.b, s.x)
	}
	return true
}

// key is that of one bucket.
func (s *signer) key(bucket int) uint64 {
	h := uint64(0)
	for _, v := range s.sig[bucket*s.o.Hashes : (bucket+1)*s.o.Hashes] {
		h = scramble(h + uint64(v))
	}
	return h
}

// sketch appends eight bits of each minimum, from which two documents'
// similarity is estimated (b-bit minwise hashing, Li and König 2010, arXiv
// 0910.3349).
func (s *signer) sketch(dst []byte) []byte {
	for _, v := range s.sig {
		dst = append(dst, byte(v*0x9e3779b1>>24))
	}
	return dst
}

// similarity estimates the Jaccard similarity from two sketches: the share of
// equal bytes, less those that agree by chance.
func similarity(a, b []byte) float64 {
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	const chance = 1. / 256
	return (float64(same)/float64(len(a)) - chance) / (1 - chance)
}

// rank orders the documents of a group, the least first.
func (o MinHash) rank(d Document) uint64 {
	length := uint64(uint32(len(d.Text)))
	switch o.Keep {
	case "first":
		return 0
	case "best":
		return ^(uint64(ordered(o.score(d)))<<32 | length)
	}
	return ^length
}

// score is the number in the field ScoreField, -Inf without one.
func (o MinHash) score(d Document) float32 {
	var fields map[string]json.RawMessage
	var x float64
	if json.Unmarshal(d.Fields, &fields) != nil || json.Unmarshal(fields[o.ScoreField], &x) != nil {
		return float32(math.Inf(-1))
	}
	return float32(x)
}

// ordered maps floats to integers in the same order.
func ordered(x float32) uint32 {
	u := math.Float32bits(x)
	return u ^ (uint32(int32(u)>>31) | 1<<31)
}

// shingles is the set of runs of words that a signature stands for.
func (o MinHash) shingles(text string) map[uint64]bool {
	set := map[uint64]bool{}
	for _, g := range Shingles(nil, Words(nil, text), o.Words) {
		set[g] = true
	}
	return set
}

// Jaccard is the similarity of two texts that the signatures estimate: the
// share of their runs of words that both have.
func (o MinHash) Jaccard(a, b string) float64 {
	x, y := o.shingles(a), o.shingles(b)
	both := 0
	for g := range x {
		if y[g] {
			both++
		}
	}
	return float64(both) / float64(max(1, len(x)+len(y)-both))
}
