package lm

import "fmt"

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
	t := checkRows(ws, tokens, lens, from, dst, greedy)
	clear(dst)
	clear(greedy)
	for i := 0; i < len(lens); {
		ws.begin(m)
		ws.picked = ws.picked[:0]
		for ; i < len(lens) && ws.rows()+lens[i]-1 <= ws.capacity; i++ {
			first := 1
			if from != nil {
				first = max(1, from[i])
			}
			if first >= lens[i] {
				continue
			}
			s := ws.add(tokens[i*t : i*t+lens[i]-1])
			for k := first; k < lens[i]; k++ {
				ws.picked = append(ws.picked, pick{s.start + k - 1, i*t + k})
			}
		}
		m.forward(ws)
		m.score(ws, tokens, dst, greedy)
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
