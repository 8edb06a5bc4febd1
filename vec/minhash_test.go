package vec

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Every implementation, over every length.
func TestMinHash(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	some := func(n int) []uint32 {
		x := make([]uint32, n)
		for i := range x {
			x[i] = r.Uint32()
		}
		return x
	}
	defer setLevel(level)
	for _, l := range levels() {
		setLevel(l)
		for n := range 70 {
			for _, m := range []int{0, 1, 2, 33} {
				a, b, dst, x := some(n + 1)[1:], some(n), some(n + 3)[3:], some(m)
				want := slices.Clone(dst)
				for i := range want {
					for _, v := range x {
						want[i] = min(want[i], a[i]*v+b[i])
					}
				}
				if MinHash(dst, a, b, x); !slices.Equal(dst, want) {
					t.Fatalf("%d permutations of %d values: %v, want %v", n, m, dst, want)
				}
			}
		}
	}
}
