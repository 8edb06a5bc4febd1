package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/task"
)

// Earlier lists the directories in the run directory that an earlier version of
// the program made: their stage has a lower format number there than it has now,
// or they were made from such a directory. Nothing reads them, since a format
// number is part of a stage's name, and nothing changes them. They are sorted by
// name.
func (r *Run) Earlier() ([]string, error) {
	entries, err := os.ReadDir(r.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known, plans, old := slices.Concat(r.stages, r.Known), map[string]*task.Plan{}, map[string]bool{}
	for _, e := range entries {
		p := anyPlan(filepath.Join(r.Out, e.Name()))
		if !e.IsDir() || p == nil {
			continue
		}
		if s := known.Find(p.Kind); s != nil {
			plans[e.Name()], old[e.Name()] = p, p.Format < s.Format
		}
	}
	for range plans { // as many times as the longest chain of inputs can be
		for name, p := range plans {
			for _, in := range p.Inputs {
				old[name] = old[name] || old[in]
			}
		}
	}
	var names []string
	for _, e := range entries { // sorted
		if old[e.Name()] {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// anyPlan loads plan.json, or the first other plan, of a directory; nil if there
// is none that can be read.
func anyPlan(dir string) *task.Plan {
	if p, err := task.Load(filepath.Join(dir, "plan.json")); err == nil {
		return p
	}
	entries, _ := os.ReadDir(dir) // what cannot be read is not ours
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".plan.json") {
			continue
		}
		if p, err := task.Load(filepath.Join(dir, e.Name())); err == nil {
			return p
		}
	}
	return nil
}

// EarlierText says what there is of an earlier version in the run directory, and
// what can be done; "" if there is nothing.
func (r *Run) EarlierText() (string, error) {
	names, err := r.Earlier()
	if err != nil || len(names) == 0 {
		return "", err
	}
	args := make([]string, len(names))
	for i, name := range names {
		args[i] = task.Quoted(name)
	}
	what := fmt.Sprintf("%d directories of stages in %s were", len(names), r.Out)
	if len(names) == 1 {
		what = fmt.Sprintf("one directory of a stage in %s was", r.Out)
	}
	return fmt.Sprintf("%s made by an earlier version of climb, in a format that this one does not read: the stages are made anew beside them, and they are left as they are. To remove them: (cd %s && rm -r %s). To go on with them: run the version that made them",
		what, task.Quoted(r.Out), strings.Join(args, " ")), nil
}

// tellEarlier warns of them, once for all runs in the directory.
func (r *Run) tellEarlier() error {
	if r.lock.told {
		return nil
	}
	text, err := r.EarlierText()
	if err != nil || text == "" {
		return err
	}
	r.lock.told = true
	r.Warn("run", "%s", text)
	return nil
}
