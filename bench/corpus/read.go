//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/corpus"
)

//go:embed peer.py
var peerPython string

//go:embed peer.mjs
var peerDuckDB string

// A reading is what one process read. Rates are per second of processor time,
// on all its threads, which other work on the machine disturbs least.
type reading struct {
	Documents int64   `json:"documents"`
	TextBytes int64   `json:"text_bytes"`
	RawBytes  int64   `json:"raw_bytes"` // decompressed
	Seconds   float64 `json:"cpu_seconds"`
	PeakRSS   float64 `json:"peak_rss_mib"`
}

func (r reading) rate(bytes int64) float64 { return float64(bytes) / 1e6 / r.Seconds }

// readRounds is how often the readers take turns.
const readRounds = 4

// benchRead reads the corpus, repeated to readBytes on the disk in files of a
// round each, and the same with zstd alone; and the corpus once a round with
// Python's zstandard and json. They take turns, so that what else the machine
// does meets all alike. Each reader has a process of its own on one thread.
//
// read.zstd_vs_python is what a reader as fast as decompression alone would
// reach in read.vs_python.
func benchRead(ctx context.Context, data, work string, out map[string]any) error {
	files, err := filepath.Glob(filepath.Join(data, "corpus", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no file %s: %w", filepath.Join(data, "corpus", "*.jsonl.zst"), err)
	}
	once := filepath.Join(work, "once.jsonl.zst")
	if _, err := repeat(files, once, 1); err != nil {
		return err
	}
	var ours, alone, python reading
	var disk int64
	for round := range readRounds {
		name := filepath.Join(work, "read.jsonl.zst")
		size, err := repeat(files, name, readBytes/readRounds)
		if err != nil {
			return err
		}
		disk += size
		for _, reader := range []struct {
			name string
			sum  *reading
			read func() (reading, error)
		}{
			{"climb", &ours, func() (reading, error) { return readChild(ctx, name) }},
			{"zstd", &alone, func() (reading, error) { return zstdAlone(ctx, name) }},
			{"python", &python, func() (reading, error) { return peer(ctx, work, "peer.py", peerPython, "/usr/bin/python3", once) }},
		} {
			r, err := reader.read()
			if err != nil {
				return fmt.Errorf("read with %s: %w", reader.name, err)
			}
			log.Printf("read: round %d, %s: %.2f s of CPU", round, reader.name, r.Seconds)
			reader.sum.add(r)
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	out["read.disk_mb"], out["read.documents"] = disk/1e6, ours.Documents
	out["read.mbps"], out["read.peak_rss_mb"] = ours.rate(ours.TextBytes), ours.PeakRSS
	out["read.zstd_mbps"], out["read.vs_zstd"] = alone.rate(alone.RawBytes), alone.Seconds/ours.Seconds
	out["read.python_mbps"], out["read.vs_python"] = python.rate(python.TextBytes), ours.rate(ours.TextBytes)/python.rate(python.TextBytes)
	out["read.zstd_vs_python"] = alone.rate(ours.TextBytes) / python.rate(python.TextBytes)
	return nil
}

// add adds another process.
func (r *reading) add(other reading) {
	r.Documents += other.Documents
	r.TextBytes += other.TextBytes
	r.RawBytes += other.RawBytes
	r.Seconds += other.Seconds
	r.PeakRSS = max(r.PeakRSS, other.PeakRSS)
}

// repeat writes the files one after another, as often as it takes for size
// bytes: a zstd file of many frames.
func repeat(files []string, to string, size int64) (n int64, err error) {
	f, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	for n < size && err == nil {
		for _, name := range files {
			var in *os.File
			if in, err = os.Open(name); err != nil {
				break
			}
			var m int64
			m, err = io.Copy(f, in)
			n += m
			in.Close()
		}
	}
	return n, errors.Join(err, f.Close())
}

// readChild reads a file in a process of its own, on one core.
func readChild(ctx context.Context, name string) (r reading, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	return process(exec.CommandContext(ctx, self, "-read-child", name), "GOMAXPROCS=1")
}

// process runs a command that prints a reading, and takes its time.
func process(c *exec.Cmd, env ...string) (r reading, err error) {
	c.Stderr, c.Env = os.Stderr, append(os.Environ(), env...)
	b, err := c.Output()
	if err != nil {
		return r, fmt.Errorf("%s: %w", c.Path, err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s printed %q: %w", c.Path, b, err)
	}
	if r.Seconds == 0 {
		r.Seconds = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	}
	r.PeakRSS = maxRSS(c)
	return r, nil
}

// countDocuments is the child: it reads every document of a file. A Parquet file
// it reads twice, as DuckDB does, and takes the time of the second reading.
func countDocuments(ctx context.Context, name string) error {
	o := corpus.Options{Inputs: corpus.Paths(name), Fields: "keep"}
	isParquet := strings.HasSuffix(name, ".parquet")
	if isParquet { // DuckDB is asked for the text alone
		o.Fields = "drop"
	}
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		return err
	}
	r, err := readShards(ctx, shards, o)
	if err == nil && isParquet {
		before := measure.CPUSeconds()
		r, err = readShards(ctx, shards, o)
		r.Seconds = measure.CPUSeconds() - before
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func readShards(ctx context.Context, shards []corpus.Shard, o corpus.Options) (r reading, err error) {
	for _, s := range shards {
		for d, err := range corpus.Read(ctx, s, o, nil) {
			if err != nil {
				return r, err
			}
			r.Documents++
			r.TextBytes += int64(len(d.Text))
		}
	}
	return r, nil
}

// zstdAlone is zstd -dc FILE | wc -c; the time is that of both.
func zstdAlone(ctx context.Context, name string) (r reading, err error) {
	zstd, wc := exec.CommandContext(ctx, "zstd", "-dcq", name), exec.CommandContext(ctx, "wc", "-c")
	if wc.Stdin, err = zstd.StdoutPipe(); err != nil {
		return r, err
	}
	if err := zstd.Start(); err != nil {
		return r, err
	}
	b, err := wc.Output()
	if err = errors.Join(err, zstd.Wait()); err != nil {
		return r, err
	}
	if _, err := fmt.Sscan(string(b), &r.RawBytes); err != nil {
		return r, err
	}
	for _, s := range []*os.ProcessState{zstd.ProcessState, wc.ProcessState} {
		r.Seconds += (s.UserTime() + s.SystemTime()).Seconds()
	}
	return r, nil
}

// peer runs a script on a file.
func peer(ctx context.Context, work, name, script, program string, args ...string) (r reading, err error) {
	path := filepath.Join(work, name)
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		return r, err
	}
	c := exec.CommandContext(ctx, program, append([]string{path}, args...)...)
	c.Dir = work
	return process(c)
}

// benchParquet reads the text column of Parquet files that DuckDB wrote; the two
// take turns.
func benchParquet(ctx context.Context, data, work string, out map[string]any) error {
	files, err := filepath.Glob(filepath.Join(data, "corpus", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no file %s: %w", filepath.Join(data, "corpus", "*.jsonl.zst"), err)
	}
	lines := filepath.Join(work, "once.jsonl.zst")
	if _, err := repeat(files, lines, 1); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", work, "--silent", "--no-audit", "--no-fund", "@duckdb/node-api")
	if b, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install @duckdb/node-api: %w: %s; is a registry in reach?", err, b)
	}
	for _, codec := range []string{"zstd", "snappy"} {
		name := filepath.Join(work, codec+".parquet")
		var ours, duck reading
		for round := range readRounds {
			d, err := peer(ctx, work, "peer.mjs", peerDuckDB, "node", lines, name, codec)
			if err != nil {
				return err
			}
			r, err := readChild(ctx, name)
			if err != nil {
				return err
			}
			if r.TextBytes != d.TextBytes {
				return fmt.Errorf("%d bytes of text here, %d in DuckDB", r.TextBytes, d.TextBytes)
			}
			log.Printf("read: round %d, Parquet with %s: %.2f s of CPU, DuckDB %.2f", round, codec, r.Seconds, d.Seconds)
			ours.add(r)
			duck.add(d)
		}
		key := "read.parquet_" + codec
		out[key+"_mbps"], out[key+"_duckdb_mbps"] = ours.rate(ours.TextBytes), duck.rate(duck.TextBytes)
		out[key+"_vs_duckdb"], out[key+"_peak_rss_mb"] = duck.Seconds/ours.Seconds, ours.PeakRSS
	}
	return nil
}
