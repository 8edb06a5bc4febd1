package climb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/task"
)

// A Verification is the outcome of checking a directory's files against their
// SHA-256.
type Verification struct {
	Path     string   `json:"path"`
	Kind     string   `json:"kind"`     // "run", "stage", or the kind that manifest.json states: "dataset"
	Files    int      `json:"files"`    // compared
	Bytes    int64    `json:"bytes"`    // of them
	Unsummed int      `json:"unsummed"` // of them, those without SHA-256: an earlier version wrote them, and their sizes alone were compared
	Unsealed int      `json:"unsealed"` // plans and manifests without a seal, which an earlier version wrote
	Missing  int      `json:"missing"`  // tasks that are planned and not done
	Damaged  []Damage `json:"damaged"`  // in the order of their paths

	// Export is an export as our readers of its trainer's format read it, if no
	// file is damaged.
	Export *handover.Check `json:"export,omitempty"`
}

// Damage is a file that differs from what was written.
type Damage struct {
	Path    string `json:"path"`
	Why     string `json:"why"`
	Command string `json:"command"` // makes it anew, for a shell; "" if no command does
}

// Verify compares everything that climb wrote into a directory with the SHA-256 that was taken then, on all cores: a run, one of its
// stages, a dataset, or an export. watch may be nil; it is told the bytes that are behind and all of them, and its calls may overlap.
func Verify(ctx context.Context, dir string, watch func(done, total int64)) (*Verification, error) {
	dir, err := filepath.EvalSymlinks(dir) // such as the link "dataset" of a run
	if err != nil {
		return nil, err
	}
	v := &Verification{Path: dir, Damaged: []Damage{}}
	var inv task.Inventory
	if err := v.take(&inv); err != nil {
		return nil, err
	}
	for _, c := range inv.Checks {
		v.Files++
		v.Bytes += c.Bytes
		if c.SHA256 == "" {
			v.Unsummed++
		}
	}
	v.Unsealed, v.Missing = inv.Unsealed, inv.Missing
	damaged, err := inv.Run(ctx, func(done int64) {
		if watch != nil {
			watch(done, v.Bytes)
		}
	})
	if err != nil {
		return nil, err
	}
	again := v.again(ctx)
	for _, d := range damaged {
		v.Damaged = append(v.Damaged, Damage{d.Path, d.Why, again(d)})
	}
	slices.SortStableFunc(v.Damaged, func(a, b Damage) int { return strings.Compare(a.Path, b.Path) })
	if v.Kind == "export" && len(v.Damaged) == 0 {
		if v.Export, err = handover.Verify(ctx, dir); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// take lists what there is to check. A manifest.json says of what kind a directory is; one without it is a stage if it holds a
// plan, and a run if its folders do.
func (v *Verification) take(inv *task.Inventory) error {
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(v.Path, name))
		return err == nil
	}
	if v.Kind = "stage"; exists("plan.json") {
		return takeStage(inv, v.Path)
	}
	if exists("manifest.json") {
		var err error
		v.Kind, err = takeManifest(inv, v.Path, "")
		return err
	}
	v.Kind = "run"
	entries, err := os.ReadDir(v.Path)
	if err != nil {
		return err
	}
	stages := 0
	for _, e := range entries {
		if !e.IsDir() || e.Name()[0] == '.' || e.Name() == "report" {
			continue
		}
		if exists(filepath.Join(e.Name(), "plan.json")) || strings.HasPrefix(e.Name(), "proxies-") {
			stages++
		}
		if err := takeStage(inv, filepath.Join(v.Path, e.Name())); err != nil {
			return err
		}
	}
	if stages == 0 {
		return task.Usage(fmt.Errorf("%s is neither a run (no stage in it has a plan.json) nor a dataset or an export (it has no manifest.json)", v.Path))
	}
	return nil
}

// takeStage lists a stage, and what a manifest.json in it lists beside that.
func takeStage(inv *task.Inventory, dir string) error {
	if err := inv.Take(dir); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		return nil
	}
	_, err := takeManifest(inv, dir, dir)
	return err
}

// takeManifest lists the files that a manifest.json describes, and returns what it is the manifest of. If the directory is a stage,
// its shards are listed already, and what is gone can be made anew.
func takeManifest(inv *task.Inventory, dir, stage string) (string, error) {
	path := filepath.Join(dir, "manifest.json")
	var kind struct{ Kind string }
	if err := task.ReadJSON(path, &kind); err == nil && kind.Kind == "export" {
		return kind.Kind, takeExport(inv, dir)
	}
	var m export.Manifest
	if err := task.ReadJSON(path, &m); err != nil {
		if stage == "" {
			inv.Damaged = append(inv.Damaged, &task.DamageError{Path: path, Why: err.Error()})
		}
		return "dataset", nil // a stage has it among the damaged files
	}
	if m.Kind != "" && m.Kind != "dataset" {
		return m.Kind, fmt.Errorf("%s is of kind %q, which this version of climb does not know", path, m.Kind)
	}
	files := m.Shards
	if stage != "" {
		files = nil
	}
	remove := ""
	if m.Card != nil {
		files = append(slices.Clip(files), *m.Card)
		if stage != "" {
			remove = filepath.Join(dir, m.Card.Name)
		}
	}
	for _, f := range files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return "dataset", fmt.Errorf("%s: %q lies outside the dataset", path, f.Name)
		}
		inv.Checks = append(inv.Checks, task.Check{Path: filepath.Join(dir, filepath.FromSlash(f.Name)), Bytes: f.Bytes, SHA256: f.SHA256, Remove: remove})
	}
	return "dataset", nil
}

// takeExport lists the files of an export.
func takeExport(inv *task.Inventory, dir string) error {
	h, err := handover.ReadManifest(dir)
	if err != nil {
		return err
	}
	for _, f := range h.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return fmt.Errorf("%s: %q lies outside the export", dir, f.Name)
		}
		inv.Checks = append(inv.Checks, task.Check{Path: filepath.Join(dir, filepath.FromSlash(f.Name)), Bytes: f.Bytes, SHA256: f.SHA256})
	}
	return nil
}

// again gives the command that makes a damaged file anew: climb run with the configuration that the run has kept, or what removes a
// stage that this configuration has no use for.
func (v *Verification) again(ctx context.Context) func(d *task.DamageError) string {
	out := v.Path
	if v.Kind == "stage" {
		out = filepath.Dir(filepath.Clean(v.Path))
	}
	config := filepath.Join(out, "climb.yaml")
	var used []string
	if c, err := LoadConfig(config); err == nil {
		if r := NewRun(c); r.Open(ctx) == nil {
			used = r.Bases()
		}
	}
	known := Stages()
	return func(d *task.DamageError) string {
		stage, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(d.Path), filepath.ToSlash(filepath.Clean(out))+"/"), "/")
		base, _, _ := strings.Cut(stage, "-")
		switch {
		case used == nil || slices.Contains(used, stage):
			return d.Command(config)
		case known.Find(base) != nil:
			return (&task.DamageError{Remove: filepath.Join(out, stage)}).Command("")
		}
		return d.Command("")
	}
}
