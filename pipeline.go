// Package climb finds the data mixture that a language model should be
// pre-trained on, and writes the mixed dataset: CLIMB (Diao et al. 2025,
// arXiv 2504.13161) as a library. A Run takes a Config through the stages of
// the pipeline; every stage is a plan of tasks (package task), so a run that
// was killed goes on where it was, and the same tasks can run anywhere.
package climb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/task"
)

// Version is the version of the program; formats have their own.
const Version = "0.1.0"

// A stage is a node of the pipeline: a plan of tasks in a directory named
// after the hash of its options and of the stages that it reads.
type stage struct {
	name    string
	title   string
	format  int      // bumped when the output changes
	inputs  []string // stages that it reads
	skims   []string // those of them of which it reads nothing but manifests
	byShard bool     // task n makes, and reads of other such stages, what belongs to shard n of the corpus
	options func(r *Run) (any, error)
	// tasks lists the tasks once the inputs are there.
	tasks func(r *Run, p *task.Plan) ([]any, error)
	run   task.Func
	// drive replaces a plain run of the plan for stages that go in rounds. It
	// tells whether anything ran.
	drive func(ctx context.Context, r *Run, p *task.Plan, e Event) (ran bool, err error)
	// after, if set, is called each time the stage has been reached and is done.
	after func(r *Run, p *task.Plan) error
	// amount is the work in the stage for the display, such as bytes of text.
	amount func(r *Run) (float64, string)
}

// stages is the pipeline, in order.
var stages = []*stage{
	corpusStage, signaturesStage, bucketsStage, rowsStage,
	vectorizerStage, embedStage,
	centroidsStage, refineStage, clusterStage, semanticStage,
	labelStage, overlapStage, tagsStage,
	domainsStage, assignStage,
	holdoutStage,
	vocabStage, encodeStage, tokensStage,
	baseStage, searchStage, confirmStage,
	drawStage, scatterStage, datasetStage,
}

// Targets are the names that Run.Until takes, with the stages they end at.
var Targets = map[string]string{
	"corpus": "rows", "embed": "embed", "cluster": "cluster", "label": "label", "domains": "assign",
	"tokens": "tokens", "search": "search", "confirm": "confirm", "mix": "dataset", "dataset": "dataset",
}

// kindOf finds a stage by the kind of its plans.
func kindOf(name string) *stage {
	for _, s := range stages {
		if s.name == name {
			return s
		}
	}
	if name == compareStage.name {
		return compareStage
	}
	return nil
}

