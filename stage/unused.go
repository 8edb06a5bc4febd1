package stage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/task"
)

// An Unused directory holds a stage that no configuration names.
type Unused struct {
	Name  string `json:"name"` // below the run directory
	Bytes int64  `json:"bytes"`
}

// Unused lists the directories of stages in the run directory that are not among
// the names that are in use, sorted. What holds no plan is not ours and is never
// listed, nor is what the run's dataset link points to. The stages of a study are
// named by the study: where there is one, it is an error.
func (r *Run) Unused(used []string) ([]Unused, error) {
	entries, err := os.ReadDir(r.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if link, err := os.Readlink(filepath.Join(r.Out, "dataset")); err == nil {
		used = append(slices.Clone(used), filepath.Base(link))
	}
	var out []Unused
	for _, e := range entries {
		if !e.IsDir() || slices.Contains(used, e.Name()) {
			continue
		}
		dir := filepath.Join(r.Out, e.Name())
		p := anyPlan(dir)
		if p == nil {
			continue
		}
		if p.Kind == "compare" {
			return nil, task.Permanent(&fs.PathError{Op: "clean", Path: dir, Err: errors.New("this is a study, whose stages no single configuration names; nothing is removed")})
		}
		size, err := treeSize(dir)
		if err != nil {
			return nil, err
		}
		out = append(out, Unused{e.Name(), size})
	}
	return out, nil
}

// treeSize is the size of the files in a directory, in bytes.
func treeSize(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// Remove removes directories of Unused. The caller holds the lock (Hold). The plan
// goes first, so that a directory that is half removed is no stage.
func (r *Run) Remove(dirs []Unused) error {
	for _, d := range dirs {
		dir := filepath.Join(r.Out, d.Name)
		plans, err := filepath.Glob(filepath.Join(dir, "*plan.json"))
		if err != nil {
			return err
		}
		for _, p := range plans {
			if err := os.Remove(p); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}
