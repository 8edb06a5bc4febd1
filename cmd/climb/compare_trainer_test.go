package main

import (
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/study"
)

// duel is a comparison without searches: target models alone.
const duel = `config: climb.yaml
strategies: [natural, uniform]
target: {model: {layers: 1, width: 32, heads: 2, context: 32}, tokens: 12000, batch: 8}
seeds: 2
curve: 2
`

// commandTrainer scores a Job by its model, seed and mixture, or leaves what its argument says.
const commandTrainer = `import json, os, sys
job = json.load(open(sys.argv[1]))
def figures(terms):
    return [{"task": os.path.basename(t["file"]), "kind": "text", "items": 4, "metrics": {"bpb": job["model"]["width"] + job["mixture"][0] + job["seed"] % 2 / 100}} for t in terms]
r = {"score": 0.5, "test_mean": 0.5, "validate": figures(job["target"])}
if len(sys.argv) == 3:
    r["test"] = figures(job["test"])
json.dump(r, open(sys.argv[2], "w"))
`

func duelspace(t *testing.T, proxy string) string {
	t.Helper()
	dir := workspace(t, strings.Replace(small, "proxy:\n", "proxy:\n"+proxy, 1))
	writeFile(t, filepath.Join(dir, "study.yaml"), []byte(duel))
	writeFile(t, filepath.Join(dir, "train.py"), []byte(commandTrainer))
	return dir
}

// bpb are the bits per byte of a strategy on the test file, by seed.
func bpb(t *testing.T, c *study.Comparison, strategy string) []float64 {
	t.Helper()
	for _, r := range c.Objectives[0].Rows {
		if r.Strategy == strategy {
			return r.BPB.Values
		}
	}
	t.Fatalf("no row %s", strategy)
	return nil
}

// Target models are trained by what trains the proxies: a command gets the target's model, and has to leave the figures of test files.
func TestCompareByCommand(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "").Run(); err != nil {
		t.Skipf("needs %s: %v", python, err)
	}
	dir := duelspace(t, "  command: ["+python+", train.py, \"{job}\", \"{result}\"]\n")
	if out := mustRun(t, dir, "compare", "study.yaml", "--plan"); !strings.Contains(out, "speed unknown") || !strings.Contains(out, "set proxy.rate") {
		t.Errorf("the plan:\n%s", out)
	}
	if out := mustRun(t, dir, "compare", "study.yaml", "--plan", "--json"); !strings.Contains(out, `"target_rate": 0`) {
		t.Errorf("the plan:\n%s", out)
	}
	c := compareJSON(t, dir)
	for _, strategy := range []string{"natural", "uniform"} {
		values := bpb(t, c, strategy)
		if len(values) != 2 || values[0] < 32 || values[0] > 33 || math.Abs(math.Abs(values[0]-values[1])-0.01) > 1e-9 {
			t.Errorf("%s: %v, want those of the command for the target's width of 32", strategy, values)
		}
	}
	dir = duelspace(t, "  command: ["+python+", train.py, \"{job}\", \"{result}\", scores-alone]\n")
	if code, _, out := climbRun(t, dir, "compare", "study.yaml"); code != 78 || !strings.Contains(out, "no figures of the test files") {
		t.Errorf("a score alone: exit %d\n%s", code, out)
	}
}

// PyTorch gives the figures of the builtin trainer, from the same study.
func TestCompareByTorch(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import torch, numpy").Run(); err != nil {
		t.Skipf("needs %s with torch and numpy (Debian: python3-torch): %v", python, err)
	}
	ours := compareJSON(t, duelspace(t, ""))
	theirs := compareJSON(t, duelspace(t, "  trainer: torch\n  torch: {python: "+python+", device: cpu}\n"))
	for _, strategy := range []string{"natural", "uniform"} {
		a, b := bpb(t, ours, strategy), bpb(t, theirs, strategy)
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-3*a[i] || a[i] == b[i] { // equal to the last digit: it was not PyTorch
				t.Errorf("%s, seed %d: %v by this program, %v by PyTorch", strategy, i, a[i], b[i])
			}
		}
	}
	if len(ours.Ranks) != 1 || len(theirs.Ranks) != 1 || math.Abs(ours.Ranks[0].Proxy[0]-theirs.Ranks[0].Proxy[0]) > 1e-3*math.Abs(ours.Ranks[0].Proxy[0]) {
		t.Errorf("ranks %+v, by PyTorch %+v", ours.Ranks, theirs.Ranks)
	}
}
