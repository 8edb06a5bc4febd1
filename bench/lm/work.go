//go:build linux

package main

import (
	"encoding/json"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/vec"
)

// doWork does one run and prints its outcome.
func doWork(kind string, threads int, size string, bf16 bool) {
	var o outcome
	switch kind {
	case "peak":
		o = timed(1, peak)
	case "gemm":
		const n = 1024
		multiply := vec.Gemm
		if bf16 {
			multiply = vec.GemmBF16
		}
		a, b, c := noise(n*n), noise(n*n), make([]float32, n*n)
		o = timed(1, func() float64 {
			multiply(false, false, n, n, n, 1, a, n, b, n, 0, c, n)
			return 2 * n * n * n
		})
	case "train":
		i := slices.IndexFunc(shapes, func(s shape) bool { return s.Name == size })
		if i < 0 {
			log.Fatalf("no size %q", size)
		}
		o = train(shapes[i], threads, bf16)
	default:
		log.Fatalf("no work %q", kind)
	}
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		log.Fatal(err)
	}
}

func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = rng.Float32()
	}
	return x
}

// timed repeats f, once without counting, for some seconds of processor time.
func timed(seconds float64, f func() float64) (o outcome) {
	f()
	cpu, wall := measure.CPUSeconds(), time.Now()
	for o.CPU < seconds {
		o.Units += f()
		o.CPU = measure.CPUSeconds() - cpu
	}
	o.Wall = time.Since(wall).Seconds()
	return o
}

// train does the steps of s, after one that is not counted.
func train(s shape, threads int, bf16 bool) (o outcome) {
	m, err := lm.New(s.Config, 1)
	if err != nil {
		log.Fatal(err)
	}
	ws := lm.NewWorkspaceParallel(m, s.Batch, s.Seqlen, threads)
	ws.SetBFloat16(bf16)
	grad := m.NewGrad()
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	rng := rand.New(rand.NewPCG(1, 2))
	tokens := make([]uint32, s.Batch*(s.Seqlen+1))
	step := func() {
		for i := range tokens {
			tokens[i] = uint32(rng.IntN(s.Vocab))
		}
		clear(grad)
		m.LossGrad(ws, tokens, grad)
		optim.ClipNorm(grad, 1)
		opt.Step(m.Params(), grad, 1e-3, threads)
	}
	step()
	cpu, wall := measure.CPUSeconds(), time.Now()
	for range s.Steps {
		step()
	}
	return outcome{Units: float64(s.Steps * s.Batch * s.Seqlen), CPU: measure.CPUSeconds() - cpu, Wall: time.Since(wall).Seconds()}
}
