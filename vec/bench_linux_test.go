package vec

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// threadSeconds is the processor time of this thread: what to divide by on a
// machine that is shared.
func threadSeconds() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return float64(t.Sec) + float64(t.Nsec)/1e9
}

// rate runs f and reports units per processor-second, units*1e9 each time.
func rate(b *testing.B, units float64, name string, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
	start := threadSeconds()
	for b.Loop() {
		f()
	}
	b.ReportMetric(units*float64(b.N)/(threadSeconds()-start)/1e9, name)
}

// gemmSizes are m, n, k of a square product, then of products of a small
// transformer and of k-means.
var gemmSizes = [][3]int{
	{1024, 1024, 1024}, {2048, 128, 128},
	{2048, 256, 256}, {2048, 1024, 256}, {256, 1024, 2048}, {256, 256, 64}, {256, 64, 256}, {512, 8192, 256},
	{8192, 256, 512}, {64, 64, 64}, {2048, 1000, 256}, {8, 1024, 256}, {32, 1024, 256}, {64, 1024, 256},
}

func BenchmarkGemmBF16(b *testing.B) {
	for _, s := range gemmSizes {
		for trans := range 4 {
			m, n, k := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("%dx%dx%d/%c%c", m, n, k, "NT"[trans&1], "NT"[trans>>1]), func(b *testing.B) {
				g := gemmCase{m: m, n: n, k: k, alpha: 1}.random(trans&1 != 0, trans&2 != 0)
				rate(b, 2*float64(m)*float64(n)*float64(k), "GFLOP/s", func() { g.runBF16(g.c) })
			})
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	defer setLevel(level)
	for _, l := range slices.Backward(levels()) {
		setLevel(l)
		for _, s := range gemmSizes {
			for trans := range 4 {
				m, n, k := s[0], s[1], s[2]
				b.Run(fmt.Sprintf("%s/%dx%dx%d/%c%c", CPU(), m, n, k, "NT"[trans&1], "NT"[trans>>1]), func(b *testing.B) {
					g := gemmCase{m: m, n: n, k: k, alpha: 1}.random(trans&1 != 0, trans&2 != 0)
					rate(b, 2*float64(m)*float64(n)*float64(k), "GFLOP/s", func() { g.run(g.c) })
				})
			}
		}
	}
}

// random fills in operands without gaps.
func (g gemmCase) random(transA, transB bool) gemmCase {
	rng := rand.New(rand.NewPCG(1, 2))
	g.transA, g.transB = transA, transB
	g.a, g.b, g.c = random(rng, g.m*g.k), random(rng, g.k*g.n), make([]float32, g.m*g.n)
	g.lda, g.ldb, g.ldc = g.k, g.n, g.n
	if transA {
		g.lda = g.m
	}
	if transB {
		g.ldb = g.k
	}
	return g
}

func BenchmarkOps(b *testing.B) {
	for _, o := range ops {
		for _, n := range []int{64, 256, 8192} {
			x := make([][]float32, o.slices)
			for k := range x {
				x[k] = random(rand.New(rand.NewPCG(1, uint64(k))), n)
			}
			b.Run(fmt.Sprintf("%s/%d", o.name, n), func(b *testing.B) {
				rate(b, float64(n), "Gelem/s", func() { o.run(x) })
			})
		}
	}
}

func BenchmarkCodebook(b *testing.B) {
	defer setLevel(level)
	for _, l := range slices.Backward(levels()[1:]) {
		setLevel(l)
		for _, s := range [][3]int{{4096, 1000, 256}, {1024, 1000, 1024}, {4096, 1000, 64}, {1024, 10000, 256}} {
			n, k, d := s[0], s[1], s[2]
			rng := rand.New(rand.NewPCG(1, 2))
			x, points, center := random(rng, n*d), random(rng, k*d), make([]float32, d)
			codes, label, dist := NewCodes(n, center), make([]int32, n), make([]float32, n)
			b.Run(fmt.Sprintf("%s/set/%dx%d", CPU(), n, d), func(b *testing.B) {
				rate(b, float64(n*d), "Gelem/s", func() { codes.Set(0, x, nil) })
			})
			book := NewCodebook(points, k, center)
			b.Run(fmt.Sprintf("%s/nearest/%dx%dx%d", CPU(), n, k, d), func(b *testing.B) {
				rate(b, 2*float64(n)*float64(k)*float64(d), "GFLOP/s", func() { book.Nearest(codes, x, nil, label, dist, nil) })
			})
		}
	}
}
