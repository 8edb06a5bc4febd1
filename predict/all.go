package predict

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
)

// All sets dst[i] to the prediction at x[i], on all cores.
func All(dst []float64, p interface{ Predict(x []float64) float64 }, x [][]float64) {
	const chunk = 4096
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for lo := range next {
				for i := lo; i < min(lo+chunk, len(x)); i++ {
					dst[i] = p.Predict(x[i])
				}
			}
		})
	}
	for lo := 0; lo < len(x); lo += chunk {
		next <- lo
	}
	close(next)
	wg.Wait()
}

// Top returns the indices of the n largest scores, best first, ties by index.
func Top(score []float64, n int) []int {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(cmp.Compare(score[j], score[i]), cmp.Compare(i, j)) })
	return order[:min(n, len(order))]
}
