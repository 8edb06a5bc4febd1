package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

func TestRun(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(small, ", refine: 1", "", 1))
	if out := mustRun(t, dir, "run"); strings.Contains(out, "done before") {
		t.Errorf("a first run says that something was done before:\n%s", out)
	}
	run := filepath.Join(dir, "run")
	s := readSummary(t, run)
	sum := 0.0
	for _, m := range s.Mixture {
		sum += m.Share
	}
	if len(s.Mixture) != 4 || sum < 0.999 || sum > 1.001 {
		t.Errorf("mixture %v of %d domains sums to %g, want 4 and 1", s.Mixture, len(s.Mixture), sum)
	}
	for _, p := range s.Dataset.Parts {
		if d := p.Asked - p.Achieved; d > 0.01 || d < -0.01 {
			t.Errorf("asked for a share of %.4f, achieved %.4f", p.Asked, p.Achieved)
		}
	}
	if s.Confirmed.Verdict == "" || s.Confirmed.Seeds != 2 || len(s.Baselines) != 3 {
		t.Errorf("confirmed %+v with baselines %v; want a verdict from 2 seeds and 3 baselines", s.Confirmed, s.Baselines)
	}
	for _, file := range []string{"report/index.html", "dataset/manifest.json", "dataset/README.md", "climb.yaml"} {
		if _, err := os.Stat(filepath.Join(run, file)); err != nil {
			t.Error(err)
		}
	}
	found, err := filepath.Glob(filepath.Join(run, "domains-*", "centroids.npy"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	centroids, err := vec.OpenNPY(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer centroids.Close()
	if h := centroids.Header; h.Rows != len(s.Mixture) || h.Cols == 0 {
		t.Errorf("centroids of the domains are %d x %d, want one a domain", h.Rows, h.Cols)
	}
	checkDataset(t, run)
	if out := mustRun(t, dir, "run", "--json"); strings.Contains(out, `"cached":false,"done":1`) {
		t.Errorf("a second run did something again:\n%s", out)
	}
	// The configuration kept in the run directory makes the same run.
	before := digest(t, run)
	mustRun(t, dir, "run", "run/climb.yaml")
	if digest(t, run) != before {
		t.Error("run/climb.yaml made another dataset")
	}
	if out := mustRun(t, dir, "status"); !strings.Contains(out, "dataset-") || strings.Contains(out, "not planned") || strings.Contains(out, "more to come") {
		t.Errorf("status of a finished run:\n%s", out)
	}
}

// Same seed, same dataset, on one core and on two, whatever the directory is
// called; another seed, another one.
func TestSameSeedSameDataset(t *testing.T) {
	t.Parallel()
	dir := finished(t, small) // on two cores
	two := digest(t, filepath.Join(dir, "run"))
	mustRun(t, dir, "run", "--workers", "1", "--out", "one [1]")
	if digest(t, filepath.Join(dir, "one [1]")) != two {
		t.Error("one core and two made different datasets")
	}
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte("seed: 2\n"+ofShared(small)))
	mustRun(t, dir, "run", "--out", "other")
	if digest(t, filepath.Join(dir, "other")) == two {
		t.Error("another seed made the same dataset")
	}
}

// Twenty kills at random moments, then the same command: the same dataset as
// an undisturbed run.
func TestKilledRunFinishes(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	length := shared.took
	want := digest(t, filepath.Join(dir, "run"))
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed := 0
	for killed < 20 {
		c := command(dir, "run", "--out", "killed")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Float64() * float64(length) / 3))
		_ = c.Process.Kill() // fails only if it has ended
		if err := c.Wait(); err == nil {
			// It ended before the kill: check it, and start over.
			if got := digest(t, filepath.Join(dir, "killed")); got != want {
				t.Fatalf("after %d kills the dataset is another one", killed)
			}
			if err := os.RemoveAll(filepath.Join(dir, "killed")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		killed++
	}
	mustRun(t, dir, "run", "--out", "killed")
	if got := digest(t, filepath.Join(dir, "killed")); got != want {
		t.Error("the dataset of a run that was killed 20 times is another one")
	}
	if d := cmp.Diff(readSummary(t, filepath.Join(dir, "run")).Mixture, readSummary(t, filepath.Join(dir, "killed")).Mixture); d != "" {
		t.Errorf("the mixture of a run that was killed 20 times is another one:\n%s", d)
	}
	err := filepath.WalkDir(filepath.Join(dir, "killed"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), ".attempt") {
			t.Errorf("a dead attempt was left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Ctrl-C ends a run with exit code 75; the same command finishes it. While a
// run goes on, a second one is refused and told who holds the directory.
func TestInterruptAndSecondController(t *testing.T) {
	t.Parallel()
	dir := prepared(t, strings.Replace(small, "tokens: 12000", "tokens: 3000000", 1))
	c := command(dir, "run", "--json")
	var errs bytes.Buffer
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		found, err := filepath.Glob(filepath.Join(dir, "run", "search-*", "round-01.plan.json"))
		return err == nil && len(found) > 0
	})
	code, _, stderr := climbRun(t, dir, "run")
	if code != 75 || !strings.Contains(stderr, fmt.Sprint(c.Process.Pid)) {
		t.Errorf("a second controller: exit %d, %q; want 75 and process %d named", code, stderr, c.Process.Pid)
	}
	if out := mustRun(t, dir, "status"); !strings.Contains(out, fmt.Sprint(c.Process.Pid)) {
		t.Errorf("status does not say who works in the directory:\n%s", out)
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // the exit code is checked next
	if code := c.ProcessState.ExitCode(); code != 75 || !strings.Contains(errs.String(), "run the same command again") {
		t.Errorf("interrupted: exit %d, %q; want 75 and what to do", code, errs.String())
	}
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(ofShared(small)))
	mustRun(t, dir, "run")
}

// A changed option redoes the stages that depend on it and no others.
func TestChangedOptionRedoesItsStages(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	for _, c := range []struct{ from, to, first string }{
		{"dataset: {shard_bytes: 30000}", "dataset: {shard_bytes: 20000}", "draw"},
		{"confirm: {seeds: 2, measured: 1}", "confirm: {seeds: 3, measured: 1}", "confirm"},
		{"search: {rounds: [6, 3]}", "search: {rounds: [6, 2]}", "search"},
		{"bpe: {vocab: 400}", "bpe: {vocab: 380}", "vocab"},
		{"domains: {ward: {count: 4}}", "domains: {ward: {count: 3}}", "domains"},
	} {
		writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(ofShared(strings.Replace(small, c.from, c.to, 1))))
		var again []string
		for line := range strings.Lines(mustRun(t, dir, "run", "--json")) {
			var e struct {
				Event, Stage string
				Cached       bool
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			if e.Event == "end" && !e.Cached {
				again = append(again, e.Stage)
			}
		}
		all := []string{"corpus", "rows", "vectorizer", "embed", "centroids", "refine", "cluster", "label", "domains", "assign", "vocab", "encode", "tokens", "search", "confirm", "draw", "scatter", "dataset"}
		if want := all[slices.Index(all, c.first):]; !slices.Equal(again, want) {
			t.Errorf("%s: redone %v, want %v", c.to, again, want)
		}
	}
}

// A stage that a run had no need of is made when an option asks for it later.
func TestStagesAskedForLater(t *testing.T) {
	t.Parallel()
	for stage, change := range map[string]string{
		"tags":       "domains: {|domains: {by: both, ",
		"semantic":   "prune:|semdedup: {epsilon: 0.01}\nprune:",
		"signatures": "corpus: {|corpus: {dedup: fuzzy, ",
		"holdout":    "  validation: [{file: validation.jsonl}]\n|  holdout: 0.2\n",
		"base":       "  batch: 8\n|  batch: 8\n  base: {tokens: 9000}\n",
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			from, to, _ := strings.Cut(change, "|")
			dir := finished(t, strings.Replace(small, from, to, 1))
			mustRun(t, dir, "search")
			plans, err := filepath.Glob(filepath.Join(dir, "run", stage+"-*", "plan.json"))
			if err != nil || len(plans) != 2 {
				t.Fatalf("plans of %s: %q, %v; want the empty one of before, and another", stage, plans, err)
			}
			tasks := 0
			for _, plan := range plans {
				p, err := task.Load(plan)
				if err != nil {
					t.Fatal(err)
				}
				tasks += len(p.Tasks)
			}
			if tasks == 0 {
				t.Errorf("%s has no tasks", stage)
			}
		})
	}
	t.Run("base after a trainer", func(t *testing.T) { // which makes its models itself
		t.Parallel()
		config := strings.Replace(small, "  batch: 8\n", "  batch: 8\n  base: {tokens: 9000}\n", 1)
		dir := prepared(t, strings.Replace(config, "proxy:\n", "proxy:\n  command: [sh, trainer.sh, \"{result}\"]\n", 1))
		writeFile(t, filepath.Join(dir, "trainer.sh"), []byte(goodTrainer))
		mustRun(t, dir, "search")
		writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(ofShared(config)))
		mustRun(t, dir, "search")
	})
}

