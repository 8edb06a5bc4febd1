package vec

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPack holds every panel to its definition, of rows and of columns, at any
// distance and any address.
func TestPack(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		mr, nr := tileSize()
		for _, width := range []int{mr, nr} {
			for _, n := range []int{1, width - 1, width, width + 1, 4*width - 1, 4 * width, 4*width + 3, 9 * width} {
				for k := 1; k < 20; k++ {
					ld := n + rng.IntN(3)
					checkPack(t, side{x: random(rng, (k-1)*ld+n+1)[1:], across: 1, along: ld, n: n, k: k, width: width})
					ld = k + rng.IntN(3)
					checkPack(t, side{x: random(rng, (n-1)*ld+k+1)[1:], across: ld, along: 1, n: n, k: k, width: width})
				}
			}
		}
	})
}

func checkPack(t *testing.T, s side) {
	t.Helper()
	buf := s.room(nil)
	for i := range buf {
		buf[i] = 7 // what an earlier product left
	}
	for q := 0; q < s.panels(); {
		q += s.pack(q)
	}
	want := slices.Clone(buf)
	for q := range s.panels() {
		for p := range s.k {
			for i := range s.width {
				x := float32(0)
				if j := q*s.width + i; j < s.n {
					x = s.x[j*s.across+p*s.along]
				}
				want[(q*s.k+p)*s.width+i] = x
			}
		}
	}
	equalBits(t, "packed", buf, want)
}
