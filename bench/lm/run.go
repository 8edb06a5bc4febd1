//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// python is Debian's: its packages are python3-torch and python3-numpy.
const python = "/usr/bin/python3"

type bench struct {
	rounds int
	peaks  []float64 // of one thread, in GFLOP/s: as often as what is compared with them
}

// An outcome is what one run did: units of work (tokens, or floating-point
// operations) in seconds of processor time and on the clock.
type outcome struct {
	Units float64 `json:"units"`
	CPU   float64 `json:"cpu"`
	Wall  float64 `json:"wall"`
	MiB   float64 `json:"-"` // largest resident set
}

func (o outcome) cpuRate() float64  { return o.Units / o.CPU }
func (o outcome) wallRate() float64 { return o.Units / o.Wall }

// series calls each function once a round, in turn, and returns their results.
func (b *bench) series(fs ...func() float64) [][]float64 {
	out := make([][]float64, len(fs))
	for range b.rounds {
		for i, f := range fs {
			out[i] = append(out[i], f())
		}
	}
	return out
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// ours is a run of this program with these further flags.
func (b *bench) ours(work string, threads int, size string, flags ...string) outcome {
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	cmd := exec.Command(self, "-work", work, "-threads", strconv.Itoa(threads), "-sizes", size)
	cmd.Args = append(cmd.Args, flags...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", threads))
	return run(cmd)
}

// keepMemory is for glibc 2.35 and later.
const keepMemory = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"

//go:embed peer.py
var peerScript string

// peer is a run of peer.py, with env added to the environment.
func (b *bench) peer(threads int, env []string, args ...string) outcome {
	cmd := exec.Command(python, append([]string{"-"}, args...)...)
	cmd.Stdin = strings.NewReader(peerScript)
	n := strconv.Itoa(threads)
	cmd.Env = append(os.Environ(), "OPENBLAS_NUM_THREADS="+n, "OMP_NUM_THREADS="+n)
	cmd.Env = append(cmd.Env, env...)
	if c := coreType(); c != "" {
		cmd.Env = append(cmd.Env, "OPENBLAS_CORETYPE="+c)
	}
	return run(cmd)
}

func run(cmd *exec.Cmd) (o outcome) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		log.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		o.MiB = float64(u.Maxrss) / 1024
	}
	return o
}

// peak is the rate of multiply-adds in the registers of one thread, in GFLOP/s.
func (b *bench) peak() float64 {
	p := b.ours("peak", 1, "").cpuRate() / 1e9
	b.peaks = append(b.peaks, p)
	return p
}

func (b *bench) gemm() Gemm {
	const n = 1024
	x := b.series(
		b.peak,
		func() float64 { return b.ours("gemm", 1, "").cpuRate() / 1e9 },
		func() float64 { return b.peer(1, nil, "gemm", strconv.Itoa(n), "1").cpuRate() / 1e9 },
	)
	g := Gemm{N: n, GFLOPS: median(x[1])}
	g.PeakFraction, g.OpenBLASRatio = g.GFLOPS/median(x[0]), g.GFLOPS/median(x[2])
	return g
}

// size measures one model; the last call's memory stays in mem.
func (b *bench) size(s shape, mem *Memory) Size {
	cfg, err := json.Marshal(s)
	if err != nil {
		log.Fatal(err)
	}
	torch := func(threads int, env ...string) outcome {
		return b.peer(threads, env, "train", strconv.Itoa(threads), strconv.Itoa(s.Steps), string(cfg))
	}
	var wall, tunedWall []float64
	*mem = Memory{}
	runs := []func() float64{
		b.peak,
		func() float64 {
			o := b.ours("train", 1, s.Name)
			mem.Ours = max(mem.Ours, o.MiB)
			return o.cpuRate()
		},
		func() float64 {
			o := torch(1)
			mem.Torch = max(mem.Torch, o.MiB)
			wall = append(wall, o.wallRate())
			return o.cpuRate()
		},
		func() float64 { return b.ours("train", 2, s.Name).wallRate() },
		func() float64 { return torch(2).wallRate() },
		func() float64 {
			o := torch(1, keepMemory)
			tunedWall = append(tunedWall, o.wallRate())
			return o.cpuRate()
		},
		func() float64 { return torch(2, keepMemory).wallRate() },
	}
	if hasBF16() {
		runs = append(runs,
			func() float64 { return b.ours("train", 1, s.Name, "-bf16").cpuRate() },
			func() float64 { return b.ours("train", 2, s.Name, "-bf16").wallRate() })
	}
	x := b.series(runs...)
	mem.Ratio = mem.Ours / mem.Torch
	r := Size{Name: s.Name, Params: s.NumParams(), Ours1: median(x[1]), Torch1: median(x[2]),
		Ours2: median(x[3]), Torch2: median(x[4]), TorchWall1: median(wall)}
	r.Ratio1, r.Ratio2 = r.Ours1/r.Torch1, r.Ours2/max(r.Torch2, r.TorchWall1)
	t := &r.Tuned
	t.Torch1, t.Torch2, t.TorchWall1 = median(x[5]), median(x[6]), median(tunedWall)
	t.Ratio1, t.Ratio2 = r.Ours1/t.Torch1, r.Ours2/max(t.Torch2, t.TorchWall1)
	if hasBF16() {
		r.BFloat16 = BFloat16{median(x[7]), median(x[8]), median(x[7]) / r.Ours1, median(x[8]) / r.Ours2}
	}
	r.PeakFraction = r.Ours1 * s.FlopsPerToken(s.Seqlen) / 1e9 / median(x[0])
	return r
}

// scaling runs one model in two processes at once and in one.
func (b *bench) scaling() Scaling {
	const name = "5M"
	x := b.series(
		func() float64 { return b.ours("train", 1, name).wallRate() },
		func() float64 {
			var both [2]outcome
			var wg sync.WaitGroup
			for i := range both {
				wg.Go(func() { both[i] = b.ours("train", 1, name) })
			}
			wg.Wait()
			return both[0].wallRate() + both[1].wallRate()
		},
	)
	s := Scaling{One: median(x[0]), Two: median(x[1])}
	s.Ratio = s.Two / s.One
	return s
}
