//go:build linux

// Command cluster measures k-means here against FAISS, from the same first
// centroids, on two threads: go run ./bench/cluster [-json].
//
// Every time is the median of several rounds, in seconds of processor time,
// which a busy machine disturbs least; the rounds take turns, and each run is a
// process of its own. Both sides' centroids are judged by the same sum of
// squared distances. Ours makes one pass more than FAISS, to tell the sizes of
// the final clusters.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
)

// A job is rows to cluster. Rows are unit vectors around 2,000 places whose
// sizes fall off as those of topics do; with Noise they have no structure at all,
// the worst case for bounds.
type job struct {
	Part    string // as -only names it
	N, D, K int
	Noise   bool
}

var jobs = []job{{"256", 500_000, 256, 1000, false}, {"1024", 100_000, 1024, 1000, false}, {"noise", 100_000, 256, 1000, true}}

const streamPart = "stream"

const iterations, threads = 10, 2

// A Report is what -json prints.
type Report struct {
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Command string  `json:"command"`
	KMeans  []Fit   `json:"kmeans,omitempty"`
	Assign  *Assign `json:"assign,omitempty"`
	Stream  *Stream `json:"stream,omitempty"`
}

// A Fit compares ten iterations. Seconds are of processor time on two threads.
type Fit struct {
	N            int     `json:"n"`
	D            int     `json:"d"`
	K            int     `json:"k"`
	Data         string  `json:"data"`
	Ours         float64 `json:"ours_s"`
	FAISS        float64 `json:"faiss_s"`
	Speedup      float64 `json:"speedup"`
	OursWall     float64 `json:"ours_wall_s"`
	FAISSWall    float64 `json:"faiss_wall_s"`
	InertiaRatio float64 `json:"inertia_ratio"` // ours over FAISS's
}

// Assign is the assignment of vectors to centroids on one thread, the distances
// counted as the floating-point operations that they stand for.
type Assign struct {
	D            int     `json:"d"`
	K            int     `json:"k"`
	Rate         float64 `json:"vecs_per_s_core"`
	PeakFraction float64 `json:"peak_fraction"` // of the float32 multiply-adds a core can do
}

// Stream is a fit on float16 vectors that stay on disk.
type Stream struct {
	N          int     `json:"n"`
	D          int     `json:"d"`
	K          int     `json:"k"`
	Iterations int     `json:"iterations"`
	CPU        float64 `json:"cpu_s"`
	Wall       float64 `json:"wall_s"`
	RSS        float64 `json:"peak_rss_mb"` // MiB
}

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	rounds := flag.Int("rounds", 3, "runs of each kind, of which the median counts")
	scale := flag.Float64("scale", 1, "share of the rows that are used, for a quick look")
	only := flag.String("only", "256,1024,noise,stream", "parts to measure: k-means by dimension, the first with assignment; data without structure; vectors on disk")
	work := flag.String("work", "", "do one run: fit, assign or stream (used by this command on itself)")
	flag.Parse()
	if *work != "" {
		doWork(*work, flag.Args())
		return
	}
	dir, err := os.MkdirTemp("", "bench-cluster")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	b := &bench{rounds: *rounds, dir: dir}
	r, err := b.report(*scale, strings.Split(*only, ","))
	if err != nil {
		log.Fatal(err)
	}
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

func (b *bench) report(scale float64, only []string) (*Report, error) {
	r := &Report{Machine: measure.Machine(), Date: time.Now().UTC().Format("2006-01-02"),
		Command: "go run ./bench/cluster " + strings.Join(os.Args[1:], " ")}
	known := []string{streamPart}
	for _, j := range jobs {
		known = append(known, j.Part)
	}
	for _, part := range only {
		if !slices.Contains(known, part) {
			return nil, fmt.Errorf("-only: %q is not one of %s", part, strings.Join(known, ", "))
		}
	}
	for i, j := range jobs {
		if !slices.Contains(only, j.Part) {
			continue
		}
		j.N = max(2*j.K, int(float64(j.N)*scale))
		path := b.write(j, "<f4")
		r.KMeans = append(r.KMeans, b.fit(j, path))
		if i == 0 {
			r.Assign = b.assign(j, path)
		}
		os.Remove(path)
	}
	if slices.Contains(only, streamPart) {
		r.Stream = b.stream(job{streamPart, max(2000, int(5_000_000*scale)), 256, 1000, false})
	}
	return r, nil
}

func (r *Report) print() {
	fmt.Printf("%s, %s\n", r.Machine, r.Date)
	for _, f := range r.KMeans {
		fmt.Printf("%d x %d, k %d, %s: %.1f CPU-seconds, FAISS %.1f, %.2f times; inertia over FAISS's %.5f\n",
			f.N, f.D, f.K, f.Data, f.Ours, f.FAISS, f.Speedup, f.InertiaRatio)
	}
	if r.Assign != nil {
		fmt.Printf("assignment: %.0f vectors per second and core, %.2f of the float32 peak\n", r.Assign.Rate, r.Assign.PeakFraction)
	}
	if r.Stream != nil {
		fmt.Printf("%d x %d on disk, %d iterations: %.0f s, at most %.0f MiB\n", r.Stream.N, r.Stream.D, r.Stream.Iterations, r.Stream.Wall, r.Stream.RSS)
	}
}

// path names a file of the benchmark.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }
