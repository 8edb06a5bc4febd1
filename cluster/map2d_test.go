package cluster

import (
	"math"
	"slices"
	"testing"

	"github.com/climb-go/climb/vec"
)

func TestMap2D(t *testing.T) {
	const k, d = 150, 30
	x, truth := blobs(k, d, 5, 0.3, 14)
	y := Map2D(x, k, d, 1, 1)
	if !slices.Equal(y, Map2D(x, k, d, 1, 7)) {
		t.Error("seven workers draw another map")
	}
	right := 0
	for i := range k {
		best, at := float32(math.Inf(1)), -1
		for j := range k {
			if s := vec.SquaredDistance(y[2*i:2*i+2], y[2*j:2*j+2]); j != i && s < best {
				best, at = s, j
			}
		}
		if truth[at] == truth[i] {
			right++
		}
	}
	if right < k*95/100 {
		t.Errorf("%d of %d points have their neighbour in the same group", right, k)
	}
}

func TestMap2DEdges(t *testing.T) {
	big, _ := blobs(mapMost+1, 3, 10, 1, 15)
	for name, x := range map[string][]float32{"none": {}, "one": make([]float32, 3), "two": {0, 0, 0, 1, 1, 1},
		"all alike": make([]float32, 3*50), "beyond t-SNE": big} {
		y := Map2D(x, len(x)/3, 3, 1, 2)
		if len(y) != len(x)/3*2 {
			t.Errorf("%s: %d numbers", name, len(y))
		}
		for _, v := range y {
			if !(v >= -1 && v <= 1) {
				t.Fatalf("%s: %v is outside [-1, 1]", name, v)
			}
		}
	}
}

// The report draws a map of a thousand clusters while the reader waits.
func BenchmarkMap2D(b *testing.B) {
	x, _ := blobs(1000, 256, 50, 0.5, 16)
	for b.Loop() {
		Map2D(x, 1000, 256, 1, 1)
	}
}
