package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/climb-go/climb/task"
)

// Remote runs tasks by an engine. Everything that it knows lies beside the plan (jobs/): manifests, which alone say what is done;
// what was submitted, before and after it was; what workers say of failures. So a controller may be killed at any moment, and the
// next one goes on with the jobs of the first.
type Remote struct {
	Engine    Engine
	Resources func(kind string) Resources // of the tasks of a stage; nil is one core
	Program   []string                    // command line of the workers, up to "task run"
	Version   string                      // of the program
	Throttle  int                         // elements that run at once; 0 = as many as the scheduler likes
	Pack      int                         // tasks of an element; 0 = chosen, so that there are at most mostElements
	Retries   int                         // more attempts for a task whose error asks for one, or whose element was lost
	Poll      time.Duration               // between two questions to the scheduler, and at most between two looks at the files; 0 is two seconds
	Settle    time.Duration               // from the end of an element to its tasks being taken for lost, since files of other machines are seen late; 0 is ten seconds
	Detach    bool                        // leave the jobs when the context ends
	Warn      func(text string)           // told what a person should know; may be nil

	proved atomic.Bool // a worker has done a task
}

var _ Launcher = &Remote{}

// mostElements is how many elements a batch has where Pack is 0: enough for any cluster to be busy, and few enough for its scheduler.
const mostElements = 1000

// patience is how long a scheduler may fail to answer before that is told, and again after as long.
const patience = time.Minute

