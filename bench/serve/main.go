//go:build linux

// Command serve measures the live page: go run ./bench/serve [-json] [-parts overhead,paint].
//
// overhead runs the same search alone, with climb run --serve and one reader, and
// with 200 readers of which one never reads; each run is a process of its own, whose
// processor time and peak of memory the system counts. The runs take turns, so that
// a busy machine is busy for all.
//
// paint makes a run of so many trials, domains and clusters, opens it in Chromium,
// and asks the browser when it first painted something of the page (First Contentful
// Paint) and how many bytes came. cold is the first request to the server, which
// gathers the numbers then. It is left out unless the program is built with the tag
// browser, which brings chromedp: go run -tags browser ./bench/serve.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/climb-go/climb/bench/measure"
)

// A Report is what -json prints.
type Report struct {
	Machine string        `json:"machine"`
	Cores   int           `json:"cores"`
	Date    string        `json:"date"`
	Command string        `json:"command"`
	Runs    []OverheadRow `json:"overhead,omitempty"`
	Paint   *PaintRow     `json:"paint,omitempty"`
}

// An OverheadRow is a way of running.
type OverheadRow struct {
	Readers    int       `json:"readers"` // -1: no server
	CPUSeconds []float64 `json:"cpu_seconds"`
	Median     float64   `json:"cpu_seconds_median"`
	More       float64   `json:"more_percent"` // median of the differences to the run without a server in the same turn
	PeakMiB    float64   `json:"peak_mib"`     // median
	Events     int       `json:"events"`       // that the readers have read together, in the last turn
}

// A PaintRow is the page of a large run.
type PaintRow struct {
	Trials    int       `json:"trials"`
	Domains   int       `json:"domains"`
	Clusters  int       `json:"clusters"`
	PageKB    float64   `json:"page_kb"` // the HTML
	AllKB     float64   `json:"all_kb"`  // with style and scripts
	ColdMS    float64   `json:"cold_ms"` // first contentful paint
	WarmMS    []float64 `json:"warm_ms"`
	MedianMS  float64   `json:"warm_ms_median"`
	ServerMiB float64   `json:"server_peak_mib"`
}

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	parts := flag.String("parts", "overhead,paint", "what to measure")
	turns := flag.Int("turns", 5, "of the overhead")
	trials := flag.Int("trials", 1000, "proxies of the large run")
	flag.Parse()
	r := &Report{Machine: measure.Machine(), Cores: runtime.GOMAXPROCS(0), Date: time.Now().Format(time.DateOnly), Command: "go run ./bench/serve " + strings.Join(os.Args[1:], " ")}
	if err := measured(r, *parts, *turns, *trials); err != nil {
		log.Fatal(err)
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			log.Fatal(err)
		}
		return
	}
	for _, x := range r.Runs {
		fmt.Printf("readers %4d  %.2f CPU s, %+.2f %%, %.0f MiB, %d events\n", x.Readers, x.Median, x.More, x.PeakMiB, x.Events)
	}
	if p := r.Paint; p != nil {
		fmt.Printf("%d trials, %d domains, %d clusters: page %.0f kB, all %.0f kB, first paint %.0f ms (cold %.0f ms), server %.0f MiB\n", p.Trials, p.Domains, p.Clusters, p.PageKB, p.AllKB, p.MedianMS, p.ColdMS, p.ServerMiB)
	}
}

func measured(r *Report, parts string, turns, trials int) error {
	dir, err := os.MkdirTemp("", "bench-serve")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "climb")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/climb").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if strings.Contains(parts, "overhead") {
		if r.Runs, err = overhead(dir, program, turns); err != nil {
			return err
		}
	}
	if strings.Contains(parts, "paint") {
		r.Paint, err = paint(dir, program, trials)
	}
	return err
}

