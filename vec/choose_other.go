//go:build !amd64 || purego

package vec

const level = portable

func tileSize() (mr, nr int) { return 4, 4 }

func tiles(_ bool, panels, stride, k int, a []float32, ars, aks int, b []float32, bks int, c []float32, ldc int, alpha, beta float32, _ ahead) {
	tilesGo(panels, stride, k, a, b, c, ldc, alpha, beta)
}

// pairing tells whether the tiles of GemmBF16 take pairs, which pairRows and pairs
// make.
func pairing() bool                                         { return false }
func pairRows(dst, src []float32, stride, width, pairs int) {}
func pairs(dst, src []float32, blocks int)                  {}

// copyRows leaves all to the caller.
func copyRows(dst, src []float32, stride, width, k int) (done bool) { return false }

// transpose8 handles no columns, nor do turn6 and copy6: all are left to the caller.
func transpose8(dst []float32, dstStride int, src []float32, srcStride, k int) (done int) { return 0 }

func turn6(dst, src []float32, stride, k int) (done int) { return 0 }

func copy6(dst, src []float32, stride, k int) (done int) { return 0 }

func screenTile() (mr, nr, offset int) { return 4, 16, 128 }

func peaks(x []float32) (high, group float32) { return peaksGo(x) }

func screen(low []float32, ld, panels, quads int, rows []int8, stride int, cols []uint8, columns, row, least []float32) {
	screenGo(low, ld, panels, quads, rows, stride, cols, columns, row, least)
}

func below(low []float32, mask []byte, limit float32) float32 { return belowGo(low, mask, limit) }

func quantize(x []float32, dst []int8, inverse, step float32) (squaredError, total float32) {
	return quantizeGo(x, dst, inverse, step)
}

func halfFromFloat(dst []uint16, src []float32) { halfFromFloatGo(dst, src) }
func floatFromHalf(dst []float32, src []uint16) { floatFromHalfGo(dst, src) }

// minHash leaves all to the caller.
func minHash(dst, a, b, x []uint32) (done int) { return 0 }

func sumRows(dst, x []float32, rows []int32, weights []float32) { sumRowsGo(dst, x, rows, weights) }

// skipText and unescape leave all to the caller.
func skipText(src []byte) (done, escapes int)      { return 0, 0 }
func unescape(dst, src []byte) (written, done int) { return 0, 0 }