// Run implements Launcher.
func (r *Remote) Run(ctx context.Context, p *task.Plan, _ task.Func, watch func(Event)) error {
	missing, err := p.Missing()
	if err != nil {
		return err
	}
	w := &following{Remote: r, plan: p, watch: watch, done: len(p.Tasks) - len(missing), missing: map[int]bool{},
		attempts: map[int]int{}, failed: map[int]error{}, told: map[string]bool{}, lost: map[string]time.Time{}, waits: map[string]time.Time{}}
	for _, n := range missing {
		w.missing[n] = true
	}
	w.tell(Event{Task: -1})
	if err := w.recover(ctx); err != nil {
		return err
	}
	err = w.follow(ctx)
	if ctx.Err() != nil && !r.Detach || err != nil && ctx.Err() == nil {
		err = errors.Join(err, w.cancel(context.WithoutCancel(ctx)))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// following is the state of one Run. All of it can be read again from the files.
type following struct {
	*Remote
	plan  *task.Plan
	watch func(Event)

	done     int
	missing  map[int]bool // tasks that no manifest is there of
	jobs     []Submitted  // that may still run something
	attempts map[int]int  // that have failed, by task
	failed   map[int]error
	told     map[string]bool      // failures that were told, by path
	lost     map[string]time.Time // when an element was first seen to have ended with tasks missing, by job and element

	asked  time.Time            // when the scheduler was asked last
	waits  map[string]time.Time // when it was told last why nothing of a batch begins
	silent time.Time            // since when the scheduler does not answer
	warned time.Time
}

// recover takes up what an earlier controller has submitted.
func (w *following) recover(ctx context.Context) error {
	all, ended, err := Submissions(w.plan)
	if err != nil || len(w.missing) == 0 {
		return err
	}
	for i, s := range all {
		if ended[i] {
			continue
		}
		if s.Job == "" { // that one was killed before, or right after, it had submitted
			if s.Job, err = w.hand(ctx, s.Batch); err != nil {
				return err
			}
			s.At = time.Now()
			if err := s.note(false); err != nil {
				return err
			}
		}
		w.jobs = append(w.jobs, s)
	}
	return nil
}

// follow submits and waits until every task is done, or some cannot be.
func (w *following) follow(ctx context.Context) error {
	pause := w.poll()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		before := w.done
		if err := w.look(); err != nil {
			return err
		}
		if w.done > before { // short tasks are not waited for longer than they take
			pause = w.poll() / 16
		}
		if len(w.missing) == 0 {
			return w.ended()
		}
		if err := w.alive(ctx); err != nil {
			return err
		}
		if err := w.worst(w.proved.Load()); err != nil { // until a worker has done a task, nothing else is spent
			return err
		}
		todo := w.unassigned()
		if len(todo) == 0 && len(w.jobs) == 0 {
			return w.worst(false)
		}
		if len(todo) > 0 {
			if err := w.submit(ctx, todo); err != nil {
				return err
			}
			pause = w.poll() / 16
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, w.poll())
	}
}

func (w *following) poll() time.Duration {
	if w.Poll > 0 {
		return w.Poll
	}
	return 2 * time.Second
}

func (w *following) settle() time.Duration {
	if w.Settle > 0 {
		return w.Settle
	}
	return 10 * time.Second
}

// worst is the error of the lowest task that has failed for good; with only, of those that no attempt is of use for.
func (w *following) worst(only bool) error {
	lowest := -1
	for n, err := range w.failed {
		if w.missing[n] && (!only || !task.IsRetry(err)) && (lowest < 0 || n < lowest) {
			lowest = n
		}
	}
	if lowest < 0 {
		return nil
	}
	return fmt.Errorf("task %d: %w", lowest, w.failed[lowest])
}

// look reads the manifests, what workers say of failures, and their signs of life.
func (w *following) look() error {
	published, err := w.plan.Published() // before the failures: what is seen of those is not older
	if err != nil {
		return err
	}
	slices.Sort(published)
	for _, j := range w.jobs { // failures first: an attempt that has failed comes before the one that has not
		if err := w.failures(j.Batch); err != nil {
			return err
		}
	}
	for _, n := range published {
		if !w.missing[n] {
			continue
		}
		m, err := w.plan.Manifest(n)
		if errors.Is(err, fs.ErrNotExist) { // half seen, over a network, or damaged
			continue
		}
		if err != nil {
			return err
		}
		delete(w.missing, n)
		w.done++
		w.proved.Store(true)
		w.tell(Event{Task: n, Fraction: 1, Manifest: m})
	}
	return nil
}

// failures takes up what the workers of a batch say.
func (w *following) failures(b *Batch) error {
	entries, err := os.ReadDir(b.Folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var n int
		path := filepath.Join(b.Folder, e.Name())
		if _, err := fmt.Sscanf(e.Name(), "task-%d.err.json", &n); err != nil || w.told[path] || !strings.HasSuffix(e.Name(), ".err.json") {
			continue
		}
		f := b.Failure(n)
		if f == nil { // half seen, over a network
			continue
		}
		w.told[path] = true
		w.fail(n, f.classed())
	}
	return nil
}

// fail counts a failed attempt of task n.
func (w *following) fail(n int, err error) {
	w.tell(Event{Task: n, Err: err})
	w.attempts[n]++
	if !task.IsRetry(err) || w.attempts[n] > w.Retries {
		w.failed[n] = err
	}
}

// alive asks the scheduler what still runs, and drops jobs of which nothing does. Elements that have ended and left tasks undone are
// taken for lost after a while.
func (w *following) alive(ctx context.Context) error {
	if len(w.jobs) == 0 || time.Since(w.asked) < w.poll() {
		return nil
	}
	w.asked = time.Now()
	states, err := w.Engine.States(ctx, w.jobs)
	if err != nil {
		if ctx.Err() == nil {
			w.unanswered(err)
		}
		return nil
	}
	w.silent = time.Time{}
	var left []Submitted
	for i, j := range w.jobs {
		w.waiting(j, states[i])
		waits, err := w.settled(ctx, j, states[i])
		if err != nil {
			return err
		}
		if waits {
			left = append(left, j)
		} else if err := j.note(true); err != nil {
			return err
		}
	}
	w.jobs = left
	return nil
}

// unanswered tells now and then that the scheduler cannot be asked: manifests are followed on.
func (w *following) unanswered(err error) {
	now := time.Now()
	if w.silent.IsZero() {
		w.silent = now
	}
	if now.Sub(w.silent) >= patience && now.Sub(w.warned) >= patience && w.Warn != nil {
		w.warned = now
		w.Warn(fmt.Sprintf("the scheduler has not answered for %s; what is done is followed on by its files: %v", now.Sub(w.silent).Round(time.Second), err))
	}
}

// waiting tells why nothing of a job begins, when it has not for a minute: what a scheduler waits for may never come.
func (w *following) waiting(j Submitted, s State) {
	why := ""
	for i := range j.Batch.Elements {
		switch e := s.Elements[i]; {
		case e.Phase == Running:
			return
		case e.Phase == Queued && why == "":
			why = e.Why
		}
	}
	if why == "" || w.Warn == nil || time.Since(j.At) < patience || time.Since(w.waits[j.Batch.Name]) < 10*patience {
		return
	}
	w.waits[j.Batch.Name] = time.Now()
	w.Warn(fmt.Sprintf("job %s of %s has nothing running since %s: %s", j.Job, j.Batch.Kind, j.At.Format(time.TimeOnly), why))
}

// settled tells whether something of the job may still come. Elements that have ended are given time for their files to be seen;
// then the first task that one has left undone has failed.
func (w *following) settled(ctx context.Context, j Submitted, s State) (waits bool, err error) {
	for i, tasks := range j.Batch.Elements {
		undone := slices.DeleteFunc(slices.Clone(tasks), func(n int) bool { return !w.missing[n] || w.told[j.Batch.errorPath(n)] })
		if s.Alive(i) {
			waits = true
			if p := j.Batch.Pulse(i); p != nil && w.missing[p.Task] && p.Total > 0 {
				w.tell(Event{Task: p.Task, Fraction: fraction(p.Done, p.Total)})
			}
			continue
		}
		if len(undone) == 0 {
			continue
		}
		key := fmt.Sprint(j.Job, " ", j.Batch.Name, " ", i)
		since, seen := w.lost[key]
		if !seen {
			w.lost[key], waits = time.Now(), true
			continue
		}
		if time.Since(since) < w.settle() {
			waits = true
			continue
		}
		if _, err := os.Stat(j.Batch.stopPath()); err == nil && len(undone) == len(tasks) && s.Elements[i].Exit == task.ExitOK {
			continue // it has begun nothing, as it was told to
		}
		w.told[j.Batch.errorPath(undone[0])] = true
		w.fail(undone[0], w.lostError(ctx, j, i, s))
	}
	return waits, nil
}

// lostError says what is known of an element that has ended without a word.
func (w *following) lostError(ctx context.Context, j Submitted, i int, s State) error {
	e := s.Elements[i]
	text := fmt.Sprintf("element %d of job %s ended before its tasks", i, j.Job)
	if e.Host != "" {
		text += " on " + e.Host
	}
	switch {
	case e.Exit == 137 || strings.Contains(strings.ToUpper(e.Why), "OUT_OF_MEMORY") || strings.Contains(e.Why, "OOM"):
		text += fmt.Sprintf(": killed, most likely for memory; it was given %d MiB: raise launch.resources (memory)", j.Batch.Resources.Memory)
	case e.Why != "":
		text += ": " + e.Why
	case e.Exit != 0:
		text += fmt.Sprintf(": exit code %d", e.Exit)
	}
	if !w.proved.Load() {
		text += fmt.Sprintf("; no worker has done a task yet: do the machines see %s, and is %s there?", j.Batch.Folder, strings.Join(w.Program, " "))
	}
	if tail := Tail(j.Batch.LogPath(i), 5); tail != "" {
		text += "; the last lines of " + j.Batch.LogPath(i) + ":\n" + tail
	} else if s, ok := w.Engine.(Speaker); ok {
		if tail := s.Output(ctx, j, i, 5); tail != "" {
			text += "; it has no log, and printed:\n" + tail
		}
	}
	if e.Exit == task.ExitPermanent || e.Exit == task.ExitUsage || e.Exit == task.ExitPanic {
		return &task.ClassError{Code: e.Exit, Err: errors.New(text)}
	}
	return task.Retry(errors.New(text))
}

// unassigned lists tasks that are to run, and that no job has.
func (w *following) unassigned() (todo []int) {
	taken := map[int]bool{}
	for _, j := range w.jobs {
		for _, tasks := range j.Batch.Elements {
			for _, n := range tasks {
				taken[n] = taken[n] || !w.told[j.Batch.errorPath(n)]
			}
		}
	}
	if len(w.jobs) > 0 && !w.proved.Load() { // the first task is not through
		return nil
	}
	for _, n := range sorted(w.missing) {
		if _, over := w.failed[n]; !taken[n] && !over {
			todo = append(todo, n)
		}
	}
	return todo
}

// submit hands tasks to the scheduler.
func (w *following) submit(ctx context.Context, todo []int) error {
	var limit int
	err := w.patiently(ctx, func() (err error) {
		limit, err = w.Engine.Limit(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if !w.proved.Load() { // one task goes first: the workers may not see the run directory, or have no such program
		todo = todo[:1]
	}
	b, err := w.batch(todo, limit)
	if err != nil {
		return err
	}
	if err := b.save(); err != nil {
		return err
	}
	job, err := w.hand(ctx, b)
	if err != nil {
		return err
	}
	s := Submitted{Batch: b, Job: job, At: time.Now()}
	w.asked = s.At
	w.jobs = append(w.jobs, s)
	return s.note(false)
}

// hand submits a batch. What is on its way to the scheduler arrives there though ctx ends meanwhile: only a job that is known can be
// cancelled.
func (w *following) hand(ctx context.Context, b *Batch) (job string, err error) {
	err = w.patiently(ctx, func() (err error) {
		job, err = w.Engine.Submit(context.WithoutCancel(ctx), b)
		return err
	})
	return job, err
}

// patiently asks the scheduler until it answers: it may be restarted, or too busy, for minutes. An answer that will not change is
// an error that says so.
func (w *following) patiently(ctx context.Context, ask func() error) error {
	for pause := w.poll(); ; pause = min(2*pause, time.Minute) {
		err := ask()
		if err == nil {
			w.silent = time.Time{}
		}
		if code := task.ExitCode(err); err == nil || code == task.ExitUsage || code == task.ExitPermanent || ctx.Err() != nil {
			return err
		}
		w.unanswered(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// batch deals tasks to elements.
func (w *following) batch(todo []int, limit int) (*Batch, error) {
	attempts := make([]int, len(todo))
	for i, n := range todo {
		attempts[i] = w.attempts[n]
	}
	all, _, err := Submissions(w.plan)
	if err != nil {
		return nil, err
	}
	return w.dealt(w.plan, w.plan.Dir(), todo, limit, len(all), attempts)
}

// dealt deals tasks of a plan to elements, neighbours together. Paths are absolute: workers begin in a folder of their own.
func (r *Remote) dealt(p *task.Plan, dir string, todo []int, limit, before int, attempts []int) (*Batch, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	elements := min(len(todo), limit, mostElements)
	if r.Pack > 0 {
		elements = min(limit, (len(todo)+r.Pack-1)/r.Pack)
	}
	b := &Batch{Version: r.Version, Kind: p.Kind, Plan: filepath.Join(dir, planFile(p)), Throttle: r.Throttle, Program: r.Program, Resources: Resources{CPUs: 1}}
	if r.Resources != nil {
		b.Resources = r.Resources(p.Kind)
	}
	for i := range elements {
		b.Elements = append(b.Elements, todo[i*len(todo)/elements:(i+1)*len(todo)/elements])
	}
	b.Name = fmt.Sprintf("climb-%s-%s", p.Kind, task.Hash(filepath.Base(dir), before, struct {
		Plan            string
		Tasks, Attempts []int
	}{p.Name, todo, attempts}))
	b.Folder = filepath.Join(dir, jobsFolder, b.Name)
	return b, nil
}

// Preview says what the scheduler would be given for a stage next: for the missing tasks of the plan, or for one task if there is no
// plan in its folder yet. The text is empty if nothing is missing.
func (r *Remote) Preview(ctx context.Context, kind, dir string, p *task.Plan) (string, error) {
	writer, ok := r.Engine.(Writer)
	if !ok {
		return "", task.Usage(errors.New("this launch.method has no manifests"))
	}
	todo := []int{0}
	if p == nil {
		p = &task.Plan{Kind: kind}
	} else if missing, err := p.Missing(); err != nil || len(missing) == 0 {
		return "", err
	} else {
		todo = missing
	}
	limit, err := r.Engine.Limit(ctx)
	if err != nil { // where the scheduler is not at hand
		limit = mostElements
	}
	b, err := r.dealt(p, dir, todo, limit, 0, make([]int, len(todo)))
	if err != nil {
		return "", err
	}
	return writer.Manifest(b)
}

// ended notes that nothing is left to do. Copies of tasks that still run, of an element that was taken for lost, are of no use.
func (w *following) ended() error {
	var errs []error
	for _, j := range w.jobs {
		errs = append(errs, j.note(true))
	}
	return errors.Join(errs...)
}

// cancelled is how long jobs may take to end after they were told to.
const cancelled = 30 * time.Second

// cancel ends what was submitted, and waits for it to have ended.
func (w *following) cancel(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, cancelled)
	defer stop()
	var wg sync.WaitGroup
	errs := make([]error, len(w.jobs))
	for i, j := range w.jobs {
		wg.Go(func() { errs[i] = w.Engine.Cancel(ctx, j) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cancel: %w; `climb cancel` tries again", err)
	}
	for len(w.jobs) > 0 && ctx.Err() == nil {
		states, err := w.Engine.States(ctx, w.jobs)
		if err == nil {
			var left []Submitted
			for i, j := range w.jobs {
				if slices.ContainsFunc(slices.Collect(span(len(j.Batch.Elements))), states[i].Alive) {
					left = append(left, j)
				} else if err := j.note(true); err != nil {
					return err
				}
			}
			w.jobs = left
		}
		if len(w.jobs) > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(min(w.poll(), 200*time.Millisecond)):
			}
		}
	}
	return nil
}

// tell passes an event on.
func (w *following) tell(e Event) {
	e.Done, e.Total = w.done, len(w.plan.Tasks)
	if w.watch != nil {
		w.watch(e)
	}
}

func span(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func sorted(set map[int]bool) []int {
	out := make([]int, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
