package stage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// A toy is a pipeline of numbers: `count` numbers, one a task, their squares, and
// the sum of these plus an offset.
type toy struct {
	count, offset int
	extra         bool               // is stage extra needed
	ran           map[string]int     // tasks by stage
	fail          func(string) error // by stage, before a task writes
	run           *stage.Run
	mu            sync.Mutex
}

var (
	numbers = stage.Files[int]{Stage: "numbers", Ext: "json"}
	squares = stage.Files[int]{Stage: "squares", Ext: "json"}
	total   = stage.File[int]{Stage: "sum", Name: "sum.json"}
	counted = stage.Counter("numbers")
	parity  = stage.Counts("parity")
)

func (y *toy) begin(name string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.ran == nil {
		y.ran = map[string]int{}
	}
	y.ran[name]++
	if y.fail == nil {
		return nil
	}
	return y.fail(name)
}

func (y *toy) perNumber(*task.Plan) ([]any, error) {
	in, err := y.run.Plan(numbers.Stage)
	if err != nil {
		return nil, err
	}
	return make([]any, len(in.Tasks)), nil
}

func (y *toy) stages() stage.Table {
	return stage.Table{
		{Name: "numbers", Title: "count", Format: 2, ByShard: true,
			Options: func() (any, error) { return y.count, nil },
			Tasks:   func(*task.Plan) ([]any, error) { return make([]any, y.count), nil },
			Run: func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error {
				if err := y.begin("numbers"); err != nil {
					return err
				}
				counted.Add(a, 1)
				parity.Add(a, n%2, int64(n))
				parity.Add(a, "all", 1)
				return numbers.Write(a, n, n+1)
			}},
		{Name: "squares", Title: "square", Format: 1, ByShard: true, Inputs: []string{"numbers"},
			Options: func() (any, error) { return struct{}{}, nil },
			Tasks:   y.perNumber,
			Run: func(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
				if err := y.begin("squares"); err != nil {
					return err
				}
				x, err := numbers.Read(p, n)
				if err != nil {
					return err
				}
				return squares.Write(a, n, *x**x)
			}},
		{Name: "extra", Title: "nothing", Format: 1, Inputs: []string{"numbers"},
			Options: func() (any, error) { return y.extra, nil },
			Tasks: func(p *task.Plan) ([]any, error) {
				if !y.extra {
					return nil, nil
				}
				return stage.One(p)
			},
			Run: func(context.Context, *task.Plan, int, *task.Attempt) error { return y.begin("extra") }},
		{Name: "sum", Title: "add up", Format: 1, Inputs: []string{"squares", "extra"},
			Options: func() (any, error) { return y.offset, nil },
			Tasks:   stage.One,
			Run: func(_ context.Context, p *task.Plan, _ int, a *task.Attempt) error {
				if err := y.begin("sum"); err != nil {
					return err
				}
				var sum int
				if err := p.Option(&sum); err != nil {
					return err
				}
				in, err := stage.PlanOf(p, squares.Stage)
				if err != nil {
					return err
				}
				for n := range in.Tasks {
					x, err := squares.Read(p, n)
					if err != nil {
						return err
					}
					sum += *x
				}
				return total.Write(a, &sum)
			},
			Accept: func(b *stage.Publication) error {
				if err := b.Only([]string{total.Name}, nil); err != nil {
					return err
				}
				var sum int
				return b.JSON(total.Name, &sum)
			}},
	}
}

func (y *toy) open(t *testing.T, out string) *stage.Run {
	t.Helper()
	y.run = stage.New(out, 1)
	must(t, y.run.Add(y.stages()...))
	return y.run
}

