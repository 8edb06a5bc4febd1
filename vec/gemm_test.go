package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
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

// TestGemmLarge crosses the block sizes of every dimension, and k = 0.
func TestGemmLarge(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		sizes := [][3]int{{blockM() + 7, 33, 2*blockK + 3}, {9, blockN + 37, 21}, {2*blockM() + 1, 65, blockK}, {directB, 96, blockK + 1}, {directB + 1, 96, 40}, {3, 5, 0}}
		rng := rand.New(rand.NewPCG(5, 6))
		for i, s := range sizes {
			for trans := range 4 {
				g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, s[0], s[1], s[2], 0.5, []float32{0, 1, -2}[i%3])
				got := slices.Clone(g.c)
				g.run(got)
				g.check(t, got)
			}
		}
	})
}

// TestGemmBits holds an element's bits to depend on k alone: not on the number of
// workers, the transposes, the strides, or the block of C that is asked for.
func TestGemmBits(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		// A of aliased rows is packed where it is transposed, by every kernel.
		for _, s := range [][3]int{{301, 230, 300}, {40, 1500, 64}, {1500, 40, 64}, {aliased, packA + 8, 30}, {7, 9, 600}, {1, 1, 1}} {
			m, n, k := s[0], s[1], s[2]
			g := newGemmCase(rng, false, false, m, n, k, 0.75, 0.5)
			want := slices.Clone(g.c)
			g.run(want)
			for _, workers := range []int{0, 1, 2, 3, 5, 16} {
				got := slices.Clone(g.c)
				GemmParallel(workers, g.transA, g.transB, m, n, k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, got, g.ldc)
				equalBits(t, fmt.Sprintf("%v on %d workers", g, workers), got, want)
			}
			for trans := range 4 {
				h := g.transposed(trans&1 != 0, trans&2 != 0)
				got := slices.Clone(g.c)
				GemmParallel(1+trans, h.transA, h.transB, m, n, k, h.alpha, h.a, h.lda, h.b, h.ldb, h.beta, got, h.ldc)
				equalBits(t, h.String(), got, want)
			}
			for range 8 {
				i, j := rng.IntN(m), rng.IntN(n)
				rows, cols := 1+rng.IntN(m-i), 1+rng.IntN(n-j)
				got := slices.Clone(want)
				for r := range rows {
					copy(got[(i+r)*g.ldc+j:][:cols], g.c[(i+r)*g.ldc+j:])
				}
				Gemm(false, false, rows, cols, k, g.alpha, g.a[i*g.lda:], g.lda, g.b[j:], g.ldb, g.beta, got[i*g.ldc+j:], g.ldc)
				equalBits(t, fmt.Sprintf("%v, rows %d+%d, columns %d+%d", g, i, rows, j, cols), got, want)
			}
		}
	})
}

// TestGemmSameBitsInAssembly holds AVX2 and AVX-512 to the same bits.
func TestGemmSameBitsInAssembly(t *testing.T) {
	want := map[int][]float32{}
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		for i := range 40 {
			g := newGemmCase(rng, rng.IntN(2) == 0, rng.IntN(2) == 0, 1+rng.IntN(90), 1+rng.IntN(90), 1+rng.IntN(700), 1.5, float32(rng.IntN(2)))
			g.run(g.c)
			if level == avx512 {
				equalBits(t, g.String(), g.c, want[i])
			}
			want[i] = g.c
		}
	})
}

// transposed is the same product with A or B stored the other way round.
func (g gemmCase) transposed(a, b bool) gemmCase {
	turn := func(x []float32, rows, cols, ld int) ([]float32, int) {
		y := make([]float32, cols*rows)
		for i := range rows {
			for j := range cols {
				y[j*rows+i] = x[i*ld+j]
			}
		}
		return y, rows
	}
	if a {
		g.transA = true
		g.a, g.lda = turn(g.a, g.m, g.k, g.lda)
	}
	if b {
		g.transB = true
		g.b, g.ldb = turn(g.b, g.k, g.n, g.ldb)
	}
	return g
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestGemmDoesNotAllocate(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		g := newGemmCase(rng, true, true, 50, 70, 300, 1, 0)
		// Without the pool it would be 4; under the race detector the pool drops
		// a quarter of what it is given.
		if n := testing.AllocsPerRun(50, func() { g.run(g.c) }); n >= 2 {
			t.Fatalf("%v allocations per call", n)
		}
	})
}

