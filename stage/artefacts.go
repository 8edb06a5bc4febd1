package stage

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/task"
)

// What a stage writes is described by a value of these types, in the package of
// the stage: a Column, Parts, Files, a File, an Answer, Counts. It has the one
// function that writes the artefact and those that open it, for a plan and for a
// run; nobody else knows names of files and counters.

// part is the name of an output of task n: part-NNNNN.EXT.
func part(n int, ext string) string { return fmt.Sprintf("part-%05d.%s", n, ext) }

// dirOf is the directory of a stage: of the plan's own, or of one that it reads.
func dirOf(p *task.Plan, stage string) string {
	if p.Kind == stage {
		return p.Dir()
	}
	return p.Input(stage)
}

// PlanOf loads the plan of a stage that p reads.
func PlanOf(p *task.Plan, stage string) (*task.Plan, error) {
	return task.Load(filepath.Join(dirOf(p, stage), "plan.json"))
}

// Plan loads the plan of a stage, which must have been made.
func (r *Run) Plan(stage string) (*task.Plan, error) {
	return task.Load(filepath.Join(r.Dir(stage), "plan.json"))
}

// Parts are files of one kind that the tasks of a stage write, one each:
// part-NNNNN.EXT.
type Parts struct{ Stage, Ext string }

// Name is that of the file of task n, below the directory of the stage.
func (f Parts) Name(n int) string { return part(n, f.Ext) }

// Path is the file of task n, for a plan of the stage or one that reads it.
func (f Parts) Path(p *task.Plan, n int) string {
	return filepath.Join(dirOf(p, f.Stage), f.Name(n))
}

// All are the files of all tasks in order, for a plan of the stage or one that
// reads it.
func (f Parts) All(p *task.Plan) ([]string, error) {
	in, err := PlanOf(p, f.Stage)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(in.Tasks))
	for n := range paths {
		paths[n] = f.Path(in, n)
	}
	return paths, nil
}

// Create makes the file of task n.
func (f Parts) Create(a *task.Attempt, n int) (*task.File, error) { return a.Create(f.Name(n)) }

// Write makes the file of task n with the data.
func (f Parts) Write(a *task.Attempt, n int, data []byte) error { return a.WriteFile(f.Name(n), data) }

// Files are JSON of type T that the tasks of a stage write, one each:
// part-NNNNN.EXT.
type Files[T any] struct{ Stage, Ext string }

func (f Files[T]) parts() Parts { return Parts(f) }

// Name is that of the file of task n, below the directory of the stage.
func (f Files[T]) Name(n int) string { return f.parts().Name(n) }

// Read decodes the file of task n, for a plan of the stage or one that reads it.
func (f Files[T]) Read(p *task.Plan, n int) (*T, error) { return readJSON[T](f.parts().Path(p, n)) }

// Write makes the file of task n.
func (f Files[T]) Write(a *task.Attempt, n int, v T) error { return a.WriteJSON(f.Name(n), v) }

// A File is JSON of type T that the only task of a stage writes.
type File[T any] struct{ Stage, Name string }

// Read decodes the file, for a plan that reads the stage.
func (f File[T]) Read(p *task.Plan) (*T, error) {
	return readJSON[T](filepath.Join(dirOf(p, f.Stage), f.Name))
}

// ReadFrom decodes the file of a run, which must be what it was when it was
// written.
func (f File[T]) ReadFrom(r *Run) (*T, error) {
	v := new(T)
	if err := r.readOutput(f.Stage, f.Name, v); err != nil {
		return nil, err
	}
	return v, nil
}

// Write makes the file.
func (f File[T]) Write(a *task.Attempt, v *T) error { return a.WriteJSON(f.Name, v) }

// An Answer is what a stage that goes in rounds makes of them all: STAGE.json,
// JSON of type T with a seal. The stage is done once it is there.
type Answer[T any] struct{ Stage string }

func (f Answer[T]) in(dir string) string { return filepath.Join(dir, answer(f.Stage)) }

func answer(stage string) string { return stage + ".json" }

// Path is the file of a run.
func (f Answer[T]) Path(r *Run) string { return f.in(r.Dir(f.Stage)) }

// Read decodes the answer, for a plan of the stage or one that reads it.
func (f Answer[T]) Read(p *task.Plan) (*T, error) { return readJSON[T](f.in(dirOf(p, f.Stage))) }

// ReadFrom decodes the answer of a run.
func (f Answer[T]) ReadFrom(r *Run) (*T, error) { return readJSON[T](f.Path(r)) }

// Write ends the stage whose plan is p.
func (f Answer[T]) Write(p *task.Plan, v *T) error { return task.WriteSealed(f.in(p.Dir()), v) }

func readJSON[T any](path string) (*T, error) {
	v := new(T)
	if err := task.ReadJSON(path, v); err != nil {
		return nil, err
	}
	return v, nil
}

// A Counter is a counter of manifests.
type Counter string

// Add counts n.
func (c Counter) Add(a *task.Attempt, n int64) { a.Count(string(c), n) }

// Of is what the manifests of tasks have counted together.
func (c Counter) Of(manifests ...*task.Manifest) (sum int64) {
	for _, m := range manifests {
		sum += m.Counters[string(c)]
	}
	return sum
}

// Counts are counters of manifests, one for each number or name: PREFIX:KEY.
type Counts string

// Add counts n for a key, a number or a name.
func (c Counts) Add(a *task.Attempt, key any, n int64) { a.Count(c.name(key), n) }

func (c Counts) name(key any) string { return fmt.Sprintf("%s:%v", string(c), key) }

// Of is what the manifests of tasks have counted for a key together.
func (c Counts) Of(key any, manifests ...*task.Manifest) int64 {
	return Counter(c.name(key)).Of(manifests...)
}

// Sums are the counts of the keys 0 to n-1.
func (c Counts) Sums(n int, manifests ...*task.Manifest) []int64 {
	out := make([]int64, n)
	for key := range out {
		out[key] = c.Of(key, manifests...)
	}
	return out
}

// Names are the counts of all keys.
func (c Counts) Names(manifests ...*task.Manifest) map[string]int64 {
	out := map[string]int64{}
	for _, m := range manifests {
		for name, n := range m.Counters {
			if key, ok := strings.CutPrefix(name, string(c)+":"); ok {
				out[key] += n
			}
		}
	}
	return out
}

// Manifests loads those of all tasks of a plan, which must be done.
func Manifests(p *task.Plan) ([]*task.Manifest, error) {
	out := make([]*task.Manifest, len(p.Tasks))
	for n := range out {
		var err error
		if out[n], err = p.Manifest(n); err != nil {
			return nil, fmt.Errorf("%s: task %d: %w", p.Dir(), n, err)
		}
	}
	return out, nil
}
