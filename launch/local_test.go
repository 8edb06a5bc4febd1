package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/climb-go/climb/task"
)

func newPlan(t *testing.T, tasks int) *task.Plan {
	t.Helper()
	p := &task.Plan{Kind: "echo"}
	for n := range tasks {
		p.Tasks = append(p.Tasks, json.RawMessage(fmt.Sprint(n)))
	}
	if err := p.Save(filepath.Join(t.TempDir(), "echo-1")); err != nil {
		t.Fatal(err)
	}
	return p
}

func echo(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
	a.Report(1, 2)
	return a.WriteFile(fmt.Sprintf("part-%05d", n), p.Tasks[n])
}

func TestRunsWhatIsMissing(t *testing.T) {
	p := newPlan(t, 20)
	for n := range 5 {
		if _, err := p.Run(t.Context(), n*4, echo); err != nil {
			t.Fatal(err)
		}
	}
	var events []Event
	finished := map[int]bool{}
	halves := 0
	err := Local{Workers: 4}.Run(t.Context(), p, echo, func(e Event) {
		events = append(events, e)
		if e.Manifest != nil {
			finished[e.Task] = true
		} else if e.Fraction == 0.5 {
			halves++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if first := (Event{Task: -1, Done: 5, Total: 20}); !reflect.DeepEqual(events[0], first) {
		t.Errorf("first event %+v", events[0])
	}
	if last := events[len(events)-1]; last.Done != 20 || last.Manifest == nil {
		t.Errorf("last event %+v", last)
	}
	if len(finished) != 15 || halves != 15 || finished[4] || !finished[5] {
		t.Errorf("%d tasks finished, %d told their progress", len(finished), halves)
	}
	if missing, err := p.Missing(); err != nil || len(missing) > 0 {
		t.Errorf("missing %v, %v", missing, err)
	}
	err = Local{}.Run(t.Context(), p, func(context.Context, *task.Plan, int, *task.Attempt) error { return errors.New("ran") }, nil)
	if err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

func TestRetry(t *testing.T) {
	p := newPlan(t, 3)
	var calls, failures atomic.Int32
	flaky := func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		if n == 1 && calls.Add(1) < 3 {
			return task.Retry(errors.New("node lost"))
		}
		return echo(ctx, p, n, a)
	}
	watch := func(e Event) {
		if e.Err != nil {
			failures.Add(1)
		}
	}
	if err := (Local{Workers: 2, Retries: 2}).Run(t.Context(), p, flaky, watch); err != nil || failures.Load() != 2 {
		t.Errorf("%d failures, %v", failures.Load(), err)
	}
}

// A task that keeps asking for another attempt does not keep the others from being done.
func TestRetriesRunOut(t *testing.T) {
	p := newPlan(t, 6)
	err := Local{Workers: 2, Retries: 1}.Run(t.Context(), p, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		if n == 1 || n == 4 {
			return task.Retry(errors.New("no network"))
		}
		return echo(ctx, p, n, a)
	}, nil)
	if err == nil || err.Error() != "task 1: no network" || !task.IsRetry(err) {
		t.Errorf("error %v", err)
	}
	if missing, err := p.Missing(); err != nil || !reflect.DeepEqual(missing, []int{1, 4}) {
		t.Errorf("missing %v, %v", missing, err)
	}
}

func TestPermanentStops(t *testing.T) {
	for _, fatal := range []error{task.Permanent(errors.New("bad line")), errors.New("bad line")} {
		p := newPlan(t, 50)
		var ran atomic.Int32
		err := Local{Workers: 2, Retries: 5}.Run(t.Context(), p, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
			ran.Add(1)
			if n == 3 {
				return fatal
			}
			return echo(ctx, p, n, a)
		}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "task 3: bad line") || !errors.Is(err, fatal) {
			t.Errorf("error %v", err)
		}
		if n := ran.Load(); n > 40 {
			t.Errorf("%d tasks ran after a permanent error", n)
		}
	}
}

// The lowest task is named, whichever worker fails first.
func TestLowestError(t *testing.T) {
	p := newPlan(t, 2)
	second := make(chan struct{})
	err := Local{Workers: 2}.Run(t.Context(), p, func(_ context.Context, _ *task.Plan, n int, _ *task.Attempt) error {
		if n == 0 {
			<-second
		} else {
			defer close(second)
		}
		return fmt.Errorf("wrong %d", n)
	}, nil)
	if err == nil || err.Error() != "task 0: wrong 0" {
		t.Errorf("error %v", err)
	}
}

func TestCancel(t *testing.T) {
	p := newPlan(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	err := Local{Workers: 3, Retries: 9}.Run(ctx, p, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		if err := a.WriteFile("half", nil); err != nil {
			return err
		}
		cancel()
		<-ctx.Done()
		return fmt.Errorf("epoch 3: %w", ctx.Err())
	}, nil)
	if err != context.Canceled || task.ExitCode(err) != task.ExitRetry {
		t.Errorf("error %v", err)
	}
	left, err := filepath.Glob(p.Path(".attempt-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
	if missing, err := p.Missing(); err != nil || len(missing) != 10 {
		t.Errorf("missing %v, %v", missing, err)
	}
}

// TestCores: two tasks on two workers have a core each; when one has ended the
// other has both.
func TestCores(t *testing.T) {
	if n := Cores(t.Context()); n != 1 {
		t.Errorf("%d cores outside of a pool, want 1", n)
	}
	both := make(chan int, 2)
	first := make(chan struct{})
	err := Local{Workers: 2}.Run(t.Context(), newPlan(t, 2), func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		both <- Cores(ctx)
		if n == 0 {
			<-first
			for deadline := time.Now().Add(10 * time.Second); Cores(ctx) != 2; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					return fmt.Errorf("%d cores when the other task has ended, want 2", Cores(ctx))
				}
			}
		} else {
			close(first)
		}
		return echo(ctx, p, n, a)
	}, nil)
	if err != nil {
		t.Error(err)
	}
	if x, y := <-both, <-both; x != 1 || y != 1 {
		t.Errorf("%d and %d cores with two tasks on two workers", x, y)
	}
}