func TestForEach(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 2, 7, 100} {
		for _, n := range []int{0, 1, 5, 64} {
			var runs [64]atomic.Int32
			ForEach(workers, n, func(worker, i int) {
				if worker < 0 || worker >= max(workers, 1) {
					t.Errorf("worker %d of %d", worker, workers)
				}
				runs[i].Add(1)
			})
			for i := range runs {
				if want := int32(min(1, max(0, n-i))); runs[i].Load() != want {
					t.Fatalf("%d workers, n=%d: %d ran %d times", workers, n, i, runs[i].Load())
				}
			}
		}
	}
}

// narrow is g with its operands rounded to bfloat16.
func (g gemmCase) narrow() gemmCase {
	g.a, g.b = slices.Clone(g.a), slices.Clone(g.b)
	for _, x := range [][]float32{g.a, g.b} {
		for i := range x {
			x[i] = math.Float32frombits(bfloat(x[i]) << 16)
		}
	}
	return g
}

func (g gemmCase) runBF16(c []float32) {
	GemmBF16(g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, c, g.ldc)
}

// TestGemmBF16 compares with the product of the rounded operands in float64, and
// on several workers and for a block of C with the same bits.
func TestGemmBF16(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for size := 0; size < 140; size += 1 + size/40 {
			for trans := range 4 {
				dims := [3]int{rng.IntN(40), rng.IntN(70), rng.IntN(100)}
				dims[rng.IntN(3)] = size
				g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, dims[0], dims[1], dims[2], 0.5, float32(size%3))
				got := slices.Clone(g.c)
				g.runBF16(got)
				g.narrow().check(t, got)
			}
		}
		for trans := range 4 {
			g := newGemmCase(rng, trans&1 != 0, trans&2 != 0, blockM()+31, 70, 2*blockK+77, 1, 1)
			want, got := slices.Clone(g.c), slices.Clone(g.c)
			g.runBF16(want)
			g.narrow().check(t, want)
			GemmBF16Parallel(5, g.transA, g.transB, g.m, g.n, g.k, g.alpha, g.a, g.lda, g.b, g.ldb, g.beta, got, g.ldc)
			if !slices.Equal(got, want) {
				t.Fatalf("%v: other bits on 5 workers", g)
			}
			part := g
			part.m, part.n = 9, 40 // a corner of C, with tiles cut elsewhere
			got = slices.Clone(g.c)
			part.runBF16(got)
			for i := range part.m {
				if !slices.Equal(got[i*g.ldc:][:part.n], want[i*g.ldc:][:part.n]) {
					t.Fatalf("%v: a block of C has other bits", g)
				}
			}
		}
	})
}

// TestBfloat holds the rounding to that of the processor where it has one, over
// every exponent, ties and numbers that are none included.
func TestBfloat(t *testing.T) {
	if math.Float32frombits(bfloat(1+1.0/256)<<16) != 1 || math.Float32frombits(bfloat(1+3.0/256)<<16) != 1+4.0/256 {
		t.Error("ties do not go to even")
	}
	if !pairing() {
		t.Skip("this processor has no AVX512_BF16 to compare with")
	}
	rng := rand.New(rand.NewPCG(9, 10))
	src, dst := make([]float32, 32), make([]float32, 16)
	for i := range 20000 {
		for j := range src {
			bits := rng.Uint32()
			switch i % 4 {
			case 0:
				bits = bits&^0xffff | 0x8000 // a tie
			case 1:
				bits |= 0x7f800000 // infinite or not a number
			case 2:
				bits &^= 0x7f800000 // denormal
			}
			src[j] = math.Float32frombits(bits)
		}
		pairs(dst, src, 1)
		for j, x := range src {
			got := math.Float32bits(dst[j/2]) >> (16 * (j % 2)) & 0xffff
			if want := bfloat(x); got != want {
				t.Fatalf("%x rounds to %x, bfloat says %x", math.Float32bits(x), got, want)
			}
		}
	}
}
