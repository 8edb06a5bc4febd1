package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
)

// TestMain puts the command climb, which this binary plays, into the path: tests
// and scripts start, kill and interrupt real processes.
func TestMain(m *testing.M) {
	testscript.Main(cleanly{m}, map[string]func(){"climb": func() { os.Exit(Main()) }})
}

// cleanly runs the tests, and removes what they have shared.
type cleanly struct{ m *testing.M }

// Run implements testscript.TestingM.
func (c cleanly) Run() int {
	if signal.Ignored(syscall.SIGHUP) { // under nohup: what is caught here is at its default in the commands that tests start
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	code := c.m.Run()
	if err := os.RemoveAll(shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// shared is a workspace of small and its run, which has ended. It is made when
// a test first asks for it; tests work in copies.
var shared struct {
	once sync.Once
	dir  string
	took time.Duration // from start to end
	err  error
}

// share makes the shared workspace, unless it is there.
func share(t *testing.T) {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "climb-test-"); shared.err != nil {
			return
		}
		writeText(t, shared.dir, 60)
		writeFile(t, filepath.Join(shared.dir, "climb.yaml"), []byte(small))
		begun := time.Now()
		out, err := command(shared.dir, "run", "--workers", "2").CombinedOutput()
		if err != nil {
			shared.err = fmt.Errorf("the run that tests share: %w\n%s", err, out)
		}
		shared.took = time.Since(begun)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}

// finished is a workspace whose run of small has ended, on two cores. Its
// configuration is small or, if it is another one that reads the same text, of
// the run what the two have in common.
func finished(t *testing.T, config string) string {
	t.Helper()
	share(t)
	dir := t.TempDir()
	if err := copyFinished(dir, config); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyFinished copies the shared run to run below a folder, and gives it a
// configuration.
func copyFinished(dir, config string) error {
	run := filepath.Join(dir, "run")
	if err := os.CopyFS(run, os.DirFS(filepath.Join(shared.dir, "run"))); err != nil {
		return err
	}
	kept := filepath.Join(run, "climb.yaml")
	data, err := os.ReadFile(kept)
	if err != nil {
		return err
	}
	data = bytes.ReplaceAll(data, []byte(filepath.Join(shared.dir, "run")), []byte(run))
	return errors.Join(os.WriteFile(kept, data, 0o666), os.WriteFile(filepath.Join(dir, "climb.yaml"), []byte(ofShared(config)), 0o666))
}

// prepared is finished without the search and what comes after it.
func prepared(t *testing.T, config string) string {
	t.Helper()
	dir := finished(t, config)
	for _, stage := range []string{"search", "confirm", "draw", "scatter", "dataset"} {
		if err := os.RemoveAll(filepath.Dir(glob(t, dir, "run/"+stage+"-*/plan.json"))); err != nil {
			t.Fatal(err)
		}
	}
	remove(t, dir, "run/dataset")
	return dir
}

// ofShared makes a configuration read the text of the shared workspace, so that
// it names the same stages.
func ofShared(config string) string {
	in := func(name string) string { return filepath.Join(shared.dir, name) }
	return strings.NewReplacer("[text]", "["+in("text")+"]", "file: validation.jsonl", "file: "+in("validation.jsonl"), "file: test.jsonl", "file: "+in("test.jsonl")).Replace(config)
}

// buffers are streams that keep what is printed.
func buffers() streams {
	return streams{out: &output{w: new(bytes.Buffer)}, err: &output{w: new(bytes.Buffer)}}
}

// printed is what a command prints to its standard output, run in this process
// by its run function with the options that flags make.
func printed[O any](t *testing.T, o O, flags []string, run func(context.Context, O, []string, streams) error, args ...string) (string, error) {
	t.Helper()
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	any(&o).(interface{ AddFlags(*pflag.FlagSet) }).AddFlags(f)
	if err := f.Parse(flags); err != nil {
		t.Fatal(err)
	}
	std := buffers()
	err := run(t.Context(), o, args, std)
	return std.out.w.(*bytes.Buffer).String(), err
}

func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command("climb", args...)
	c.Dir = dir
	c.Env = os.Environ()
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

// waitFor waits until something is so. The limit is for what is never so: on a
// machine that is busy with other things seconds become minutes.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("waited for five minutes in vain")
		}
	}
}

// glob is the first file of a pattern below a folder.
func glob(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}
