package cluster

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/climb-go/climb/vec"
)

// Against all pairs, with planted duplicates, in one block and many.
func TestSemDeDup(t *testing.T) {
	const d = 24
	for _, n := range []int{1, 2, 255, 256, 257, 1500} {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		x := make([]float32, n*d)
		for i := range n {
			row := x[i*d : (i+1)*d]
			noise := float32(1)
			if i > 0 && r.IntN(3) == 0 { // near an earlier one
				copy(row, x[r.IntN(i)*d:][:d])
				noise = 0.1 * r.Float32()
			}
			for j := range row {
				row[j] += float32(r.NormFloat64()) * noise
			}
			vec.Scale(float32(1/math.Sqrt(vec.SumSquares(row))), row)
		}
		centroid := make([]float32, d)
		for i := range n {
			vec.Axpy(1/float32(n), x[i*d:(i+1)*d], centroid)
		}
		radius := func(row []float32) float32 { return float32(math.Sqrt(float64(vec.SquaredDistance(row, centroid)))) }
		order := make([]int, n)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return int(math.Copysign(1, float64(radius(x[b*d:][:d])-radius(x[a*d:][:d]))))
		})
		sorted, radii := make([]float32, 0, n*d), make([]float32, n)
		for i, at := range order {
			sorted = append(sorted, x[at*d:][:d]...)
			radii[i] = radius(x[at*d:][:d])
		}
		s := SemDeDup{Epsilon: 0.03}
		got := make([]bool, n)
		s.Duplicates(got, slices.Clone(sorted), radii, n, d)
		dropped := 0
		for i := range n {
			want, near := false, false // near: so close to the limit that rounding may decide
			for j := range i {
				cos := vec.Dot(sorted[i*d:][:d], sorted[j*d:][:d])
				want = want || cos > 0.97
				near = near || math.Abs(float64(cos)-0.97) < 1e-5
			}
			if got[i] != want && !near {
				t.Fatalf("%d rows: drop[%d] is %v", n, i, got[i])
			}
			if got[i] {
				dropped++
			}
		}
		if n > 200 && (dropped == 0 || dropped > n*9/10) {
			t.Errorf("%d of %d rows dropped: the test shows little", dropped, n)
		}
	}
}
