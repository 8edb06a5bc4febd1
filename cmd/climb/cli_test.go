package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// Every command has a summary and an example, and every one that prints figures
// prints them as JSON too.
func TestHelp(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: summary %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		if c.Runnable() && c.Flags().Lookup("json") == nil && c.CommandPath() != "climb task publish" {
			t.Errorf("%s has no --json", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(buffers()))
}

func TestPlan(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	var p view.Estimate
	if err := json.Unmarshal([]byte(mustRun(t, dir, "plan", "--json")), &p); err != nil {
		t.Fatal(err)
	}
	var size int64
	for i := range topics {
		info, err := os.Stat(filepath.Join(dir, "text", "topic"+string(rune('0'+i))+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if p.Bytes != size || p.ProxyRuns != 9+2*6 || p.Seconds <= 0 || p.Disk <= 0 {
		t.Errorf("plan %+v; want %d bytes, %d runs, and some time and disk", p, size, 9+2*6)
	}
	if f := float64(p.TextBytes) / float64(size); f < 0.7 || f > 1 {
		t.Errorf("%d bytes of text guessed for %d bytes of files", p.TextBytes, size)
	}
	if f := float64(p.Documents) / 240; f < 0.7 || f > 1.3 {
		t.Errorf("%d documents guessed, there are 240", p.Documents)
	}
	if len(p.Warnings) < 2 || !strings.Contains(p.Warnings[0], "a proxy takes only 46 steps") || !strings.Contains(p.Warnings[1], "confirm.seeds is 2") { // 12,000 / (8 x 32)
		t.Errorf("warnings %q", p.Warnings)
	}
	writeFile(t, filepath.Join(dir, "long.yaml"), []byte(strings.Replace(small, "tokens: 12000", "tokens: 120000", 1)))
	if out := mustRun(t, dir, "plan", "long.yaml"); strings.Contains(out, "a proxy takes only") {
		t.Errorf("468 steps:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err == nil {
		t.Error("plan wrote something")
	}
	dir = finished(t, small)
	for _, s := range func() []view.StageEstimate {
		if err := json.Unmarshal([]byte(mustRun(t, dir, "plan", "--json")), &p); err != nil {
			t.Fatal(err)
		}
		return p.Stages
	}() {
		if !s.Done {
			t.Errorf("%s is not done after a run", s.Stage)
		}
	}
	var status stage.Status
	if err := json.Unmarshal([]byte(mustRun(t, dir, "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	for _, s := range status.Stages {
		if !s.Planned || !s.Complete || s.Done != s.Total {
			t.Errorf("status of a finished run: %+v", s)
		}
	}
	if out := mustRun(t, dir, "status"); strings.Count(out, "not needed") != 6 { // signatures, buckets, semantic, tags, holdout, base
		t.Errorf("stages that are not needed:\n%s", out)
	}
	if out := mustRun(t, dir, "report"); !strings.Contains(out, "Verdict: ") || !strings.Contains(out, "index.html") {
		t.Errorf("report printed\n%s", out)
	}
}

// A corpus eight times as large takes little more memory: what a run holds
// follows the options.
func TestMemoryFollowsOptions(t *testing.T) {
	t.Parallel()
	config := strings.NewReplacer("shard_bytes: 20000", "shard_bytes: 400000", "lexical: {dim: 16}", "lexical: {dim: 16, sample: 500}",
		"cluster: {", "cluster: {sample: 500, ", "domains: {", "domains: {sample: 500, ",
		"tokens: {bpe", "tokens: {sample_bytes: 200000, bpe").Replace(small)
	peak := func(docs int) int64 {
		dir := t.TempDir()
		writeText(t, dir, docs)
		writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(config))
		c := command(dir, "tokens", "--workers", "2")
		c.Env = append(c.Env, "GOGC=50") // the live memory, not the garbage
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10 // MiB
	}
	little, much := peak(1000), peak(8000)
	t.Logf("peak memory: %d MiB for %d documents, %d MiB for eight times as many", little, 4*1000, much)
	if much > little+little/2 {
		t.Errorf("%d MiB for eight times the corpus, %d MiB before", much, little)
	}
}

func TestProgressLine(t *testing.T) {
	e := stage.Event{Number: 4, Of: 19, Title: "embed every document", Done: 3, Total: 10, Fraction: 0.25, Amount: 4e6, Unit: "B", Elapsed: 10 * time.Second}
	want := "[ 4/19] embed every document             [======                  ]  25 %  3/10  100 KB/s  30 s left"
	if got := progressLine(e); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 01 s", 3700 * time.Second: "1 h 01 min", 50 * time.Hour: "2 days 2 h",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// climb lm sizes lists every preset with a speed; the guessed ones fall with the
// size.
func TestLMSizes(t *testing.T) {
	t.Parallel()
	var sizes []trial.SizeSpeed
	if err := json.Unmarshal([]byte(mustRun(t, t.TempDir(), "lm", "sizes", "--json", "--seconds", "0.01", "--largest", "3e5", "--tokens", "1e6")), &sizes); err != nil {
		t.Fatal(err)
	}
	if len(sizes) < 9 {
		t.Fatalf("%d sizes", len(sizes))
	}
	for i, s := range sizes {
		if s.OneCore <= 0 || s.AllCores <= 0 || s.Batch < 1 || s.Tokens != 1e6 || s.Measured != (s.Params <= 3e5) {
			t.Errorf("%+v", s)
		}
		if most := 112.001 * s.Tokens / s.OneCore; s.Search <= 0 || s.Search > most {
			t.Errorf("%s: a search of %.0f s, at most %.0f on one core", s.Name, s.Search, most)
		}
		if i > 0 && !s.Measured && s.OneCore >= sizes[i-1].OneCore {
			t.Errorf("%s is faster than %s", s.Name, sizes[i-1].Name)
		}
	}
}

// The demo finds its files also where the run directory is relative, as it is
// without --out.
func TestDemoInARelativeFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "d/text/corpus/a.jsonl", []byte(fewDocuments(4)))
	writeFile(t, "d/text/prose.validation.jsonl", []byte(fewDocuments(1)))
	writeFile(t, "d/text/prose.test.jsonl", []byte(fewDocuments(1)))
	cfg, err := demoConfig(&stageOptions{configOptions: configOptions{Out: "d", JSON: true}}, buffers())
	if err != nil {
		t.Fatal(err)
	}
	if err := climb.NewRun(cfg).Open(t.Context()); err != nil {
		t.Error(err)
	}
}
