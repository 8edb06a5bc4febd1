package embed

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/vec"
)

// sparse is a matrix in compressed rows: row i holds the values
// val[ptr[i]:ptr[i+1]] in the columns idx[ptr[i]:ptr[i+1]], each once.
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
			from, to := a.ptr[i], a.ptr[i+1]
			vec.SumRows(dst[i*l:i*l+l], x, a.idx[from:to], a.val[from:to])
		}
	})
	return dst
}

// randomSVD returns the right singular vectors v (a.cols x r, row-major) and
// the singular values s (r, descending) of the best rank-r approximation of a
// that the method finds, r <= rank. It is the randomized subspace iteration
// of Halko, Martinsson and Tropp (arXiv 0909.4061, algorithms 4.4 and 5.1),
// with the basis made orthonormal after every product, and a start on the side of
// the rows, which saves the first product. Directions with a singular value below
// noise*s[0] are left out, so r is the numerical rank where that is below rank.
//
// There are more columns than rows, as a rule. So the basis x = a^T q of the
// columns' side is made orthonormal in the product after it: as x^T x is
// q^T (a x), a (x W S^-1) is (a x) W S^-1, and nothing dense has a.cols rows
// but the last.
func randomSVD(ctx context.Context, a *sparse, rank, oversample, power int, rng *rand.Rand, workers int) (v []float32, s []float64, err error) {
	t := a.transpose()
	l := min(rank+oversample, a.rows, a.cols)
	q := make([]float32, a.rows*l) // nearly orthogonal, being random
	for i := range q {
		q[i] = float32(rng.NormFloat64())
	}
	var x []float32
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if i > 0 {
			q, l = orthonormal(q, a.rows, l, workers)
		}
		if i == power {
			q, l = orthonormal(q, a.rows, l, workers)
		}
		if l == 0 {
			return nil, nil, nil
		}
		x = t.mul(q, l, workers)
		if i == power {
			break
		}
		y := a.mul(x, l, workers)
		w, k := whitener(gram(q, y, a.rows, l, workers), l)
		q, l = times(y, w, a.rows, l, len(k), workers), len(k)
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
	w, s := whitener(gram(y, y, m, l, workers), r)
	return times(y, w, m, l, len(s), workers), s
}

// whitener returns W S^-1 (l x k) of the Gram matrix W S^2 W^T, and S: the
// k <= r largest singular values, descending, that are above the noise.
func whitener(g *mat.SymDense, r int) (t []float32, s []float64) {
	l := g.SymmetricDim()
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
	t = make([]float32, l*len(s))
	for i := range l {
		for j := range s {
			t[i*len(s)+j] = float32(w.At(i, l-1-j) / s[j])
		}
	}
	return t, s
}

// times returns y t, m x k, for y m x l and t l x k.
func times(y, t []float32, m, l, k, workers int) []float32 {
	u := make([]float32, m*k)
	if k > 0 {
		vec.GemmParallel(workers, false, false, m, k, l, 1, y, l, t, k, 0, u, k)
	}
	return u
}

// gram returns x^T y (l x l), which is symmetric up to rounding, for x and y
// m x l: float32 products over at most 64 fixed blocks of rows, added in block
// order in float64.
func gram(x, y []float32, m, l, workers int) *mat.SymDense {
	block := max(512, (m+63)/64)
	nb := (m + block - 1) / block
	part := make([]float32, nb*l*l)
	vec.ForEach(workers, nb, func(_, b int) {
		from, to := b*block*l, min(m, b*block+block)*l
		vec.Gemm(true, false, l, l, (to-from)/l, 1, x[from:to], l, y[from:to], l, 0, part[b*l*l:(b+1)*l*l], l)
	})
	g := mat.NewSymDense(l, nil)
	for i := range l {
		for j := i; j < l; j++ {
			var sum float64
			for b := range nb {
				sum += float64(part[(b*l+i)*l+j]) + float64(part[(b*l+j)*l+i])
			}
			g.SetSym(i, j, sum/2)
		}
	}
	return g
}

// signs flips each of the r columns of v (n x r) so that its entry of largest
// absolute value, the first of them, is positive.
func signs(v []float32, n, r int) {
	best, sign := make([]float32, r), make([]float32, r)
	for i := range n {
		for j, x := range v[i*r : (i+1)*r] {
			if max(x, -x) > max(best[j], -best[j]) {
				best[j] = x
			}
		}
	}
	for j, x := range best {
		sign[j] = float32(math.Copysign(1, float64(x)))
	}
	for i := range n {
		for j := range sign {
			v[i*r+j] *= sign[j]
		}
	}
}
