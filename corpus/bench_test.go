//go:build unix

package corpus

import (
	"bytes"
	"context"
	"math"
	"strings"
	"syscall"
	"testing"
)

// cpuTime is the processor time of this process so far, seconds.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// perCPU reports MB of text for each second of processor time, which other
// work on the machine disturbs less than it does MB/s.
func perCPU(b *testing.B, before float64, bytes int64) {
	b.SetBytes(bytes)
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/(cpuTime()-before), "MB/cpu-s")
}

func benchmarkRead(b *testing.B, o Options) {
	shards, _, err := Split(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	var bytes, docs int64
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		bytes, docs = 0, 0
		for _, s := range shards {
			for d, err := range Read(context.Background(), s, o, nil) {
				if err != nil {
					b.Fatal(err)
				}
				bytes += int64(len(d.Text))
				docs++
			}
		}
	}
	perCPU(b, before, bytes)
	b.ReportMetric(float64(docs), "docs")
}

func BenchmarkReadPlain(b *testing.B) {
	benchmarkRead(b, Options{Inputs: Paths(data(b, "mini", "corpus"))})
}

func BenchmarkReadZstd(b *testing.B) {
	benchmarkRead(b, Options{Inputs: Paths(data(b, "corpus", "wikipedia.jsonl.zst"))})
}

// BenchmarkZstdAlone is the bound of BenchmarkReadZstd: decompression only, in
// MB/s of decompressed bytes.
func BenchmarkZstdAlone(b *testing.B) {
	path := data(b, "corpus", "wikipedia.jsonl.zst")
	buf := make([]byte, 256<<10)
	var n int64
	before := cpuTime()
	for b.Loop() {
		src, err := openRange(b.Context(), path, "zstd", 0, -1)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = src.Read(buf)
		}
		n = src.read
		src.Close()
	}
	perCPU(b, before, n)
}

func BenchmarkScan(b *testing.B) {
	o := Options{Inputs: Paths(data(b, "mini", "corpus"))}
	shards, _, err := Split(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	var n int64
	before := cpuTime()
	for b.Loop() {
		n = 0
		for _, s := range shards {
			var w bytes.Buffer
			res, err := Scan(context.Background(), s, o, &w)
			if err != nil {
				b.Fatal(err)
			}
			n += res.TextBytes
		}
	}
	perCPU(b, before, n)
}

func BenchmarkHash(b *testing.B) {
	s := strings.Repeat("0123456789abcdef", 256)
	before := cpuTime()
	for b.Loop() {
		Hash(s, 0)
	}
	perCPU(b, before, int64(len(s)))
}

func BenchmarkAppendString(b *testing.B) {
	s := strings.Repeat("A line of prose, as they are, about this long, \"quoted\".\n", 80)
	var dst []byte
	before := cpuTime()
	for b.Loop() {
		dst = AppendString(dst[:0], s)
	}
	perCPU(b, before, int64(len(s)))
}
