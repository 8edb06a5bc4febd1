package embed

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// decaying makes an m x n sparse matrix, a third of it filled, of the given
// rank (0: full) with a falling spectrum.
func decaying(m, n, rank int) *sparse {
	rng := rand.New(rand.NewPCG(3, 4))
	dense := make([]float64, m*n)
	for r := range max(rank, 30) {
		u, v := make([]float64, m), make([]float64, n)
		for i := range u {
			u[i] = rng.NormFloat64()
		}
		for j := range v {
			if rng.IntN(3) == 0 {
				v[j] = rng.NormFloat64() / float64(1+r)
			}
		}
		if rank > 0 && r >= rank {
			break
		}
		for i := range u {
			for j := range v {
				dense[i*n+j] += u[i] * v[j]
			}
		}
	}
	a := &sparse{rows: m, cols: n, ptr: []int{0}}
	for i := range m {
		for j := range n {
			if x := dense[i*n+j]; x != 0 {
				a.idx, a.val = append(a.idx, int32(j)), append(a.val, float32(x))
			}
		}
		a.ptr = append(a.ptr, len(a.val))
	}
	return a
}

func (a *sparse) dense() *mat.Dense {
	d := mat.NewDense(a.rows, a.cols, nil)
	for i := range a.rows {
		for p := a.ptr[i]; p < a.ptr[i+1]; p++ {
			d.Set(i, int(a.idx[p]), float64(a.val[p]))
		}
	}
	return d
}

// The randomized SVD against LAPACK's algorithm on the dense matrix: singular
// values, and vectors up to sign.
func TestRandomSVDAgainstDense(t *testing.T) {
	for _, size := range [][3]int{{80, 130, 10}, {130, 80, 10}, {40, 200, 12}} {
		a := decaying(size[0], size[1], 0)
		rank := size[2]
		v, s, err := randomSVD(context.Background(), a, rank, 16, 4, rand.New(rand.NewPCG(5, 6)), 2)
		if err != nil {
			t.Fatal(err)
		}
		var svd mat.SVD
		if !svd.Factorize(a.dense(), mat.SVDThin) {
			t.Fatal("dense SVD")
		}
		want, wantV := svd.Values(nil), new(mat.Dense)
		svd.VTo(wantV)
		for j := range rank {
			if math.Abs(s[j]-want[j]) > 1e-4*want[0] {
				t.Errorf("%v: singular value %d is %v, want %v", size, j, s[j], want[j])
			}
			var dot float64
			for i := range a.cols {
				dot += float64(v[i*rank+j]) * wantV.At(i, j)
			}
			if math.Abs(dot) < 0.999 {
				t.Errorf("%v: singular vector %d has cosine %v with the true one", size, j, dot)
			}
		}
	}
}

func TestRandomSVDFindsTheRank(t *testing.T) {
	a := decaying(60, 90, 5)
	_, s, err := randomSVD(context.Background(), a, 20, 10, 2, rand.New(rand.NewPCG(5, 6)), 2)
	if err != nil || len(s) != 5 {
		t.Errorf("rank %d, %v; want 5", len(s), err)
	}
	if _, s, err = randomSVD(context.Background(), &sparse{rows: 3, cols: 4, ptr: make([]int, 4)}, 2, 2, 2, rand.New(rand.NewPCG(1, 1)), 1); err != nil || len(s) != 0 {
		t.Errorf("the zero matrix has rank %d, %v", len(s), err)
	}
}
