package lm

import (
	"math"

	"github.com/climb-go/climb/vec"
)

// crossEntropy returns the sum over the n rows of ws.h of -log p(target), in
// nats, each row's term in float32 precision and the sum in float64. With grad
// it also sets ws.dh to scale times the gradient by ws.h and adds scale times
// the one by the embedding to ws.grad. No more than headRows rows of logits
// exist at a time.
func (m *Model) crossEntropy(ws *Workspace, n int, grad bool, scale float32) (nats float64) {
	v, w := m.Config.Vocab, m.Config.Width
	for r0 := 0; r0 < n; r0 += ws.headRows {
		rows := min(ws.headRows, n-r0)
		h := ws.h[r0*w:]
		vec.Gemm(false, true, rows, v, w, 1, h, w, m.w.embed, w, 0, ws.logits, v)
		for r := range rows {
			target := ws.targets[r0+r]
			z := ws.logits[r*v : (r+1)*v]
			nats -= logProb(z, int(target))
			if grad {
				z[target]--
			}
		}
		if grad {
			vec.Gemm(false, false, rows, w, v, scale, ws.logits, v, m.w.embed, w, 0, ws.dh[r0*w:], w)
			vec.Gemm(true, false, v, w, rows, scale, ws.logits, v, h, w, 1, ws.grad.embed, w)
		}
	}
	return nats
}

// logProb turns the logits z into probabilities and returns log p[target] in
// nats. It is finite even where p[target] underflows to 0.
func logProb(z []float32, target int) float64 {
	top, zt := vec.Max(z), z[target]
	sum := vec.ExpSum(z, z, top)
	vec.Scale(1/sum, z)
	return float64(zt) - float64(top) - math.Log(float64(sum))
}
