package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// eachLevel runs f once per implementation that this machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range levels() {
		t.Run(levelNames[l], func(t *testing.T) {
			defer setLevel(level)
			setLevel(l)
			f(t)
		})
	}
}

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// A gemmCase is one product with its operands inside larger, unaligned slices.
type gemmCase struct {
	transA, transB bool
	m, n, k        int
	alpha, beta    float32
	a, b, c        []float32
	lda, ldb, ldc  int
}

func newGemmCase(rng *rand.Rand, transA, transB bool, m, n, k int, alpha, beta float32) gemmCase {
	g := gemmCase{transA: transA, transB: transB, m: m, n: n, k: k, alpha: alpha, beta: beta}
	side := func(trans bool, rows, cols int) ([]float32, int) {
		if trans {
			rows, cols = cols, rows
		}
		ld := cols + rng.IntN(4)
		return random(rng, rows*ld+1)[1:], ld
	}
	g.a, g.lda = side(transA, m, k)
	g.b, g.ldb = side(transB, k, n)
	g.c, g.ldc = side(false, m, n)
	if beta == 0 {
		for i := range g.c {
			g.c[i] = float32(math.NaN())
		}
	}
	return g
}

func (g gemmCase) String() string {
	return fmt.Sprintf("m=%d n=%d k=%d transA=%v transB=%v alpha=%g beta=%g", g.m, g.n, g.k, g.transA, g.transB, g.alpha, g.beta)
}

func (g gemmCase) run(c []float32) {
	Gemm(g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, c, g.ldc)
}

// check compares got with the product in float64: the error of a sum of k terms
// is bounded by about k*eps*sum|terms|; sqrt(k) with a margin is what it is.
func (g gemmCase) check(t *testing.T, got []float32) {
	t.Helper()
	for i := range got {
		r, j := i/g.ldc, i%g.ldc
		if r >= g.m || j >= g.n {
			if math.Float32bits(got[i]) != math.Float32bits(g.c[i]) {
				t.Fatalf("%v: wrote outside C at row %d column %d", g, r, j)
			}
			continue
		}
		var sum, size float64
		for p := range g.k {
			a, b := g.a[min(len(g.a)-1, r*g.lda+p)], g.b[min(len(g.b)-1, p*g.ldb+j)]
			if g.transA {
				a = g.a[p*g.lda+r]
			}
			if g.transB {
				b = g.b[j*g.ldb+p]
			}
			sum += float64(a) * float64(b)
			size += math.Abs(float64(a) * float64(b))
		}
		want := float64(g.alpha) * sum
		size *= math.Abs(float64(g.alpha))
		if g.beta != 0 {
			want += float64(g.beta) * float64(g.c[i])
			size += math.Abs(float64(g.beta) * float64(g.c[i]))
		}
		if d := math.Abs(float64(got[i]) - want); !(d <= size*6e-8*(3+math.Sqrt(float64(g.k)))) {
			t.Fatalf("%v: C[%d,%d] = %g, want %g", g, r, j, got[i], want)
		}
	}
}

func TestGemmSmall(t *testing.T) {
	scalars := [][2]float32{{1, 0}, {1, 1}, {-0.5, 0.25}, {2, 0}, {0, 1}}
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for size := range 70 {
			for trans := range 4 {
				for _, s := range scalars {
					dims := [3]int{rng.IntN(70), rng.IntN(70), rng.IntN(70)}
					dims[rng.IntN(3)] = size
					g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, dims[0], dims[1], dims[2], s[0], s[1])
					got := append([]float32(nil), g.c...)
					g.run(got)
					g.check(t, got)
				}
			}
		}
	})
}
