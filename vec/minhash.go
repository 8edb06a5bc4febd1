package vec

// MinHash does dst[i] = min(dst[i], a[i]*x[j]+b[i]) for every i and j, modulo
// 2^32: the least value of each of the permutations x -> a x + b, a being odd,
// over a set of hashes.
func MinHash(dst, a, b, x []uint32) {
	if len(dst) != len(a) || len(dst) != len(b) {
		panic("vec: minhash: slices of different lengths")
	}
	if done := minHash(dst, a, b, x); done < len(dst) {
		minHashGo(dst[done:], a[done:], b[done:], x)
	}
}

// minHashGo takes four permutations at a time.
func minHashGo(dst, a, b, x []uint32) {
	a, b = a[:len(dst)], b[:len(dst)]
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		a0, a1, a2, a3 := a[i], a[i+1], a[i+2], a[i+3]
		b0, b1, b2, b3 := b[i], b[i+1], b[i+2], b[i+3]
		m0, m1, m2, m3 := dst[i], dst[i+1], dst[i+2], dst[i+3]
		for _, v := range x {
			m0, m1 = min(m0, a0*v+b0), min(m1, a1*v+b1)
			m2, m3 = min(m2, a2*v+b2), min(m3, a3*v+b3)
		}
		dst[i], dst[i+1], dst[i+2], dst[i+3] = m0, m1, m2, m3
	}
	for ; i < len(dst); i++ {
		for _, v := range x {
			dst[i] = min(dst[i], a[i]*v+b[i])
		}
	}
}