func until(t *testing.T, r *stage.Run, last string) error {
	t.Helper()
	return r.Hold(func() error { return r.Until(t.Context(), last) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Equal options have equal names, and a changed one renames its stage and those
// downstream alone, as a higher format does.
func TestNames(t *testing.T) {
	base := (&toy{count: 3}).open(t, "a").Bases()
	renamed := func(y *toy, format string) (out []string) {
		stages := y.stages()
		if s := stages.Find(format); s != nil {
			s.Format++
		}
		r := stage.New("b", 0)
		must(t, r.Add(stages...))
		for _, name := range r.Bases() {
			if !slices.Contains(base, name) {
				out = append(out, name[:strings.LastIndex(name, "-")])
			}
		}
		return out
	}
	for _, c := range []struct {
		toy    *toy
		format string
		want   string
	}{
		{&toy{count: 3}, "", ""},
		{&toy{count: 4}, "", "extra numbers squares sum"},
		{&toy{count: 3, offset: 1}, "", "sum"},
		{&toy{count: 3, extra: true}, "", "extra sum"},
		{&toy{count: 3}, "squares", "squares sum"},
	} {
		if got := strings.Join(renamed(c.toy, c.format), " "); got != c.want {
			t.Errorf("%d numbers, offset %d, extra %v, format of %q: renamed %q, want %q", c.toy.count, c.toy.offset, c.toy.extra, c.format, got, c.want)
		}
	}
}

// What is done is not done again, Until ends where it was asked to, and a stage
// without tasks is passed in silence.
func TestUntilAndResume(t *testing.T) {
	y := &toy{count: 3, offset: 100}
	r := y.open(t, t.TempDir())
	must(t, until(t, r, "numbers"))
	if d := cmp.Diff(map[string]int{"numbers": 3}, y.ran); d != "" {
		t.Fatalf("ran:\n%s", d)
	}
	if r.Done("squares") || !r.Done("numbers") {
		t.Error("what is done is not told from what is not")
	}
	must(t, until(t, r, ""))
	sum, err := total.ReadFrom(r)
	if err != nil || *sum != 114 {
		t.Fatalf("sum %v, %v; want 114", sum, err)
	}
	must(t, until(t, y.open(t, r.Out), "")) // another process
	if d := cmp.Diff(map[string]int{"numbers": 3, "squares": 3, "sum": 1}, y.ran); d != "" {
		t.Errorf("ran:\n%s", d)
	}
	y.offset = 1 // the sum alone is made anew, and the old one stays
	again := y.open(t, r.Out)
	must(t, until(t, again, ""))
	if sum, err := total.ReadFrom(again); err != nil || *sum != 15 || y.ran["squares"] != 3 || y.ran["sum"] != 2 {
		t.Errorf("sum %v, %v, ran %v", sum, err, y.ran)
	}
	if sum, err := total.ReadFrom(r); err != nil || *sum != 114 {
		t.Errorf("the sum of the old options: %v, %v", sum, err)
	}
}

// A task that failed leaves those that are done, and the next run does the rest.
func TestResumeAfterFailure(t *testing.T) {
	y := &toy{count: 4}
	broken := errors.New("the node is on fire")
	y.fail = func(name string) error {
		if name == "squares" && y.ran["squares"] == 3 {
			return broken
		}
		return nil
	}
	out := t.TempDir()
	r := y.open(t, out)
	if err := until(t, r, ""); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "squares: ") {
		t.Fatalf("error %v, want squares: %v", err, broken)
	}
	s, err := r.Status()
	must(t, err)
	if x := s.Stages[1]; x.Done != 2 || x.Total != 4 || x.Complete || !x.Planned || s.Stages[3].Planned {
		t.Errorf("status %+v, then %+v", x, s.Stages[3])
	}
	y.fail, y.ran = nil, nil
	must(t, until(t, y.open(t, out), ""))
	if d := cmp.Diff(map[string]int{"squares": 2, "sum": 1}, y.ran); d != "" {
		t.Errorf("ran:\n%s", d)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*", ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// An ended context ends the run, and is no failure of a task.
func TestCancel(t *testing.T) {
	y := &toy{count: 3}
	r := y.open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	y.fail = func(string) error { cancel(); return ctx.Err() }
	err := r.Hold(func() error { return r.Until(ctx, "") })
	if !errors.Is(err, context.Canceled) || y.ran["squares"] > 0 {
		t.Errorf("error %v, ran %v", err, y.ran)
	}
}

// Watch is told of each stage in order: its start, its tasks, its end; of a stage
// that was done before its end alone; of one without tasks nothing.
func TestWatch(t *testing.T) {
	y := &toy{count: 2}
	r := y.open(t, t.TempDir())
	var told []string
	var inside atomic.Int32
	watch := func(e stage.Event) {
		if inside.Add(1) > 1 {
			t.Error("calls of Watch overlap")
		}
		defer inside.Add(-1)
		switch {
		case e.Start:
			told = append(told, fmt.Sprintf("%s %d/%d starts", e.Title, e.Number, e.Of))
		case e.End:
			told = append(told, fmt.Sprintf("%s ends, cached %v, %d of %d", e.Title, e.Cached, e.Done, e.Total))
		case e.Fraction < 0 || e.Fraction > 1 || e.Total == 0:
			t.Errorf("%+v", e)
		}
	}
	r.Watch = watch
	must(t, until(t, r, "squares"))
	must(t, until(t, r, ""))
	want := []string{
		"count 1/4 starts", "count ends, cached false, 2 of 2", "square 2/4 starts", "square ends, cached false, 2 of 2",
		"count ends, cached true, 2 of 2", "square ends, cached true, 2 of 2", "add up 4/4 starts", "add up ends, cached false, 1 of 1",
	}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("told:\n%s", d)
	}
}

// A stage that goes in rounds is done once its answer is there, and a round that
// was cut short goes on.
func TestRounds(t *testing.T) {
	type sizes struct {
		Sizes []int `json:"sizes"`
	}
	answer := stage.Answer[sizes]{Stage: "rounds"}
	part := stage.Files[int]{Stage: "rounds", Ext: "json"}
	ran, broken := 0, false
	work := func(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
		if ran++; broken && ran == 4 {
			return errors.New("broken")
		}
		return a.WriteJSON(p.Name+"/"+part.Name(n), ran)
	}
	out := t.TempDir()
	open := func() *stage.Run {
		r := stage.New(out, 1)
		must(t, r.Add(&stage.Stage{Name: "rounds", Title: "rounds", Format: 1, Tasks: stage.None, Run: work,
			Options: func() (any, error) { return 2, nil },
			Drive: func(ctx context.Context, p *task.Plan, e stage.Event) (bool, error) {
				if r.Done("rounds") {
					return false, nil
				}
				var all sizes
				for _, name := range []string{"round-01", "round-02"} {
					round, err := task.Load(p.Path(name + ".plan.json"))
					if errors.Is(err, os.ErrNotExist) {
						round = &task.Plan{Kind: p.Kind, Format: p.Format, Name: name, Tasks: make([]json.RawMessage, 2)}
						for i := range round.Tasks {
							round.Tasks[i] = stage.Marshal(i)
						}
						err = round.Save(p.Dir())
					}
					if err != nil {
						return true, err
					}
					if _, err := r.RunPlan(ctx, round, work, e); err != nil {
						return true, err
					}
					all.Sizes = append(all.Sizes, len(round.Tasks))
				}
				return true, answer.Write(p, &all)
			}}))
		return r
	}
	broken = true
	if err := until(t, open(), ""); err == nil || !strings.Contains(err.Error(), "broken") || ran != 4 {
		t.Fatalf("%v after %d tasks", err, ran)
	}
	s, err := open().Status()
	must(t, err)
	if x := s.Stages[0]; x.Complete || x.Done != 3 || x.Total != 4 {
		t.Errorf("between the rounds: %+v", x)
	}
	broken = false
	r := open()
	var ends []stage.Event
	r.Watch = func(e stage.Event) {
		if e.End {
			ends = append(ends, e)
		}
	}
	must(t, until(t, r, ""))
	must(t, until(t, r, ""))
	if all, err := answer.ReadFrom(r); err != nil || !slices.Equal(all.Sizes, []int{2, 2}) || ran != 5 || !r.Done("rounds") {
		t.Errorf("answer %v, %v after %d tasks", all, err, ran)
	}
	if len(ends) != 2 || ends[0].Cached || !ends[1].Cached || ends[1].Total != 4 {
		t.Errorf("ends: %+v", ends)
	}
	// An answer that was changed is refused.
	data, err := os.ReadFile(answer.Path(r))
	must(t, err)
	must(t, os.WriteFile(answer.Path(r), []byte(strings.Replace(string(data), "2", "3", 1)), 0o666))
	if all, err := answer.ReadFrom(r); err == nil || !strings.Contains(err.Error(), answer.Path(r)) {
		t.Errorf("a changed answer: %v, %v", all, err)
	}
}

// A worker refuses a plan of another version, and of a stage that it has not.
func TestRunTaskRefuses(t *testing.T) {
	y := &toy{count: 2}
	r := y.open(t, t.TempDir())
	must(t, until(t, r, "numbers"))
	plan := filepath.Join(r.Dir("numbers"), "plan.json")
	manifest := filepath.Join(r.Dir("numbers"), "done", "00001.json")
	must(t, os.Remove(manifest))
	newer := y.stages()
	newer[0].Format++
	for _, c := range []struct {
		stages stage.Table
		want   string
	}{
		{newer, "format 2 of stage numbers, this version writes 3; run it with the version that planned it"},
		{newer[1:], `no stage is called "numbers"; was the plan made by a newer version?`},
	} {
		_, err := stage.RunTask(t.Context(), c.stages, plan, 1)
		if err == nil || !strings.Contains(err.Error(), c.want) || task.ExitCode(err) != task.ExitPermanent {
			t.Errorf("error %v, want %q for good", err, c.want)
		}
	}
	if _, err := os.Stat(manifest); err == nil {
		t.Error("the task was done all the same")
	}
	if m, err := stage.RunTask(t.Context(), y.stages(), plan, 1); err != nil || counted.Of(m) != 1 {
		t.Errorf("a worker of the same version: %+v, %v", m, err)
	}
}

// Files of another program are taken once they are what the stage wants.
func TestPublish(t *testing.T) {
	y := &toy{count: 2}
	r := y.open(t, t.TempDir())
	must(t, until(t, r, ""))
	plan := filepath.Join(r.Dir("sum"), "plan.json")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o666))
		return path
	}
	good := file("sum.json", "7")
	publish := func(plan string, n int, files ...string) string {
		if err := stage.PublishTask(t.Context(), y.stages(), plan, n, files); err != nil {
			return err.Error()
		}
		return ""
	}
	if got := publish(plan, 0, good); !strings.Contains(got, "remove its manifest in done/") {
		t.Errorf("a task that is done: %q", got)
	}
	must(t, os.Remove(filepath.Join(r.Dir("sum"), "done", "00000.json")))
	for want, got := range map[string]string{
		"task 1 of":                           publish(plan, 1, good),
		"no file sum.json":                    publish(plan, 0),
		"total.json: task 0 of sum":           publish(plan, 0, file("total.json", "7")),
		"only for sum":                        publish(filepath.Join(r.Dir("squares"), "plan.json"), 0, good),
		filepath.Join(dir, "sum.json") + ": ": publish(plan, 0, file("sum.json", `{"seven": 7`)),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if r.Done("sum") {
		t.Error("a task is done by files that were refused")
	}
	if got := publish(plan, 0, file("sum.json", "7")); got != "" {
		t.Fatal(got)
	}
	if sum, err := total.ReadFrom(r); err != nil || *sum != 7 {
		t.Errorf("sum %v, %v", sum, err)
	}
}

// Nothing is made from a damaged input, whose name is told.
func TestDamagedInput(t *testing.T) {
	y := &toy{count: 2}
	out := t.TempDir()
	r := y.open(t, out)
	must(t, until(t, r, "numbers"))
	path := filepath.Join(r.Dir("numbers"), numbers.Name(1))
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte(strings.Replace(string(data), "2", "3", 1)), 0o666))
	err = until(t, y.open(t, out), "")
	var damage *task.DamageError
	if !errors.As(err, &damage) || damage.Path != path || y.ran["sum"] > 0 {
		t.Fatalf("error %v, want that %s is damaged; ran %v", err, path, y.ran)
	}
	must(t, os.Remove(damage.Remove)) // as the error says
	y.ran = nil
	must(t, until(t, y.open(t, out), ""))
	if d := cmp.Diff(map[string]int{"numbers": 1, "squares": 1, "sum": 1}, y.ran); d != "" {
		t.Errorf("ran:\n%s", d)
	}
	if sum, err := total.ReadFrom(r); err != nil || *sum != 5 {
		t.Errorf("sum %v, %v", sum, err)
	}
}

