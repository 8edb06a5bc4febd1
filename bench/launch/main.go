// Command launch measures the controller and the files between it and its
// workers: go run ./bench/launch [-json].
//
// Plan: a corpus of -shards files of 100 MB (sparse, so that 10 TB fit) is listed
// and cut by the real planner, and its plan saved and loaded. Publish: 16 workers
// publish a manifest for every task in one directory. Follow: one look of a
// controller at that directory. Bucket: the real controller over as many objects of
// a bucket, up to the end of the first stage, and again. Steps: what one process does
// for all documents, measured with -documents. Slurm: trivial tasks through launch.Remote, beside
// sbatch alone with an array of as many; only where SLURM_CONF is set.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// A Report is what -json prints.
type Report struct {
	Machine string   `json:"machine"`
	Date    string   `json:"date"`
	Command string   `json:"command"`
	Load    float64  `json:"load_average,omitempty"` // of the minute before, of Linux: what the clock says is worth little above the cores
	Plan    Plan     `json:"plan,omitzero"`
	Publish Publish  `json:"publish,omitzero"`
	Follow  Follow   `json:"follow,omitzero"`
	Bucket  *Bucket  `json:"bucket,omitempty"`
	Steps   []Step   `json:"one_process,omitempty"`
	Slurm   *Through `json:"slurm,omitempty"`
}

// Plan is the planning of a corpus.
type Plan struct {
	Shards      int     `json:"shards"`
	Terabytes   float64 `json:"terabytes"`
	ListSeconds float64 `json:"list_and_cut_seconds"`
	SaveSeconds float64 `json:"save_seconds"`
	LoadSeconds float64 `json:"load_seconds"`
	Bytes       int64   `json:"plan_bytes"`
	PeakMiB     float64 `json:"peak_mib"` // of the process, up to here
}

// Publish is tasks that write one small output each and their manifest.
type Publish struct {
	Tasks      int     `json:"tasks"`
	Workers    int     `json:"workers"`
	PerSecond  float64 `json:"tasks_per_second"`
	CPUPerTask float64 `json:"cpu_ms_a_task"`
}

// Follow is a controller that looks at a plan.
type Follow struct {
	LookSeconds float64 `json:"look_seconds"` // one look, all tasks done
	RunSeconds  float64 `json:"run_seconds"`  // Remote.Run of a plan with nothing to do
	PeakMiB     float64 `json:"peak_mib"`
}

