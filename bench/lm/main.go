//go:build linux

// Command lm measures the training of language models here against PyTorch, on
// one thread and on two: go run ./bench/lm [-json].
//
// Every figure is the median of several rounds, and the rounds take turns, so
// that a change in the machine's load meets all sides alike. Each run is a
// process of its own. One-thread rates are per second of processor time, which
// a busy machine disturbs least; two-thread rates are per second on the clock.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/lm"
)

// A shape is a model with the batch it is trained on.
type shape struct {
	lm.Config
	Name   string `json:"-"`
	Batch  int    `json:"batch"`
	Seqlen int    `json:"seqlen"`
	Steps  int    `json:"-"` // in one run, after one that warms up
}

// The first two are presets of lm.Sizes, what the cheapest searches train.
var shapes = []shape{
	{lm.Config{Vocab: 2048, Width: 32, Layers: 3, Heads: 1, Hidden: 96, Context: 128}, "100k", 16, 128, 60},
	{lm.Config{Vocab: 2048, Width: 64, Layers: 3, Heads: 2, Hidden: 192, Context: 128}, "300k", 16, 128, 30},
	{lm.Config{Vocab: 2048, Width: 128, Layers: 4, Heads: 4, Hidden: 352, Context: 256}, "1M", 8, 256, 12},
	{lm.Config{Vocab: 8192, Width: 256, Layers: 4, Heads: 4, Hidden: 704, Context: 256}, "5M", 8, 256, 4},
	{lm.Config{Vocab: 16384, Width: 512, Layers: 7, Heads: 8, Hidden: 1376, Context: 256}, "30M", 8, 256, 1},
}

// A Report is what -json prints.
type Report struct {
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Command string  `json:"command"`
	Peak    float64 `json:"peak_gflops"` // of one thread, registers only, over the run; each fraction is of that of its own rounds
	Sizes   []Size  `json:"sizes"`
	Gemm    Gemm    `json:"gemm,omitzero"`
	Memory  Memory  `json:"memory,omitzero"`
	Scaling Scaling `json:"scaling,omitzero"`
}

// A Size is one model, here and in PyTorch. Rates are tokens per second: of
// processor time with one thread, on the clock with two. Each ratio is ours
// over theirs; with two threads theirs is the better of its two modes, on the
// clock.
type Size struct {
	Name         string  `json:"name"`
	Params       int     `json:"params"`
	Ours1        float64 `json:"ours_tps_1"`
	Ours2        float64 `json:"ours_tps_2"`
	Torch1       float64 `json:"torch_tps_1"`
	Torch2       float64 `json:"torch_tps_2"`
	TorchWall1   float64 `json:"torch_wall_tps_1"` // one thread, on the clock
	Ratio1       float64 `json:"ratio_1"`
	Ratio2       float64 `json:"ratio_2"`
	PeakFraction float64 `json:"peak_fraction"` // of one thread
	Tuned        Tuned   `json:"torch_tuned"`

	BFloat16 BFloat16 `json:"bfloat16,omitzero"` // where the processor has AVX512_BF16
}

// Tuned is PyTorch with C's allocator told to keep what it frees and to ask for
// huge pages, which is not how it comes: a step of PyTorch allocates and frees
// hundreds of megabytes, and what the system takes for giving them differs from
// machine to machine.
type Tuned struct {
	Torch1     float64 `json:"torch_tps_1"`
	Torch2     float64 `json:"torch_tps_2"`
	TorchWall1 float64 `json:"torch_wall_tps_1"`
	Ratio1     float64 `json:"ratio_1"`
	Ratio2     float64 `json:"ratio_2"`
}

// BFloat16 is our step with the products in bfloat16, and its gain over our step
// in float32. PyTorch runs in float32 throughout.
type BFloat16 struct {
	Ours1 float64 `json:"ours_tps_1"`
	Ours2 float64 `json:"ours_tps_2"`
	Gain1 float64 `json:"gain_1"`
	Gain2 float64 `json:"gain_2"`
}

