//go:build amd64 && !purego

package vec

import "golang.org/x/sys/cpu"

// tileSize is the size of the block of C that one call of tile does.
func tileSize() (mr, nr int) {
	switch level {
	case avx512:
		return 8, 32
	case avx2:
		return 6, 16
	}
	return 4, 4
}

// tiles does C = alpha*A*B + beta*C for a column of tiles, panels of them: element
// (i, p) of panel r of A is a[r*stride+i*ars+p*aks] and element (p, j) of B is
// b[p*bks+j]. Portable Go takes packed panels only. With bf16 the panels are those
// of packNarrow.
func tiles(bf16 bool, panels, stride, k int, a []float32, ars, aks int, b []float32, bks int, c []float32, ldc int, alpha, beta float32, next ahead) {
	mr, nr := tileSize()
	_, _, _ = a[(panels-1)*stride+(mr-1)*ars+(k-1)*aks], b[(k-1)*bks+nr-1], c[(panels*mr-1)*ldc+nr-1]
	switch {
	case bf16 && pairing():
		tilePairsAVX512(panels, stride, k, &a[0], ars, aks, &b[0], bks, &c[0], ldc, alpha, beta, next.at, next.step, next.skip)
	case level == avx512:
		tileAVX512(panels, stride, k, &a[0], ars, aks, &b[0], bks, &c[0], ldc, alpha, beta, next.at, next.step, next.skip)
	case level == avx2:
		tileAVX2(panels, stride, k, &a[0], ars, aks, &b[0], bks, &c[0], ldc, alpha, beta, next.at, next.step, next.skip)
	default:
		tilesGo(panels, stride, k, a, b, c, ldc, alpha, beta)
	}
}

// pairing tells whether the tiles of GemmBF16 take pairs.
func pairing() bool { return level == avx512 && cpu.X86.HasAVX512BF16 }

// pairRows packs pairs whole rows of pairs.
func pairRows(dst, src []float32, stride, width, pairs int) {
	_, _ = dst[pairs*width-1], src[(2*pairs-1)*stride+width-1]
	if width == 8 {
		pairRows8AVX512(&dst[0], &src[0], stride, pairs)
	} else {
		pairRows32AVX512(&dst[0], &src[0], stride, pairs)
	}
}

// pairs puts blocks of 32 elements of src into 16 pairs of dst.
func pairs(dst, src []float32, blocks int) {
	_, _ = dst[16*blocks-1], src[32*blocks-1]
	pairsAVX512(&dst[0], &src[0], blocks)
}

// copyRows sets dst[p*width+i] = src[p*stride+i] for i < width and p < k, if there
// is a kernel for that width.
func copyRows(dst, src []float32, stride, width, k int) (done bool) {
	if level == portable || k == 0 {
		return false
	}
	_, _ = dst[k*width-1], src[(k-1)*stride+width-1]
	switch _, nr := tileSize(); {
	case width == 8:
		copy8AVX2(&dst[0], &src[0], stride, k)
	case width == nr && level == avx512:
		copyPanelAVX512(&dst[0], &src[0], stride, k)
	case width == nr:
		copyPanelAVX2(&dst[0], &src[0], stride, k)
	default:
		return false
	}
	return true
}

// transpose8 sets dst[p*dstStride+i] = src[i*srcStride+p] for i < 8 and p < done,
// which is k rounded down to the size of the kernel's blocks.
func transpose8(dst []float32, dstStride int, src []float32, srcStride, k int) (done int) {
	if level == portable || k < 8 {
		return 0
	}
	done = k &^ 7
	_, _ = dst[(done-1)*dstStride+7], src[7*srcStride+done-1]
	transpose8AVX2(&dst[0], dstStride, &src[0], srcStride, done/8)
	return done
}

// turn6 is transpose8 for six rows and a packed panel of six, with room for two
// elements more behind it.
func turn6(dst, src []float32, stride, k int) (done int) {
	if level != avx2 || k < 8 {
		return 0
	}
	done = k &^ 7
	_, _ = dst[6*done+1], src[5*stride+done-1]
	turn6AVX2(&dst[0], &src[0], stride, done/8)
	return done
}

// copy6 packs four panels of six, each with room for k rows: dst[(i/6*k+p)*6+i%6]
// = src[p*stride+i] for i < 24 and p < done. It leaves out the last row, because
// the kernel reads and writes two elements beyond every one.
func copy6(dst, src []float32, stride, k int) (done int) {
	if level != avx2 || k < 2 {
		return 0
	}
	_, _ = dst[24*k-1], src[(k-1)*stride+23]
	copy6AVX2(&dst[0], 6*k, &src[0], stride, k-1)
	return k - 1
}

