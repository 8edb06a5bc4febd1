package lm

import "github.com/climb-go/climb/vec"

// normForward applies vec.RMSNorm to each row of x, which is as wide as gain,
// and leaves every row's factor in rms.
func normForward(dst, rms, x, gain []float32, eps float64) {
	w := len(gain)
	for i := range len(x) / w {
		rms[i] = vec.RMSNorm(dst[i*w:(i+1)*w], x[i*w:(i+1)*w], gain, float32(eps))
	}
}

// normBackward adds the gradients by x and gain to dx and dgain, given dy, the
// gradient by what normForward wrote, and the rms it left.
func normBackward(dx, dgain, dy, x, rms, gain []float32) {
	w := len(gain)
	for i := range len(x) / w {
		vec.RMSNormGrad(dx[i*w:(i+1)*w], dgain, dy[i*w:(i+1)*w], x[i*w:(i+1)*w], gain, rms[i])
	}
}