// Runs beside each other share the lock and what was verified.
func TestBeside(t *testing.T) {
	y := &toy{count: 2}
	r := y.open(t, t.TempDir())
	other := r.Beside()
	must(t, other.Add(y.stages()...))
	must(t, r.Hold(func() error {
		if err := other.Until(t.Context(), ""); err != nil {
			return err
		}
		// Whoever is not beside them has to wait.
		if err := until(t, y.open(t, r.Out), ""); task.ExitCode(err) != task.ExitRetry {
			t.Errorf("a third run: %v", err)
		}
		// The lock that one holds is taken away under both.
		if err := os.Remove(filepath.Join(r.Out, "lock")); err != nil {
			return err
		}
		if err := other.Until(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "lock") {
			t.Errorf("without the lock: %v", err)
		}
		return nil
	}))
	// Verified by the one, an output is not read again by the other.
	must(t, r.Verify(t.Context(), r.Dir("numbers")))
	path := filepath.Join(r.Dir("numbers"), numbers.Name(0))
	must(t, os.WriteFile(path, []byte("9\n"), 0o666))
	must(t, r.Beside().Verify(t.Context(), r.Dir("numbers")))
	if err := stage.New(r.Out, 1).Verify(t.Context(), r.Dir("numbers")); err == nil {
		t.Error("a run of its own does not see the damage")
	}
}

