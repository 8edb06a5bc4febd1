// Package stage runs pipelines of stages in a run directory. A stage is a plan
// of tasks (package task) in a directory of its own, which is named after the
// hash of its options and of the stages that it reads: equal options are done
// once, and what is done is never done again. The package knows how stages are
// named, run, resumed and verified, and not what they do.
package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/climb-go/climb/task"
)

// A Stage is a node of a pipeline.
type Stage struct {
	Name    string
	Title   string   // for people: "cluster every document"
	Format  int      // goes up when the output changes for the same options
	Inputs  []string // stages that it reads
	Skims   []string // inputs of which it reads the manifests only
	ByShard bool     // task n makes, and reads of other such stages, what belongs to shard n of the corpus
	// Options are what the output depends on beside the inputs. They are hashed
	// and stand in the plan.
	Options func() (any, error)
	// Tasks lists the tasks once the inputs are there. A stage without any is not
	// needed with these options.
	Tasks func(p *task.Plan) ([]any, error)
	// Run does a task. It is given nothing but the plan, so that it can run in
	// another process or on another machine.
	Run task.Func
	// Drive replaces a plain run of the plan for stages that go in rounds. It
	// tells whether anything ran.
	Drive func(ctx context.Context, p *task.Plan, e Event) (ran bool, err error)
	// After, if set, is called each time the stage has been reached and is done.
	After func(p *task.Plan) error
	// Amount is the work in the stage for the display, such as bytes of text.
	Amount func() (float64, string)
	// Accept checks the files of a task that another program has done; nil if the
	// stage takes none.
	Accept func(*Publication) error
}

// An Event tells the progress of a run.
type Event struct {
	Stage    string
	Title    string
	Number   int // of the stage, 1-based
	Of       int
	Done     int     // tasks
	Total    int     // tasks
	Fraction float64 // of the whole stage
	Amount   float64 // work of the whole stage
	Unit     string  // of Amount
	Elapsed  time.Duration
	Start    bool   // the stage has begun
	End      bool   // the stage is done
	Cached   bool   // ... and was done before
	Note     string // anything a person should know
	Warning  bool   // ... and act on
}

// A Table lists stages.
type Table []*Stage

// Find returns the stage of a name, nil if there is none.
func (t Table) Find(name string) *Stage {
	for _, s := range t {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// RunTask runs one task of a plan: the worker that every launcher uses.
func RunTask(ctx context.Context, stages Table, planPath string, n int) (*task.Manifest, error) {
	p, f, err := OpenPlan(stages, planPath)
	if err != nil {
		return nil, err
	}
	if _, err := p.Clean(); err != nil { // a trainer that an attempt of a killed worker left running is ended
		return nil, err
	}
	return p.Run(WithCache(ctx, &Cache{}), n, f)
}

// OpenPlan loads a plan, and returns what does its tasks: it verifies what a task
// reads, each file once.
func OpenPlan(stages Table, planPath string) (*task.Plan, task.Func, error) {
	p, err := task.Load(planPath)
	if err != nil {
		return nil, nil, err
	}
	s := stages.Find(p.Kind)
	if s == nil {
		return nil, nil, task.Permanent(fmt.Errorf("%s: no stage is called %q; was the plan made by a newer version?", planPath, p.Kind))
	}
	if p.Format != s.Format {
		return nil, nil, task.Permanent(fmt.Errorf("%s: format %d of stage %s, this version writes %d; run it with the version that planned it", planPath, p.Format, s.Name, s.Format))
	}
	return p, verified(&task.Verifier{}, stages, s.Run), nil
}

// One is the task list of a stage that is a single task.
func One(*task.Plan) ([]any, error) { return []any{struct{}{}}, nil }

// None is the task list of a stage that goes in rounds, each a plan of its own.
func None(*task.Plan) ([]any, error) { return nil, nil }

// Raw encodes the tasks of a plan.
func Raw[T any](tasks []T) ([]json.RawMessage, error) {
	raw := make([]json.RawMessage, len(tasks))
	for i, t := range tasks {
		var err error
		if raw[i], err = json.Marshal(t); err != nil {
			return nil, err
		}
	}
	return raw, nil
}
