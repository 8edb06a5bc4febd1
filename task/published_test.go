package task

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A manifest's name alone says that a task is published; other files are nothing.
func TestPublished(t *testing.T) {
	p := &Plan{Kind: "echo", Tasks: make([]json.RawMessage, 12)}
	for n := range p.Tasks {
		p.Tasks[n] = json.RawMessage("0")
	}
	if err := p.Save(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Published(); err != nil || len(got) > 0 {
		t.Errorf("before a task has ended %v, %v", got, err)
	}
	done := filepath.Dir(p.DonePath(0))
	if err := os.MkdirAll(done, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00003.json", "00011.json", "00012.json", "3.json", "-0001.json", "00004.json.tmp", "notes"} {
		if err := os.WriteFile(filepath.Join(done, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := p.Published()
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []int{3, 11}) {
		t.Errorf("published are %v, %v; want 3 and 11", got, err)
	}
}
