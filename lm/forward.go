package lm

import (
	"fmt"

	"github.com/climb-go/climb/vec"
)

// LossGrad runs a batch forward and backward and returns the loss: the mean of
// -log p(next token | the tokens before it), in nats per token. tokens is
// B x (T+1), row-major, T the workspace's sequence length; the last column is
// only predicted. The gradient of the loss is added to grad, which has the
// layout of Params. Nothing is allocated.
func (m *Model) LossGrad(ws *Workspace, tokens []uint32, grad []float32) float64 {
	ws.grad.view(m.Config, grad)
	return m.batch(ws, tokens, true)
}

// Loss is LossGrad without the gradient.
func (m *Model) Loss(ws *Workspace, tokens []uint32) float64 {
	return m.batch(ws, tokens, false)
}

func (m *Model) batch(ws *Workspace, tokens []uint32, grad bool) float64 {
	row := ws.seqlen + 1
	if len(tokens) == 0 || len(tokens)%row != 0 {
		panic(fmt.Sprintf("lm: batch of %d tokens is not made of rows of %d + 1", len(tokens), ws.seqlen))
	}
	ws.check(tokens)
	count := len(tokens) / row * ws.seqlen
	sum := 0.0
	for len(tokens) > 0 {
		ws.begin(m)
		for len(tokens) > 0 && ws.rows()+ws.seqlen <= ws.capacity {
			s := ws.add(tokens[:ws.seqlen])
			copy(ws.targets[s.start:], tokens[1:row])
			tokens = tokens[row:]
		}
		m.forward(ws)
		n := ws.rows()
		ws.norm(ws.x[:n*m.Config.Width], m.w.norm)
		sum += m.crossEntropy(ws, n, grad, 1/float32(count))
		if grad {
			m.backward(ws)
		}
	}
	return sum / float64(count)
}

// forward runs the sequences of ws through the blocks and leaves the residual
// stream in ws.x.
func (m *Model) forward(ws *Workspace) {
	n, w, hid := ws.rows(), m.Config.Width, m.Config.Hidden
	x := ws.layers[0].x[:n*w]
	for i, t := range ws.tokens[:n] {
		copy(x[i*w:(i+1)*w], m.w.embed[int(t)*w:])
	}
	for l := range ws.layers {
		a, b := &ws.layers[l], &m.w.blocks[l]
		next := ws.x[:n*w]
		if l+1 < len(ws.layers) {
			next = ws.layers[l+1].x[:n*w]
		}
		ws.norm(a.x[:n*w], b.norm1)
		ws.gemm(false, true, n, 3*w, w, 1, ws.h, w, b.qkv, w, 0, a.qkv, 3*w)
		ws.rotate(a.qkv, vec.Rotate)
		ws.attend(a)
		copy(a.mid, a.x[:n*w])
		ws.gemm(false, true, n, w, w, 1, a.att, w, b.out, w, 1, a.mid, w)

		ws.norm(a.mid[:n*w], b.norm2)
		ws.gemm(false, true, n, 2*hid, w, 1, ws.h, w, b.gu, w, 0, a.gu, 2*hid)
		ws.swiglu(a.gu, n)
		copy(next, a.mid[:n*w])
		ws.gemm(false, true, n, w, hid, 1, ws.act, hid, b.down, hid, 1, next, w)
	}
}
