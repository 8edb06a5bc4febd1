package lm

import "github.com/climb-go/climb/vec"

// norm applies vec.RMSNorm to each of the rows of x, which is as wide as gain,
// writes the result to ws.h and every row's factor to ws.rms.
func (ws *Workspace) norm(x, gain []float32) {
	w, eps := len(gain), ws.config.NormEps
	if ws.workers > 1 {
		ws.parts(len(x)/w, func(lo, hi int) { normForward(ws.h[lo*w:], ws.rms[lo:], x[lo*w:hi*w], gain, eps) })
		return
	}
	normForward(ws.h, ws.rms, x, gain, eps)
}

// normBackward adds the gradients by x and gain to ws.dx and dgain, given
// ws.dh, the gradient by what norm wrote, and the ws.rms it left. The gradient
// by gain is added up by parts of the rows.
func (ws *Workspace) normBackward(dgain, x, gain []float32) {
	w := len(gain)
	n := len(x) / w
	clear(ws.dgain)
	if ws.workers > 1 {
		ws.parts(n, func(lo, hi int) { ws.normBackwardPart(x, gain, lo, hi) })
	} else {
		for lo := 0; lo < n; lo += partRows {
			ws.normBackwardPart(x, gain, lo, min(lo+partRows, n))
		}
	}
	for lo := 0; lo < n; lo += partRows {
		vec.Add(dgain, dgain, ws.dgain[lo/partRows*w:][:w])
	}
}

func (ws *Workspace) normBackwardPart(x, gain []float32, lo, hi int) {
	w := len(gain)
	dgain := ws.dgain[lo/partRows*w:][:w]
	for i := lo; i < hi; i++ {
		vec.RMSNormGrad(ws.dx[i*w:(i+1)*w], dgain, ws.dh[i*w:(i+1)*w], x[i*w:(i+1)*w], gain, ws.rms[i])
	}
}

func normForward(dst, rms, x, gain []float32, eps float64) {
	w := len(gain)
	for i := range len(x) / w {
		rms[i] = vec.RMSNorm(dst[i*w:(i+1)*w], x[i*w:(i+1)*w], gain, float32(eps))
	}
}
