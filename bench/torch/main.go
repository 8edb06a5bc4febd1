//go:build unix

// Command torch measures the trainer torch beside the one inside climb: tokens a
// second of models one at a time and stacked, and, of two run directories that
// differ in proxy.trainer, how far the two answers are apart:
//
//	go run ./bench/torch -json -builtin RUN -torch RUN
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
)

// A Report is what -json prints.
type Report struct {
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Command string  `json:"command"`
	Rates   []Rate  `json:"rates"`
	Winners *Winner `json:"winners,omitempty"`
}

// A Rate is the speed of one process with so many models side by side.
type Rate struct {
	Size    string `json:"size"`
	Params  int    `json:"params"`
	Batch   int    `json:"batch"` // sequences
	Context int    `json:"context"`
	Models  int    `json:"models"`
	*train.Speed
}

// A Winner compares the answers of two runs by the fresh seeds of their
// confirmations, which are the same.
type Winner struct {
	Builtin   string      `json:"builtin"` // hash of the mixture
	Torch     string      `json:"torch"`
	Distance  float64     `json:"distance"` // half the sum of the shares' differences
	Seeds     int         `json:"seeds"`
	Scores    [2]float64  `json:"scores"`     // means, of builtin and torch
	Mean      float64     `json:"difference"` // torch less builtin, of the mean
	Interval  *[2]float64 `json:"interval"`   // 95 %, paired by seed
	HalfWidth float64     `json:"half_width"`
	Same      bool        `json:"same"` // the interval holds 0 and its half-width is at most 0.03
}

const mostHalf = 0.03

func main() {
	log.SetFlags(0)
	python := flag.String("python", "python3", "interpreter that has PyTorch")
	device := flag.String("device", "auto", "auto, cpu or cuda")
	largest := flag.Float64("largest", 6e6, "parameters of the largest model")
	seconds := flag.Float64("seconds", 5, "of each measurement")
	models := flag.Int("models", 8, "models side by side, of the stacked measurements")
	micro := flag.Int("micro", 0, "sequences at a time; 0 = the whole batch")
	precision := flag.String("precision", "float32", "float32 or bfloat16")
	builtin := flag.String("builtin", "", "run directory with the trainer builtin")
	torch := flag.String("torch", "", "run directory with the trainer torch")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	r := Report{Machine: measure.Machine(), Date: time.Now().Format(time.DateOnly), Command: "go run ./bench/torch -json"}
	m, err := train.Methods.New("torch")
	if err != nil {
		log.Fatal(err)
	}
	by := *m.(*train.Torch)
	by.Python, by.Device, by.MicroBatch = *python, *device, *micro
	for _, s := range lm.Sizes {
		for _, n := range []int{1, *models} {
			if s.Config.NumParams() > int(*largest) {
				continue
			}
			rate, err := measureRate(by, s, n, *precision, *seconds)
			if err != nil {
				log.Fatal(err)
			}
			log.Printf("%s x %d: %.0f tokens/s, %.3g GFLOP/s on %s", s.Name, n, rate.Rate, rate.Flops/1e9, rate.Device)
			r.Rates = append(r.Rates, *rate)
		}
	}
	if *builtin != "" && *torch != "" {
		if r.Winners, err = winners(*builtin, *torch); err != nil {
			log.Fatal(err)
		}
		log.Printf("winners: %+v", *r.Winners)
	}
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			log.Fatal(err)
		}
	}
}

func measureRate(by train.Torch, s lm.Size, models int, precision string, seconds float64) (*Rate, error) {
	by.BatchOfModels = models
	j := train.Job{Model: s.Config, Batch: max(1, 2048/s.Config.Context), Tokens: 1, Seed: 1}
	option.Fill(&j.Optim)
	j.Optim.Precision = precision
	speed, err := by.Rate(context.Background(), j, seconds)
	return &Rate{s.Name, s.Config.NumParams(), j.Batch, s.Config.Context, models, speed}, err
}

// winners reads the confirmations of two runs.
func winners(a, b string) (*Winner, error) {
	x, err := winner(a)
	if err != nil {
		return nil, err
	}
	y, err := winner(b)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(x.Seeds, y.Seeds) {
		return nil, fmt.Errorf("the runs have seeds %v and %v", x.Seeds, y.Seeds)
	}
	w := &Winner{Builtin: x.Mixture.Hash(), Torch: y.Mixture.Hash(), Seeds: len(x.Seeds), Scores: [2]float64{x.Mean, y.Mean}, Distance: distance(x.Mixture, y.Mixture)}
	runs := func(r *trial.ConfirmedRow) (out []eval.Run) {
		for _, s := range r.Scores {
			out = append(out, eval.Run{Score: s})
		}
		return out
	}
	mean, lo, hi := eval.Paired(runs(y), runs(x)).Interval(0.95)
	w.Mean, w.HalfWidth = mean, (hi-lo)/2
	if !math.IsNaN(hi - lo) {
		w.Interval = &[2]float64{lo, hi}
		w.Same = lo <= 0 && hi >= 0 && w.HalfWidth <= mostHalf
	} else {
		w.HalfWidth = 0
	}
	return w, nil
}

func distance(a, b mix.Mixture) (sum float64) {
	for i := range a {
		sum += math.Abs(a[i]-b[i]) / 2
	}
	return sum
}

func winner(run string) (*trial.ConfirmedRow, error) {
	paths, err := filepath.Glob(filepath.Join(run, "confirm-*", "confirm.json"))
	if err != nil || len(paths) != 1 {
		return nil, fmt.Errorf("%s: %d confirmations, %w", run, len(paths), err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		return nil, err
	}
	var c trial.Confirmation
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", paths[0], err)
	}
	return &c.Rows[c.Winner], nil
}
