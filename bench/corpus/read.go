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

// benchRead reads the corpus, repeated to readBytes on the disk, and as much of
// it with each peer: zstd alone, Python's zstandard and json, and DuckDB for a
// column of Parquet. Each runs in a process of its own on one thread.
func benchRead(ctx context.Context, data, work string, out map[string]any) error {
	files, err := filepath.Glob(filepath.Join(data, "corpus", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no file %s: %w", filepath.Join(data, "corpus", "*.jsonl.zst"), err)
	}
	big, small := filepath.Join(work, "read.jsonl.zst"), filepath.Join(work, "once.jsonl.zst")
	defer os.Remove(big)
	size, err := repeat(files, big, readBytes)
	if err == nil {
		_, err = repeat(files, small, 1)
	}
	if err != nil {
		return err
	}
	log.Printf("read: %d MB on disk", size/1e6)
	ours, err := readChild(ctx, big)
	if err != nil {
		return err
	}
	out["read.disk_mb"], out["read.documents"] = size/1e6, ours.Documents
	out["read.mbps"], out["read.peak_rss_mb"] = ours.rate(ours.TextBytes), ours.PeakRSS
	if zstd, err := zstdAlone(ctx, big); err != nil {
		log.Printf("read: zstd is left out: %v", err)
	} else {
		out["read.zstd_mbps"], out["read.vs_zstd"] = zstd.rate(zstd.RawBytes), zstd.Seconds/ours.Seconds
	}
	if py, err := peer(ctx, work, "peer.py", peerPython, "/usr/bin/python3", small); err != nil {
		log.Printf("read: Python is left out: %v", err)
	} else {
		out["read.python_mbps"], out["read.vs_python"] = py.rate(py.TextBytes), ours.rate(ours.TextBytes)/py.rate(py.TextBytes)
	}
	if err := benchParquet(ctx, work, small, out); err != nil {
		log.Printf("read: Parquet is left out: %v", err)
	}
	return nil
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

// countDocuments is the child: it reads every document of a file.
func countDocuments(ctx context.Context, name string) error {
	o := corpus.Options{Inputs: []string{name}, Fields: "keep"}
	if strings.HasSuffix(name, ".parquet") { // DuckDB is asked for the text alone
		o.Fields = "drop"
	}
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		return err
	}
	var r reading
	for _, s := range shards {
		for d, err := range corpus.Read(ctx, s, o, nil) {
			if err != nil {
				return err
			}
			r.Documents++
			r.TextBytes += int64(len(d.Text))
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
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

// benchParquet reads the text column of a Parquet file that DuckDB wrote.
func benchParquet(ctx context.Context, work, lines string, out map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", work, "--silent", "--no-audit", "--no-fund", "@duckdb/node-api")
	if b, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm install @duckdb/node-api: %w: %s; is a registry in reach?", err, b)
	}
	for _, codec := range []string{"zstd", "snappy"} {
		name := filepath.Join(work, codec+".parquet")
		duck, err := peer(ctx, work, "peer.mjs", peerDuckDB, "node", lines, name, codec)
		if err != nil {
			return err
		}
		ours, err := readChild(ctx, name)
		if err != nil {
			return err
		}
		if ours.TextBytes != duck.TextBytes {
			return fmt.Errorf("%d bytes of text here, %d in DuckDB", ours.TextBytes, duck.TextBytes)
		}
		key := "read.parquet_" + codec
		out[key+"_mbps"], out[key+"_duckdb_mbps"] = ours.rate(ours.TextBytes), duck.rate(duck.TextBytes)
		out[key+"_vs_duckdb"] = duck.Seconds / ours.Seconds
	}
	return nil
}
