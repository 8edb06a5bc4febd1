package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every implementation, over every number of columns.
func TestSumRows(t *testing.T) {
	var want [][]float32 // of the first level that has assembly
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		var got [][]float32
		for d := range 150 {
			for _, m := range []int{0, 1, 2, 7, 1030} {
				const n = 20
				x, weights, rows := random(r, n*d+1)[1:], random(r, m), make([]int32, m)
				for i := range rows {
					rows[i] = int32(r.IntN(n))
				}
				for _, w := range [][]float32{weights, nil} {
					start := random(r, d+3)[3:]
					dst := slices.Clone(start)
					SumRows(dst, x, rows, w)
					for j := range dst {
						sum, size := float64(start[j]), math.Abs(float64(start[j]))
						for i, row := range rows {
							v := float64(x[int(row)*d+j])
							if w != nil {
								v *= float64(w[i])
							}
							sum, size = sum+v, size+math.Abs(v)
						}
						if math.Abs(float64(dst[j])-sum) > 1e-5*size {
							t.Fatalf("%d rows of %d: element %d is %g, want %g", m, d, j, dst[j], sum)
						}
					}
					got = append(got, dst)
				}
			}
		}
		if level == portable {
			return
		}
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("case %d differs in bits between instruction sets", i)
			}
		}
		want = got
	})
}

func TestSumRowsRefusesRowsThatAreNotThere(t *testing.T) {
	for _, r := range []int32{-1, 2} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("row %d of 2 was added", r)
				}
			}()
			SumRows(make([]float32, 3), make([]float32, 6), []int32{0, r}, nil)
		}()
	}
}

func BenchmarkSumRows(b *testing.B) {
	const n, m = 30000, 250
	for _, d := range []int{100, 256, 272} {
		r := rand.New(rand.NewPCG(7, 8))
		x, rows, dst := random(r, n*d), make([]int32, m), make([]float32, d)
		for i := range rows {
			rows[i] = int32(r.IntN(n))
		}
		b.Run(CPU(), func(b *testing.B) {
			for b.Loop() {
				SumRows(dst, x, rows, nil)
			}
			b.ReportMetric(float64(d*m*b.N)/b.Elapsed().Seconds()/1e9, "Gelem/s")
		})
	}
}