// Every task is a pure function of its plan: run again by the worker's command,
// it writes the same bytes.
func TestTasksArePure(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.NewReplacer("  batch: 8\n", "  batch: 8\n  base: {tokens: 9000}\n",
		"domains: {", "domains: {by: both, tag: {min_share: 0.1}, ",
		"corpus: {", "corpus: {dedup: fuzzy, minhash: {similarity: 0.9}, ").Replace(small))
	mustRun(t, dir, "run")
	plans, err := filepath.Glob(filepath.Join(dir, "run", "*", "*plan.json"))
	if err != nil || len(plans) < 20 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	for _, plan := range plans {
		p, err := task.Load(plan)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Tasks) == 0 {
			continue
		}
		n := len(p.Tasks) - 1
		before, err := p.Manifest(n)
		if err != nil {
			t.Fatal(err)
		}
		manifest := filepath.Join(strings.TrimSuffix(plan, "plan.json")+"done", fmt.Sprintf("%05d.json", n))
		if err := os.Remove(manifest); err != nil {
			t.Fatal(err)
		}
		mustRun(t, dir, "task", "run", "--plan", plan, "--task", fmt.Sprint(n))
		after, err := p.Manifest(n)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before.Outputs, after.Outputs); d != "" {
			t.Errorf("%s: task %d wrote other bytes:\n%s", plan, n, d)
		}
		if d := cmp.Diff(before.Counters, after.Counters); d != "" {
			t.Errorf("%s: task %d counted otherwise:\n%s", plan, n, d)
		}
	}
}

