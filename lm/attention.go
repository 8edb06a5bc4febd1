package lm

import (
	"math"

	"github.com/climb-go/climb/vec"
)

// rotate turns the queries and keys of qkv, which is rows x 3 Width, by the
// angles of their positions, or back. Dimension i of a head is paired with
// dimension i + d/2, as in Hugging Face's Llama; Su et al. (2021,
// arXiv:2104.09864, eq. 34) pair 2i with 2i+1, which only permutes the rows of
// the projections.
func (ws *Workspace) rotate(qkv []float32, turn func(x, y, cos, sin []float32)) {
	w := ws.config.Width
	half := w / ws.config.Heads / 2
	for _, s := range ws.seqs {
		for t := range s.n {
			cos, sin := ws.cos[t*half:(t+1)*half], ws.sin[t*half:(t+1)*half]
			row := qkv[(s.start+t)*3*w:][:2*w]
			for h := 0; h < len(row); h += 2 * half {
				turn(row[h:h+half], row[h+half:h+2*half], cos, sin)
			}
		}
	}
}

// probabilities fills scores, (q1-q0) x ld, with the causal attention of
// queries q0 to q1 over keys 0 to q1 of the head that begins at column 0 of
// qkv, whose row 0 is the sequence's first.
func (ws *Workspace) probabilities(qkv []float32, q0, q1 int) {
	w := ws.config.Width
	d := w / ws.config.Heads
	scale := float32(1 / math.Sqrt(float64(d)))
	vec.Gemm(false, true, q1-q0, q1, d, scale, qkv[q0*3*w:], 3*w, qkv[w:], 3*w, 0, ws.scores, ws.seqlen)
	for q := q0; q < q1; q++ {
		row := ws.scores[(q-q0)*ws.seqlen:][:q1]
		vec.Softmax(row[:q+1])
		clear(row[q+1:])
	}
}

// attend computes the heads' outputs, rows x Width, a block of queries of one
// head at a time: no more than queryBlock x seqlen scores are ever held.
func (ws *Workspace) attend(att, qkv []float32) {
	w := ws.config.Width
	d := w / ws.config.Heads
	for _, s := range ws.seqs {
		for h := 0; h < w; h += d {
			qkv, att := qkv[s.start*3*w+h:], att[s.start*w+h:]
			for q0 := 0; q0 < s.n; q0 += queryBlock {
				q1 := min(q0+queryBlock, s.n)
				ws.probabilities(qkv, q0, q1)
				vec.Gemm(false, false, q1-q0, d, q1, 1, ws.scores, ws.seqlen, qkv[2*w:], 3*w, 0, att[q0*w:], w)
			}
		}
	}
}

// attendBackward sets dqkv to the gradient by qkv, given datt, the gradient by
// what attend wrote. Probabilities are computed again block by block, as in
// FlashAttention (Dao et al., 2022, arXiv:2205.14135, §3.1).
func (ws *Workspace) attendBackward(dqkv, datt, qkv []float32) {
	w, ld := ws.config.Width, ws.seqlen
	d := w / ws.config.Heads
	scale := float32(1 / math.Sqrt(float64(d)))
	for _, s := range ws.seqs {
		for h := 0; h < w; h += d {
			qkv, dqkv := qkv[s.start*3*w+h:], dqkv[s.start*3*w+h:]
			datt := datt[s.start*w+h:]
			// Last block first: it reaches every key, so it sets the
			// gradients of keys and values and the others add to them.
			last := (s.n - 1) / queryBlock * queryBlock
			for q0 := last; q0 >= 0; q0 -= queryBlock {
				q1 := min(q0+queryBlock, s.n)
				beta := float32(1)
				if q0 == last {
					beta = 0
				}
				ws.probabilities(qkv, q0, q1)
				vec.Gemm(false, true, q1-q0, q1, d, 1, datt[q0*w:], w, qkv[2*w:], 3*w, 0, ws.dscores, ld)
				for q := q0; q < q1; q++ {
					p, dp := ws.scores[(q-q0)*ld:][:q1], ws.dscores[(q-q0)*ld:][:q1]
					vec.SoftmaxGrad(dp, p, dp, scale)
				}
				vec.Gemm(false, false, q1-q0, d, q1, 1, ws.dscores, ld, qkv[w:], 3*w, 0, dqkv[q0*3*w:], 3*w)
				vec.Gemm(true, false, q1, d, q1-q0, 1, ws.dscores, ld, qkv[q0*3*w:], 3*w, beta, dqkv[w:], 3*w)
				vec.Gemm(true, false, q1, d, q1-q0, 1, ws.scores, ld, datt[q0*w:], w, beta, dqkv[2*w:], 3*w)
			}
		}
	}
}
