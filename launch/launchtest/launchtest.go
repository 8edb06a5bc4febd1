// Package launchtest tests launchers: what launch.Launcher promises, over tasks that fail, wait and are killed as a plan tells them
// to. The tasks need nothing but their plan, so that they can run in another process, or on another machine with the same files.
package launchtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// A Suite tests one kind of launcher.
type Suite struct {
	// New makes a launcher that runs so many tasks at once and gives so many more attempts to a task whose error asks for one.
	New func(t *testing.T, workers, retries int) launch.Launcher
	// Patience is how long a launcher may take until a task has begun, or has ended after its context; 0 is ten seconds.
	Patience time.Duration
}

// Run runs the tests.
func (s Suite) Run(t *testing.T) {
	if s.Patience == 0 {
		s.Patience = 10 * time.Second
	}
	for name, test := range map[string]func(*testing.T){
		"missing": s.missing, "nothing": s.nothing, "workers": s.workers, "retried": s.retried, "retries run out": s.retriesRunOut,
		"permanent": s.permanent, "lowest": s.lowest, "cancelled": s.cancelled, "cancelled before": s.cancelledBefore, "events": s.events, "two": s.two,
	} {
		t.Run(name, test)
	}
}

// options of a plan of the suite.
type options struct {
	Log string `json:"log"` // folder: each attempt makes a file in it, so that they can be counted
}

// work is what a task of the suite does before it writes its number.
type work struct {
	Retry int  `json:"retry,omitempty"` // so many first attempts ask for another one
	Fail  bool `json:"fail,omitempty"`
	Wait  bool `json:"wait,omitempty"` // for the end of the context
}

// Func does a task of a plan of kind "launchtest".
func Func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o options
	var w work
	if err := errors.Join(p.Option(&o), p.Task(n, &w)); err != nil {
		return err
	}
	f, err := os.CreateTemp(o.Log, fmt.Sprintf("%d-*", n))
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	before, err := filepath.Glob(filepath.Join(o.Log, fmt.Sprintf("%d-*", n)))
	if err != nil {
		return err
	}
	a.Report(1, 2)
	switch {
	case len(before) <= w.Retry:
		return task.Retry(fmt.Errorf("attempt %d: node lost", len(before)))
	case w.Fail:
		return task.Permanent(errors.New("bad line"))
	case w.Wait:
		if err := a.WriteFile("half", nil); err != nil {
			return err
		}
		<-ctx.Done()
		return fmt.Errorf("half way: %w", ctx.Err())
	}
	return a.WriteFile(fmt.Sprintf("part-%05d", n), []byte(strings.Repeat(fmt.Sprint(n, " "), n)))
}

// plan is a plan of the tasks, and the folder of their log.
func plan(t *testing.T, tasks ...work) (p *task.Plan, log string) {
	t.Helper()
	dir := Folder(t)
	log = filepath.Join(dir, "log")
	o, err := json.Marshal(options{log})
	if err == nil {
		err = os.Mkdir(log, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	p = &task.Plan{Kind: "launchtest", Options: o}
	for _, w := range tasks {
		raw, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		p.Tasks = append(p.Tasks, raw)
	}
	if err := p.Save(filepath.Join(dir, "launchtest-1")); err != nil {
		t.Fatal(err)
	}
	return p, log
}

// Folder is a temporary folder of a test whose workers may still be about to end,
// after their last manifest: it is removed when nothing is written there any more.
func Folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		for deadline := time.Now().Add(10 * time.Second); os.RemoveAll(dir) != nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		}
	})
	return dir
}

// attempts counts the attempts of each task.
func attempts(t *testing.T, log string) map[int]int {
	t.Helper()
	entries, err := os.ReadDir(log)
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), "-")
		n, err := strconv.Atoi(name)
		if err != nil {
			t.Fatal(err)
		}
		count[n]++
	}
	return count
}

func wantMissing(t *testing.T, p *task.Plan, want ...int) {
	t.Helper()
	if missing, err := p.Missing(); err != nil || !slices.Equal(missing, want) {
		t.Errorf("missing are %v, %v; want %v", missing, err, want)
	}
}

