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
	if ws.workers > 1 {
		vec.ForEach(ws.workers, len(ws.seqs), func(_, i int) { ws.rotateSeq(qkv, ws.seqs[i], turn) })
		return
	}
	for _, s := range ws.seqs {
		ws.rotateSeq(qkv, s, turn)
	}
}

func (ws *Workspace) rotateSeq(qkv []float32, s span, turn func(x, y, cos, sin []float32)) {
	w := ws.config.Width
	half := w / ws.config.Heads / 2
	for t := range s.n {
		at := (s.shared + t) * half
		cos, sin := ws.cos[at:at+half], ws.sin[at:at+half]
		row := qkv[(s.start+t)*3*w:][:2*w]
		for h := 0; h < len(row); h += 2 * half {
			turn(row[h:h+half], row[h+half:h+2*half], cos, sin)
		}
	}
}

// A scratch is what one worker needs for a block of queries of one head: no
// more than queryBlock x seqlen scores are ever held.
type scratch struct {
	scores  []float32 // queryBlock x seqlen
	dscores []float32 // queryBlock x seqlen
	inverse []float32 // queryBlock: of the sums of the rows' exponentials
}

// attend computes the heads' outputs a.att from a.qkv, and a.lse.
func (ws *Workspace) attend(a *activations) {
	n := len(ws.seqs) * ws.config.Heads
	if ws.workers > 1 {
		vec.ForEach(ws.workers, n, func(w, i int) { ws.attendHead(&ws.scratch[w], a, i) })
		return
	}
	for i := range n {
		ws.attendHead(&ws.scratch[0], a, i)
	}
}

// attendHead does one head of one sequence, a block of queries at a time. A
// sequence that shares a prefix with others finds the prefix's keys and values
// before it in the pass. Rows are divided by the sums of their exponentials
// only when they have become outputs.
func (ws *Workspace) attendHead(sc *scratch, a *activations, i int) {
	w, ld := ws.config.Width, ws.seqlen
	d := w / ws.config.Heads
	s, h := ws.seqs[i/ws.config.Heads], i%ws.config.Heads*d
	before, qkv, att := a.qkv[s.prefix*3*w+h:], a.qkv[s.start*3*w+h:], a.att[s.start*w+h:]
	lse := ws.head(a.lse, i)
	for q0 := 0; q0 < s.n; q0 += queryBlock {
		q1 := min(q0+queryBlock, s.n)
		ws.scores(sc.scores, before, qkv, s.shared, q0, q1)
		for q := q0; q < q1; q++ {
			row := sc.scores[(q-q0)*ld:][:s.shared+q1]
			seen := row[:s.shared+q+1]
			top := vec.Max(seen)
			sum := vec.ExpSum(seen, seen, top)
			clear(row[len(seen):])
			sc.inverse[q-q0], lse[q] = 1/sum, top+float32(math.Log(float64(sum)))
		}
		beta := float32(0)
		if s.shared > 0 {
			vec.Gemm(false, false, q1-q0, d, s.shared, 1, sc.scores, ld, before[2*w:], 3*w, 0, att[q0*w:], w)
			beta = 1
		}
		vec.Gemm(false, false, q1-q0, d, q1, 1, sc.scores[s.shared:], ld, qkv[2*w:], 3*w, beta, att[q0*w:], w)
		for q := q0; q < q1; q++ {
			vec.Scale(sc.inverse[q-q0], att[q*w:][:d])
		}
	}
}

// scores fills dst, (q1-q0) x seqlen, with the scores of queries q0 to q1 of
// the head that begins at column 0 of qkv, whose row 0 is the sequence's first:
// over the shared keys before it, then over its own keys 0 to q1.
func (ws *Workspace) scores(dst, before, qkv []float32, shared, q0, q1 int) {
	w, ld := ws.config.Width, ws.seqlen
	d := w / ws.config.Heads
	scale := float32(1 / math.Sqrt(float64(d)))
	if shared > 0 {
		vec.Gemm(false, true, q1-q0, shared, d, scale, qkv[q0*3*w:], 3*w, before[w:], 3*w, 0, dst, ld)
	}
	vec.Gemm(false, true, q1-q0, q1, d, scale, qkv[q0*3*w:], 3*w, qkv[w:], 3*w, 0, dst[shared:], ld)
}

// head gives the part of lse that belongs to head i of the pass.
func (ws *Workspace) head(lse []float32, i int) []float32 {
	s := ws.seqs[i/ws.config.Heads]
	return lse[s.start*ws.config.Heads+i%ws.config.Heads*s.n:][:s.n]
}

// attendBackward sets ws.dqkv to the gradient by a.qkv, given ws.dh, the
// gradient by a.att.
func (ws *Workspace) attendBackward(a *activations) {
	n := len(ws.seqs) * ws.config.Heads
	if ws.workers > 1 {
		vec.ForEach(ws.workers, n, func(w, i int) { ws.attendHeadBackward(&ws.scratch[w], a, i) })
		return
	}
	for i := range n {
		ws.attendHeadBackward(&ws.scratch[0], a, i)
	}
}

// attendHeadBackward does one head of one sequence. Probabilities are computed
// again block by block from a.lse, and the mean of a row's gradients is the
// product of its output with the output's gradient, as in FlashAttention (Dao
// et al., 2022, arXiv:2205.14135, appendix B.4).
func (ws *Workspace) attendHeadBackward(sc *scratch, a *activations, i int) {
	w, ld := ws.config.Width, ws.seqlen
	d := w / ws.config.Heads
	scale := float32(1 / math.Sqrt(float64(d)))
	s, h := ws.seqs[i/ws.config.Heads], i%ws.config.Heads*d
	qkv, dqkv := a.qkv[s.start*3*w+h:], ws.dqkv[s.start*3*w+h:]
	att, datt := a.att[s.start*w+h:], ws.dh[s.start*w+h:]
	lse := ws.head(a.lse, i)
	// Last block first: it reaches every key, so it sets the gradients of keys
	// and values and the others add to them.
	last := (s.n - 1) / queryBlock * queryBlock
	for q0 := last; q0 >= 0; q0 -= queryBlock {
		q1 := min(q0+queryBlock, s.n)
		beta := float32(1)
		if q0 == last {
			beta = 0
		}
		ws.scores(sc.scores, nil, qkv, 0, q0, q1)
		vec.Gemm(false, true, q1-q0, q1, d, 1, datt[q0*w:], w, qkv[2*w:], 3*w, 0, sc.dscores, ld)
		for q := q0; q < q1; q++ {
			p, dp := sc.scores[(q-q0)*ld:][:q1], sc.dscores[(q-q0)*ld:][:q1]
			vec.SoftmaxBack(p[:q+1], dp[:q+1], lse[q], vec.Dot(att[q*w:][:d], datt[q*w:][:d]), scale)
			clear(p[q+1:])
			clear(dp[q+1:])
		}
		vec.Gemm(false, false, q1-q0, d, q1, 1, sc.dscores, ld, qkv[w:], 3*w, 0, dqkv[q0*3*w:], 3*w)
		vec.Gemm(true, false, q1, d, q1-q0, 1, sc.dscores, ld, qkv[q0*3*w:], 3*w, beta, dqkv[w:], 3*w)
		vec.Gemm(true, false, q1, d, q1-q0, 1, sc.scores, ld, datt[q0*w:], w, beta, dqkv[2*w:], 3*w)
	}
}
