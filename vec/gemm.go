package vec

import "fmt"

// Gemm does C = alpha*op(A)*op(B) + beta*C on row-major matrices: op(A) is m x k,
// op(B) is k x n, C is m x n, and op(X) is X or, if transX, its transpose. lda,
// ldb and ldc are the distances between rows as stored. Where beta is 0, C is
// written without being read. C must not overlap A or B.
//
// Element (i, j) is summed over k in an order that depends on k alone, never on
// m, n, the strides, the transposes or the element's place: products of row or
// column blocks have the bits of the whole.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	checkGemm(transA, transB, m, n, k, a, lda, b, ldb, c, ldc)
	if m == 0 || n == 0 {
		return
	}
	gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// GemmParallel is Gemm on up to workers goroutines, with the same bits.
func GemmParallel(workers int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	Gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
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
