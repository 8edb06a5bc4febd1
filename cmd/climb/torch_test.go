package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/trial"
)

// A run whose proxies PyTorch trains, up to twelve in a process, measures what ours does, and makes its dataset; the program is kept
// beside the plan. Proxies that continue a base model are trained there too.
func TestTorchRun(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import torch, numpy").Run(); err != nil {
		t.Skipf("needs %s with torch and numpy (Debian: python3-torch): %v", python, err)
	}
	t.Parallel()
	with := func(more string) string {
		return ofShared(strings.Replace(small, "proxy:\n", "proxy:\n  trainer: torch\n  torch: {python: "+python+", device: cpu, batch_of_models: 12}\n"+more, 1))
	}
	dir := finished(t, small)
	run := filepath.Join(dir, "run")
	ours, data := searchIn(t, glob(t, dir, "run/search-*/search.json")), digest(t, run)
	if err := os.RemoveAll(filepath.Dir(glob(t, dir, "run/search-*/plan.json"))); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(with("")))
	mustRun(t, dir, "run")
	stage := filepath.Dir(glob(t, dir, "run/search-*/search.json"))
	theirs := searchIn(t, filepath.Join(stage, "search.json"))
	if len(theirs.Trials) != len(ours.Trials) || len(ours.Trials) == 0 {
		t.Fatalf("%d runs, ours has %d", len(theirs.Trials), len(ours.Trials))
	}
	for i, x := range ours.Trials {
		if y := theirs.Trials[i]; x.Hash == y.Hash && math.Abs(x.Score-y.Score) > 1e-3*math.Abs(x.Score) || x.Round == 0 && x.Hash != y.Hash {
			t.Errorf("run %d: %s scored %g, ours %s %g", i, y.Hash, y.Score, x.Hash, x.Score)
		}
	}
	if digest(t, run) != data {
		t.Error("another dataset")
	}
	if program, err := os.ReadFile(filepath.Join(stage, "trainer.py")); err != nil || !strings.Contains(string(program), "ACCEPTS") {
		t.Errorf("the program is not kept: %v", err)
	}
	if tasks, err := filepath.Glob(filepath.Join(stage, "round-01.done", "*.json")); err != nil || len(tasks) >= len(ours.Trials) {
		t.Errorf("%d tasks of %d runs, %v", len(tasks), len(ours.Trials), err)
	}
	mustRun(t, dir, "verify", "run")

	// Where it runs is no part of what it makes: nothing is done again.
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(strings.Replace(with(""), "batch_of_models: 12", "micro_batch: 1", 1)))
	if out := mustRun(t, dir, "run", "--json"); strings.Contains(out, `"cached":false,"done":1`) {
		t.Errorf("another micro-batch did something again:\n%s", out)
	}
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(with("  base: {tokens: 4000}\n")))
	mustRun(t, dir, "search")
	for _, file := range []string{"model/model.safetensors", "model/config.json", "trainer.py", "trainer.json"} {
		glob(t, dir, "run/base-*/"+file)
	}
}

func searchIn(t *testing.T, path string) *trial.Search {
	t.Helper()
	data, err := os.ReadFile(path)
	var s trial.Search
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &s
}