// screenTile is how many rows and columns one panel of screen does, and the
// offset that makes its columns unsigned. Without VNNI products are added in 16
// bits, which leaves columns seven bits, and rows what groupLimit tells.
func screenTile() (mr, nr, offset int) {
	switch {
	case level == avx512 && hasVNNI:
		return 8, 32, 128
	case level == portable:
		return 4, 16, 128
	}
	return 4, 16, 64
}

// peaks returns the largest absolute value of x, and the largest sum of absolute
// values that a group of bytes comes from: of each 16 numbers, over those at 0, 1, 4, 5, 8,
// 9, 12, 13, and over the others. len(x) is a multiple of 32.
func peaks(x []float32) (high, group float32) {
	if level == portable {
		return peaksGo(x)
	}
	_ = x[31]
	high = peaksAVX2(x, &group)
	return high, group
}

func screen(low []float32, ld, panels, quads int, rows []int8, stride int, cols []uint8, columns, row, least []float32) {
	mr, nr, _ := screenTile()
	_, _, _, _ = low[(mr-1)*ld+panels*nr-1], rows[(mr-1)*stride+4*quads-1], cols[panels*quads*nr*4-1], columns[panels*4*nr-1]
	_, _ = row[4*mr-1], least[mr*nr/2-1]
	switch {
	case nr == 32:
		screenAVX512(&low[0], ld, panels, quads, &rows[0], stride, &cols[0], &columns[0], &row[0], &least[0])
	case level == portable:
		screenGo(low, ld, panels, quads, rows, stride, cols, columns, row, least)
	default:
		screenAVX2(&low[0], ld, panels, quads, &rows[0], stride, &cols[0], &columns[0], &row[0], &least[0])
	}
}

func below(low []float32, mask []byte, limit float32) float32 {
	_, _ = low[31], mask[len(low)/8-1]
	switch level {
	case avx512:
		return belowAVX512(low, &mask[0], limit)
	case avx2:
		return belowAVX2(low, &mask[0], limit)
	}
	return belowGo(low, mask, limit)
}

func quantize(x []float32, dst []int8, inverse, step float32) (squaredError, total float32) {
	_, _ = x[31], dst[len(x)-1]
	switch level {
	case avx512:
		squaredError = quantizeAVX512(x, &dst[0], &total, inverse, step)
	case avx2:
		squaredError = quantizeAVX2(x, &dst[0], &total, inverse, step)
	default:
		return quantizeGo(x, dst, inverse, step)
	}
	return squaredError, total
}

func halfFromFloat(dst []uint16, src []float32) {
	done := 0
	if level != portable {
		halfFromFloatAVX2(dst, src)
		done = len(dst) &^ 7
	}
	halfFromFloatGo(dst[done:], src[done:])
}

func floatFromHalf(dst []float32, src []uint16) {
	done := 0
	if level != portable {
		floatFromHalfAVX2(dst, src)
		done = len(dst) &^ 7
	}
	floatFromHalfGo(dst[done:], src[done:])
}

// minHash does the first done elements of dst.
func minHash(dst, a, b, x []uint32) (done int) {
	units := len(dst) / 16
	if level == portable || units == 0 || len(x) == 0 {
		return 0
	}
	if level == avx512 {
		minHashAVX512(units, len(x), &dst[0], &a[0], &b[0], &x[0])
	} else {
		minHashAVX2(units, len(x), &dst[0], &a[0], &b[0], &x[0])
	}
	return 16 * units
}

func sumRows(dst, x []float32, rows []int32, weights []float32) {
	_ = weights[len(rows)-1]
	if level == portable {
		sumRowsGo(dst, x, rows, weights)
		return
	}
	sumRowsAVX2(&dst[0], len(dst), &x[0], &rows[0], &weights[0], len(rows))
}

// skipText and unescape do the start of src. What is left they leave to the
// caller: less than 32 bytes, or what starts with a byte that they do not pass.
func skipText(src []byte) (done, escapes int) {
	if level == portable || len(src) < 32 {
		return 0, 0
	}
	done = skipTextAVX2(&src[0], len(src), &escapes)
	return done, escapes
}

func unescape(dst, src []byte) (written, done int) {
	if level == portable || len(src) < 32 {
		return 0, 0
	}
	_ = dst[len(src)-1]
	done = unescapeAVX2(&dst[0], &src[0], len(src), &written)
	return written, done
}