// Through is trivial tasks through a scheduler.
type Through struct {
	Tasks     int     `json:"tasks"`
	Seconds   float64 `json:"seconds"`
	CPUms     float64 `json:"controller_cpu_ms_a_task"`
	Overhead  float64 `json:"overhead_ms_a_task"` // of the clock, against sbatch alone
	SbatchSec float64 `json:"sbatch_alone_seconds"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 7 && os.Args[1] == "task" { // a worker: task run --batch FOLDER --element N
		os.Exit(task.ExitCode(work(os.Args[4], os.Args[6])))
	}
	asJSON := flag.Bool("json", false, "print JSON")
	shards := flag.Int("shards", 100_000, "files of 100 MB")
	trivial := flag.Int("trivial", 100, "tasks through Slurm")
	documents := flag.Int("documents", 2_000_000, "documents of the steps that one process does")
	parts := flag.String("parts", "plan,bucket,steps,slurm", "what is measured")
	flag.Parse()
	dir, err := os.MkdirTemp("", "bench-launch-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r := &Report{Machine: measure.Machine(), Date: time.Now().Format(time.DateOnly), Command: "go run ./bench/launch " + strings.Join(os.Args[1:], " ")}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &r.Load) // or it is not told
	}
	if err := r.measure(dir, *parts, *shards, *documents, *trivial); err != nil {
		os.RemoveAll(dir)
		log.Fatal(err)
	}
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			log.Fatal(err)
		}
		return
	}
	if r.Plan.Shards > 0 {
		fmt.Printf("plan: %d shards (%.1f TB) listed and cut in %.1f s, saved in %.1f s, loaded in %.1f s; %.1f MB; %.0f MiB of memory\n",
			r.Plan.Shards, r.Plan.Terabytes, r.Plan.ListSeconds, r.Plan.SaveSeconds, r.Plan.LoadSeconds, float64(r.Plan.Bytes)/1e6, r.Plan.PeakMiB)
		fmt.Printf("publish: %.0f tasks/s by %d workers in one directory\n", r.Publish.PerSecond, r.Publish.Workers)
		fmt.Printf("follow: a look at %d manifests takes %.2f s; %.0f MiB\n", r.Publish.Tasks, r.Follow.LookSeconds, r.Follow.PeakMiB)
	}
	if b := r.Bucket; b != nil {
		fmt.Printf("bucket: %d objects (%.1f TB) listed and cut in %.1f s (%.1f s of CPU), the stage in %.1f s, resumed in %.1f s (%.1f s of CPU); %.0f MiB\n",
			b.Shards, b.Terabytes, b.OpenSeconds, b.OpenCPU, b.StageSeconds, b.ResumeSeconds, b.ResumeCPU, b.PeakMiB)
	}
	for _, s := range r.Steps {
		fmt.Printf("%s: %d documents, %.0f ns and %.2f bytes a document; 10 billion: %.1f hours, %.1f GiB\n", s.Name, s.Documents, s.CPU, s.Heap, s.Hours, s.GiB)
	}
	if s := r.Slurm; s != nil {
		fmt.Printf("slurm: %d tasks in %.1f s, sbatch alone %.1f s: %.1f ms a task, %.1f ms of the controller's processor\n", s.Tasks, s.Seconds, s.SbatchSec, s.Overhead, s.CPUms)
	}
}

func (r *Report) measure(dir, parts string, shards, documents, trivial int) error {
	if strings.Contains(parts, "plan") {
		p, err := r.plan(dir, shards)
		if err != nil {
			return err
		}
		if err := errors.Join(r.publish(p), r.follow(p)); err != nil {
			return err
		}
	}
	if strings.Contains(parts, "bucket") {
		if err := r.bucket(dir, shards); err != nil {
			return err
		}
	}
	if strings.Contains(parts, "steps") {
		if err := r.steps(dir, documents); err != nil {
			return err
		}
	}
	if os.Getenv("SLURM_CONF") == "" || !strings.Contains(parts, "slurm") {
		return nil
	}
	return r.slurm(dir, trivial)
}

func (r *Report) plan(dir string, shards int) (*task.Plan, error) {
	const size = 100e6
	in := filepath.Join(dir, "in")
	for n := range shards {
		sub := filepath.Join(in, fmt.Sprintf("%03d", n/1000))
		if n%1000 == 0 {
			if err := os.MkdirAll(sub, 0o777); err != nil {
				return nil, err
			}
		}
		path := filepath.Join(sub, fmt.Sprintf("%06d.jsonl", n))
		if err := errors.Join(os.WriteFile(path, nil, 0o666), os.Truncate(path, size)); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	cut, _, err := corpus.Split(context.Background(), corpus.Options{Inputs: corpus.Paths(in), Format: "jsonl", ShardBytes: 128 << 20})
	if err != nil {
		return nil, err
	}
	r.Plan = Plan{Shards: len(cut), Terabytes: float64(shards) * size / 1e12, ListSeconds: time.Since(start).Seconds()}
	p := &task.Plan{Kind: "bench", Format: 1}
	for _, s := range cut {
		raw, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		p.Tasks = append(p.Tasks, raw)
	}
	start = time.Now()
	if err := p.Save(filepath.Join(dir, "bench-1")); err != nil {
		return nil, err
	}
	r.Plan.SaveSeconds = time.Since(start).Seconds()
	start = time.Now()
	p, err = task.Load(filepath.Join(dir, "bench-1", "plan.json"))
	if err != nil {
		return nil, err
	}
	r.Plan.LoadSeconds = time.Since(start).Seconds()
	st, err := os.Stat(filepath.Join(dir, "bench-1", "plan.json"))
	if err != nil {
		return nil, err
	}
	r.Plan.Bytes, r.Plan.PeakMiB = st.Size(), measure.PeakMiB()
	return p, nil
}

// echo is a task that costs nothing.
func echo(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error {
	return a.WriteFile(fmt.Sprintf("part-%06d", n), []byte{1})
}

func (r *Report) publish(p *task.Plan) error {
	const workers = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	start, cpu := time.Now(), measure.CPUSeconds()
	for w := range workers {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(p.Tasks) && errs[w] == nil; n = int(next.Add(1)) - 1 {
				_, errs[w] = p.Run(context.Background(), n, echo)
			}
		})
	}
	wg.Wait()
	took := time.Since(start).Seconds()
	r.Publish = Publish{Tasks: len(p.Tasks), Workers: workers, PerSecond: float64(len(p.Tasks)) / took, CPUPerTask: 1000 * (measure.CPUSeconds() - cpu) / float64(len(p.Tasks))}
	return errors.Join(errs...)
}

func (r *Report) follow(p *task.Plan) error {
	start := time.Now()
	published, err := p.Published()
	if err != nil || len(published) < len(p.Tasks) {
		return errors.Join(err, fmt.Errorf("%d of %d tasks are published", len(published), len(p.Tasks)))
	}
	r.Follow.LookSeconds = time.Since(start).Seconds()
	start = time.Now()
	if err := (&launch.Remote{Engine: &launch.Slurm{}}).Run(context.Background(), p, nil, nil); err != nil {
		return err
	}
	r.Follow.RunSeconds, r.Follow.PeakMiB = time.Since(start).Seconds(), measure.PeakMiB()
	return nil
}

// slurm runs trivial tasks, an element each, and sbatch alone with as many.
func (r *Report) slurm(dir string, n int) error {
	p := &task.Plan{Kind: "bench", Format: 1}
	for range n {
		p.Tasks = append(p.Tasks, json.RawMessage("0"))
	}
	if err := p.Save(filepath.Join(dir, "trivial-1")); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	small := launch.Resources{CPUs: 1, Memory: 100}
	remote := &launch.Remote{Engine: &launch.Slurm{}, Program: []string{program}, Version: "bench", Pack: 1, Resources: func(string) launch.Resources { return small }}
	start, cpu := time.Now(), measure.CPUSeconds()
	if err := remote.Run(context.Background(), p, nil, nil); err != nil {
		return err
	}
	s := &Through{Tasks: n, Seconds: time.Since(start).Seconds(), CPUms: 1000 * (measure.CPUSeconds() - cpu) / float64(n)}
	start = time.Now()
	job, err := exec.Command("sbatch", "--parsable", "--mem=100M", "--output=/dev/null", fmt.Sprintf("--array=0-%d", n-1), "--wrap=true").Output()
	if err != nil {
		return fmt.Errorf("sbatch: %w", err)
	}
	for left := "?"; strings.TrimSpace(left) != ""; time.Sleep(200 * time.Millisecond) { // sbatch --wait looks ever more seldom
		out, err := exec.Command("squeue", "--noheader", "--states=PD,R", "--jobs="+strings.TrimSpace(string(job))).Output()
		if err != nil {
			return fmt.Errorf("squeue: %w", err)
		}
		left = string(out)
	}
	s.SbatchSec = time.Since(start).Seconds()
	s.Overhead = 1000 * (s.Seconds - s.SbatchSec) / float64(n)
	r.Slurm = s
	return nil
}

// work does an element of a batch.
func work(folder, element string) error {
	b, err := launch.ReadBatch(folder)
	if err != nil {
		return err
	}
	p, err := task.Load(b.Plan)
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(element, &n); err != nil {
		return err
	}
	return launch.Worker{Batch: b, Element: n, Version: "bench"}.Run(context.Background(), p, echo)
}
