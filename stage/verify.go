package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/task"
)

// verified is run, after what it reads has been compared with what it was when
// it was written: nothing is made from damaged inputs.
func verified(v *task.Verifier, stages Table, run task.Func) task.Func {
	return func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		s := stages.Find(p.Kind)
		for _, role := range slices.Sorted(maps.Keys(p.Inputs)) {
			var err error
			switch in := stages.Find(role); {
			case slices.Contains(s.Skims, role):
			case s.ByShard && in != nil && in.ByShard:
				err = v.Task(ctx, p.Input(role), n)
			default:
				err = v.Stage(ctx, p.Input(role))
			}
			if err != nil {
				return err
			}
		}
		return run(ctx, p, n, a)
	}
}

// Verify compares the outputs of a stage with their SHA-256, unless that was
// done before in this run.
func (r *Run) Verify(ctx context.Context, dir string) error { return r.checked.Stage(ctx, dir) }

// readOutput decodes an output of a stage that is a single task, which must be
// what it was when it was written.
func (r *Run) readOutput(stage, name string, v any) error {
	data, err := task.ReadOutput(r.Dir(stage), name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(r.Dir(stage), name), err)
	}
	return nil
}
