package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
)

// FastText is inference against Debian's fasttext: the same model, the same
// lines. Rates are lines a second of processor time of a process with one
// thread, less those of a process that opens the model for one line.
type FastText struct {
	Lines    int                `json:"lines"`
	Compared int                `json:"compared"` // lines x models, all labels of each
	MaxDiff  float64            `json:"max_diff"` // of a probability
	ByModel  map[string]float64 `json:"max_diff_by_model"`
	Ours     float64            `json:"ours_lps"`
	Theirs   float64            `json:"fasttext_lps"`
	Speedup  float64            `json:"speedup"`
	Two      float64            `json:"two_cores"` // our rate on the clock with two threads over that with one
}

// labelled is a line with its source.
type labelled struct{ source, text string }

// sourceTask draws per documents of every source, cut to size bytes, in an order
// that mixes them.
func sourceTask(ctx context.Context, data string, per, size int) ([]labelled, error) {
	files, err := filepath.Glob(filepath.Join(data, "corpus", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no corpus in %s/corpus (%v); set CLIMB_TEST_DATA", data, err)
	}
	var all []labelled
	for _, file := range files {
		lines, err := firstTexts(ctx, file, per, size)
		if err != nil {
			return nil, err
		}
		for _, text := range lines {
			all = append(all, labelled{strings.TrimSuffix(filepath.Base(file), ".jsonl.zst"), text})
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, nil
}

func firstTexts(ctx context.Context, file string, per, size int) (texts []string, err error) {
	o := corpus.Options{Inputs: corpus.Paths(file)}
	option.Fill(&o)
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, s := range shards {
		var bad corpus.Bad
		for d, err := range corpus.Read(ctx, s, o, &bad) {
			if err != nil {
				return nil, err
			}
			if len(texts) == per {
				return texts, nil
			}
			text := d.Text[:min(len(d.Text), size)]
			texts = append(texts, strings.Map(func(r rune) rune {
				if r == '\n' {
					return ' '
				}
				return r
			}, text))
		}
	}
	return texts, nil
}

// writeTask writes the lines with their labels, or without.
func writeTask(path string, all []labelled, labels bool) error {
	var b bytes.Buffer
	for _, l := range all {
		if labels {
			b.WriteString("__label__" + l.source + " ")
		}
		b.WriteString(l.text + "\n")
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// models are those that probabilities are compared for; the first is timed.
var models = []struct {
	name     string
	train    []string
	quantize []string
}{
	{"softmax, word pairs", []string{"-wordNgrams", "2", "-bucket", "200000", "-dim", "100"}, nil},
	{"hierarchical softmax", []string{"-loss", "hs", "-wordNgrams", "2", "-bucket", "50000", "-dim", "30"}, nil},
	{"one-vs-all, sub-words", []string{"-loss", "ova", "-minn", "2", "-maxn", "4", "-bucket", "50000", "-dim", "30"}, nil},
	{"quantised, pruned", []string{"-wordNgrams", "2", "-bucket", "50000", "-dim", "30"}, []string{"-qnorm", "-cutoff", "20000"}},
}

func benchFastText(ctx context.Context, data, work string) (*FastText, error) {
	all, err := sourceTask(ctx, data, 1000, 2000)
	if err != nil {
		return nil, err
	}
	train, lines, few := filepath.Join(work, "train.txt"), filepath.Join(work, "lines.txt"), filepath.Join(work, "few.txt")
	one, sample := filepath.Join(work, "one.txt"), all[:min(3000, len(all))]
	if err := errors.Join(writeTask(train, all[:min(6000, len(all))], true), writeTask(lines, all, false), writeTask(few, sample, false), writeTask(one, all[:1], false)); err != nil {
		return nil, err
	}
	f := &FastText{Lines: len(all), Compared: len(sample) * len(models), ByModel: map[string]float64{}}
	for i, m := range models {
		path, err := theirModel(ctx, work, train, m.train, m.quantize)
		if err != nil {
			return nil, err
		}
		worst, err := largestDifference(ctx, path, few, sample)
		if err != nil {
			return nil, err
		}
		f.ByModel[m.name], f.MaxDiff = worst, max(f.MaxDiff, worst)
		if i == 0 {
			if err := f.time(ctx, path, lines, one); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func theirModel(ctx context.Context, work, train string, args, quantize []string) (string, error) {
	out := filepath.Join(work, "theirs")
	if _, err := run(ctx, "fasttext", append([]string{"supervised", "-input", train, "-output", out, "-epoch", "5", "-lr", "0.5", "-thread", "1"}, args...)...); err != nil {
		return "", err
	}
	if quantize == nil {
		return out + ".bin", nil
	}
	_, err := run(ctx, "fasttext", append([]string{"quantize", "-input", train, "-output", out}, quantize...)...)
	return out + ".ftz", err
}

// usage is what a process took.
type usage struct {
	out       []byte
	cpu, wall time.Duration
}

func run(ctx context.Context, name string, args ...string) (usage, error) {
	c := exec.CommandContext(ctx, name, args...)
	var problem bytes.Buffer
	c.Stderr = &problem
	start := time.Now()
	out, err := c.Output()
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s", c, err, problem.String())
	}
	return usage{out, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), time.Since(start)}, nil
}

// self runs a part of this command in a process of its own.
func self(ctx context.Context, threads int, args ...string) (usage, error) {
	path, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	return run(ctx, path, append([]string{"-threads", strconv.Itoa(threads)}, args...)...)
}

// largestDifference compares the probabilities of all labels; those that the
// original leaves out count as 0.
func largestDifference(ctx context.Context, path, lines string, sample []labelled) (float64, error) {
	m, err := fasttext.Open(path)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	theirs, err := run(ctx, "fasttext", "predict-prob", path, lines, "-1")
	if err != nil {
		return 0, err
	}
	p, err := m.NewPredictor()
	if err != nil {
		return 0, err
	}
	worst, got, want := 0.0, make([]float32, m.Labels()), make([]float64, m.Labels())
	answers := strings.Split(string(theirs.out), "\n")
	if len(answers) < len(sample) {
		return 0, fmt.Errorf("fasttext answers %d of %d lines", len(answers), len(sample))
	}
	for i, l := range sample {
		clear(want)
		fields := strings.Fields(answers[i])
		for j := 0; j+1 < len(fields); j += 2 {
			x, err := strconv.ParseFloat(fields[j+1], 64)
			at := m.Find(fields[j]) - m.Words()
			if err != nil || at < 0 {
				return 0, fmt.Errorf("fasttext answers %q", answers[i])
			}
			want[at] = x
		}
		p.Probabilities(got, l.text+"\n")
		for j, x := range want {
			worst = max(worst, math.Abs(x-float64(got[j])))
		}
	}
	return worst, nil
}

// time takes the better of five runs of each side, in turns.
func (f *FastText) time(ctx context.Context, model, lines, one string) error {
	var ours, theirs, wall1, wall2 []float64
	for range 5 {
		seconds := [3]usage{}
		for i, file := range []string{one, lines} {
			var err error
			if seconds[i], err = self(ctx, 1, "-child", "predict", "-model", model, "-lines", file); err != nil {
				return err
			}
			if seconds[2], err = run(ctx, "fasttext", "predict-prob", model, file); err != nil {
				return err
			}
			if i == 0 {
				theirs = append(theirs, -seconds[2].cpu.Seconds())
			} else {
				theirs[len(theirs)-1] += seconds[2].cpu.Seconds()
			}
		}
		ours = append(ours, (seconds[1].cpu - seconds[0].cpu).Seconds())
		two, err := self(ctx, 2, "-child", "predict", "-model", model, "-lines", lines)
		if err != nil {
			return err
		}
		wall1, wall2 = append(wall1, (seconds[1].wall-seconds[0].wall).Seconds()), append(wall2, (two.wall-seconds[0].wall).Seconds())
	}
	f.Ours, f.Theirs = float64(f.Lines)/slices.Min(ours), float64(f.Lines)/slices.Min(theirs)
	f.Speedup, f.Two = f.Ours/f.Theirs, slices.Min(wall1)/slices.Min(wall2)
	return nil
}

// workPredict prints the most probable label of every line and its probability,
// as `fasttext predict-prob` does.
func workPredict(model, lines string, threads int) error {
	m, err := fasttext.Open(model)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(lines)
	if err != nil {
		return err
	}
	texts := strings.SplitAfter(string(data), "\n")
	texts = texts[:len(texts)-1] // after the last newline
	labels := m.Labels()
	w := bufio.NewWriter(os.Stdout)
	p, known := make([]float32, 4096*labels), make([]bool, 4096)
	for part := range slices.Chunk(texts, 4096) {
		if err := m.Batch(p[:len(part)*labels], known[:len(part)], part, threads); err != nil {
			return err
		}
		for i := range part {
			if row := p[i*labels : (i+1)*labels]; known[i] {
				best := slices.Index(row, slices.Max(row))
				fmt.Fprintf(w, "%s %.6g\n", m.Label(best), row[best])
			} else {
				fmt.Fprintln(w)
			}
		}
	}
	return errors.Join(w.Flush(), m.Close())
}
