package vec

import (
	"fmt"
)

// Gemm does C = alpha*op(A)*op(B) + beta*C on row-major matrices: op(A) is m x k,
// op(B) is k x n, C is m x n, and op(X) is X or, if transX, its transpose. lda,
// ldb and ldc are the distances between rows as stored. Where beta is 0, C is
// written without being read. C must not overlap A or B.
//
// Element (i, j) is summed over k in an order that depends on k alone, never on
// m, n, the strides, the transposes or the element's place: products of row or
// column blocks have the bits of the whole.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemm(false, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// GemmBF16 is Gemm with the elements of A and B rounded to bfloat16, to nearest
// even, denormals to zero. Products are exact and sums in float32. A processor
// with AVX512_BF16 does twice the work of Gemm at a time; others give the same
// but for the last places of the sums, and are slower than with Gemm.
func GemmBF16(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemm(true, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func gemm(bf16, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkGemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		scaleRows(m, n, beta, c, ldc)
		return
	}
	p := product{bf16: bf16, m: m, n: n, k: k, alpha: alpha, beta: beta, a: a, ars: lda, aks: 1, b: b, bks: ldb, bcs: 1, c: c, ldc: ldc}
	if transA {
		p.ars, p.aks = 1, lda
	}
	if transB {
		p.bks, p.bcs = 1, ldb
	}
	p.run()
}

// GemmParallel is Gemm on up to workers goroutines, with the same bits.
func GemmParallel(workers int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemmParallel(workers, false, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// GemmBF16Parallel is GemmBF16 on up to workers goroutines, with the same bits.
func GemmBF16Parallel(workers int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemmParallel(workers, true, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

func gemmParallel(workers int, bf16, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkGemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc)
	rows, cols := grid(workers, m, n, k)
	ForEach(workers, rows*cols, func(_, i int) {
		i0, i1 := cut(m, rows, i/cols, 24), cut(m, rows, i/cols+1, 24)
		j0, j1 := cut(n, cols, i%cols, 32), cut(n, cols, i%cols+1, 32)
		ai, bj := i0*lda, j0
		if transA {
			ai = i0
		}
		if transB {
			bj = j0 * ldb
		}
		if k == 0 {
			ai, bj = 0, 0
		}
		gemm(bf16, transA, transB, i1-i0, j1-j0, k, alpha, a[ai:], lda, b[bj:], ldb, beta, c[i0*ldc+j0:], ldc)
	})
}

// grid cuts C into rows x cols nearly square blocks, some four per worker so that
// none waits long for the last, but not below a million multiplications each.
func grid(workers, m, n, k int) (rows, cols int) {
	rows, cols = 1, 1
	if workers <= 1 || m == 0 || n == 0 {
		return rows, cols
	}
	for rows*cols < 4*workers && m/rows*(n/cols)*max(k, 1) > 2<<20 {
		if m/rows >= n/cols {
			rows++
		} else {
			cols++
		}
	}
	return rows, cols
}

// cut is where part i of n begins, at a multiple of unit: 24 rows and 32 columns
// are whole tiles for every instruction set.
func cut(n, parts, i, unit int) int {
	if i == parts {
		return n
	}
	return n * i / parts / unit * unit
}

func checkGemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("vec: gemm of size m=%d n=%d k=%d", m, n, k))
	}
	if transA {
		checkMatrix("a", k, m, a, lda)
	} else {
		checkMatrix("a", m, k, a, lda)
	}
	if transB {
		checkMatrix("b", n, k, b, ldb)
	} else {
		checkMatrix("b", k, n, b, ldb)
	}
	checkMatrix("c", m, n, c, ldc)
}

func checkMatrix(name string, rows, cols int, x []float32, ld int) {
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols || len(x) < (rows-1)*ld+cols {
		panic(fmt.Sprintf("vec: gemm: %s is %d x %d with rows %d apart, in a slice of %d", name, rows, cols, ld, len(x)))
	}
}

func scaleRows(m, n int, beta float32, c []float32, ldc int) {
	for i := range m {
		if row := c[i*ldc:][:n]; beta == 0 {
			clear(row)
		} else {
			scale(beta, row)
		}
	}
}
