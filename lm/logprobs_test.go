package lm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLogProbs: the scores of whole rows are the terms of the loss.
func TestLogProbs(t *testing.T) {
	m := spread(t, tiny, 1)
	const batch, seqlen = 20, 70
	ws := NewWorkspace(m, batch, seqlen)
	ws.headRows = 37
	tokens := randomTokens(batch*(seqlen+1), tiny.Vocab, 2)
	dst := make([]float32, len(tokens))
	m.LogProbs(ws, tokens, slices.Repeat([]int{seqlen + 1}, batch), dst, nil)
	sum := 0.0
	for i, x := range dst {
		if i%(seqlen+1) == 0 && x != 0 || x > 0 {
			t.Fatalf("log p of row %d token %d is %v", i/(seqlen+1), i%(seqlen+1), x)
		}
		sum -= float64(x)
	}
	if loss := m.Loss(ws, tokens); math.Abs(sum/(batch*seqlen)-loss) > 1e-5 {
		t.Errorf("mean -log p %v, loss %v", sum/(batch*seqlen), loss)
	}
}

// TestLogProbsRows: bit for bit, a row's scores do not depend on its
// neighbours, on the padding, on the batch or on where scoring starts.
func TestLogProbsRows(t *testing.T) {
	m := spread(t, tiny, 1)
	const batch, width = 40, 71
	big, small := NewWorkspace(m, batch, 70), NewWorkspace(m, 1, 70)
	tokens := randomTokens(batch*width, tiny.Vocab, 3)
	rng := rand.New(rand.NewPCG(1, 1))
	lens, from := make([]int, batch), make([]int, batch)
	for i := range lens {
		lens[i], from[i] = rng.IntN(width+1), rng.IntN(width+3)-1
	}
	lens[0], lens[1], lens[2] = 0, 1, width
	for i := range lens {
		for k := lens[i]; k < width; k++ {
			tokens[i*width+k] = math.MaxUint32 // padding is not read
		}
	}
	dst, greedy := make([]float32, len(tokens)), make([]bool, len(tokens))
	m.LogProbs(big, tokens, lens, dst, greedy)
	part := slices.Repeat([]float32{9}, len(tokens))
	m.LogProbsFrom(big, tokens, lens, from, part, nil)
	for i, n := range lens {
		row, rowGreedy := make([]float32, n), make([]bool, n)
		m.LogProbs(small, tokens[i*width:i*width+n], []int{n}, row, rowGreedy)
		want := append(slices.Clone(row), make([]float32, width-n)...)
		if !slices.Equal(dst[i*width:(i+1)*width], want) {
			t.Fatalf("row %d of length %d in the batch: %v\nalone: %v", i, n, dst[i*width:(i+1)*width], want)
		}
		if !slices.Equal(greedy[i*width:i*width+n], rowGreedy) {
			t.Fatalf("row %d: greedy flags differ between the batch and the row alone", i)
		}
		clear(want[:min(max(from[i], 0), width)])
		if !slices.Equal(part[i*width:(i+1)*width], want) {
			t.Fatalf("row %d scored from %d: %v\nwant %v", i, from[i], part[i*width:(i+1)*width], want)
		}
	}
}

