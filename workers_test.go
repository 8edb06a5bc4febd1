package climb

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// A run keeps to the Workers of its Config in this process, whatever GOMAXPROCS
// is, and makes the same bytes with any number.
func TestConfigWorkers(t *testing.T) {
	input := toyCorpus(t)
	var first map[string]string
	for _, workers := range []int{1, 2} {
		out := filepath.Join(t.TempDir(), "run")
		r := opened(t, parse(t, fmt.Sprintf("out: %s\nworkers: %d\ncorpus: {inputs: [%s], shard_bytes: 4096}\ncluster: {kmeans: {k: 3}, refine: 1}\ntokens: {bpe: {vocab: 300}}\ntarget: {holdout: 0.2}\nprune: {clusters: {}, documents: {}}\n", out, workers, input)))
		var now, most, cores, tasks atomic.Int32
		for _, s := range r.Stages() {
			run := s.Run
			s.Run = func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
				tasks.Add(1)
				raise(&most, now.Add(1))
				raise(&cores, int32(launch.Cores(ctx)))
				defer now.Add(-1)
				return run(ctx, p, n, a)
			}
		}
		if err := r.Until(t.Context(), "tokens"); err != nil {
			t.Fatal(err)
		}
		if int(most.Load()) > workers || int(cores.Load()) > workers || tasks.Load() < 20 {
			t.Errorf("workers %d: %d of %d tasks at once, one with %d cores", workers, most.Load(), tasks.Load(), cores.Load())
		}
		got := outputsOf(t, out)
		if first == nil {
			first = got
		}
		if d := cmp.Diff(first, got); d != "" {
			t.Errorf("with %d workers:\n%s", workers, d)
		}
	}
}

// raise sets x to n if that is more.
func raise(x *atomic.Int32, n int32) {
	for m := x.Load(); n > m && !x.CompareAndSwap(m, n); m = x.Load() {
	}
}

// outputsOf are the hashes of what the tasks of a run have written.
func outputsOf(t *testing.T, out string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, out)
		if err != nil || d.IsDir() || strings.Contains(name, "done/") || strings.HasSuffix(name, "plan.json") || strings.Count(name, "/") < 2 {
			return err
		}
		data, err := os.ReadFile(path)
		sums[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil || len(sums) < 20 {
		t.Fatalf("%d files, %v", len(sums), err)
	}
	return sums
}
