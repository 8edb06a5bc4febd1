//go:build slurm || kubernetes

package launch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/climb-go/climb/launch/launchtest"
)

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestMain is the worker of the suite too.
func TestMain(m *testing.M) {
	launchtest.Element()
	os.Exit(m.Run())
}

// small is a configuration of many short tasks, and of proxies that take long enough to be hit.
const small = `out: %s
corpus: {inputs: [text], shard_bytes: 3000}
embed: {lexical: {dim: 16}}
cluster: {kmeans: {k: 8}}
prune: {clusters: {quality: 0}, documents: {quality: 0}}
domains: {ward: {count: 4}}
tokens: {bpe: {vocab: 400}}
proxy: {model: {layers: 1, width: 32, heads: 2, context: 32}, tokens: 400000, batch: 8}
target: {validation: [{file: validation.jsonl}]}
search: {rounds: [4, 2]}
confirm: {seeds: 2, measured: 1}
dataset: {shard_bytes: 9000, mixture: best}
launch:
  method: %s
  resources: {text: {memory: 200}, fit: {memory: 200}, proxy: {memory: 200}}
`

// A site is a folder with a corpus and the program.
type site struct {
	dir, climb string
	want       map[string]string // the dataset of a local run, by file
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	s.climb = filepath.Join(s.dir, "climb")
	if out, err := exec.Command("go", "build", "-o", s.climb, "../cmd/climb").CombinedOutput(); err != nil {
		t.Fatalf("build climb: %v: %s", err, out)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "text"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name string, seed, documents int) {
		var b bytes.Buffer
		for i := range documents {
			words := make([]string, 60)
			for k := range words {
				words[k] = fmt.Sprintf("word%d%c", seed, 'a'+(i*i+7*k*k+3*i*k+seed)%23)
			}
			line, _ := json.Marshal(map[string]string{"text": strings.Join(words, " ")})
			b.Write(append(line, '\n'))
		}
		if err := os.WriteFile(filepath.Join(s.dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for k := range 4 {
		write(fmt.Sprintf("text/topic%d.jsonl", k), k, 40)
	}
	write("validation.jsonl", 1, 6)
	if out, err := s.start(t, "local", "local").wait(); err != nil {
		t.Fatalf("local run: %v\n%s", err, out)
	}
	s.want = s.dataset(t, "local")
	return s
}

// A controller is climb run in a process.
type controller struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func (c *controller) wait() (string, error) {
	err := c.cmd.Wait()
	return c.out.String(), err
}

// start begins or resumes a run.
func (s *site) start(t *testing.T, out, method string, args ...string) *controller {
	t.Helper()
	path := filepath.Join(s.dir, out+".yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, small, out, method), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &controller{cmd: exec.Command(s.climb, append([]string{"run", path}, args...)...)}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() }) // of a test that gave up; the others have waited for it
	return c
}

// dataset reads the files of a dataset.
func (s *site) dataset(t *testing.T, out string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, out, "dataset", "shard-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dataset in %s: %v", out, err)
	}
	got := map[string]string{}
	for _, f := range append(files, filepath.Join(s.dir, out, "dataset", "manifest.json")) {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(f)] = string(data)
	}
	return got
}

// check compares the dataset of a run with the local one's.
func (s *site) check(t *testing.T, out string) {
	t.Helper()
	got := s.dataset(t, out)
	if len(got) != len(s.want) {
		t.Errorf("%d files of a dataset, want %d", len(got), len(s.want))
	}
	for name, want := range s.want {
		if got[name] != want {
			t.Errorf("%s differs from that of the local run", name)
		}
	}
}
