package lm

import "github.com/climb-go/climb/vec"

// With several workers each operation of a pass is cut into parts that write to
// places of their own, and nothing is added up across parts except in the order
// that one worker has. So the bits do not depend on the number of workers, and
// no memory is needed for more of them but the scores of attention.

// SetWorkers sets the number of goroutines that the next pass may use. It does
// not change results.
func (ws *Workspace) SetWorkers(n int) {
	ws.workers = max(1, n)
	for len(ws.scratch) < ws.workers {
		ws.scratch = append(ws.scratch, scratch{
			make([]float32, queryBlock*ws.seqlen), make([]float32, queryBlock*ws.seqlen), make([]float32, queryBlock),
		})
	}
}

// partRows is the number of rows in one part of a row-wise operation. It is
// part of the result: the gradients of norm gains are added up part by part.
const partRows = 64

// parts runs f over the parts lo to hi of n rows, when there are several workers.
func (ws *Workspace) parts(n int, f func(lo, hi int)) {
	vec.ForEach(ws.workers, (n+partRows-1)/partRows, func(_, i int) {
		f(i*partRows, min((i+1)*partRows, n))
	})
}

// SetBFloat16 makes the next passes multiply by vec.GemmBF16: weights, inputs and
// gradients are rounded to bfloat16 where they meet in the projections and the
// head. All else, attention and what is kept included, stays float32.
func (ws *Workspace) SetBFloat16(on bool) { ws.bf16 = on }

// gemm is vec.Gemm or vec.GemmBF16 on the workers.
func (ws *Workspace) gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	switch {
	case ws.bf16 && ws.workers > 1:
		vec.GemmBF16Parallel(ws.workers, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	case ws.bf16:
		vec.GemmBF16(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	case ws.workers > 1:
		vec.GemmParallel(ws.workers, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	default:
		vec.Gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	}
}
