package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Event files of a run that was killed while it wrote them, and went on, are those
// that are made of it when it is over, and the run is what it is without them.
func TestTensorBoardOfKilledRun(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	want := digest(t, filepath.Join(dir, "run"))
	c := command(dir, "run", "--out", "watched", "--set", "report.tensorboard=true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { // the first scores are there, or the run is over
		sizes := eventFiles(t, filepath.Join(dir, "watched", "tensorboard"))
		_, ended := os.Stat(filepath.Join(dir, "watched", "report", "summary.json"))
		return sizes["search"] > 60 || ended == nil
	})
	_ = c.Process.Kill() // fails only if it has ended
	_ = c.Wait()
	mustRun(t, dir, "run", "--out", "watched", "--set", "report.tensorboard=true")
	if got := digest(t, filepath.Join(dir, "watched")); got != want {
		t.Error("a run with event files makes another dataset")
	}
	got := eventFiles(t, filepath.Join(dir, "watched", "tensorboard"))
	for range 2 { // the second time there is nothing to add
		mustRun(t, dir, "report", "watched", "--tensorboard", "after")
		if d := cmp.Diff(eventFiles(t, filepath.Join(dir, "after")), got); d != "" {
			t.Errorf("the sizes of the event files differ from those made at the end:\n%s", d)
		}
	}
	if n := len(got); n < 6 {
		t.Errorf("%d event files", n)
	}
	writeFile(t, filepath.Join(dir, "after", "search", "events.out.tfevents.0.climb"), []byte("this is a text"))
	if code, _, stderr := climbRun(t, dir, "report", "watched", "--tensorboard", "after"); code != 1 || !strings.Contains(stderr, "move it away") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// eventFiles are the sizes of the event files below a folder, by folder.
func eventFiles(t *testing.T, root string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // not there yet
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		name, err := filepath.Rel(root, filepath.Dir(path))
		out[filepath.ToSlash(name)] = info.Size()
		return err
	})
	return out
}