// A cache loads a key once, however many ask, and tries again after an error.
func TestCache(t *testing.T) {
	ctx := stage.WithCache(t.Context(), &stage.Cache{})
	var loads atomic.Int32
	load := func(key string) (string, error) {
		if loads.Add(1) == 1 {
			return "", errors.New("not yet")
		}
		return key + "!", nil
	}
	if _, err := stage.Cached(ctx, "a", load); err == nil {
		t.Fatal("the error of the first load is lost")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v, err := stage.Cached(ctx, "a", load); v != "a!" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	wg.Wait()
	if n := loads.Load(); n != 2 {
		t.Errorf("%d loads, want 2", n)
	}
	if v, _ := stage.Cached(ctx, "b", load); v != "b!" {
		t.Errorf("another key: %q", v)
	}
	for range 2 {
		_, _ = stage.Cached(t.Context(), "a", load) // without a cache: each time
	}
	if n := loads.Load(); n != 5 {
		t.Errorf("%d loads, want 5", n)
	}
}

// Workers bounds the tasks at once and the cores of a task, whatever the machine
// has.
func TestWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		var now, most, cores atomic.Int32
		r := stage.New(t.TempDir(), workers)
		must(t, r.Add(&stage.Stage{Name: "work", Format: 1,
			Options: func() (any, error) { return nil, nil },
			Tasks:   func(*task.Plan) ([]any, error) { return make([]any, 12), nil },
			Run: func(ctx context.Context, _ *task.Plan, _ int, _ *task.Attempt) error {
				for n := now.Add(1); ; {
					if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				for n := int32(launch.Cores(ctx)); ; {
					if m := cores.Load(); n <= m || cores.CompareAndSwap(m, n) {
						break
					}
				}
				now.Add(-1)
				return nil
			}}))
		must(t, until(t, r, ""))
		if r.Cores() != workers || int(most.Load()) > workers || int(cores.Load()) > workers || workers == 1 && cores.Load() != 1 {
			t.Errorf("workers %d: %d tasks at once, a task with %d cores, Cores %d", workers, most.Load(), cores.Load(), r.Cores())
		}
	}
}

// Counters add up over the manifests of a plan.
func TestCounters(t *testing.T) {
	y := &toy{count: 5}
	r := y.open(t, t.TempDir())
	must(t, until(t, r, "numbers"))
	p, err := r.Plan("numbers")
	must(t, err)
	m, err := stage.Manifests(p)
	must(t, err)
	if got := parity.Sums(3, m...); !slices.Equal(got, []int64{0 + 2 + 4, 1 + 3, 0}) {
		t.Errorf("sums %v", got)
	}
	if d := cmp.Diff(map[string]int64{"0": 6, "1": 4, "all": 5}, parity.Names(m...)); d != "" {
		t.Errorf("names:\n%s", d)
	}
	if got := counted.Of(m...); got != 5 {
		t.Errorf("counted %d", got)
	}
	must(t, os.Remove(p.DonePath(3)))
	if _, err := stage.Manifests(p); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "task 3") {
		t.Errorf("a task that is not done: %v", err)
	}
}
