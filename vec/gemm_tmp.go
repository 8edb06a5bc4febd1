package vec

func gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	ai, ap, bp, bj := lda, 1, ldb, 1
	if transA {
		ai, ap = 1, lda
	}
	if transB {
		bp, bj = 1, ldb
	}
	for i := range m {
		row := c[i*ldc : i*ldc+n]
		for j := range row {
			if beta == 0 {
				row[j] = 0
			} else {
				row[j] *= beta
			}
		}
		for p := range k {
			v := alpha * a[i*ai+p*ap]
			for j := range row {
				row[j] += v * b[p*bp+j*bj]
			}
		}
	}
}
