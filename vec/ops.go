package vec

import "math"

// Dot returns sum a[i]*b[i].
func Dot(a, b []float32) float32 {
	same("dot", len(a), len(b))
	return dot(a, b)
}

// DotBytes returns sum a[i]*b[i], where b holds little-endian float32 numbers at
// any address, 4*len(a) bytes: a row of a file that is mapped into memory.
func DotBytes(a []float32, b []byte) float32 {
	same("dot", 4*len(a), len(b))
	return dotBytes(a, b)
}

// AddBytes does dst[i] += src[i], where src holds little-endian float32 numbers
// at any address, 4*len(dst) bytes.
func AddBytes(dst []float32, src []byte) {
	same("add", 4*len(dst), len(src))
	addBytes(dst, src)
}

// SquaredDistance returns sum (a[i]-b[i])^2.
func SquaredDistance(a, b []float32) float32 {
	same("squared distance", len(a), len(b))
	return squaredDistance(a, b)
}

// SumSquares returns sum x[i]^2: blocks of 1024 elements as Dot adds them up, the
// blocks in float64. The relative error is below 1e-5 for any length.
func SumSquares(x []float32) (s float64) {
	for len(x) > 0 {
		n := min(len(x), 1024)
		s += float64(dot(x[:n], x[:n]))
		x = x[n:]
	}
	return s
}

// Axpy does y[i] += alpha*x[i].
func Axpy(alpha float32, x, y []float32) {
	same("axpy", len(x), len(y))
	axpy(alpha, x, y)
}

// Scale does x[i] *= alpha.
func Scale(alpha float32, x []float32) { scale(alpha, x) }

// Add does dst[i] = a[i] + b[i].
func Add(dst, a, b []float32) {
	same("add", len(dst), len(a), len(b))
	add(dst, a, b)
}

// Max returns the largest element, passing over NaNs; -Inf for none.
func Max(x []float32) float32 { return maximum(x) }

// Exp does dst[i] = e^x[i], within 2 units in the last place. It overflows to
// +Inf, underflows gradually to 0, and keeps NaN.
func Exp(dst, x []float32) {
	same("exp", len(dst), len(x))
	exp(dst, x)
}

// ExpSum does dst[i] = e^(x[i]-shift) and returns sum dst[i].
func ExpSum(dst, x []float32, shift float32) float32 {
	same("exp", len(dst), len(x))
	return expSum(dst, x, shift)
}

// Softmax replaces x by e^x[i] / sum e^x[j]. Some elements may be -Inf, which
// become 0, but not all.
func Softmax(x []float32) {
	if len(x) == 0 {
		return
	}
	scale(1/expSum(x, x, maximum(x)), x)
}

// SoftmaxBack is the backward pass of softmax where only the scores are at hand:
// with lse = log sum e^p[j] and mean = sum p[j]*dp[j] it does
//
//	p[i] = e^(p[i]-lse);  dp[i] = alpha * p[i] * (dp[i] - mean)
//
// Dao et al. 2022, arXiv:2205.14135, appendix B.4.
func SoftmaxBack(p, dp []float32, lse, mean, alpha float32) {
	same("softmax gradient", len(p), len(dp))
	softmaxBack(p, dp, lse, mean, alpha)
}

// SwiGLU does dst[i] = silu(gate[i]) * up[i].
// Shazeer 2020, arXiv:2002.05202, equation 6 without the biases.
func SwiGLU(dst, gate, up []float32) {
	same("swiglu", len(dst), len(gate), len(up))
	swiglu(dst, gate, up)
}

// SwiGLUBoth sets act to SwiGLU, and dgate and dup to its gradients, given dy, the
// gradient with respect to its result, with the exponentials computed once:
//
//	s = 1/(1+e^-gate);  dgate = dy*up*s*(1+gate*(1-s));  dup = dy*gate*s
//
// act may differ from SwiGLU's in the last place.
func SwiGLUBoth(act, dgate, dup, gate, up, dy []float32) {
	same("swiglu gradient", len(act), len(dgate), len(dup), len(gate), len(up), len(dy))
	swigluBoth(act, dgate, dup, gate, up, dy)
}

// Rotate turns the pairs (x[i], y[i]) by the angles with these cosines and
// sines: x' = x*cos - y*sin, y' = y*cos + x*sin. For rotary embeddings in the
// half-split form x and y are the two halves of a head.
func Rotate(x, y, cos, sin []float32) {
	same("rotate", len(x), len(y), len(cos), len(sin))
	rotate(x, y, cos, sin)
}

// RotateBack undoes Rotate: x' = x*cos + y*sin, y' = y*cos - x*sin. It is also
// its gradient.
func RotateBack(x, y, cos, sin []float32) {
	same("rotate", len(x), len(y), len(cos), len(sin))
	rotate(y, x, cos, sin)
}

// RMSNorm does dst[i] = x[i]*r*weight[i] for one row with r = 1/sqrt(mean x^2 +
// eps), and returns r. Zhang and Sennrich 2019, arXiv:1910.07467, equation 4.
func RMSNorm(dst, x, weight []float32, eps float32) (r float32) {
	same("rms norm", len(dst), len(x), len(weight))
	r = float32(1 / math.Sqrt(float64(dot(x, x))/float64(max(len(x), 1))+float64(eps)))
	mulScale(dst, x, weight, r)
	return r
}

// RMSNormGrad adds the gradients of one row of RMSNorm to dx and dweight, given
// dy, the gradient with respect to its result, and r as RMSNorm returned it:
//
//	dx += r*weight*dy - x * r^3/n * sum weight*dy*x;  dweight += r*dy*x
func RMSNormGrad(dx, dweight, dy, x, weight []float32, r float32) {
	same("rms norm gradient", len(dx), len(dweight), len(dy), len(x), len(weight))
	rmsGrad(dx, dweight, dy, x, weight, r, -r*r*r/float32(len(x))*dot3(weight, dy, x))
}

// AdamW does one step of decoupled Adam (Loshchilov and Hutter 2019,
// arXiv:1711.05101, algorithm 2):
//
//	m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g*g
//	p = p - lr*(m/correction1 / (sqrt(v/correction2)+eps) + decay*p)
//
// with correction1 = 1-beta1^t and correction2 = 1-beta2^t at step t = 1, 2, ...
func AdamW(params, grads, m, v []float32, lr, beta1, beta2, eps, decay, correction1, correction2 float32) {
	same("adamw", len(params), len(grads), len(m), len(v))
	adamw(params, grads, m, v, beta1, 1-beta1, beta2, 1-beta2,
		1-lr*decay, -lr/correction1, float32(1/math.Sqrt(float64(correction2))), eps)
}

// HalfFromFloat converts to IEEE 754 binary16, rounding to nearest, ties to
// even; what is too large becomes an infinity.
func HalfFromFloat(dst []uint16, src []float32) {
	same("half floats", len(dst), len(src))
	halfFromFloat(dst, src)
}

// FloatFromHalf converts from IEEE 754 binary16; it is exact.
func FloatFromHalf(dst []float32, src []uint16) {
	same("half floats", len(dst), len(src))
	floatFromHalf(dst, src)
}
