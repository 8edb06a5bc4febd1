package vec

func dot(a, b []float32) float32                            { return dotGo(a, b) }
func dot3(a, b, c []float32) float32                        { return dot3Go(a, b, c) }
func squaredDistance(a, b []float32) float32                { return squaredDistanceGo(a, b) }
func sumSquares(x []float32) float64                        { return sumSquaresGo(x) }
func maximum(x []float32) float32                           { return maximumGo(x) }
func nearest(dots, norms []float32) (int, float32)          { return nearestGo(dots, norms) }
func axpy(alpha float32, x, y []float32)                    { axpyGo(alpha, x, y) }
func scale(alpha float32, x []float32)                      { scaleGo(alpha, x) }
func add(dst, a, b []float32)                               { addGo(dst, a, b) }
func mul(dst, a, b []float32)                               { mulGo(dst, a, b) }
func mulScale(dst, x, w []float32, alpha float32)           { mulScaleGo(dst, x, w, alpha) }
func exp(dst, x []float32)                                  { expGo(dst, x) }
func expSum(dst, x []float32, shift float32) float32        { return expSumGo(dst, x, shift) }
func sumExp(x []float32, shift float32) float32             { return sumExpGo(x, shift) }
func softmaxGrad(dst, p, dp []float32, alpha, mean float32) { softmaxGradGo(dst, p, dp, alpha, mean) }
func silu(dst, x []float32)                                 { siluGo(dst, x) }
func swiglu(dst, gate, up []float32)                        { swigluGo(dst, gate, up) }
func swigluGrad(dgate, dup, gate, up, dy []float32)         { swigluGradGo(dgate, dup, gate, up, dy) }
func rotate(x, y, cos, sin []float32)                       { rotateGo(x, y, cos, sin) }
func rmsGrad(dx, dw, dy, x, w []float32, r, beta float32)   { rmsGradGo(dx, dw, dy, x, w, r, beta) }
func halfFromFloat(dst []uint16, src []float32)             { halfFromFloatGo(dst, src) }
func floatFromHalf(dst []float32, src []uint16)             { floatFromHalfGo(dst, src) }
func adamw(p, g, m, v []float32, beta1, alpha1, beta2, alpha2, keep, step, rscale, eps float32) {
	adamwGo(p, g, m, v, beta1, alpha1, beta2, alpha2, keep, step, rscale, eps)
}