// TestLogProbsShared: contexts that go through the model once give what whole
// rows give, in passes that the groups do not fit, and take fewer rows.
func TestLogProbsShared(t *testing.T) {
	m := spread(t, tiny, 1)
	const width = 71
	big, plain := NewWorkspaceParallel(m, 40, 70, 2), NewWorkspace(m, 40, 70)
	rng := rand.New(rand.NewPCG(2, 2))
	var tokens []uint32
	var lens, from []int
	add := func(context []uint32, n int) { // n tokens follow
		row := append(slices.Clone(context), randomTokens(n, tiny.Vocab, rng.Uint64())...)
		lens, from = append(lens, len(row)), append(from, len(context))
		tokens = append(tokens, append(row, make([]uint32, width-len(row))...)...)
	}
	for range 60 {
		context := randomTokens(rng.IntN(60), tiny.Vocab, rng.Uint64())
		for range 1 + rng.IntN(4) {
			add(context, rng.IntN(12))
		}
	}
	want, got := make([]float32, len(tokens)), make([]float32, len(tokens))
	wantTop, gotTop := make([]bool, len(tokens)), make([]bool, len(tokens))
	m.LogProbsFrom(plain, tokens, lens, from, want, wantTop)
	m.LogProbsShared(big, tokens, lens, from, got, gotTop)
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 || gotTop[i] != wantTop[i] {
			t.Errorf("row %d of length %d, token %d, scored from %d: %v, %v; whole rows give %v, %v",
				i/width, lens[i/width], i%width, from[i/width], got[i], gotTop[i], want[i], wantTop[i])
		}
	}
	tokens, lens, from = nil, nil, nil
	for range 4 {
		add(randomTokens(40, tiny.Vocab, 9), 6)
	}
	m.LogProbsShared(big, tokens, lens, from, got[:len(tokens)], nil)
	if n := big.rows(); n != 40+4*5 {
		t.Errorf("four choices of 6 tokens after a context of 40 took %d rows", n)
	}
}

// TestGreedy: exactly one of all continuations of a prefix is greedy and no
// other is more probable; all their probabilities add up to 1.
func TestGreedy(t *testing.T) {
	m := spread(t, tiny, 1)
	prefix := randomTokens(5, tiny.Vocab, 4)
	var tokens []uint32
	for v := range tiny.Vocab {
		tokens = append(append(tokens, prefix...), uint32(v))
	}
	dst, greedy := make([]float32, len(tokens)), make([]bool, len(tokens))
	m.LogProbs(NewWorkspace(m, 3, 6), tokens, slices.Repeat([]int{6}, tiny.Vocab), dst, greedy)
	best, count, sum := -1, 0, 0.0
	for v := range tiny.Vocab {
		if best < 0 || dst[v*6+5] > dst[best*6+5] {
			best = v
		}
		if greedy[v*6+5] {
			count++
		}
		sum += math.Exp(float64(dst[v*6+5]))
	}
	if count != 1 || !greedy[best*6+5] {
		t.Errorf("%d greedy continuations; the best is %d: %v", count, best, greedy[best*6+5])
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("the probabilities of all continuations add up to %v", sum)
	}
	if !isTop([]float32{1, 3, 3}, 1) || isTop([]float32{1, 3, 3}, 2) {
		t.Error("of equal logits the first is not the greedy one")
	}
}

// TestLogProbUnderflow: a loss beyond the range of float32 probabilities.
func TestLogProbUnderflow(t *testing.T) {
	if got := logProb([]float32{0, 300, 10}, 0); got != -300 {
		t.Errorf("log p = %v, want -300", got)
	}
}

// TestLogProbsHead: rows after a head that goes through once have the scores
// that they have alone, in one pass and in several.
func TestLogProbsHead(t *testing.T) {
	m := spread(t, tiny, 1)
	const batch, width, head = 24, 70, 33
	rng := rand.New(rand.NewPCG(4, 4))
	tokens := randomTokens(batch*width, tiny.Vocab, 5)
	lens, from := make([]int, batch), make([]int, batch)
	for i := range lens {
		copy(tokens[i*width:], tokens[:head])
		from[i] = head + rng.IntN(20)
		lens[i] = from[i] + 1 + rng.IntN(width-from[i])
	}
	from[3], lens[3] = head, head+1 // nothing but the head comes before it
	want, wantGreedy := make([]float32, len(tokens)), make([]bool, len(tokens))
	m.LogProbsFrom(NewWorkspace(m, batch, width), tokens, lens, from, want, wantGreedy)
	for _, rows := range []int{2, 5, batch} {
		ws := NewWorkspace(m, rows, width)
		got, greedy := make([]float32, len(tokens)), make([]bool, len(tokens))
		m.LogProbsHead(ws, head, tokens, lens, from, got, greedy)
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-5*math.Max(1, math.Abs(float64(want[i]))) || greedy[i] != wantGreedy[i] {
				t.Fatalf("%d rows a pass, row %d, token %d: %v %v, alone %v %v", rows, i/width, i%width, got[i], greedy[i], want[i], wantGreedy[i])
			}
		}
	}
}
