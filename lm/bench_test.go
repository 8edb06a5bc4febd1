//go:build unix

package lm

import (
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
			opt := optim.AdamW{NoDecay: m.NoDecay()}
			start := cpuSeconds()
			for b.Loop() {
				clear(grad)
				m.LossGrad(ws, tokens, grad)
				optim.ClipNorm(grad, 1)
				opt.Step(m.Params(), grad, 1e-3)
			}
			perSecond := float64(b.N*s.batch*s.seqlen) / (cpuSeconds() - start)
			b.ReportMetric(perSecond, "tokens/cpu-s")
			b.ReportMetric(perSecond*s.c.FlopsPerToken(s.seqlen)/1e9, "GFLOP/cpu-s")
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