// What our stages write can be published, and the run goes on as if it were ours.
func TestPublishWhatIsOurs(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(small, "domains: {", "domains: {by: both, ", 1))
	mustRun(t, dir, "tokens")
	made := filepath.Dir(glob(t, dir, "run/tokens-*/plan.json"))
	tokens, err := filepath.Glob(filepath.Join(made, "*"))
	if err != nil {
		t.Fatal(err)
	}
	before := map[string][]byte{}
	for _, path := range tokens {
		if data, err := os.ReadFile(path); err == nil {
			before[path] = data
		}
	}
	for _, kind := range []string{"vocab", "embed", "centroids", "cluster", "label", "tags", "domains", "assign"} {
		plan := glob(t, dir, "run/"+kind+"-*/plan.json")
		p, err := task.Load(plan)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Manifest(0)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"task", "publish", "--plan", plan, "--task", "0"}
		for _, o := range m.Outputs {
			own := filepath.Join(dir, "own", kind, o.Name)
			data, err := os.ReadFile(p.Path(o.Name))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, own, data)
			args = append(args, own)
		}
		if err := os.Remove(filepath.Join(p.Dir(), "done", "00000.json")); err != nil {
			t.Fatal(err)
		}
		mustRun(t, dir, args...)
		again, err := p.Manifest(0)
		if err != nil || fmt.Sprint(again.Outputs) != fmt.Sprint(m.Outputs) {
			t.Errorf("%s: %v, published %v, ours %v", kind, err, again, m)
		}
		for name, n := range m.Counters {
			if kind != "centroids" && !strings.HasPrefix(name, "pruned") && again.Counters[name] != n {
				t.Errorf("%s: counter %s is %d, ours %d", kind, name, again.Counters[name], n)
			}
		}
	}
	if err := os.RemoveAll(made); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "tokens")
	for path, data := range before {
		if again, err := os.ReadFile(path); err != nil || filepath.Base(path) != "plan.json" && !bytes.Equal(again, data) {
			t.Errorf("%s is another: %v", path, err)
		}
	}
}

// A trainer of the user's that trains as we do makes the same dataset: the Job
// says everything.
func TestTrainerOfOnesOwn(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command to build the example trainer with")
	}
	dir := finished(t, small)
	trainer := filepath.Join(dir, "trainer")
	if out, err := exec.Command("go", "build", "-o", trainer, "../../examples/trainer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ours := digest(t, filepath.Join(dir, "run"))
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(ofShared(strings.Replace(small, "proxy:\n",
		fmt.Sprintf("proxy:\n  command: [%q, \"{job}\", \"{result}\"]\n", trainer), 1))))
	mustRun(t, dir, "run")
	if searches, _ := filepath.Glob(filepath.Join(dir, "run", "search-*")); len(searches) != 2 {
		t.Errorf("searches %q, want ours and that of the trainer", searches)
	}
	if digest(t, filepath.Join(dir, "run")) != ours {
		t.Error("the example trainer made another dataset")
	}
}
