package train

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/token"
)

// A Sampler draws training sequences so that after every draw the tokens of
// each domain are within one sequence of its share (plus a phase below one
// sequence that depends on the seed). A domain is read without repetition, in
// an order that depends on seed and epoch; the memory is constant.
//
// With phases, that holds from the start of a phase on for its own shares; a domain is
// read on from where the phase before has left it.
//
// With a pool, the first epoch of a domain ends where its pool does, and the later
// ones read the same sequences again, each in an order of its own: a domain whose
// pool is not used up is read as without one.
type Sampler struct {
	files   []*token.Indexed
	weights mix.Mixture
	offset  []float64
	drawn   []int64 // sequences
	phases  []phase // that come after the one that weights are of
	done    []int64 // tokens by domain of the phases before, one after the other
	from    int64   // sequences drawn before the phase
	before  []int64 // likewise, by domain
	pool    []int64 // sequences that may be read, by domain; nil is all
	total   int64
	length  int // tokens in a sequence, without the one to predict at its end
	seed    uint64
}

// NewSampler draws sequences of length+1 tokens. A domain with weight must
// hold tokens.
func NewSampler(files []*token.Indexed, w mix.Mixture, length int, seed uint64) (*Sampler, error) {
	s := &Sampler{files: files, weights: w, length: length, seed: seed,
		offset: make([]float64, len(w)), drawn: make([]int64, len(w)), before: make([]int64, len(w))}
	rng := rand.New(rand.NewPCG(seed, 0x5a3b1e))
	for d := range w {
		s.offset[d] = rng.Float64() - 0.5
		if w[d] > 0 && files[d].Tokens() < 2 {
			return nil, fmt.Errorf("train: domain %d has weight %g but no tokens", d, w[d])
		}
	}
	return s, nil
}

// simulateEpochs gives every domain a pool, so that after the tokens of a run the
// domain has been repeated as often as it is after the tokens of target, a longer
// run on the same mixture: the sequences of the domain times tokens / target, at
// least one.
func (s *Sampler) simulateEpochs(tokens, target int64) {
	s.pool = make([]int64, len(s.files))
	for d := range s.files {
		s.pool[d] = max(1, int64(math.Round(float64(s.chunks(d))*float64(tokens)/float64(target))))
	}
}

// chunks is the number of sequences of a domain.
func (s *Sampler) chunks(d int) int64 {
	return (s.files[d].Tokens() + int64(s.length) - 1) / int64(s.length)
}

// Next fills dst, of length+1 tokens, with the next sequence.
func (s *Sampler) Next(dst []uint32) {
	for len(s.phases) > 0 && s.total == s.phases[0].from {
		s.enter(s.phases[0])
	}
	best, lag, n := -1, 0.0, float64(s.total-s.from+1)
	for d, w := range s.weights {
		if w <= 0 {
			continue
		}
		if l := w*n + s.offset[d]*min(1, w*n) - float64(s.drawn[d]-s.before[d]); best < 0 || l > lag {
			best, lag = d, l
		}
	}
	s.read(dst, best, s.drawn[best])
	s.drawn[best]++
	s.total++
}

// read fills dst with sequence i of domain d, counted over all epochs. The
// end of a domain is followed by its start.
func (s *Sampler) read(dst []uint32, d int, i int64) {
	f, pos := s.files[d], s.at(d, i)
	for got := 0; got < len(dst); {
		k := f.At(dst[got:], (pos+int64(got))%f.Tokens())
		got += k
	}
}

// at is where sequence i of domain d starts, counted over all epochs: a token of it.
func (s *Sampler) at(d int, i int64) int64 {
	chunks := s.chunks(d)
	if s.pool != nil && i >= s.pool[d] { // again, which of the first epoch's sequences
		key := s.key(d, i/s.pool[d])
		i = int64(permute(uint64(i%s.pool[d]), uint64(s.pool[d]), key))
	}
	key := s.key(d, i/chunks)
	return int64(permute(uint64(i%chunks), uint64(chunks), key))*int64(s.length) + int64(key%uint64(s.length))
}

// key is what the order of an epoch of a domain is drawn with.
func (s *Sampler) key(d int, epoch int64) uint64 {
	return mix64(s.seed ^ mix64(uint64(d)+1) ^ mix64(uint64(epoch)<<20+7))
}

// A phase begins with a sequence.
type phase struct {
	from    int64 // sequences before it
	weights mix.Mixture
}

// schedule makes the sampler that of a job with phases, each from the step on that is
// nearest to where it is to begin.
func (s *Sampler) schedule(j Job) {
	begin, steps := 0.0, float64(j.Steps())
	for k, f := range j.Phases {
		s.phases = append(s.phases, phase{int64(math.Round(begin*steps)) * int64(j.Batch), j.Phases.Within(j.Mixture)[k*len(s.files) : (k+1)*len(s.files)]})
		begin += f
	}
	s.weights, s.phases = s.phases[0].weights, s.phases[1:]
}

func (s *Sampler) enter(p phase) {
	s.done = append(s.done, s.ofPhase()...)
	s.from, s.before = s.total, slices.Clone(s.drawn)
	s.weights, s.phases = p.weights, s.phases[1:]
}

// ofPhase are the tokens drawn in this phase by domain.
func (s *Sampler) ofPhase() []int64 {
	t := make([]int64, len(s.drawn))
	for d, n := range s.drawn {
		t[d] = (n - s.before[d]) * int64(s.length)
	}
	return t
}

// Tokens returns the tokens drawn so far by domain; with phases by phase and domain.
func (s *Sampler) Tokens() []int64 {
	t := slices.Concat(s.done, s.ofPhase())
	return append(t, make([]int64, len(s.phases)*len(s.files))...)
}

// permute maps i in [0, n) to its place in a pseudo-random permutation of
// [0, n): a four-round Feistel network on the next even number of bits, walked
// until it lands inside (Black and Rogaway 2002, "Ciphers with Arbitrary
// Finite Domains").
func permute(i, n, key uint64) uint64 {
	half := uint((bits.Len64(max(n, 2)-1) + 1) / 2)
	mask := uint64(1)<<half - 1
	for {
		l, r := i>>half, i&mask
		for round := range uint64(4) {
			l, r = r, l^(mix64(r^key^round<<56)&mask)
		}
		if i = l<<half | r; i < n {
			return i
		}
	}
}

// mix64 is the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
