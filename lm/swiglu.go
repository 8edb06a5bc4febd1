package lm

import "github.com/climb-go/climb/vec"

// swiglu sets ws.act, n x Hidden, to silu(gate) * up of gu, n x 2 Hidden, gate
// first.
func (ws *Workspace) swiglu(gu []float32, n int) {
	if ws.workers > 1 {
		ws.parts(n, func(lo, hi int) { ws.swigluPart(gu, lo, hi) })
		return
	}
	ws.swigluPart(gu, 0, n)
}

func (ws *Workspace) swigluPart(gu []float32, lo, hi int) {
	hid := ws.config.Hidden
	for i := lo; i < hi; i++ {
		row := gu[2*i*hid : 2*(i+1)*hid]
		vec.SwiGLU(ws.act[i*hid:(i+1)*hid], row[:hid], row[hid:])
	}
}

// swigluBackward sets ws.act as swiglu does, and overwrites gu with the
// gradients by gate and up, given ws.dact, the gradient by ws.act.
func (ws *Workspace) swigluBackward(gu []float32, n int) {
	if ws.workers > 1 {
		ws.parts(n, func(lo, hi int) { ws.swigluBackwardPart(gu, lo, hi) })
		return
	}
	ws.swigluBackwardPart(gu, 0, n)
}

func (ws *Workspace) swigluBackwardPart(gu []float32, lo, hi int) {
	hid := ws.config.Hidden
	for i := lo; i < hi; i++ {
		row := gu[2*i*hid : 2*(i+1)*hid]
		vec.SwiGLUBoth(ws.act[i*hid:(i+1)*hid], row[:hid], row[hid:], row[:hid], row[hid:], ws.dact[i*hid:(i+1)*hid])
	}
}
