package embed

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/vec"
)

// sparse is a matrix in compressed rows: row i holds the values
// val[ptr[i]:ptr[i+1]] in the columns idx[ptr[i]:ptr[i+1]], ascending.
type sparse struct {
	rows, cols int
	ptr        []int
	idx        []int32
	val        []float32
}

// transpose returns the cols x rows transpose of a.
func (a *sparse) transpose() *sparse {
	t := &sparse{rows: a.cols, cols: a.rows, ptr: make([]int, a.cols+1),
		idx: make([]int32, len(a.idx)), val: make([]float32, len(a.val))}
	for _, j := range a.idx {
		t.ptr[j+1]++
	}
	for j := range a.cols {
		t.ptr[j+1] += t.ptr[j]
	}
	next := append([]int(nil), t.ptr...)
	for i := range a.rows {
		for p := a.ptr[i]; p < a.ptr[i+1]; p++ {
			q := next[a.idx[p]]
			next[a.idx[p]]++
			t.idx[q], t.val[q] = int32(i), a.val[p]
		}
	}
	return t
}

// mul returns a*x, rows x l, where x is cols x l.
func (a *sparse) mul(x []float32, l, workers int) []float32 {
	dst := make([]float32, a.rows*l)
	const block = 32
	vec.ForEach(workers, (a.rows+block-1)/block, func(_, b int) {
		for i := b * block; i < min(a.rows, b*block+block); i++ {
			row := dst[i*l : i*l+l]
			for p := a.ptr[i]; p < a.ptr[i+1]; p++ {
				j := int(a.idx[p])
				vec.Axpy(a.val[p], x[j*l:j*l+l], row)
			}
		}
	})
	return dst
}

// randomSVD returns the right singular vectors v (a.cols x r, row-major) and
// the singular values s (r, descending) of the best rank-r approximation of a
// that the method finds, r <= rank. It is the randomized subspace iteration
// of Halko, Martinsson and Tropp (arXiv 0909.4061, algorithms 4.4 and 5.1),
// with the basis made orthonormal after every product. Directions with a
// singular value below noise*s[0] are left out, so r is the numerical rank
// where that is below rank.
func randomSVD(ctx context.Context, a *sparse, rank, oversample, power int, rng *rand.Rand, workers int) (v []float32, s []float64, err error) {
	t := a.transpose()
	l := min(rank+oversample, a.rows, a.cols)
	x := make([]float32, a.cols*l)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		q, k := a.mul(x, l, workers), l
		for range 2 {
			q, k = orthonormal(q, a.rows, k, workers)
		}
		if k == 0 {
			return nil, nil, nil
		}
		x, l = t.mul(q, k, workers), k
		if i == power {
			break
		}
		x, l = orthonormal(x, a.cols, l, workers)
	}
	v, s = rotate(x, a.cols, l, min(rank, l), workers)
	signs(v, a.cols, len(s))
	return v, s, nil
}

// noise is the relative singular value below which a direction cannot be told
// from rounding: the Gram matrix is accumulated from float32 blocks.
const noise = 3e-4

// orthonormal returns a basis (m x k, k <= l) of the columns of y (m x l),
// y W S^-1 with y^T y = W S^2 W^T (SVQB; Stathopoulos and Wu 2002). Unlike
// Cholesky it survives rank deficiency. One round is orthonormal up to the
// square of y's condition number, a second one up to rounding.
func orthonormal(y []float32, m, l, workers int) ([]float32, int) {
	y, s := rotate(y, m, l, l, workers)
	return y, len(s)
}

// rotate returns u = y W S^-1, m x k, and the k <= r largest singular values
// of y (m x l).
func rotate(y []float32, m, l, r, workers int) (u []float32, s []float64) {
	if l == 0 {
		return nil, nil
	}
	g := gram(y, m, l, workers)
	var eig mat.EigenSym
	if !eig.Factorize(g, true) {
		panic("embed: eigenvalues of a Gram matrix did not converge; the input holds NaN or Inf")
	}
	values, w := eig.Values(nil), new(mat.Dense)
	eig.VectorsTo(w)
	top := values[l-1]
	for k := l - 1; k >= l-r && values[k] > noise*noise*top && top > 0; k-- {
		s = append(s, math.Sqrt(values[k]))
	}
	k := len(s)
	t := make([]float32, l*k)
	for i := range l {
		for j := range k {
			t[i*k+j] = float32(w.At(i, l-1-j) / s[j])
		}
	}
	u = make([]float32, m*k)
	if k > 0 {
		vec.GemmParallel(workers, false, false, m, k, l, 1, y, l, t, k, 0, u, k)
	}
	return u, s
}

// gram returns y^T y (l x l) for y m x l: float32 products over at most 64
// fixed blocks of rows, added in block order in float64.
func gram(y []float32, m, l, workers int) *mat.SymDense {
	block := max(512, (m+63)/64)
	nb := (m + block - 1) / block
	part := make([]float32, nb*l*l)
	vec.ForEach(workers, nb, func(_, b int) {
		rows := y[b*block*l : min(m, b*block+block)*l]
		vec.Gemm(true, false, l, l, len(rows)/l, 1, rows, l, rows, l, 0, part[b*l*l:(b+1)*l*l], l)
	})
	g := mat.NewSymDense(l, nil)
	for i := range l {
		for j := i; j < l; j++ {
			var sum float64
			for b := range nb {
				sum += float64(part[(b*l+i)*l+j])
			}
			g.SetSym(i, j, sum)
		}
	}
	return g
}

// signs flips each of the r columns of v (n x r) so that its entry of largest
// absolute value, the first of them, is positive.
func signs(v []float32, n, r int) {
	for j := range r {
		var best float32
		for i := range n {
			if x := v[i*r+j]; max(x, -x) > max(best, -best) {
				best = x
			}
		}
		for i := 0; best < 0 && i < n; i++ {
			v[i*r+j] = -v[i*r+j]
		}
	}
}