// corpus writes made-up documents of so many topics.
func corpus(path string, documents, topics int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(topic int) string {
		if rng.IntN(3) == 0 {
			topic = topics // common words
		}
		return fmt.Sprintf("w%dx%d", topic, rng.IntN(60))
	}
	for i := range documents {
		var b strings.Builder
		for range 40 + rng.IntN(80) {
			b.WriteString(word(i%topics) + " ")
		}
		line, _ := json.Marshal(map[string]string{"id": fmt.Sprint(i), "source": fmt.Sprintf("s%d", i%7), "text": b.String()})
		w.Write(append(line, '\n'))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func config(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o666)
}

func overhead(dir, program string, turns int) ([]OverheadRow, error) {
	if err := corpus(filepath.Join(dir, "small.jsonl"), 3000, 8); err != nil {
		return nil, err
	}
	file, err := config(dir, "small", `
corpus: {inputs: [small.jsonl]}
cluster: {kmeans: {k: 24}}
domains: {ward: {count: 8}}
tokens: {bpe: {vocab: 1024}}
proxy: {model: {layers: 1, width: 32, heads: 2, context: 64}, tokens: 100000, batch: 8}
search: {rounds: [12, 8, 4], strategy: random}
confirm: {seeds: 2, measured: 0}
`)
	if err != nil {
		return nil, err
	}
	rows := []OverheadRow{{Readers: -1}, {Readers: 1}, {Readers: 200}}
	more, peaks := make([][]float64, len(rows)), make([][]float64, len(rows))
	for turn := range turns {
		for k := range rows {
			out := filepath.Join(dir, fmt.Sprintf("run-%d-%d", turn, k))
			args := []string{"run", file, "--quiet", "--out", out}
			if rows[k].Readers >= 0 {
				args = append(args, "--serve")
			}
			cpu, peak, events, err := once(program, args, rows[k].Readers)
			if err != nil {
				return nil, err
			}
			rows[k].CPUSeconds, rows[k].Events = append(rows[k].CPUSeconds, cpu), events
			more[k], peaks[k] = append(more[k], 100*(cpu/rows[0].CPUSeconds[turn]-1)), append(peaks[k], peak)
			if err := os.RemoveAll(out); err != nil {
				return nil, err
			}
		}
	}
	for k := range rows {
		rows[k].Median, rows[k].More, rows[k].PeakMiB = median(rows[k].CPUSeconds), median(more[k]), median(peaks[k])
	}
	return rows, nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// once runs climb with readers of its page, the last of which never reads.
func once(program string, args []string, readers int) (cpu, peak float64, events int, err error) {
	c := exec.Command(program, args...)
	said, err := c.StderrPipe()
	if err != nil {
		return 0, 0, 0, err
	}
	if err := c.Start(); err != nil {
		return 0, 0, 0, err
	}
	lines := bufio.NewScanner(said)
	counts := make(chan int, max(readers, 0))
	if readers >= 0 {
		url := ""
		for url == "" && lines.Scan() {
			if strings.HasPrefix(lines.Text(), "http://") {
				url = lines.Text()
			}
		}
		for i := range readers {
			go func() { counts <- read(url, readers > 1 && i == readers-1) }()
		}
	}
	var last strings.Builder
	for lines.Scan() {
		last.WriteString(lines.Text() + "\n")
	}
	if err := c.Wait(); err != nil {
		return 0, 0, 0, fmt.Errorf("climb %v: %w: %s", args, err, last.String())
	}
	for range max(readers, 0) {
		events += <-counts
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds(), float64(usage.Maxrss) / 1024, events, nil
}

// read counts the events of a run until its server ends. A reader that never reads
// keeps its connection open.
func read(url string, never bool) (events int) {
	if never {
		host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		c, err := net.Dial("tcp", host)
		if err != nil {
			return 0
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /%s0/events HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
		time.Sleep(20 * time.Second)
		return 0
	}
	if page, err := http.Get(url + "0/"); err == nil {
		io.Copy(io.Discard, page.Body)
		page.Body.Close()
	}
	a, err := http.Get(url + "0/events")
	if err != nil {
		return 0
	}
	defer a.Body.Close()
	lines := bufio.NewReader(a.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return events
		}
		if strings.HasPrefix(line, "data:") {
			events++
		}
	}
}