// Gemm is the product of square matrices on one thread.
type Gemm struct {
	N             int     `json:"n"`
	GFLOPS        float64 `json:"gflops"`
	PeakFraction  float64 `json:"peak_fraction"`
	OpenBLASRatio float64 `json:"openblas_ratio"`
}

// Memory is the largest resident set, in MiB, of a run of the largest model.
type Memory struct {
	Ours  float64 `json:"ours_mib"`
	Torch float64 `json:"torch_mib"`
	Ratio float64 `json:"ratio"`
}

// Scaling is two runs side by side, of the middle model, against one.
type Scaling struct {
	One   float64 `json:"one_tps"`
	Two   float64 `json:"two_tps"`
	Ratio float64 `json:"ratio"`
}

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	rounds := flag.Int("rounds", 3, "runs of each kind, of which the median counts")
	only := flag.String("sizes", "100k,300k,1M,5M,30M", "models to measure, in this order")
	parts := flag.String("parts", "gemm,sizes,scaling", "what to measure")
	work := flag.String("work", "", "do one run: train or gemm (used by this command on itself)")
	threads := flag.Int("threads", 1, "with -work: goroutines of the run")
	bf16 := flag.Bool("bf16", false, "with -work: products in bfloat16")
	flag.Parse()
	if *work != "" {
		doWork(*work, *threads, *only, *bf16)
		return
	}
	b := bench{rounds: *rounds}
	r := b.report(strings.Split(*parts, ","), strings.Split(*only, ","))
	if !*asJSON {
		r.print()
		return
	}
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", out)
}

// report runs the named parts and models.
func (b *bench) report(parts, names []string) *Report {
	r := &Report{Machine: measure.Machine(), Date: time.Now().UTC().Format("2006-01-02"),
		Command: "go run ./bench/lm " + strings.Join(os.Args[1:], " ")}
	if slices.Contains(parts, "gemm") {
		r.Gemm = b.gemm()
	}
	for _, s := range shapes {
		if slices.Contains(parts, "sizes") && slices.Contains(names, s.Name) {
			r.Sizes = append(r.Sizes, b.size(s, &r.Memory))
		}
	}
	if slices.Contains(parts, "scaling") {
		r.Scaling = b.scaling()
	}
	if len(b.peaks) > 0 {
		r.Peak = median(b.peaks)
	}
	return r
}

func (r *Report) print() {
	fmt.Printf("%s, %s\npeak %.1f GFLOP/s\n", r.Machine, r.Date, r.Peak)
	fmt.Printf("gemm %d: %.1f GFLOP/s, %.2f of the peak, %.2f of OpenBLAS\n", r.Gemm.N, r.Gemm.GFLOPS, r.Gemm.PeakFraction, r.Gemm.OpenBLASRatio)
	for _, s := range r.Sizes {
		fmt.Printf("%-4s %9d parameters: %6.0f tokens per CPU-second, PyTorch %6.0f, ratio %.2f; two threads %6.0f per second, PyTorch %6.0f, %6.0f with one, ratio %.2f; %.2f of the peak\n",
			s.Name, s.Params, s.Ours1, s.Torch1, s.Ratio1, s.Ours2, s.Torch2, s.TorchWall1, s.Ratio2, s.PeakFraction)
		fmt.Printf("%-4s PyTorch with its allocator tuned %6.0f tokens per CPU-second, ratio %.2f; two threads %6.0f per second, %6.0f with one, ratio %.2f\n",
			s.Name, s.Tuned.Torch1, s.Tuned.Ratio1, s.Tuned.Torch2, s.Tuned.TorchWall1, s.Tuned.Ratio2)
		if s.BFloat16 != (BFloat16{}) {
			fmt.Printf("%-4s in bfloat16 %.2f times as fast on one thread, %.2f on two\n", s.Name, s.BFloat16.Gain1, s.BFloat16.Gain2)
		}
	}
	fmt.Printf("memory %.0f MiB, PyTorch %.0f, ratio %.2f\n", r.Memory.Ours, r.Memory.Torch, r.Memory.Ratio)
	fmt.Printf("two side by side %.0f tokens per second, one %.0f, ratio %.2f\n", r.Scaling.Two, r.Scaling.One, r.Scaling.Ratio)
}
