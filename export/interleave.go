package export

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A Reading is what a trainer sees in its first sequences, by domain.
type Reading struct {
	Sequences int64    `json:"sequences"`
	Shares    []Shares `json:"-"`
	// Noise is the standard deviation that drawing at random gives the largest of
	// the shares of tokens; 0 where the reader does not.
	Noise float64 `json:"noise"`
}

// A Stock is what a simulation knows of a domain: the lengths of its documents,
// the first of them, in the order of the files.
type Stock struct {
	Tokens []int32
	Bytes  []int32
	Total  Supply // of all of them
}

// Simulate reads n sequences of the given length as the trainer would: which
// domain comes next is decided as its reader does, and documents are those of
// the files in their order, from the beginning again when a domain ends.
func Simulate(r Reader, unit Unit, weights []float64, stock []Stock, n int64, context int, seed uint64) (Reading, error) {
	if unit == InData {
		return Reading{}, fmt.Errorf("simulate: the shares of a mixed stream are counted, not drawn")
	}
	taken := make([]Supply, len(weights))
	out := Reading{Sequences: n}
	rng := rand.New(rand.NewPCG(seed, 0))
	if unit == InDocuments {
		drawDocuments(rng, weights, stock, n*int64(context), taken)
		out.Noise = documentNoise(weights, stock, float64(count(taken)))
	} else {
		for d, sequences := range Interleave(r, weights, n, rng) {
			tokens := sequences * int64(context)
			taken[d] = ahead(stock[d], tokens)
		}
		if r == Random {
			out.Noise = noise(weights, float64(n))
		}
	}
	out.Shares = Counted(taken)
	return out, nil
}

func totals(stock []Stock) []Supply {
	out := make([]Supply, len(stock))
	for d, s := range stock {
		out[d] = s.Total
	}
	return out
}

func count(s []Supply) (documents int64) {
	for _, t := range s {
		documents += t.Documents
	}
	return documents
}

func noise(p []float64, n float64) (most float64) {
	for _, x := range p {
		most = max(most, math.Sqrt(x*(1-x)/max(1, n)))
	}
	return most
}

// documentNoise is the largest standard deviation of a domain's share of tokens
// when n documents are drawn with the probabilities p: by the delta method for a
// ratio, sqrt(sum over k of p_k E[t_k^2] (1[k = d] - s_d)^2 / n) / sum of p_k E[t_k].
func documentNoise(p []float64, stock []Stock, n float64) (most float64) {
	share := Back(p, totals(stock))
	mean, all, square := 0.0, 0.0, make([]float64, len(p))
	for d, s := range stock {
		for _, t := range s.Tokens {
			square[d] += float64(t) * float64(t) / float64(len(s.Tokens))
		}
		mean += p[d] * over(float64(s.Total.Tokens), float64(s.Total.Documents))
		all += p[d] * square[d]
	}
	for d, s := range share {
		own := p[d] * square[d]
		most = max(most, math.Sqrt((own*(1-s)*(1-s)+(all-own)*s*s)/max(1, n))/max(mean, 1e-300))
	}
	return most
}

// Interleave counts the sequences that a reader takes of each domain among the
// first n: Greedy is Megatron's build_blending_indices and nanotron's, in
// float64 and with their ties.
func Interleave(r Reader, weights []float64, n int64, rng *rand.Rand) []int64 {
	counts := make([]int64, len(weights))
	switch r {
	case Greedy:
		greedy(weights, n, counts)
	case Blocks:
		blocks(weights, n, counts)
	case Exact:
		exact(weights, n, counts)
	default:
		sum, ends := 0.0, make([]float64, len(weights))
		for d, w := range weights {
			sum += w
			ends[d] = sum
		}
		for range n {
			counts[pick(ends, rng.Float64()*sum)]++
		}
	}
	return counts
}

// greedy takes the domain that is furthest behind its weight, the first of
// equals. Weights are normalized as the readers do.
func greedy(weights []float64, n int64, counts []int64) {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	w := make([]float64, len(weights))
	for d := range w {
		w[d] = weights[d] / sum
	}
	for i := range n {
		at := max(float64(i), 1)
		best, most := 0, math.Inf(-1)
		for d := range w {
			if w[d] <= 0 {
				continue // it is not in the list: a tie would read it
			}
			if e := w[d]*at - float64(counts[d]); e > most {
				best, most = d, e
			}
		}
		counts[best]++
	}
}

// blocks takes whole blocks, and of the last one the share of its sequences.
func blocks(weights []float64, n int64, counts []int64) {
	sum, w := 0.0, slices.Clone(weights)
	for _, x := range weights {
		sum += x
	}
	for d := range w {
		w[d] /= sum
	}
	block := blockOf(w)
	one := inBlock(w, block)
	rest, shares := make([]int64, len(one)), make([]float64, len(one))
	for d, c := range one {
		counts[d], shares[d] = n/block*c, float64(c)
	}
	exact(shares, n%block, rest)
	for d, c := range rest {
		counts[d] += c
	}
}

// exact apportions n by largest remainders (Hamilton).
func exact(weights []float64, n int64, counts []int64) {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	rest := make([]float64, len(weights))
	left := n
	for d, w := range weights {
		x := w / sum * float64(n)
		counts[d] = int64(x)
		rest[d] = x - float64(counts[d])
		left -= counts[d]
	}
	for ; left > 0; left-- {
		best := 0
		for d := range rest {
			if rest[d] > rest[best] {
				best = d
			}
		}
		counts[best]++
		rest[best] = -1
	}
}

// pick finds the interval that x is in.
func pick(ends []float64, x float64) int {
	lo, hi := 0, len(ends)-1
	for lo < hi {
		if mid := (lo + hi) / 2; x < ends[mid] {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// ahead is what the next tokens of a domain are, documents and bytes in
// proportion to what is known of it.
func ahead(s Stock, tokens int64) Supply {
	part := over(float64(tokens), float64(s.Total.Tokens))
	return Supply{Tokens: tokens, Documents: int64(math.Round(part * float64(s.Total.Documents))), Bytes: int64(math.Round(part * float64(s.Total.Bytes)))}
}

// drawDocuments draws documents until they hold so many tokens.
func drawDocuments(rng *rand.Rand, p []float64, stock []Stock, tokens int64, taken []Supply) {
	sum, ends := 0.0, make([]float64, len(p))
	for d, w := range p {
		if len(stock[d].Tokens) > 0 {
			sum += w
		}
		ends[d] = sum
	}
	at := make([]int, len(p))
	for got := int64(0); got < tokens && sum > 0; {
		d := pick(ends, rng.Float64()*sum)
		s := stock[d]
		if len(s.Tokens) == 0 {
			continue
		}
		i := at[d] % len(s.Tokens)
		at[d]++
		one := Supply{1, int64(s.Tokens[i]), int64(s.Bytes[i])}
		got += max(1, one.Tokens)
		taken[d].Add(one)
	}
}
