//go:build linux

// Command corpus measures reading and deduplication on the real corpus of
// ../shared/data: go run ./bench/corpus [-json] [-part read|parquet|dedup|large]. The
// part large is run by its name only; -gb sets its size.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
)

// A part fills in figures under keys of its own.
type part struct {
	name string
	run  func(ctx context.Context, data, work string, out map[string]any) error
}

var parts = []part{{"read", benchRead}, {"parquet", benchParquet}, {"dedup", benchDedup}, {"large", benchLarge}}

// Sizes of the corpora.
var (
	readBytes int64   // on disk
	largeGB   float64 // of text
)

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print one JSON object")
	only := flag.String("part", "", "the one part to run")
	data := flag.String("data", dataDir(), "folder with corpus/*.jsonl.zst")
	work := flag.String("work", "", "folder for temporary files, some GB (default: a new one in TMPDIR)")
	flag.Float64Var(&largeGB, "gb", 20, "part large: GB of text")
	readGB := flag.Float64("read-gb", 4, "part read: GB of zstd on disk")
	reader := flag.String("read-child", "", "read this file, and nothing else")
	child := flag.String("dedup-child", "", "deduplicate the run of this configuration, and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	readBytes = int64(*readGB * 1e9)
	if *reader != "" {
		if err := countDocuments(ctx, *reader); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *child != "" {
		if err := dedupChild(ctx, *child); err != nil {
			log.Fatal(err)
		}
		return
	}
	out := map[string]any{
		"machine": measure.Machine(),
		"date":    time.Now().UTC().Format(time.DateOnly),
		"command": "go run ./bench/corpus " + strings.Join(os.Args[1:], " "),
	}
	if err := runParts(ctx, *only, *data, *work, out); err != nil {
		log.Fatal(err)
	}
	if *asJSON {
		b, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", b)
		return
	}
	keys := make([]string, 0, len(out))
	for k := range out {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Printf("%-36s %v\n", k, out[k])
	}
}

func runParts(ctx context.Context, only, data, work string, out map[string]any) error {
	if work == "" {
		dir, err := os.MkdirTemp("", "climb-bench-corpus-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		work = dir
	}
	ran := false
	for _, p := range parts {
		if only != p.name && (only != "" || p.name == "large") {
			continue
		}
		ran = true
		if err := p.run(ctx, data, work, out); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !ran {
		return fmt.Errorf("no part is called %q", only)
	}
	return nil
}

// dataDir is the folder of the shared data, seen from the project's root.
func dataDir() string {
	if dir := os.Getenv("CLIMB_TEST_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "shared", "data")
}
