package view

import "math/bits"

// Lengths are how long documents are. Quantiles are at most 1/32 too large.
type Lengths struct {
	Mean   float64     `json:"mean"`
	Least  int64       `json:"min"`
	P5     int64       `json:"p5"`
	P25    int64       `json:"p25"`
	Median int64       `json:"median"`
	P75    int64       `json:"p75"`
	P95    int64       `json:"p95"`
	P99    int64       `json:"p99"`
	Most   int64       `json:"max"`
	Bins   []LengthBin `json:"bins"` // one for each power of two between the shortest and the longest
}

// A LengthBin counts the documents of From or more and less than To.
type LengthBin struct {
	From      int64 `json:"from"`
	To        int64 `json:"to"`
	Documents int64 `json:"documents"`
}

// A histogram counts lengths in bins: one for each below 32, and 32 for each
// power of two above.
type histogram struct {
	n, sum, least, most int64
	bins                [60 * 32]int64
}

// binOf is the bin of a length.
func binOf(x int64) int {
	shift := max(0, bits.Len64(uint64(x))-6)
	return 32*shift + int(x>>shift)
}

// binStart is the least length in a bin.
func binStart(bin int) int64 {
	shift := max(0, bin/32-1)
	return int64(bin-32*shift) << shift
}

func (h *histogram) add(x int64) {
	if h.n == 0 || x < h.least {
		h.least = x
	}
	h.most = max(h.most, x)
	h.n++
	h.sum += x
	h.bins[binOf(x)]++
}

func (h *histogram) merge(g *histogram) {
	if h.n == 0 || g.n > 0 && g.least < h.least {
		h.least = g.least
	}
	h.most = max(h.most, g.most)
	h.n += g.n
	h.sum += g.sum
	for i, n := range g.bins {
		h.bins[i] += n
	}
}

// quantile is the last length of the bin that holds the share q.
func (h *histogram) quantile(q float64) int64 {
	var below int64
	for i, n := range h.bins {
		if below += n; n > 0 && float64(below) >= q*float64(h.n) {
			return min(h.most, binStart(i+1)-1)
		}
	}
	return h.most
}

func (h *histogram) lengths() *Lengths {
	l := &Lengths{Least: h.least, Most: h.most, P5: h.quantile(0.05), P25: h.quantile(0.25), Median: h.quantile(0.5),
		P75: h.quantile(0.75), P95: h.quantile(0.95), P99: h.quantile(0.99), Bins: []LengthBin{}}
	if h.n == 0 {
		return l
	}
	l.Mean = float64(h.sum) / float64(h.n)
	first := bits.Len64(uint64(h.least))
	l.Bins = make([]LengthBin, bits.Len64(uint64(h.most))-first+1)
	for i := range l.Bins {
		l.Bins[i].From, l.Bins[i].To = int64(1)<<(first+i)>>1, 1<<(first+i)
	}
	for i, n := range h.bins {
		if n > 0 {
			l.Bins[bits.Len64(uint64(binStart(i)))-first].Documents += n
		}
	}
	return l
}
