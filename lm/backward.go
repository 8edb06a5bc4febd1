package lm

import "github.com/climb-go/climb/vec"

// backward adds the gradients of the pass to ws.grad. ws.dh holds the gradient
// of the loss by the final normalised state. Normalised inputs and the
// feed-forward activation are computed again, not kept.
func (m *Model) backward(ws *Workspace) {
	n, w := ws.rows(), m.Config.Width
	clear(ws.dx[:n*w])
	ws.normBackward(ws.grad.norm, ws.x[:n*w], m.w.norm)
	for l := len(ws.layers) - 1; l >= 0; l-- {
		a, b, g := &ws.layers[l], &m.w.blocks[l], &ws.grad.blocks[l]
		m.feedBackward(ws, a, b, g, n)
		m.attentionBackward(ws, a, b, g, n)
	}
	ws.scatter(n)
}

// scatter adds ws.dx to the gradients of the tokens' embeddings: tokens in
// order, each worker with columns of its own.
func (ws *Workspace) scatter(n int) {
	if ws.workers > 1 {
		w := ws.config.Width
		vec.ForEach(ws.workers, ws.workers, func(_, i int) {
			ws.scatterColumns(n, i*w/ws.workers, (i+1)*w/ws.workers)
		})
		return
	}
	ws.scatterColumns(n, 0, ws.config.Width)
}

func (ws *Workspace) scatterColumns(n, lo, hi int) {
	w := ws.config.Width
	for i, t := range ws.tokens[:n] {
		vec.Axpy(1, ws.dx[i*w+lo:i*w+hi], ws.grad.embed[int(t)*w+lo:int(t)*w+hi])
	}
}

// feedBackward takes ws.dx from the output of a block's feed-forward half to
// its input. It overwrites a.gu.
func (m *Model) feedBackward(ws *Workspace, a *activations, b, g *block, n int) {
	w, hid := m.Config.Width, m.Config.Hidden
	ws.gemm(false, false, n, hid, w, 1, ws.dx, w, b.down, hid, 0, ws.dact, hid)
	ws.swigluBackward(a.gu, n)
	ws.gemm(true, false, w, hid, n, 1, ws.dx, w, ws.act, hid, 1, g.down, hid)
	ws.norm(a.mid[:n*w], b.norm2)
	ws.gemm(true, false, 2*hid, w, n, 1, a.gu, 2*hid, ws.h, w, 1, g.gu, w)
	ws.gemm(false, false, n, w, 2*hid, 1, a.gu, 2*hid, b.gu, w, 0, ws.dh, w)
	ws.normBackward(g.norm2, a.mid[:n*w], b.norm2)
}

// attentionBackward does the same for the attention half.
func (m *Model) attentionBackward(ws *Workspace, a *activations, b, g *block, n int) {
	w := m.Config.Width
	ws.gemm(true, false, w, w, n, 1, ws.dx, w, a.att, w, 1, g.out, w)
	ws.gemm(false, false, n, w, w, 1, ws.dx, w, b.out, w, 0, ws.dh, w)
	ws.attendBackward(a)
	ws.rotate(ws.dqkv, vec.RotateBack)
	ws.norm(a.x[:n*w], b.norm1)
	ws.gemm(true, false, 3*w, w, n, 1, ws.dqkv, 3*w, ws.h, w, 1, g.qkv, w)
	ws.gemm(false, false, n, w, 3*w, 1, ws.dqkv, 3*w, b.qkv, w, 0, ws.dh, w)
	ws.normBackward(g.norm1, a.x[:n*w], b.norm1)
}
