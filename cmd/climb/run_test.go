package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
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
	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// TestMain lets the test binary play the climb command, so that tests can
// start, kill and interrupt real processes.
func TestMain(m *testing.M) {
	if os.Getenv("CLIMB_TEST_COMMAND") != "" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "CLIMB_TEST_COMMAND=1")
	return c
}

// climb runs the command to its end and returns its exit code, output and
// errors.
func climbRun(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := command(dir, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// mustRun is climbRun for commands that have to succeed.
func mustRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	code, out, errs := climbRun(t, dir, args...)
	if code != 0 {
		t.Fatalf("climb %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// vocabulary of four topics that clustering can tell apart.
var topics = []string{
	"river mountain valley forest lake stone water hill meadow stream cliff shore",
	"market price trade stock bank money profit share bond credit loan sale",
	"cell protein gene enzyme tissue blood virus drug dose trial patient disease",
	"goal match player team season coach league score ball win cup final",
}

// writeText makes a corpus of n documents a topic, and target files that are
// like the first topic.
func writeText(t *testing.T, dir string, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	document := func(topic int) string {
		words := strings.Fields(topics[topic])
		common := strings.Fields("the of and to that with have be in is for was")
		var b strings.Builder
		for range 6 + rng.IntN(6) {
			b.WriteString("The")
			for range 8 + rng.IntN(8) {
				list := words
				if rng.IntN(2) == 0 {
					list = common
				}
				b.WriteString(" " + list[rng.IntN(len(list))])
			}
			b.WriteString(".\n")
		}
		return b.String()
	}
	file := func(name string, topic, n int) {
		var b bytes.Buffer
		for i := range n {
			line, err := json.Marshal(map[string]string{"id": fmt.Sprintf("%s-%d", name, i), "text": document(topic), "source": name})
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
		writeFile(t, filepath.Join(dir, name+".jsonl"), b.Bytes())
	}
	for topic := range topics {
		file(fmt.Sprintf("text/topic%d", topic), topic, n)
	}
	file("validation", 0, 4)
	file("test", 0, 4)
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// small is a configuration whose whole run takes about a second. Its texts are
// words in a random order, which is what the floor of the presets is there to take.
const small = `out: run
corpus: {inputs: [text], shard_bytes: 20000}
embed: {lexical: {dim: 16}}
cluster: {kmeans: {k: 8}, refine: 1}
prune: {clusters: {quality: 0.01, symbols: 0.01, boilerplate: 0.01, advert: 0.01}, documents: {quality: 0}}
domains: {ward: {count: 4}}
tokens: {bpe: {vocab: 400}}
proxy:
  model: {layers: 1, width: 16, heads: 2, context: 32}
  tokens: 12000
  batch: 8
target:
  validation: [{file: validation.jsonl}]
  test: [{file: test.jsonl}]
search: {rounds: [6, 3]}
confirm: {seeds: 2, measured: 1}
dataset: {shard_bytes: 30000}
`

// workspace is a folder with text and climb.yaml.
func workspace(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	writeText(t, dir, 60)
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(config))
	return dir
}

// digest hashes what a run is for: the dataset and the mixture it was made by.
func digest(t *testing.T, run string) string {
	t.Helper()
	h := sha256.New()
	dir := filepath.Join(run, "dataset")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "plan.json" || !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n%s", e.Name(), len(data), data)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// summary is the part of report/summary.json that tests look at.
type summary struct {
	Mixture map[string]struct {
		Share, Natural float64
	}
	Confirmed struct {
		Mean     float64
		Interval [2]float64
		Seeds    int
		Verdict  string
	}
	Baselines map[string]struct{ Mean float64 }
	Dataset   struct {
		Parts []struct{ Asked, Achieved float64 }
	}
	Corpus struct {
		BadLines []struct {
			Reason string
			Count  int
		} `json:"bad_lines"`
		Duplicates int
		Documents  int
	}
}

func readSummary(t *testing.T, run string) summary {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(run, "report", "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s summary
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(small, ", refine: 1", "", 1))
	if out := mustRun(t, dir, "report"); !strings.Contains(out, "no domains yet") {
		t.Errorf("report before the run:\n%s", out)
	}
	mustRun(t, dir, "domains")
	if out := mustRun(t, dir, "report"); strings.Count(out, " %        -       -  ") != 4 {
		t.Errorf("report with domains and no mixture:\n%s", out)
	}
	if err := os.RemoveAll(filepath.Join(dir, "run")); err != nil {
		t.Fatal(err)
	}
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

// checkDataset reads every line of the dataset.
func checkDataset(t *testing.T, run string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(run, "dataset", "shard-*.jsonl.zst"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d shards, %v; want several", len(paths), err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := zstd.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		dec := json.NewDecoder(z)
		for dec.More() {
			var d struct {
				ID, Text, Source string
				Climb            struct {
					Domain        string
					Cluster, Copy int
				}
			}
			if err := dec.Decode(&d); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			key := fmt.Sprintf("%s %d", d.ID, d.Climb.Copy)
			if d.Text == "" || d.Source == "" || d.Climb.Domain == "" || seen[key] {
				t.Fatalf("%s: bad or repeated line %+v", path, d)
			}
			seen[key] = true
		}
	}
}

// Same seed, same dataset, on one core and on two, whatever the directory is
// called; another seed, another one.
func TestSameSeedSameDataset(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	mustRun(t, dir, "run", "--workers", "1", "--out", "one")
	mustRun(t, dir, "run", "--workers", "2", "--out", "two [2]")
	if a, b := digest(t, filepath.Join(dir, "one")), digest(t, filepath.Join(dir, "two [2]")); a != b {
		t.Error("one core and two made different datasets")
	}
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte("seed: 2\n"+small))
	mustRun(t, dir, "run", "--out", "three")
	if digest(t, filepath.Join(dir, "one")) == digest(t, filepath.Join(dir, "three")) {
		t.Error("another seed made the same dataset")
	}
}

// Twenty kills at random moments, then the same command: the same dataset as
// an undisturbed run.
func TestKilledRunFinishes(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	start := time.Now()
	mustRun(t, dir, "run", "--out", "calm")
	length := time.Since(start)
	want := digest(t, filepath.Join(dir, "calm"))
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
	if d := cmp.Diff(readSummary(t, filepath.Join(dir, "calm")).Mixture, readSummary(t, filepath.Join(dir, "killed")).Mixture); d != "" {
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
	dir := workspace(t, strings.Replace(small, "tokens: 12000", "tokens: 3000000", 1))
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
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(small))
	mustRun(t, dir, "run")
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 600 {
		if done() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("waited for a minute in vain")
}

// A changed option redoes the stages that depend on it and no others.
func TestChangedOptionRedoesItsStages(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	mustRun(t, dir, "run")
	for _, c := range []struct{ from, to, first string }{
		{"dataset: {shard_bytes: 30000}", "dataset: {shard_bytes: 20000}", "draw"},
		{"confirm: {seeds: 2, measured: 1}", "confirm: {seeds: 3, measured: 1}", "confirm"},
		{"search: {rounds: [6, 3]}", "search: {rounds: [6, 2]}", "search"},
		{"bpe: {vocab: 400}", "bpe: {vocab: 380}", "vocab"},
		{"domains: {ward: {count: 4}}", "domains: {ward: {count: 3}}", "domains"},
	} {
		writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(strings.Replace(small, c.from, c.to, 1)))
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

// A task that another program publishes takes the place of ours.
func TestPublish(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(small, "shard_bytes: 20000", "shard_bytes: 100000000", 1))
	mustRun(t, dir, "embed")
	plans, err := filepath.Glob(filepath.Join(dir, "run", "embed-*", "plan.json"))
	if err != nil || len(plans) != 1 {
		t.Fatal(plans, err)
	}
	stage := filepath.Dir(plans[0])
	own := filepath.Join(dir, "own")
	for _, name := range []string{"part-00000.npy", "part-00000.ids"} {
		data, err := os.ReadFile(filepath.Join(stage, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(own, name), data)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(stage, "done")), os.Remove(filepath.Join(stage, "part-00000.npy"))); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "task", "publish", "--plan", plans[0], "--task", "0", filepath.Join(own, "part-00000.npy"), filepath.Join(own, "part-00000.ids"))
	if out := mustRun(t, dir, "cluster", "--json"); !strings.Contains(out, `"stage":"cluster"`) {
		t.Error(out)
	}
	if out := mustRun(t, dir, "task", "run", "--plan", plans[0], "--task", "0"); !strings.Contains(out, "task 0: 2 outputs") {
		t.Error(out)
	}
	if code, _, stderr := climbRun(t, dir, "task", "run", "--plan", plans[0], "--task", "9"); code == 0 || !strings.Contains(stderr, "9") {
		t.Errorf("a task that is not in the plan: exit %d, %q", code, stderr)
	}
}

// What our stages write can be published, and the run goes on as if it were ours.
func TestPublishWhatIsOurs(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(small, "domains: {", "domains: {by: both, ", 1))
	mustRun(t, dir, "tokens")
	tokens := pathsOf(t, filepath.Join(dir, "run", "tokens-*", "*"))
	before := map[string][]byte{}
	for _, path := range tokens {
		if data, err := os.ReadFile(path); err == nil {
			before[path] = data
		}
	}
	for _, kind := range []string{"vocab", "embed", "centroids", "cluster", "label", "tags", "domains", "assign"} {
		plan := pathsOf(t, filepath.Join(dir, "run", kind+"-*", "plan.json"))[0]
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
	if err := os.RemoveAll(filepath.Dir(tokens[0])); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "tokens")
	for path, data := range before {
		if again, err := os.ReadFile(path); err != nil || filepath.Base(path) != "plan.json" && !bytes.Equal(again, data) {
			t.Errorf("%s is another: %v", path, err)
		}
	}
}

// pathsOf lists the paths of a pattern, of which there is at least one.
func pathsOf(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatal(pattern, paths, err)
	}
	return paths
}

// A trainer of the user's that trains as we do makes the same dataset: the Job
// says everything.
func TestTrainerOfOnesOwn(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command to build the example trainer with")
	}
	dir := workspace(t, small)
	trainer := filepath.Join(dir, "trainer")
	if out, err := exec.Command("go", "build", "-o", trainer, "../../examples/trainer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mustRun(t, dir, "run")
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(strings.Replace(small, "proxy:\n",
		fmt.Sprintf("proxy:\n  command: [%q, \"{job}\", \"{result}\"]\n", trainer), 1)))
	mustRun(t, dir, "run", "--out", "own")
	if digest(t, filepath.Join(dir, "run")) != digest(t, filepath.Join(dir, "own")) {
		t.Error("the example trainer made another dataset")
	}
}
