package trial

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/task"
)

// A file in the folder of a stage that no manifest names is not scored on.
func TestStaleFilesAreNotRead(t *testing.T) {
	out := t.TempDir()
	p := &task.Plan{Kind: "holdout", Tasks: []json.RawMessage{[]byte("{}")}}
	if err := p.Save(filepath.Join(out, "holdout")); err != nil {
		t.Fatal(err)
	}
	_, err := p.Run(t.Context(), 0, func(_ context.Context, _ *task.Plan, _ int, a *task.Attempt) error {
		for _, name := range []string{"validation-000.jsonl", "validation-002.jsonl", "test-000.jsonl"} {
			if err := a.WriteFile(name, []byte("{}\n")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"validation-001.jsonl", "validation-000.jsonl.bak", "test-001.jsonl"} {
		if err := os.WriteFile(p.Path(name), []byte("stale"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for half, want := range map[string]string{"validation": "validation-000.jsonl validation-002.jsonl", "test": "test-000.jsonl"} {
		terms, err := heldOut(p).terms(half)
		var names []string
		for _, term := range terms {
			names = append(names, filepath.Base(term.File))
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", half, got, err, want)
		}
	}
	if err := os.Remove(p.DonePath(0)); err != nil {
		t.Fatal(err)
	}
	if terms, err := heldOut(p).terms("validation"); err == nil {
		t.Errorf("without its manifest: %v", terms)
	}
}
