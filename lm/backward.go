package lm

import "github.com/climb-go/climb/vec"

// backward adds the gradients of the pass to ws.grad. ws.dh holds the gradient
// of the loss by the final normalised state. Normalised inputs and the
// feed-forward activation are computed again, not kept.
func (m *Model) backward(ws *Workspace) {
	n, w := ws.rows(), m.Config.Width
	clear(ws.dx[:n*w])
	normBackward(ws.dx, ws.grad.norm, ws.dh, ws.x[:n*w], ws.rms, m.w.norm)
	for l := len(ws.layers) - 1; l >= 0; l-- {
		a, b, g := &ws.layers[l], &m.w.blocks[l], &ws.grad.blocks[l]
		m.feedBackward(ws, a, b, g, n)
		m.attentionBackward(ws, a, b, g, n)
	}
	for i, t := range ws.tokens[:n] {
		vec.Axpy(1, ws.dx[i*w:(i+1)*w], ws.grad.embed[int(t)*w:(int(t)+1)*w])
	}
}

// feedBackward takes ws.dx from the output of a block's feed-forward half to
// its input. It overwrites a.gu.
func (m *Model) feedBackward(ws *Workspace, a *activations, b, g *block, n int) {
	w, hid := m.Config.Width, m.Config.Hidden
	vec.Gemm(false, false, n, hid, w, 1, ws.dx, w, b.down, hid, 0, ws.dact, hid)
	swigluForward(ws.act[:n*hid], a.gu, hid)
	swigluBackward(a.gu, ws.dact[:n*hid], hid)
	vec.Gemm(true, false, w, hid, n, 1, ws.dx, w, ws.act, hid, 1, g.down, hid)
	normForward(ws.h, ws.rms, a.mid[:n*w], b.norm2, m.Config.NormEps)
	vec.Gemm(true, false, 2*hid, w, n, 1, a.gu, 2*hid, ws.h, w, 1, g.gu, w)
	vec.Gemm(false, false, n, w, 2*hid, 1, a.gu, 2*hid, b.gu, w, 0, ws.dh, w)
	normBackward(ws.dx, g.norm2, ws.dh, a.mid[:n*w], ws.rms, b.norm2)
}

// attentionBackward does the same for the attention half.
func (m *Model) attentionBackward(ws *Workspace, a *activations, b, g *block, n int) {
	w := m.Config.Width
	vec.Gemm(true, false, w, w, n, 1, ws.dx, w, a.att, w, 1, g.out, w)
	vec.Gemm(false, false, n, w, w, 1, ws.dx, w, b.out, w, 0, ws.dh, w)
	ws.attendBackward(ws.dqkv, ws.dh, a.qkv)
	ws.rotate(ws.dqkv, vec.RotateBack)
	normForward(ws.h, ws.rms, a.x[:n*w], b.norm1, m.Config.NormEps)
	vec.Gemm(true, false, 3*w, w, n, 1, ws.dqkv, 3*w, ws.h, w, 1, g.qkv, w)
	vec.Gemm(false, false, n, w, 3*w, 1, ws.dqkv, 3*w, b.qkv, w, 0, ws.dh, w)
	normBackward(ws.dx, g.norm1, ws.dh, a.x[:n*w], ws.rms, b.norm1)
}
