package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// A Run is a run directory and the stages that fill it.
type Run struct {
	Out      string          // run directory
	Workers  int             // cores to use; 0 = all
	Launcher launch.Launcher // runs the tasks; nil: launch.Local with the run's Workers
	Watch    func(Event)     // told what happens; may be nil; calls do not overlap
	Known    Table           // stages beside the run's own whose plans it runs (Round)

	stages  Table
	names   map[string]string // stage -> directory name
	checked *task.Verifier    // what has been verified before it was read
	lock    *held             // of the run directory
}

// held is the lock of a run directory, nil while nobody holds it.
type held struct {
	*task.Lock
	told bool // what an earlier version has left there
}

// New makes a run without stages. It reads and writes nothing.
func New(out string, workers int) *Run {
	return &Run{Out: out, Workers: workers, names: map[string]string{}, checked: &task.Verifier{}, lock: &held{}}
}

// Beside makes another run in the same directory, whose stages may differ. The two
// share the lock, and outputs that one has verified are not verified again.
func (r *Run) Beside() *Run {
	return &Run{Out: r.Out, Workers: r.Workers, Launcher: r.Launcher, names: map[string]string{}, checked: r.checked, lock: r.lock}
}

// Add puts stages at the end of the pipeline, and names their directories.
func (r *Run) Add(stages ...*Stage) error {
	for _, s := range stages {
		o, err := s.Options()
		if err != nil {
			return err
		}
		inputs := make([]string, len(s.Inputs))
		for i, in := range s.Inputs {
			inputs[i] = r.names[in]
		}
		r.names[s.Name] = s.Name + "-" + task.Hash(s.Name, s.Format, o, inputs...)
		r.stages = append(r.stages, s)
	}
	return nil
}

// Stages lists the stages in order.
func (r *Run) Stages() Table { return slices.Clone(r.stages) }

// Find returns the stage of a name, nil if there is none.
func (r *Run) Find(name string) *Stage { return r.stages.Find(name) }

// Base is the name of a stage's directory below the run directory.
func (r *Run) Base(stage string) string { return r.names[stage] }

// Bases lists the names of all stages' directories, sorted.
func (r *Run) Bases() []string { return slices.Sorted(maps.Values(r.names)) }

// Dir is the directory of a stage.
func (r *Run) Dir(stage string) string { return filepath.Join(r.Out, r.names[stage]) }

