package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Func does task n of a plan. It must depend on nothing but the plan, and write through the attempt only; it returns early with
// ctx.Err() when the context ends.
type Func func(ctx context.Context, p *Plan, n int, a *Attempt) error

// Run does task n unless it is done already, and returns its manifest. It refuses, with the name of the file, if an input file has
// changed since the plan was made. If f fails, or ctx ends, nothing of the attempt stays. When two attempts of one task run at the
// same time the first manifest wins, and both get it.
func (p *Plan) Run(ctx context.Context, n int, f Func) (*Manifest, error) {
	if p.dir == "" {
		panic("task: the plan was neither saved nor loaded")
	}
	m, err := p.Manifest(n)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if err := p.checkFiles(); err != nil {
		return nil, err
	}
	a, err := p.newAttempt(n)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(a.dir)
	if err := p.guard(ctx, n, f, a); isFull(err) {
		return nil, diskError(p.dir, err)
	} else if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p.publish(n, a)
}

// A PanicError is a task that panicked: a bug of the program, or a slice that no
// machine has the memory for. Panics of goroutines that the task started by
// itself, and the Go runtime's fatal errors (out of memory, concurrent map writes,
// a full stack), still end the process.
type PanicError struct {
	Plan  string // path
	Task  int
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("panic in task %d of %s: %v", e.Task, e.Plan, e.Value)
}

// guard is f with its panic as an error.
func (p *Plan) guard(ctx context.Context, n int, f Func, a *Attempt) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Plan: p.path(), Task: n, Value: v, Stack: debug.Stack()}
		}
	}()
	return f(ctx, p, n, a)
}

// publish moves the outputs of an attempt into place and writes the manifest last.
func (p *Plan) publish(n int, a *Attempt) (*Manifest, error) {
	outputs, err := a.outputs()
	if err != nil {
		return nil, err
	}
	if m, err := p.Manifest(n); err == nil {
		return m, nil // another attempt was first
	}
	path := p.manifestPath(n)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // damaged, or its outputs are gone
		return nil, diskError(p.dir, err)
	}
	if err := p.moveIn(a, outputs); err != nil {
		return nil, err
	}
	m := &Manifest{Task: n, Outputs: outputs, Counters: a.counters, Host: hostname(), PID: os.Getpid(), Attempt: a.id, Started: a.started, sealed: true}
	m.Seconds, m.CoreSeconds = time.Since(a.started).Seconds(), a.coreSeconds
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	tmp := filepath.Join(a.dir, ".manifest.json")
	if err := writeSynced(tmp, Seal(data)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, diskError(p.dir, err)
	}
	switch err := linkNew(tmp, path); {
	case errors.Is(err, fs.ErrExist):
		return p.yield(n, outputs)
	case err != nil:
		return nil, diskError(p.dir, err)
	}
	return m, syncDirs(filepath.Dir(path), p.dir)
}

// moveIn renames the outputs of an attempt into the stage and waits until that is on disk.
func (p *Plan) moveIn(a *Attempt, outputs []Output) error {
	dirs := []string{p.dir}
	for _, o := range outputs {
		if top, _, _ := strings.Cut(o.Name, "/"); top == p.prefix()+"done" || o.Name == p.prefix()+"plan.json" {
			return Permanent(fmt.Errorf("output %s: the name is taken by the plan", o.Name))
		}
		final := p.Path(o.Name)
		if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil {
			return diskError(p.dir, err)
		}
		if err := os.Rename(filepath.Join(a.dir, o.Name), final); err != nil {
			return diskError(p.dir, err)
		}
		for dir := filepath.Dir(final); !slices.Contains(dirs, dir); dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	return syncDirs(dirs...)
}

// yield returns the manifest of the attempt that was first. The outputs may be of either attempt, which is the same when both wrote
// the same bytes. If they did not, and the outputs are not those of the manifest, the task is done again. (That holds for two such
// attempts; three or more that meet within milliseconds must keep the rule.)
func (p *Plan) yield(n int, mine []Output) (*Manifest, error) {
	m, err := p.Manifest(n)
	if err == nil && !slices.Equal(m.Outputs, mine) {
		err = p.Verify(n)
	}
	if err != nil {
		os.Remove(p.manifestPath(n))
		return nil, Retry(fmt.Errorf("two attempts of task %d met and wrote different bytes: %w", n, err))
	}
	return m, nil
}
