package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/climb-go/climb/task"
)

// A Worker runs the tasks of one element of a batch, one after another, where a scheduler has put it.
type Worker struct {
	Batch   *Batch
	Element int
	Version string        // of this program
	Beat    time.Duration // between two signs of life; 0 is five seconds
}

// Run does the tasks of the element that are not done. A task that asks for another attempt does not keep the others from being
// done; after any other error no element of the batch begins another task. Errors are left beside the batch for the controller. The
// error of the first task that failed is returned.
func (w Worker) Run(ctx context.Context, p *task.Plan, f task.Func) error {
	b := w.Batch
	if w.Element < 0 || w.Element >= len(b.Elements) {
		return task.Usage(fmt.Errorf("--element: %d is not one of the %d elements of %s", w.Element, len(b.Elements), b.Folder))
	}
	if b.Version != w.Version {
		err := task.Permanent(fmt.Errorf("%s was planned by climb %s, and this is climb %s: the workers need the program of the controller (launch.program)", b.Plan, b.Version, w.Version))
		return errors.Join(err, w.tell(b.Elements[w.Element][0], err))
	}
	if _, err := p.Clean(); err != nil {
		return err
	}
	ctx = WithCores(ctx, b.Resources.CPUs)
	pulse := newPulse(w)
	defer pulse.end()
	var first error
	for _, n := range b.Elements[w.Element] {
		if _, err := os.Stat(b.stopPath()); err == nil || ctx.Err() != nil {
			break
		}
		_, err := p.Run(ctx, n, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
			pulse.set(n, 0, 0)
			a.Progress = func(done, total int64) { pulse.set(n, done, total) }
			return f(ctx, p, n, a)
		})
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		if first == nil {
			first = fmt.Errorf("task %d: %w", n, err)
		}
		if err := w.tell(n, err); err != nil {
			return err
		}
		if !task.IsRetry(err) {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return first
}

// tell leaves the error of a task for the controller, and keeps other elements from beginning where no attempt is of use.
func (w Worker) tell(n int, err error) error {
	host, _ := os.Hostname()
	data, jerr := json.Marshal(Failure{n, err.Error(), task.ExitCode(err), host, time.Now()})
	if jerr != nil {
		return jerr
	}
	werr := task.WriteFile(w.Batch.errorPath(n), data)
	if !task.IsRetry(err) {
		werr = errors.Join(werr, task.WriteFile(w.Batch.stopPath(), nil))
	}
	return werr
}

// beat is how often a worker tells that it lives.
const beat = 5 * time.Second

// pulse writes an element's Pulse, now and then.
type pulse struct {
	path string
	done chan struct{}
	over sync.WaitGroup

	mu  sync.Mutex
	now Pulse
}

func newPulse(w Worker) *pulse {
	host, _ := os.Hostname()
	p := &pulse{path: w.Batch.pulsePath(w.Element), done: make(chan struct{}),
		now: Pulse{Element: w.Element, Task: -1, Host: host, PID: os.Getpid(), Begun: time.Now()}}
	every := w.Beat
	if every == 0 {
		every = beat
	}
	p.write()
	p.over.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-tick.C:
				p.write()
			}
		}
	})
	return p
}

func (p *pulse) set(n int, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Task, p.now.Done, p.now.Total = n, done, total
}

// write is best effort: nothing depends on a sign of life.
func (p *pulse) write() {
	p.mu.Lock()
	data, err := json.Marshal(p.now)
	p.mu.Unlock()
	if err == nil {
		_ = task.WriteFile(p.path, data)
	}
}

func (p *pulse) end() {
	close(p.done)
	p.over.Wait()
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // a stale sign of life: its element is known to have ended
	}
}