// Cores is the number of cores that the run uses.
func (r *Run) Cores() int {
	if r.Workers > 0 {
		return r.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Hold calls f under the lock of the run directory, which it makes, after what
// killed processes have left half written there was removed. It warns of what an
// earlier version of the program has made there.
func (r *Run) Hold(f func() error) error {
	lock, err := task.Acquire(r.Out)
	if err != nil {
		return err
	}
	r.lock.Lock = lock
	if _, err = task.Clean(r.Out); err == nil {
		err = r.tellEarlier()
	}
	if err == nil {
		err = f()
	}
	r.lock.Lock = nil
	return errors.Join(err, lock.Release())
}

// Until runs or resumes the stages up to the one of the name. The caller holds
// the lock (Hold).
func (r *Run) Until(ctx context.Context, last string) error {
	for i, s := range r.stages {
		e := Event{Stage: s.Name, Title: s.Title, Number: i + 1, Of: len(r.stages)}
		if err := r.Do(ctx, s, e); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		if s.Name == last {
			break
		}
	}
	return nil
}

// plan makes the stage's plan, or loads the one that is there.
func (r *Run) plan(s *Stage) (*task.Plan, error) {
	if p, err := r.Plan(s.Name); err == nil {
		return p, nil
	}
	o, err := s.Options()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &task.Plan{Kind: s.Name, Format: s.Format, Options: raw, Inputs: map[string]string{}}
	for _, in := range s.Inputs {
		p.Inputs[in] = r.names[in]
	}
	tasks, err := s.Tasks(p)
	if err != nil {
		return nil, err
	}
	if p.Tasks, err = Raw(tasks); err != nil {
		return nil, err
	}
	return p, p.Save(r.Dir(s.Name))
}

// Do runs or resumes one stage, whose inputs are done. The event says where in
// the pipeline it stands.
func (r *Run) Do(ctx context.Context, s *Stage, e Event) error {
	start := time.Now()
	if err := errors.Join(r.held(), ctx.Err()); err != nil {
		return err
	}
	p, err := r.plan(s)
	if err != nil {
		return err
	}
	// A process that was killed right after its last manifest has left a
	// directory in a stage that is done.
	if _, err := p.Clean(); err != nil {
		return err
	}
	if s.Drive != nil {
		ran, err := s.Drive(ctx, p, e)
		if err != nil {
			return err
		}
		plans, err := r.Plans(s.Name) // of all rounds
		if err != nil {
			return err
		}
		r.end(plans, e, start, !ran)
		return nil
	}
	if s.Amount != nil {
		e.Amount, e.Unit = s.Amount()
	}
	ran, err := r.RunPlan(ctx, p, s.Run, e)
	if err != nil {
		return err
	}
	r.end([]*task.Plan{p}, e, start, !ran)
	if s.After != nil {
		return s.After(p)
	}
	return nil
}

// Round runs what is missing of one plan outside of the pipeline, such as a
// batch of a study, and tells its end.
func (r *Run) Round(ctx context.Context, p *task.Plan, run task.Func, e Event) error {
	start := time.Now()
	if _, err := p.Clean(); err != nil {
		return err
	}
	ran, err := r.RunPlan(ctx, p, run, e)
	if err != nil {
		return err
	}
	r.end([]*task.Plan{p}, e, start, !ran)
	return nil
}

// end tells that the tasks of a stage are done. A stage without any is not
// needed with these options, and nothing is told.
func (r *Run) end(plans []*task.Plan, e Event, start time.Time, cached bool) {
	for _, p := range plans {
		e.Total += len(p.Tasks)
	}
	if e.Total == 0 {
		return
	}
	e.End, e.Cached, e.Done, e.Fraction, e.Elapsed = true, cached, e.Total, 1, time.Since(start)
	r.Emit(e)
}

// held reports that the lock of the run directory was removed under this process.
func (r *Run) held() error {
	if r.lock.Lock == nil {
		return nil
	}
	return r.lock.Check()
}

// RunPlan runs the tasks of a plan that are missing, and tells whether there
// were any.
func (r *Run) RunPlan(ctx context.Context, p *task.Plan, run task.Func, e Event) (ran bool, err error) {
	missing, err := p.Missing()
	if err != nil || len(missing) == 0 {
		return false, err
	}
	if err := r.held(); err != nil {
		return false, err
	}
	start := time.Now()
	begin := e
	begin.Start = true
	r.Emit(begin)
	parts, sum := make([]float64, len(p.Tasks)), 0.0 // of tasks that run
	err = r.launcher().Run(WithCache(ctx, &Cache{}), p, verified(r.checked, slices.Concat(r.stages, r.Known), run), func(le launch.Event) {
		if task.IsRetry(le.Err) && !errors.Is(le.Err, context.Canceled) { // any other error ends the stage, and is returned
			note := e
			note.Note, note.Warning = fmt.Sprintf("task %d: %v", le.Task, le.Err), true
			r.Emit(note)
		}
		if le.Task >= 0 {
			now := le.Fraction
			if le.Manifest != nil {
				now = 0
			}
			sum += now - parts[le.Task]
			parts[le.Task] = now
		}
		e.Done, e.Total, e.Elapsed = le.Done, le.Total, time.Since(start)
		e.Fraction = min(1, (float64(le.Done)+max(0, sum))/float64(max(1, le.Total)))
		r.Emit(e)
	})
	if err == nil { // the rounds of a stage go one after another: no other plan of its directory has begun
		_, err = p.Sweep()
	}
	return true, err
}

func (r *Run) launcher() launch.Launcher {
	if r.Launcher != nil {
		return r.Launcher
	}
	return launch.Local{Workers: r.Cores(), Retries: 2}
}

// Emit passes an event to Watch.
func (r *Run) Emit(e Event) {
	if r.Watch != nil {
		r.Watch(e)
	}
}

// Note tells what a person should know.
func (r *Run) Note(stage, format string, args ...any) {
	r.Emit(Event{Stage: stage, Note: fmt.Sprintf(format, args...)})
}

// Warn tells what a person should act on.
func (r *Run) Warn(stage, format string, args ...any) {
	r.Emit(Event{Stage: stage, Note: fmt.Sprintf(format, args...), Warning: true})
}

// Link makes <out>/NAME point at the directory of the stage of that name, so
// that a user need not know the hash. On file systems without links it is left
// out.
func (r *Run) Link(stage string) error {
	path := filepath.Join(r.Out, stage)
	if at, err := os.Readlink(path); err == nil && at == r.names[stage] {
		return nil
	}
	tmp := path + ".new"
	os.Remove(tmp) // of a killed run; a failure shows in Symlink
	if err := os.Symlink(r.names[stage], tmp); err != nil {
		return nil
	}
	return os.Rename(tmp, path)
}