// Tasks that are done are not run again; the others are, once.
func (s Suite) missing(t *testing.T) {
	p, log := plan(t, make([]work, 12)...)
	for _, n := range []int{0, 4, 8, 11} {
		if _, err := p.Run(t.Context(), n, Func); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.New(t, 4, 0).Run(t.Context(), p, Func, nil); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, p)
	for n, times := range attempts(t, log) {
		if times != 1 {
			t.Errorf("task %d ran %d times", n, times)
		}
	}
}

// A plan that is done costs nothing.
func (s Suite) nothing(t *testing.T) {
	p, log := plan(t, work{})
	for range 2 {
		var events []launch.Event
		if err := s.New(t, 2, 0).Run(t.Context(), p, Func, func(e launch.Event) { events = append(events, e) }); err != nil {
			t.Fatal(err)
		}
		if first := (launch.Event{Task: -1, Done: 1, Total: 1}); attempts(t, log)[0] > 1 || events[0].Done == 1 && !reflect.DeepEqual(events, []launch.Event{first}) {
			t.Errorf("attempts %v, events %+v", attempts(t, log), events)
		}
	}
}

// Outputs do not depend on how many tasks run at once.
func (s Suite) workers(t *testing.T) {
	var want []*task.Manifest
	for _, workers := range []int{1, 2, 5} {
		p, _ := plan(t, make([]work, 9)...)
		if err := s.New(t, workers, 0).Run(t.Context(), p, Func, nil); err != nil {
			t.Fatal(err)
		}
		for n := range p.Tasks {
			m, err := p.Manifest(n)
			if err != nil {
				t.Fatal(err)
			}
			if workers == 1 {
				want = append(want, m)
			} else if !reflect.DeepEqual(m.Outputs, want[n].Outputs) {
				t.Errorf("%d workers: outputs of task %d are %+v, of one worker %+v", workers, n, m.Outputs, want[n].Outputs)
			}
		}
	}
}

// A task that asks for another attempt gets it, and the failure is told.
func (s Suite) retried(t *testing.T) {
	p, log := plan(t, work{}, work{Retry: 2}, work{})
	told := 0
	err := s.New(t, 2, 2).Run(t.Context(), p, Func, func(e launch.Event) {
		if e.Err != nil {
			if told++; e.Task != 1 || !task.IsRetry(e.Err) || e.Manifest != nil {
				t.Errorf("event %+v", e)
			}
		}
	})
	if err != nil || told != 2 {
		t.Errorf("%d failures told, %v", told, err)
	}
	wantMissing(t, p)
	if got, want := attempts(t, log), map[int]int{0: 1, 1: 3, 2: 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("attempts %v, want %v", got, want)
	}
}

// A task that keeps asking for another attempt does not keep the others from
// being done, and is named in the end.
func (s Suite) retriesRunOut(t *testing.T) {
	p, log := plan(t, work{}, work{Retry: 9}, work{}, work{}, work{Retry: 9}, work{})
	err := s.New(t, 2, 1).Run(t.Context(), p, Func, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "task 1: ") || !strings.Contains(err.Error(), "node lost") || !task.IsRetry(err) {
		t.Errorf("error %v", err)
	}
	wantMissing(t, p, 1, 4)
	if got := attempts(t, log); got[1] != 2 || got[4] != 2 {
		t.Errorf("attempts %v, want 2 of the tasks 1 and 4", got)
	}
}

// Any other error is not tried again, is told, and keeps tasks that have not
// been handed out from beginning.
func (s Suite) permanent(t *testing.T) {
	tasks := make([]work, 40)
	tasks[2].Fail = true
	p, log := plan(t, tasks...)
	told := 0
	err := s.New(t, 1, 5).Run(t.Context(), p, Func, func(e launch.Event) {
		if e.Err != nil {
			told++
		}
	})
	if err == nil || !strings.HasPrefix(err.Error(), "task 2: ") || !strings.Contains(err.Error(), "bad line") || task.IsRetry(err) {
		t.Errorf("error %v", err)
	}
	if got := attempts(t, log); got[2] != 1 || len(got) > 20 || told != 1 {
		t.Errorf("%d failures told, %d tasks ran, attempts %v; want one attempt of task 2, and few after it", told, len(got), got)
	}
}

