//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/corpus"
)

// benchLarge takes a corpus of largeGB through climb embed and climb label, and
// reports the largest resident set of each.
func benchLarge(ctx context.Context, data, work string, out map[string]any) error {
	dir := filepath.Join(work, "large")
	defer os.RemoveAll(dir)
	text, err := makeLarge(ctx, data, filepath.Join(dir, "corpus"), int64(largeGB*1e9))
	if err != nil {
		return err
	}
	out["large.text_gb"] = float64(text) / 1e9
	log.Printf("large: %d MB of text are made", text/1e6)
	climb, config := filepath.Join(dir, "climb"), filepath.Join(dir, "climb.yaml")
	if b, err := exec.CommandContext(ctx, "go", "build", "-o", climb, "./cmd/climb").CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/climb: %w: %s; run this in the project's root", err, b)
	}
	if err := os.WriteFile(config, []byte("out: run\ncorpus:\n  inputs: [corpus]\n"), 0o600); err != nil {
		return err
	}
	for _, command := range []string{"embed", "label"} {
		start := time.Now()
		c := exec.CommandContext(ctx, climb, command, config)
		if b, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("climb %s: %w: %s", command, err, b)
		}
		if made, err := filepath.Glob(filepath.Join(dir, "run", command+"-*", "done", "*.json")); err != nil || len(made) == 0 {
			return fmt.Errorf("climb %s left no finished task in %s", command, dir)
		}
		out["large."+command+"_peak_rss_mb"], out["large."+command+"_seconds"] = maxRSS(c), time.Since(start).Seconds()
		log.Printf("large: climb %s took %.0f s, %.0f MiB", command, time.Since(start).Seconds(), maxRSS(c))
	}
	return nil
}

// maxRSS is the largest resident set of a process that has ended, MiB.
func maxRSS(c *exec.Cmd) float64 {
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return float64(u.Maxrss) / 1024
	}
	return 0
}

// makeLarge writes the corpus again and again, a file a round, until it holds size
// bytes of text. In each round but the first a twentieth of the words of every
// document, other ones each time, are others of the same document: the texts
// are no duplicates.
func makeLarge(ctx context.Context, data, dir string, size int64) (text int64, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	o := corpus.Options{Inputs: corpus.Paths(filepath.Join(data, "corpus"))}
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		return 0, err
	}
	for round := 0; text < size; round++ {
		n, err := makeRound(ctx, shards, o, filepath.Join(dir, fmt.Sprintf("round-%04d.jsonl.zst", round)), round, size-text)
		if text += n; err != nil {
			return text, err
		}
	}
	return text, nil
}

func makeRound(ctx context.Context, shards []corpus.Shard, o corpus.Options, name string, round int, size int64) (text int64, err error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	enc, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	w, r := bufio.NewWriter(enc), rand.New(rand.NewPCG(1, uint64(round)))
	for _, s := range shards {
		for d, err := range corpus.Read(ctx, s, o, nil) {
			if err != nil {
				return text, errors.Join(err, f.Close())
			}
			if text >= size {
				break
			}
			if round > 0 {
				words := strings.SplitAfter(d.Text, " ")
				for range len(words) / 20 {
					words[r.IntN(len(words))] = words[r.IntN(len(words))]
				}
				d.Text, d.ID = strings.Join(words, ""), fmt.Sprintf("%s-%d", d.ID, round)
			}
			text += int64(len(d.Text))
			if _, err := w.Write(corpus.AppendDocument(nil, d)); err != nil {
				return text, errors.Join(err, f.Close())
			}
		}
	}
	return text, errors.Join(w.Flush(), enc.Close(), f.Close())
}
