package train_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/train"
)

// Train a proxy on a mixture of two domains, and score it on a file of text.
func ExampleProxy() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	colours, numbers := strings.Repeat("red green blue yellow. ", 200), strings.Repeat("one two three four. ", 200)
	tok, err := token.Train(slices.Values([]string{colours, numbers}), token.TrainOptions{Vocab: 300})
	if err != nil {
		log.Fatal(err)
	}
	write := func(name string, data []byte) error { return os.WriteFile(filepath.Join(dir, name), data, 0o666) }
	var saved bytes.Buffer
	err = errors.Join(tok.Save(&saved), write("tokenizer.json", saved.Bytes()), write("target.txt", []byte(colours[:200])))
	for name, text := range map[string]string{"colours": colours, "numbers": numbers} {
		var bin, idx bytes.Buffer
		w, werr := token.NewIndexWriter(&bin, &idx, token.Dtype(tok.Vocab()))
		if werr != nil {
			log.Fatal(werr)
		}
		err = errors.Join(err, w.Add(append(tok.Encode(nil, text), tok.EOD())), w.Close(), write(name+".bin", bin.Bytes()), write(name+".idx", idx.Bytes()))
	}
	if err != nil {
		log.Fatal(err)
	}

	job := train.Job{
		Domains:   []string{filepath.Join(dir, "colours"), filepath.Join(dir, "numbers")},
		Tokenizer: filepath.Join(dir, "tokenizer.json"),
		Model:     lm.Config{Layers: 1, Width: 16, Heads: 2, Context: 16},
		Tokens:    4000, Batch: 4, Seed: 1,
		Target: []eval.Term{{File: filepath.Join(dir, "target.txt"), Metric: "bpb", Weight: 1}},
	}
	option.Fill(&job.Optim)
	var scores []float64
	for _, m := range []mix.Mixture{{0.9, 0.1}, {0.1, 0.9}} {
		job.Mixture = m
		result, err := train.Proxy{}.Train(context.Background(), job, nil)
		if err != nil {
			log.Fatal(err)
		}
		scores = append(scores, result.Score) // higher is better: bits per byte, the sign turned
	}
	fmt.Println("more colours are better for a target of colours:", scores[0] > scores[1])
	// Output: more colours are better for a target of colours: true
}
