package lm

import (
	"fmt"
	"slices"
)

// LogProbs scores a batch of sequences of different lengths. tokens is B x T,
// right padded: row i holds lens[i] tokens and what follows is not read.
// dst[i,t], B x T, is set to log p(token t | tokens 0 to t-1) in nats; it is 0
// for t = 0 and for padding. If greedy is not nil, greedy[i,t] says whether
// token t was the most probable one (of equals, the lowest). T is
// len(tokens)/len(lens) and is at most the workspace's sequence length plus 1.
// A row's figures do not depend on the rows beside it.
func (m *Model) LogProbs(ws *Workspace, tokens []uint32, lens []int, dst []float32, greedy []bool) {
	m.LogProbsFrom(ws, tokens, lens, nil, dst, greedy)
}

// LogProbsFrom is LogProbs for the tokens of row i at from[i] and after only;
// the other elements of dst are 0. The output layer, a third of the work for
// small models, runs only where it is needed. nil means from the start.
func (m *Model) LogProbsFrom(ws *Workspace, tokens []uint32, lens, from []int, dst []float32, greedy []bool) {
	m.logProbs(ws, tokens, lens, from, dst, greedy, false, 0)
}

// LogProbsShared is LogProbsFrom for rows of which many begin as the row above:
// where from[i] and all tokens before it are the same, as in the choices of one
// question, those tokens go through the model once for all such rows together.
// The figures are those of LogProbsFrom to a few units in the last place.
func (m *Model) LogProbsShared(ws *Workspace, tokens []uint32, lens, from []int, dst []float32, greedy []bool) {
	m.logProbs(ws, tokens, lens, from, dst, greedy, from != nil, 0)
}

// LogProbsHead is LogProbsFrom for rows that all begin with the same head
// tokens, such as the examples before every question: they go through the model
// once a pass. It panics if head is above an element of from.
func (m *Model) LogProbsHead(ws *Workspace, head int, tokens []uint32, lens, from []int, dst []float32, greedy []bool) {
	for i, n := range from {
		if head > n {
			panic(fmt.Sprintf("lm: row %d is scored from token %d, within the head of %d", i, n, head))
		}
	}
	m.logProbs(ws, tokens, lens, from, dst, greedy, false, head)
}

// leastShared is the length of the shortest context that is shared, in tokens.
const leastShared = 8

func (m *Model) logProbs(ws *Workspace, tokens []uint32, lens, from []int, dst []float32, greedy []bool, share bool, head int) {
	t := checkRows(ws, tokens, lens, from, dst, greedy)
	clear(dst)
	clear(greedy)
	first := func(i int) int {
		if from == nil {
			return 1
		}
		return max(1, from[i])
	}
	// same tells whether rows i and j are scored after the same context, one
	// that is worth sharing.
	same := func(i, j int) bool {
		n := first(i)
		return n >= leastShared && n == first(j) && n < min(lens[i], lens[j]) && slices.Equal(tokens[i*t:i*t+n], tokens[j*t:j*t+n])
	}
	for i := 0; i < len(lens); {
		ws.begin(m)
		ws.picked = ws.picked[:0]
		var context span
		owner := -1 // the row whose context is in the pass as a span of its own
		for ; i < len(lens); i++ {
			n := first(i)
			if n >= lens[i] {
				continue
			}
			row, shared, rows := tokens[i*t:i*t+lens[i]-1], 0, lens[i]-1
			switch {
			case head > 0 && owner >= 0:
				shared, rows = head, rows-head
			case head > 0:
				shared = head
			case share && owner >= 0 && same(owner, i):
				shared, rows = n, rows-n
			case share && i+1 < len(lens) && same(i, i+1):
				shared, owner = n, -1
			}
			if ws.rows()+rows > ws.capacity {
				break
			}
			if shared > 0 && owner < 0 {
				context, owner = ws.add(row[:shared]), i
			}
			ws.pick(row, context, shared, n, i*t)
		}
		m.forward(ws)
		m.score(ws, tokens, dst, greedy)
	}
}

// pick adds what follows the first shared tokens of row, which are in the pass
// as context, and lists the rows that predict token n and those after it. The
// row's first token is at place at of the batch.
func (ws *Workspace) pick(row []uint32, context span, shared, n, at int) {
	var s span
	if shared < len(row) {
		s = ws.add(row[shared:])
		last := &ws.seqs[len(ws.seqs)-1]
		last.prefix, last.shared = context.start, shared
	}
	for k := n; k <= len(row); k++ {
		if k <= shared {
			ws.picked = append(ws.picked, pick{context.start + k - 1, at + k})
		} else {
			ws.picked = append(ws.picked, pick{s.start + k - 1 - shared, at + k})
		}
	}
}

// score writes the results of the rows of ws.x listed in ws.picked to their
// places.
func (m *Model) score(ws *Workspace, tokens []uint32, dst []float32, greedy []bool) {
	v, w, ld := m.Config.Vocab, m.Config.Width, ws.headStride
	for r0 := 0; r0 < len(ws.picked); r0 += ws.headRows {
		rows := min(ws.headRows, len(ws.picked)-r0)
		for r := range rows {
			x := ws.x[ws.picked[r0+r].row*w:][:w]
			normForward(ws.h[r*w:(r+1)*w], ws.rms, x, m.w.norm, m.Config.NormEps)
		}
		ws.gemm(false, true, rows, v, w, 1, ws.h, w, m.w.embed, w, 0, ws.logits, ld)
		for r := range rows {
			at := ws.picked[r0+r].at
			z := ws.logits[r*ld:][:v]
			if greedy != nil {
				greedy[at] = isTop(z, int(tokens[at]))
			}
			dst[at] = float32(logProb(z, int(tokens[at])))
		}
	}
}

// isTop reports whether no element of z is above z[i] and none before it is
// equal.
func isTop(z []float32, i int) bool {
	for j, x := range z {
		if x > z[i] || x == z[i] && j < i {
			return false
		}
	}
	return true
}

// checkRows panics on arguments of LogProbs that do not fit and returns T.
func checkRows(ws *Workspace, tokens []uint32, lens, from []int, dst []float32, greedy []bool) int {
	if len(lens) == 0 {
		return 0
	}
	t := len(tokens) / len(lens)
	if t*len(lens) != len(tokens) || len(dst) != len(tokens) ||
		greedy != nil && len(greedy) != len(tokens) || from != nil && len(from) != len(lens) {
		panic(fmt.Sprintf("lm: %d tokens, %d lengths, %d starts, %d results, %d greedy flags do not fit",
			len(tokens), len(lens), len(from), len(dst), len(greedy)))
	}
	for i, n := range lens {
		if n < 0 || n > t || n > ws.seqlen+1 {
			panic(fmt.Sprintf("lm: row %d has length %d in a batch %d wide and a workspace for %d", i, n, t, ws.seqlen))
		}
		ws.check(tokens[i*t : i*t+n])
	}
	return t
}