// Of several errors that of the lowest task is returned.
func (s Suite) lowest(t *testing.T) {
	p, _ := plan(t, work{}, work{Retry: 9}, work{Retry: 9}, work{Retry: 9})
	if err := s.New(t, 4, 0).Run(t.Context(), p, Func, nil); err == nil || !strings.HasPrefix(err.Error(), "task 1: ") {
		t.Errorf("error %v", err)
	}
}

// When the context ends every attempt does, and nothing of them stays.
func (s Suite) cancelled(t *testing.T) {
	p, log := plan(t, work{}, work{Wait: true}, work{Wait: true}, work{Wait: true}, work{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for deadline := time.Now().Add(s.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if half, _ := filepath.Glob(p.Path(".attempt-*", "half")); len(half) == 2 { // both workers wait
				break
			}
		}
		cancel()
	}()
	end := make(chan error)
	var returned atomic.Bool
	go func() {
		err := s.New(t, 2, 9).Run(ctx, p, Func, func(launch.Event) {
			if returned.Load() {
				t.Error("an event came after the end")
			}
		})
		returned.Store(true)
		end <- err
	}()
	select {
	case err := <-end:
		if err != context.Canceled {
			t.Errorf("error %v", err)
		}
	case <-time.After(2 * s.Patience):
		t.Fatal("tasks go on after the end of their context")
	}
	left, err := filepath.Glob(p.Path(".attempt-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
	wantMissing(t, p, 1, 2, 3, 4)
	if got, want := attempts(t, log), map[int]int{0: 1, 1: 1, 2: 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("attempts %v, want %v", got, want)
	}
}

// Nothing begins after the end of the context.
func (s Suite) cancelledBefore(t *testing.T) {
	p, log := plan(t, make([]work, 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.New(t, 2, 9).Run(ctx, p, Func, nil); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if got := attempts(t, log); len(got) > 0 {
		t.Errorf("attempts %v", got)
	}
}

// Events come one at a time: first what was done before, then for each other
// task how far it is, never backwards in an attempt, and once its manifest; Done
// counts manifests.
func (s Suite) events(t *testing.T) {
	p, _ := plan(t, work{}, work{}, work{Retry: 1}, work{}, work{}, work{})
	for n := range 2 {
		if _, err := p.Run(t.Context(), n, Func); err != nil {
			t.Fatal(err)
		}
	}
	var inside atomic.Int32
	var events []launch.Event
	err := s.New(t, 3, 1).Run(t.Context(), p, Func, func(e launch.Event) {
		if inside.Add(1) > 1 {
			t.Error("calls of watch overlap")
		}
		time.Sleep(time.Millisecond)
		events = append(events, e)
		inside.Add(-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if first := (launch.Event{Task: -1, Done: 2, Total: 6}); !reflect.DeepEqual(events[0], first) {
		t.Errorf("the first event is %+v", events[0])
	}
	done, fraction := 2, make([]float64, 6)
	finished := map[int]bool{}
	for _, e := range events[1:] {
		if e.Task < 2 || e.Task > 5 {
			t.Fatalf("event of a task that is done: %+v", e)
		}
		if e.Manifest != nil {
			if done++; finished[e.Task] || e.Manifest.Task != e.Task || e.Fraction != 1 {
				t.Errorf("end of a task: %+v", e)
			}
			finished[e.Task] = true
		}
		if e.Err != nil {
			fraction[e.Task] = 0
			continue
		}
		if e.Done != done || e.Total != 6 || e.Fraction < fraction[e.Task] || e.Fraction > 1 {
			t.Errorf("event %+v after %d were done and a fraction of %g", e, done, fraction[e.Task])
		}
		fraction[e.Task] = e.Fraction
	}
	if done != 6 {
		t.Errorf("%d tasks of 6 were told to be done", done)
	}
}

// Two launchers of one plan both end well.
func (s Suite) two(t *testing.T) {
	p, _ := plan(t, make([]work, 8)...)
	path := p.Path("plan.json")
	end := make(chan error)
	for range 2 {
		go func() {
			own, err := task.Load(path)
			if err == nil {
				err = s.New(t, 2, 1).Run(t.Context(), own, Func, nil)
			}
			end <- err
		}()
	}
	for range 2 {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
	wantMissing(t, p)
	for n := range p.Tasks {
		if err := p.Verify(n); err != nil {
			t.Error(err)
		}
	}
}
