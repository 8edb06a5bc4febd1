package vec

import (
	"fmt"
	"math/rand/v2"
	"runtime"
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

func BenchmarkGemm(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][3]int{{1024, 1024, 1024}, {2048, 128, 128}, {2048, 256, 256}, {2048, 1024, 256}, {256, 1024, 2048}, {256, 256, 64}, {256, 64, 256}, {512, 8192, 256}, {64, 64, 64}, {2048, 1000, 256}, {8, 1024, 256}, {8192, 256, 512}, {4096, 4096, 512}, {1024, 64, 2048}} {
		for trans := range 4 {
			m, n, k := s[0], s[1], s[2]
			g := gemmCase{m: m, n: n, k: k, lda: k, ldb: n, ldc: n, alpha: 1, transA: trans&1 != 0, transB: trans&2 != 0, a: random(rng, m*k), b: random(rng, k*n)}
			if g.transA {
				g.lda = m
			}
			if g.transB {
				g.ldb = k
			}
			c := make([]float32, m*n)
			b.Run(fmt.Sprintf("%dx%dx%d/%c%c", m, n, k, "NT"[trans&1], "NT"[trans>>1]), func(b *testing.B) {
				rate(b, 2*float64(m)*float64(n)*float64(k), "GFLOP/s", func() { g.run(c) })
			})
		}
	}
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
	dots, norms := random(rand.New(rand.NewPCG(1, 1)), 1000), random(rand.New(rand.NewPCG(1, 2)), 1000)
	b.Run("Nearest/1000", func(b *testing.B) {
		rate(b, 1000, "Gelem/s", func() { Nearest(dots, norms) })
	})
}
