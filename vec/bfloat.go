package vec

import "math"

// bfloat is x in bfloat16: the upper half of a float32, rounded to nearest even,
// denormals to zero, as AVX512_BF16 does it.
func bfloat(x float32) uint32 {
	b := math.Float32bits(x)
	switch {
	case b&0x7f800000 == 0:
		return b >> 16 & 0x8000
	case x != x:
		return b>>16 | 0x40
	}
	return (b + 0x7fff + b>>16&1) >> 16
}

// packNarrow packs n rows or columns of src rounded to bfloat16: in pairs where
// tiles take them, else as float32.
func (s *side) packNarrow(dst, src []float32, n int) {
	if !pairing() {
		for i := range n {
			for p := range s.k {
				dst[p*s.width+i] = math.Float32frombits(bfloat(src[i*s.across+p*s.along]) << 16)
			}
		}
		return
	}
	whole := s.k / 2
	switch {
	case s.across == 1 && n == s.width && whole > 0:
		pairRows(dst, src, s.along, s.width, whole)
		s.packPairs(dst, src, n, whole)
	case s.across == 1 || s.k < 32:
		s.packPairs(dst, src, n, 0)
	default:
		s.turnPairs(dst, src, n)
	}
}

// packPairs packs the pairs from from on, one by one.
func (s *side) packPairs(dst, src []float32, n, from int) {
	for r := from; r < s.depth(); r++ {
		for i := range n {
			at := i*s.across + 2*r*s.along
			pair := bfloat(src[at])
			if 2*r+1 < s.k {
				pair |= bfloat(src[at+s.along]) << 16
			}
			dst[r*s.width+i] = math.Float32frombits(pair)
		}
	}
}

// turnPairs packs rows that lie along k: eight at a time become pairs, which are
// then turned as float32 are.
func (s *side) turnPairs(dst, src []float32, n int) {
	blocks := s.k / 32
	depth := 16 * blocks
	*s.turn = grow(*s.turn, 8*depth)
	for i := 0; i+8 <= n; i += 8 {
		for r := range 8 {
			pairs((*s.turn)[r*depth:], src[(i+r)*s.across:], blocks)
		}
		transpose8(dst[i:], s.width, *s.turn, depth, depth)
	}
	rest := *s
	rest.packPairs(dst, src, n&^7, depth)
	for i := n &^ 7; i < n; i++ {
		rest.packPairs(dst[i:], src[i*s.across:], 1, 0)
	}
}
