package stage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// Only directories with a plan that nothing names are unused.
func TestUnused(t *testing.T) {
	r := stage.New(t.TempDir(), 1)
	plan := func(kind, name string) {
		t.Helper()
		p := &task.Plan{Kind: kind, Format: 1, Options: []byte("{}")}
		if err := p.Save(filepath.Join(r.Out, name)); err != nil {
			t.Fatal(err)
		}
	}
	plan("embed", "embed-1")
	plan("embed", "embed-2")
	plan("dataset", "dataset-1")
	if err := os.MkdirAll(filepath.Join(r.Out, "notes"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dataset-1", filepath.Join(r.Out, "dataset")); err != nil {
		t.Fatal(err)
	}
	got, err := r.Unused([]string{"embed-1"})
	if err != nil || len(got) != 1 || got[0].Name != "embed-2" || got[0].Bytes == 0 {
		t.Fatalf("unused are %v, %v; want embed-2 with its size", got, err)
	}
	if err := r.Hold(func() error { return r.Remove(got) }); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"embed-1": true, "embed-2": false, "dataset-1": true, "notes": true} {
		if _, err := os.Stat(filepath.Join(r.Out, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
	plan("compare", "compare-1")
	if got, err := r.Unused([]string{"embed-1"}); err == nil || !strings.Contains(err.Error(), "study") {
		t.Errorf("in the directory of a study %v, %v; want it refused", got, err)
	}
	if got, err := stage.New(filepath.Join(r.Out, "none"), 1).Unused(nil); got != nil || err != nil {
		t.Errorf("without a run directory %v, %v; want nothing", got, err)
	}
}
