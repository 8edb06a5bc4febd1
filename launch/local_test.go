package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
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
