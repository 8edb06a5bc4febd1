// Package vec has the float32 kernels under the rest of climb: matrix products,
// reductions, the element-wise passes of a transformer and of k-means, half
// floats, and matrices on disk (.npy).
//
// Every kernel exists three times: in portable Go (portable.go, always
// compiled; the definition), and in AVX2 and AVX-512 assembly written by the
// generator in _generate. The best one the processor has is chosen when the
// program starts; build with -tags purego to leave the assembly out. AVX2 and
// AVX-512 give the same bits. Portable Go, which rounds every product, differs
// from them in the last places.
//
// Matrices are flat row-major slices with their shape in the comment. dst comes
// first and may be one of the inputs, but must not overlap one in part. Slices
// whose lengths do not agree are a programmer's mistake and panic.
package vec

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// CPU says which kernels are in use: "avx512", "avx2" or "portable".
func CPU() string { return levelNames[level] }

const (
	portable = iota
	avx2
	avx512
)

var levelNames = [...]string{"portable", "avx2", "avx512"}

// ForEach runs f(worker, i) for every i in [0, n) on up to workers goroutines
// and returns when all are done. worker is in [0, workers): use it to pick
// scratch memory. Which worker gets which i is not fixed, so f must write its
// result to a place that depends on i alone.
func ForEach(workers, n int, f func(worker, i int)) {
	if workers > n {
		workers = n
	}
	if workers <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(w, i)
			}
		})
	}
	wg.Wait()
}

// same panics unless all lengths are n.
func same(name string, n int, lengths ...int) {
	for _, l := range lengths {
		if l != n {
			panic(fmt.Sprintf("vec: %s of slices with %d and %d elements", name, n, l))
		}
	}
}
