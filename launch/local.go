package launch

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/climb-go/climb/task"
)

// Local runs tasks in this process.
type Local struct {
	Workers int // tasks that run at once; 0 is the number of cores
	Retries int // more attempts for a task whose error asks for another one; 0 is none
}

var _ Launcher = Local{}

// Run implements Launcher. Tasks begin in order, Workers at a time; after an error that does not ask for another attempt the running
// ones end.
func (l Local) Run(ctx context.Context, p *task.Plan, f task.Func, watch func(Event)) error {
	missing, err := p.Missing()
	if err != nil {
		return err
	}
	w := &pool{local: l, running: min(l.workers(), len(missing)), plan: p, f: f, watch: watch, todo: missing, done: len(p.Tasks) - len(missing), failed: len(p.Tasks)}
	w.tell(Event{Task: -1})
	ctx = context.WithValue(ctx, poolKey{}, w)
	var wg sync.WaitGroup
	for range min(l.workers(), len(missing)) {
		wg.Go(func() { w.work(ctx) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return w.err
}

func (l Local) workers() int {
	if l.Workers > 0 {
		return l.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Cores returns how many cores the task that was given ctx may use now: one
// while other tasks wait or run on the rest, more when there are fewer tasks
// left than workers. It may change at any time. Outside of Local it is what
// WithCores says, or 1.
func Cores(ctx context.Context) int {
	w, ok := ctx.Value(poolKey{}).(*pool)
	if !ok {
		n, _ := ctx.Value(coresKey{}).(int)
		return max(1, n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(1, w.local.workers()/max(1, w.running))
}

type (
	poolKey  struct{}
	coresKey struct{}
)

// WithCores says how many cores a task may use that runs outside of Local.
func WithCores(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, coresKey{}, n)
}

// pool is the state of one Run.
type pool struct {
	local Local
	plan  *task.Plan
	f     task.Func
	watch func(Event)

	mu      sync.Mutex
	todo    []int // tasks that no worker has taken
	running int   // workers that have not run out of tasks
	done    int
	failed  int // lowest task that failed
	err     error
}

// work does tasks until there are none.
func (w *pool) work(ctx context.Context) {
	for {
		w.mu.Lock()
		if len(w.todo) == 0 || ctx.Err() != nil {
			w.running--
			w.mu.Unlock()
			return
		}
		n := w.todo[0]
		w.todo = w.todo[1:]
		w.mu.Unlock()
		if err := w.try(ctx, n); err != nil {
			w.fail(n, err)
		}
	}
}

// try does task n, again if it may.
func (w *pool) try(ctx context.Context, n int) error {
	for attempt := 0; ; attempt++ {
		m, err := w.plan.Run(ctx, n, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
			a.Progress = func(done, total int64) {
				w.tell(Event{Task: n, Fraction: fraction(done, total)})
			}
			return w.f(ctx, p, n, a)
		})
		if err == nil {
			w.tell(Event{Task: n, Fraction: 1, Manifest: m})
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.tell(Event{Task: n, Err: err})
		if !task.IsRetry(err) || attempt >= w.local.Retries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(100*time.Millisecond<<min(attempt, 6), 5*time.Second)):
		}
	}
}

// fail notes the error of task n.
func (w *pool) fail(n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n < w.failed {
		w.failed, w.err = n, fmt.Errorf("task %d: %w", n, err)
	}
	if !task.IsRetry(err) {
		w.todo = nil
	}
}

// tell passes an event on.
func (w *pool) tell(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Manifest != nil {
		w.done++
	}
	e.Done, e.Total = w.done, len(w.plan.Tasks)
	if w.watch != nil {
		w.watch(e)
	}
}

// fraction is done/total within 0 and 1.
func fraction(done, total int64) float64 {
	if total <= 0 {
		return 0
	}
	return min(max(float64(done)/float64(total), 0), 1)
}
