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
	v, w, ld := m.Config.Vocab, m.Config.Width, ws.headStride
	for r0 := 0; r0 < n; r0 += ws.headRows {
		rows := min(ws.headRows, n-r0)
		h := ws.h[r0*w:]
		ws.gemm(false, true, rows, v, w, 1, h, w, m.w.embed, w, 0, ws.logits, ld)
		ws.losses(r0, rows, grad)
		for _, x := range ws.nats[:rows] {
			nats += x
		}
		if grad {
			ws.gemm(false, false, rows, w, v, scale, ws.logits, ld, m.w.embed, w, 0, ws.dh[r0*w:], w)
			ws.gemm(true, false, v, w, rows, scale, ws.logits, ld, h, w, 1, ws.grad.embed, w)
		}
	}
	return nats
}

// losses sets ws.nats to the terms of the rows of logits, which belong to row
// r0 of the pass and after, and with grad the logits to their gradients.
func (ws *Workspace) losses(r0, rows int, grad bool) {
	if ws.workers > 1 {
		vec.ForEach(ws.workers, rows, func(_, r int) { ws.lossRow(r, ws.targets[r0+r], grad) })
		return
	}
	for r := range rows {
		ws.lossRow(r, ws.targets[r0+r], grad)
	}
}

func (ws *Workspace) lossRow(r int, target uint32, grad bool) {
	z := ws.logits[r*ws.headStride:][:ws.config.Vocab]
	ws.nats[r] = -logProb(z, int(target))
	if grad {
		z[target]--
	}
}

// logProb turns the logits z into probabilities and returns log p[target] in
// nats. It is finite even where p[target] underflows to 0.
func logProb(z []float32, target int) float64 {
	top, zt := vec.Max(z), z[target]
	sum := vec.ExpSum(z, z, top)
	vec.Scale(1/sum, z)
	return float64(zt) - float64(top) - math.Log(float64(sum))
}
