package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/fasttext"
)

// Train is the training of classifiers against Debian's fasttext: the same
// lines, the same arguments. Both models are tested by the original program on
// lines that neither was trained on. The ratio of times is theirs over ours:
// processor time of whole processes with one thread, and on the clock with two.
type Train struct {
	Train     int     `json:"train_lines"`
	Test      int     `json:"test_lines"`
	Epochs    int     `json:"epochs"`
	Ours      float64 `json:"acc_ours"`
	Theirs    float64 `json:"acc_fasttext"`
	TimeRatio float64 `json:"time_ratio"`
	TimeTwo   float64 `json:"time_ratio_two_cores"`
}

const (
	trainDocs  = 2000 // of a source
	trainBytes = 240  // of a document: about a news item's title and first sentence
	trainEpoch = 5
	trainLR    = 0.5
	trainDim   = 100
	buckets    = 200_000
)

func benchTrain(ctx context.Context, data, work string) (*Train, error) {
	all, err := sourceTask(ctx, data, trainDocs, trainBytes)
	if err != nil {
		return nil, err
	}
	n := len(all) * 4 / 5
	lines, test := filepath.Join(work, "train.txt"), filepath.Join(work, "test.txt")
	if err := errors.Join(writeTask(lines, all[:n], true), writeTask(test, all[n:], true)); err != nil {
		return nil, err
	}
	t := &Train{Train: n, Test: len(all) - n, Epochs: trainEpoch}
	var ours, theirs [3][]float64 // by threads
	for range 3 {
		for threads := 1; threads <= 2; threads++ {
			a, err := self(ctx, threads, "-child", "train", "-model", filepath.Join(work, "ours.bin"), "-lines", lines)
			if err != nil {
				return nil, err
			}
			b, err := run(ctx, "fasttext", "supervised", "-input", lines, "-output", filepath.Join(work, "theirs-"+strconv.Itoa(threads)), "-epoch", strconv.Itoa(trainEpoch),
				"-lr", fmt.Sprint(trainLR), "-dim", strconv.Itoa(trainDim), "-wordNgrams", "2", "-bucket", strconv.Itoa(buckets), "-thread", strconv.Itoa(threads))
			if err != nil {
				return nil, err
			}
			if threads == 1 {
				a.wall, b.wall = a.cpu, b.cpu
			}
			ours[threads], theirs[threads] = append(ours[threads], a.wall.Seconds()), append(theirs[threads], b.wall.Seconds())
		}
	}
	t.TimeRatio, t.TimeTwo = slices.Min(theirs[1])/slices.Min(ours[1]), slices.Min(theirs[2])/slices.Min(ours[2])
	if t.Ours, err = precision(ctx, filepath.Join(work, "ours.bin"), test); err != nil {
		return nil, err
	}
	t.Theirs, err = precision(ctx, filepath.Join(work, "theirs-1.bin"), test)
	return t, err
}

// precision is the share of lines whose most probable label is right, by the
// original program.
func precision(ctx context.Context, model, test string) (float64, error) {
	u, err := run(ctx, "fasttext", "test", model, test)
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(u.out), "P@1\t")
	word, _, _ := strings.Cut(after, "\n")
	x, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
	if err != nil {
		return 0, fmt.Errorf("fasttext test says %q", u.out)
	}
	return x, nil
}

// workTrain trains on a file of the original's form.
func workTrain(ctx context.Context, model, lines string, threads int) error {
	f, err := os.Open(lines)
	if err != nil {
		return err
	}
	defer f.Close()
	var names, texts []string
	var labels []int
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		name, text, ok := strings.Cut(in.Text(), " ")
		if !ok {
			return fmt.Errorf("%s: %q has no text", lines, in.Text())
		}
		name = strings.TrimPrefix(name, "__label__")
		at := slices.Index(names, name)
		if at < 0 {
			at, names = len(names), append(names, name)
		}
		texts, labels = append(texts, text), append(labels, at)
	}
	if err := in.Err(); err != nil {
		return err
	}
	o := fasttext.Classifier{Dim: trainDim, Epochs: trainEpoch, LR: trainLR, WordNGrams: 2, Buckets: buckets, MinCount: 1, Seed: 1, Workers: threads}
	m, err := o.Train(ctx, texts, labels, names)
	if err != nil {
		return err
	}
	return m.Save(model)
}
