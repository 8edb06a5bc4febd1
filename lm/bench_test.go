//go:build unix

package lm

import (
	"slices"
	"syscall"
	"testing"

	"github.com/climb-go/climb/lm/optim"
)

// BenchmarkStep is one training step, optimizer included. Its rates are per
// second of CPU time, so that a busy machine does not change them much.
func BenchmarkStep(b *testing.B) {
	for _, s := range []struct {
		name          string
		c             Config
		batch, seqlen int
	}{{"small", small, 16, 128}, {"medium", medium, 8, 256}} {
		b.Run(s.name, func(b *testing.B) {
			m, err := New(s.c, 1)
			if err != nil {
				b.Fatal(err)
			}
			ws := NewWorkspace(m, s.batch, s.seqlen)
			tokens := randomTokens(s.batch*(s.seqlen+1), s.c.Vocab, 1)
			grad := make([]float32, m.NumParams())
			opt := &optim.AdamW{}
			opt.Start(m.Layout())
			start := cpuSeconds()
			for b.Loop() {
				clear(grad)
				m.LossGrad(ws, tokens, grad)
				optim.ClipNorm(grad, 1)
				opt.Step(m.Params(), grad, 1e-3, 1)
			}
			perSecond := float64(b.N*s.batch*s.seqlen) / (cpuSeconds() - start)
			b.ReportMetric(perSecond, "tokens/cpu-s")
			b.ReportMetric(perSecond*s.c.FlopsPerToken(s.seqlen)/1e9, "GFLOP/cpu-s")
		})
	}
}

// BenchmarkLogProbs scores the four choices of 16 questions, whose contexts are
// 100 tokens long, with every row whole and with the contexts shared.
func BenchmarkLogProbs(b *testing.B) {
	m, err := New(medium, 1)
	if err != nil {
		b.Fatal(err)
	}
	const rows, width, context = 64, 106, 100
	tokens := randomTokens(rows*width, medium.Vocab, 1)
	lens, from := slices.Repeat([]int{width}, rows), slices.Repeat([]int{context}, rows)
	for i := range rows {
		copy(tokens[i*width:][:context], tokens[i/4*4*width:])
	}
	dst := make([]float32, len(tokens))
	ws := NewWorkspace(m, 16, 256)
	for name, f := range map[string]func(*Workspace, []uint32, []int, []int, []float32, []bool){"whole": m.LogProbsFrom, "shared": m.LogProbsShared} {
		b.Run(name, func(b *testing.B) {
			start := cpuSeconds()
			for b.Loop() {
				f(ws, tokens, lens, from, dst, nil)
			}
			b.ReportMetric(float64(b.N*rows)/(cpuSeconds()-start), "rows/cpu-s")
		})
	}
}

// cpuSeconds is the processor time of this process so far.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
