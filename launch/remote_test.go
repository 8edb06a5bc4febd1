package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/climb-go/climb/task"
)

// scheduler is an Engine whose elements are goroutines. It fails as it is told to.
type scheduler struct {
	f       task.Func
	version string // of the workers

	mu     sync.Mutex
	silent int             // so many questions are not answered
	lose   map[string]bool // elements, by "attempt element", that end before their worker begins
	exit   int             // that those have
	jobs   []*Batch        // submitted
	alive  map[string]int  // elements that run, by job
	exits  map[string]Element
}

func (s *scheduler) Limit(context.Context) (int, error) { return 5, s.answer() }

var errSilent = errors.New("squeue: Unable to contact slurm controller")

func (s *scheduler) answer() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent > 0 {
		s.silent--
		return errSilent
	}
	return nil
}

func (s *scheduler) Submit(_ context.Context, b *Batch) (string, error) {
	if err := s.answer(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, b)
	job := fmt.Sprint(len(s.jobs))
	if s.alive == nil {
		s.alive, s.exits = map[string]int{}, map[string]Element{}
	}
	for i := range b.Elements {
		key := fmt.Sprint(job, " ", i)
		if s.lose[key] {
			s.exits[key] = Element{Phase: Ended, Exit: s.exit}
			continue
		}
		s.exits[key] = Element{Phase: Running}
		go func() {
			p, err := task.Load(b.Plan)
			if err == nil {
				err = Worker{Batch: b, Element: i, Version: s.version}.Run(context.Background(), p, s.f)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.exits[key] = Element{Phase: Ended, Exit: task.ExitCode(err)}
		}()
	}
	return job, nil
}

func (s *scheduler) States(_ context.Context, jobs []Submitted) ([]State, error) {
	if err := s.answer(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]State, len(jobs))
	for k, j := range jobs {
		out[k].Elements = map[int]Element{}
		for i := range j.Batch.Elements {
			out[k].Elements[i] = s.exits[fmt.Sprint(j.Job, " ", i)]
		}
	}
	return out, nil
}

func (s *scheduler) Cancel(context.Context, Submitted) error { return nil }

func remote(s *scheduler) *Remote {
	return &Remote{Engine: s, Program: []string{"climb"}, Version: "1", Retries: 2, Poll: 5 * time.Millisecond, Settle: 20 * time.Millisecond}
}

// A scheduler that does not answer for a while delays a run and does not end it.
func TestSilentScheduler(t *testing.T) {
	p := newPlan(t, 7)
	s := &scheduler{f: echo, version: "1", silent: 5}
	if err := remote(s).Run(t.Context(), p, nil, nil); err != nil {
		t.Fatal(err)
	}
	if s.silent > 0 {
		t.Errorf("%d questions are left unasked", s.silent)
	}
}

// Its answer that will not change ends the run, and is asked for once.
func TestRefusedBatch(t *testing.T) {
	p := newPlan(t, 2)
	for _, class := range []func(error) error{task.Permanent, task.Usage} {
		s := &refusing{err: class(errors.New("invalid partition"))}
		r := remote(nil)
		r.Engine = s
		if err := r.Run(t.Context(), p, nil, nil); err == nil || !errors.Is(err, s.err) || s.asked != 1 {
			t.Errorf("%v after %d questions", err, s.asked)
		}
	}
}

type refusing struct {
	scheduler
	err   error
	asked int
}

func (s *refusing) Submit(context.Context, *Batch) (string, error) {
	s.asked++
	return "", s.err
}

// A run that ends while a batch is being submitted cancels that batch.
func TestCancelledWhileSubmitting(t *testing.T) {
	p := newPlan(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	s := &interrupted{cancel: cancel}
	r := remote(nil)
	r.Engine = s
	if err := r.Run(ctx, p, nil, nil); !errors.Is(err, context.Canceled) || len(s.cancelled) != 1 || s.cancelled[0] != "1" {
		t.Errorf("%v, cancelled %v", err, s.cancelled)
	}
}

// interrupted is a scheduler that takes a batch while the run ends, as a command of a scheduler does that has not answered yet.
type interrupted struct {
	scheduler
	cancel    func()
	cancelled []string
}

func (s *interrupted) Submit(ctx context.Context, b *Batch) (string, error) {
	s.f, s.version = echo, "1"
	s.cancel()
	job, err := s.scheduler.Submit(ctx, b)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return job, err
}

func (s *interrupted) Cancel(_ context.Context, j Submitted) error {
	s.cancelled = append(s.cancelled, j.Job)
	return nil
}

// Elements that end before their tasks are run again; the remedy is named where they were killed for memory each time.
func TestLostElements(t *testing.T) {
	p := newPlan(t, 4)
	s := &scheduler{f: echo, version: "1", exit: 137, lose: map[string]bool{"1 0": true, "2 0": true}}
	var told []error
	watch := func(e Event) {
		if e.Err != nil {
			told = append(told, e.Err)
		}
	}
	if err := remote(s).Run(t.Context(), p, nil, watch); err != nil || len(told) != 2 || !task.IsRetry(told[0]) {
		t.Errorf("%v, told %v", err, told)
	}
	p = newPlan(t, 4)
	s = &scheduler{f: echo, version: "1", exit: 137, lose: map[string]bool{"1 0": true, "2 0": true, "3 0": true, "4 0": true}}
	err := remote(s).Run(t.Context(), p, nil, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"task 0: ", "memory", "launch.resources"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if len(s.jobs) != 3 {
		t.Errorf("%d jobs were submitted, want 3", len(s.jobs))
	}
}

// Workers of another version do nothing, and the controller says in words why.
func TestOlderWorker(t *testing.T) {
	p := newPlan(t, 2)
	err := remote(&scheduler{f: echo, version: "0.9"}).Run(t.Context(), p, nil, nil)
	if err == nil {
		t.Fatal("workers of another version have run")
	}
	for _, want := range []string{"0.9", "launch.program"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if missing, _ := p.Missing(); len(missing) != 2 {
		t.Errorf("missing are %v", missing)
	}
}

// A manifest that is seen before its outputs, as over NFS, is no end of its task and no error.
func TestLateOutputs(t *testing.T) {
	p := newPlan(t, 1)
	hidden := p.Path("hidden")
	s := &scheduler{version: "1", f: echo}
	done := make(chan error, 1)
	if _, err := p.Run(t.Context(), 0, echo); err != nil {
		t.Fatal(err)
	}
	out := p.Path("part-00000")
	if err := os.Rename(out, hidden); err != nil {
		t.Fatal(err)
	}
	s.f = func(ctx context.Context, _ *task.Plan, _ int, _ *task.Attempt) error {
		time.Sleep(50 * time.Millisecond)
		if err := os.Rename(hidden, out); err != nil {
			return err
		}
		return task.Retry(errors.New("another attempt has it"))
	}
	go func() { done <- remote(s).Run(t.Context(), p, nil, nil) }()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(p.Dir(), "part-00000")); err != nil {
		t.Error(err)
	}
}