// A Run is one run directory and the configuration that fills it.
type Run struct {
	Config *Config
	Watch  func(Event) // told what happens; may be nil; calls do not overlap

	inputs  []corpus.FileInfo
	skipped string // files of the input folders that are not read, in words
	shards  []corpus.Shard
	names   map[string]string // stage -> directory name
	checked *task.Verifier    // what has been verified before it was read
	kindOf  func(name string) *stage
	arm     *arm       // set if the run is part of a comparison
	lock    *task.Lock // of the run directory, while Until holds it
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

// NewRun prepares a run of the configuration.
func NewRun(ctx context.Context, c *Config) (*Run, error) { return newRun(ctx, c, nil) }

func newRun(ctx context.Context, c *Config, a *arm) (*Run, error) {
	c, err := c.weighed()
	if err != nil {
		return nil, err
	}
	r := &Run{Config: c, names: map[string]string{}, arm: a, checked: &task.Verifier{}, kindOf: kindOf}
	if a != nil {
		r.checked = &a.study.checked
	}
	files, err := corpus.List(ctx, c.Corpus)
	if err != nil {
		return nil, err
	}
	r.inputs, r.skipped = slices.Concat(files.Files, files.Attributes), files.SkippedText()
	if r.shards, err = files.Shards(ctx, c.Corpus); err != nil {
		return nil, err
	}
	for _, s := range stages {
		o, err := s.options(r)
		if err != nil {
			return nil, err
		}
		inputs := make([]string, len(s.inputs))
		for i, in := range s.inputs {
			inputs[i] = r.names[in]
		}
		r.names[s.name] = s.name + "-" + task.Hash(s.name, s.format, o, inputs...)
	}
	if len(c.Target.Validation) > 0 { // names in search.objective are checked before anything is spent
		if err := r.objective(&search.Problem{}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Dir is the directory of a stage.
func (r *Run) Dir(stage string) string { return filepath.Join(r.Config.Out, r.names[stage]) }

// Until runs or resumes the pipeline up to a target ("" = all of it), and
// holds the lock of the run directory for as long.
func (r *Run) Until(ctx context.Context, target string) error {
	last := stages[len(stages)-1].name
	if target != "" {
		var ok bool
		if last, ok = Targets[target]; !ok {
			return fmt.Errorf("no stage is called %q", target)
		}
	}
	lock, err := task.Acquire(r.Config.Out)
	if err != nil {
		return err
	}
	r.lock = lock
	err = r.until(ctx, last)
	r.lock = nil
	return errors.Join(err, lock.Release())
}

func (r *Run) until(ctx context.Context, last string) error {
	if _, err := task.Clean(r.Config.Out); err != nil {
		return err
	}
	if err := r.inTheWay(); err != nil {
		return err
	}
	if err := r.saveConfig(); err != nil {
		return err
	}
	for i, s := range stages {
		e := Event{Stage: s.name, Title: s.title, Number: i + 1, Of: len(stages)}
		if err := r.runStage(ctx, s, e); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.name == last {
			break
		}
	}
	return nil
}

// inTheWay reports a file or folder of the user's where the run will put its link
// to the dataset or its report, before anything is spent.
func (r *Run) inTheWay() error {
	link, report := filepath.Join(r.Config.Out, "dataset"), filepath.Join(r.Config.Out, "report")
	if st, err := os.Lstat(link); err == nil && st.Mode().Type() != os.ModeSymlink {
		return task.Permanent(fmt.Errorf("%s is in the way of a link to the dataset; move it, or set another out", link))
	}
	if st, err := os.Stat(report); err == nil && !st.IsDir() {
		return task.Permanent(fmt.Errorf("%s is in the way of the folder of the report; move it, or set another out", report))
	}
	return nil
}

// plan makes the stage's plan, or loads the one that is there.
func (r *Run) plan(s *stage) (*task.Plan, error) {
	dir := r.Dir(s.name)
	if p, err := task.Load(filepath.Join(dir, "plan.json")); err == nil {
		return p, nil
	}
	o, err := s.options(r)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	p := &task.Plan{Kind: s.name, Format: s.format, Options: raw, Inputs: map[string]string{}}
	for _, in := range s.inputs {
		p.Inputs[in] = r.names[in]
	}
	tasks, err := s.tasks(r, p)
	if err != nil {
		return nil, err
	}
	if p.Tasks, err = rawTasks(tasks); err != nil {
		return nil, err
	}
	return p, p.Save(dir)
}

func rawTasks(tasks []any) ([]json.RawMessage, error) {
	raw := make([]json.RawMessage, len(tasks))
	for i, t := range tasks {
		var err error
		if raw[i], err = json.Marshal(t); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

func (r *Run) runStage(ctx context.Context, s *stage, e Event) error {
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
	if s.drive != nil {
		ran, err := s.drive(ctx, r, p, e)
		if err != nil {
			return err
		}
		plans, err := r.plans(s) // of all rounds
		if err != nil {
			return err
		}
		r.endStage(plans, e, start, !ran)
		return nil
	}
	if s.amount != nil {
		e.Amount, e.Unit = s.amount(r)
	}
	missing, err := p.Missing()
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		if err := r.runPlan(ctx, p, s.run, e); err != nil {
			return err
		}
	}
	r.endStage([]*task.Plan{p}, e, start, len(missing) == 0)
	if s.after != nil {
		return s.after(r, p)
	}
	return nil
}

// endStage tells that the tasks of a stage are done. A stage without any is not
// needed with these options, and nothing is told.
func (r *Run) endStage(plans []*task.Plan, e Event, start time.Time, cached bool) {
	for _, p := range plans {
		e.Total += len(p.Tasks)
	}
	if e.Total == 0 {
		return
	}
	e.End, e.Cached, e.Done, e.Fraction, e.Elapsed = true, cached, e.Total, 1, time.Since(start)
	r.emit(e)
}

// held reports that the lock of the run directory was removed under this process.
func (r *Run) held() error {
	if r.lock == nil {
		return nil
	}
	return r.lock.Check()
}

// runPlan runs the missing tasks of a plan on the local cores.
func (r *Run) runPlan(ctx context.Context, p *task.Plan, run task.Func, e Event) error {
	if err := r.held(); err != nil {
		return err
	}
	start := time.Now()
	begin := e
	begin.Start = true
	r.emit(begin)
	parts := make([]float64, len(p.Tasks))
	pool := launch.Local{Workers: runtime.GOMAXPROCS(0), Retries: 2}
	return pool.Run(ctx, p, verified(r.checked, r.kindOf, run), func(le launch.Event) {
		if task.IsRetry(le.Err) && !errors.Is(le.Err, context.Canceled) { // any other error ends the stage, and is returned
			note := e
			note.Note, note.Warning = fmt.Sprintf("task %d: %v", le.Task, le.Err), true
			r.emit(note)
		}
		if le.Task >= 0 {
			parts[le.Task] = le.Fraction
			if le.Manifest != nil {
				parts[le.Task] = 0
			}
		}
		e.Done, e.Total, e.Elapsed = le.Done, le.Total, time.Since(start)
		sum := float64(le.Done)
		for _, f := range parts {
			sum += f
		}
		e.Fraction = min(1, sum/float64(max(1, le.Total)))
		r.emit(e)
	})
}

func (r *Run) emit(e Event) {
	if r.Watch != nil {
		r.Watch(e)
	}
}

// note sends a note that a person should know.
func (r *Run) note(stage, format string, args ...any) {
	r.emit(Event{Stage: stage, Note: fmt.Sprintf(format, args...)})
}

// warn sends a note that a person should act on.
func (r *Run) warn(stage, format string, args ...any) {
	r.emit(Event{Stage: stage, Note: fmt.Sprintf(format, args...), Warning: true})
}

// saveConfig records the resolved configuration in the run directory.
func (r *Run) saveConfig() error {
	var b bytes.Buffer
	if err := r.Config.WriteYAML(&b); err != nil {
		return err
	}
	return task.WriteFile(filepath.Join(r.Config.Out, "climb.yaml"), b.Bytes())
}

// RunTask runs one task of a plan: the worker that every launcher uses.
func RunTask(ctx context.Context, planPath string, n int) (*task.Manifest, error) {
	p, err := task.Load(planPath)
	if err != nil {
		return nil, err
	}
	s := kindOf(p.Kind)
	if s == nil {
		return nil, task.Permanent(fmt.Errorf("%s: no stage is called %q; was the plan made by a newer version?", planPath, p.Kind))
	}
	if p.Format != s.format {
		return nil, task.Permanent(fmt.Errorf("%s: format %d of stage %s, this version writes %d; run it with the version that planned it", planPath, p.Format, s.name, s.format))
	}
	if _, err := p.Clean(); err != nil { // a trainer that an attempt of a killed worker left running is ended
		return nil, err
	}
	return p.Run(ctx, n, verified(&task.Verifier{}, kindOf, s.run))
}

// one is the task list of a stage that is a single task.
func one(*Run, *task.Plan) ([]any, error) { return []any{struct{}{}}, nil }

// part names the output of a task.
func part(n int, ext string) string { return fmt.Sprintf("part-%05d.%s", n, ext) }

// readJSON decodes a file of the run.
func readJSON(path string, v any) error { return task.ReadJSON(path, v) }
