package task

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// squares is the plan most tests use: task n writes n*n.
func squares(t testing.TB, tasks int) *Plan {
	t.Helper()
	p := &Plan{Kind: "squares", Format: 1, Options: json.RawMessage(`{"seed":7}`)}
	for n := range tasks {
		p.Tasks = append(p.Tasks, json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)))
	}
	if err := p.Save(filepath.Join(t.TempDir(), "squares-0123456789ab")); err != nil {
		t.Fatal(err)
	}
	return p
}

func square(_ context.Context, p *Plan, n int, a *Attempt) error {
	var v struct{ N int }
	if err := p.Task(n, &v); err != nil {
		return err
	}
	a.Count("rows", int64(v.N))
	if err := a.WriteJSON(fmt.Sprintf("meta/%05d.json", n), v); err != nil {
		return err
	}
	return a.WriteFile(fmt.Sprintf("part-%05d.txt", n), []byte(fmt.Sprint(v.N*v.N)))
}

// names lists all files below dir.
func names(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mustRun(t testing.TB, p *Plan, n int, f Func) *Manifest {
	t.Helper()
	m, err := p.Run(t.Context(), n, f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRunPublishes(t *testing.T) {
	p := squares(t, 4)
	m := mustRun(t, p, 3, square)
	want := []Output{ // sums by sha256sum(1)
		{"meta/00003.json", 12, "fb1dff33be89b09fcfe48617f231a82bc5906485724b91d073100caec4b0e14a"},
		{"part-00003.txt", 1, "19581e27de7ced00ff1ce50b2047e7a567c76b1cbaebabe5ef03f7c3017bb5b7"},
	}
	if !reflect.DeepEqual(m.Outputs, want) || m.Counters["rows"] != 3 || m.Task != 3 || m.Bytes() != 13 {
		t.Errorf("manifest %+v", m)
	}
	if got := names(t, p.Dir()); !reflect.DeepEqual(got, []string{"done/00003.json", "meta/00003.json", "part-00003.txt", "plan.json"}) {
		t.Errorf("files %q", got)
	}
	if err := p.Verify(3); err != nil {
		t.Error(err)
	}
	if missing, err := p.Missing(); err != nil || !reflect.DeepEqual(missing, []int{0, 1, 2}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	again := mustRun(t, p, 3, func(context.Context, *Plan, int, *Attempt) error { t.Error("a task that is done ran"); return nil })
	if again.Attempt != m.Attempt {
		t.Errorf("attempt %s became %s", m.Attempt, again.Attempt)
	}
	if _, err := p.Run(t.Context(), 4, square); !IsPermanent(err) || !strings.Contains(err.Error(), "no task 4") {
		t.Errorf("task out of range: %v", err)
	}
}

// What counts as not done: whatever is wrong is made again, and the result is as if nothing had happened.
func TestRedo(t *testing.T) {
	write := func(text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, file string
		damage     func(t *testing.T, path string)
	}{
		{"manifest empty", "done/00001.json", write("")},
		{"manifest cut", "done/00001.json", write(`{"task":1,"outputs":[{"na`)},
		{"manifest not JSON", "done/00001.json", write("\x00\x00\x00\x00")},
		{"manifest of another task", "done/00001.json", write(`{"task":2,"attempt":"x"}`)},
		{"manifest that points outside", "done/00001.json", write(`{"task":1,"attempt":"x","outputs":[{"name":"../../etc/passwd","bytes":1}]}`)},
		{"manifest gone", "done/00001.json", remove},
		{"output gone", "part-00001.txt", remove},
		{"output longer", "part-00001.txt", write("1 and more")},
		{"output empty", "part-00001.txt", write("")},
		{"nested output gone", "meta/00001.json", remove},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := squares(t, 3)
			first := mustRun(t, p, 1, square)
			c.damage(t, p.Path(c.file))
			if _, err := p.Manifest(1); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("Manifest: %v, want not-exist", err)
			}
			if missing, err := p.Missing(); err != nil || len(missing) != 3 {
				t.Fatalf("missing %v, %v", missing, err)
			}
			again := mustRun(t, p, 1, square)
			if !reflect.DeepEqual(first.Outputs, again.Outputs) || first.Attempt == again.Attempt {
				t.Errorf("first %+v, again %+v", first, again)
			}
			if err := p.Verify(1); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerifySeesSameSizeDamage(t *testing.T) {
	p := squares(t, 3)
	mustRun(t, p, 2, square)
	if err := os.WriteFile(p.Path("part-00002.txt"), []byte("5"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(2); err == nil || !strings.Contains(err.Error(), "part-00002.txt is damaged") {
		t.Errorf("Verify: %v", err)
	}
}

// Attempts that start together all end with the manifest of one of them.
func TestConcurrentAttempts(t *testing.T) {
	p := squares(t, 6)
	const attempts = 8
	var wg, start sync.WaitGroup
	start.Add(attempts)
	got := make([]*Manifest, attempts)
	for i := range attempts {
		wg.Go(func() {
			own, err := Load(p.Path("plan.json"))
			if err != nil {
				t.Error(err)
				return
			}
			got[i], err = own.Run(t.Context(), 5, func(ctx context.Context, p *Plan, n int, a *Attempt) error {
				start.Done()
				start.Wait() // every attempt is inside the task before one publishes
				return square(ctx, p, n, a)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, m := range got {
		if m == nil || m.Attempt != got[0].Attempt {
			t.Errorf("manifests of two attempts: %+v, %+v", m, got[0])
		}
	}
	if files := names(t, p.Dir()); !reflect.DeepEqual(files, []string{"done/00005.json", "meta/00005.json", "part-00005.txt", "plan.json"}) {
		t.Errorf("files %q", files)
	}
	if err := p.Verify(5); err != nil {
		t.Error(err)
	}
}

// Two attempts that break the rule of equal bytes never leave the manifest of one beside the outputs of the other.
func TestConcurrentAttemptsThatDiffer(t *testing.T) {
	for round := range 40 {
		p := squares(t, 1)
		var wg, start sync.WaitGroup
		start.Add(2)
		for i := range 2 {
			wg.Go(func() {
				_, err := p.Run(t.Context(), 0, func(_ context.Context, _ *Plan, _ int, a *Attempt) error {
					start.Done()
					start.Wait()
					return errors.Join(a.WriteFile("a", []byte{byte(i)}), a.WriteFile("b", []byte{byte(i)}))
				})
				if err != nil && !IsRetry(err) {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		if _, err := p.Manifest(0); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := p.Verify(0); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	boom := errors.New("boom")
	cancelled, cancel := context.WithCancel(t.Context())
	for _, c := range []struct {
		name string
		ctx  context.Context
		f    Func
		want string
	}{
		{"error", t.Context(), func(ctx context.Context, p *Plan, n int, a *Attempt) error {
			return errors.Join(square(ctx, p, n, a), boom)
		}, "boom"},
		{"cancelled on the way", cancelled, func(ctx context.Context, p *Plan, n int, a *Attempt) error {
			cancel()
			return square(ctx, p, n, a)
		}, "context canceled"},
		{"not closed", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error {
			_, err := a.Create("x")
			return err
		}, "output x was not closed"},
		{"twice", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error {
			return errors.Join(a.WriteFile("x", nil), a.WriteFile("x", nil))
		}, "file exists"},
		{"outside", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error { return a.WriteFile("../x", nil) }, "want a path below the stage"},
		{"the plan", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error { return a.WriteFile("plan.json", nil) }, "taken by the plan"},
		{"a manifest", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error { return a.WriteFile("done/00002.json", nil) }, "taken by the plan"},
		{"a link", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error {
			return os.Symlink("/etc/passwd", filepath.Join(a.Dir(), "x"))
		}, "not a regular file"},
		{"not JSON", t.Context(), func(_ context.Context, _ *Plan, _ int, a *Attempt) error { return a.WriteJSON("x", math.NaN()) }, "output x: json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := squares(t, 1)
			if _, err := p.Run(c.ctx, 0, c.f); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if got := names(t, p.Dir()); !reflect.DeepEqual(got, []string{"plan.json"}) {
				t.Errorf("files %q", got)
			}
		})
	}
}

// Files written out of order, and files written behind the attempt's back, are hashed all the same.
func TestOutputsAreHashed(t *testing.T) {
	p := squares(t, 1)
	m := mustRun(t, p, 0, func(_ context.Context, _ *Plan, _ int, a *Attempt) error {
		f, err := a.Create("patched")
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, bytes.NewReader(make([]byte, 100_000))); err != nil {
			return err
		}
		if _, err := f.Seek(8, io.SeekStart); err != nil {
			return err
		}
		if _, err := f.Write([]byte("header")); err != nil {
			return err
		}
		return errors.Join(f.Close(), os.WriteFile(filepath.Join(a.Dir(), "foreign"), []byte("text"), 0o666))
	})
	if len(m.Outputs) != 2 || m.Outputs[0].Bytes != 4 || m.Outputs[1].Bytes != 100_000 {
		t.Fatalf("outputs %+v", m.Outputs)
	}
	if err := p.Verify(0); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(p.Path("patched"))
	if err != nil || string(data[8:14]) != "header" {
		t.Errorf("patched file: %q, %v", data[:16], err)
	}
}

func TestDrift(t *testing.T) {
	input := filepath.Join(t.TempDir(), "web.jsonl")
	if err := os.WriteFile(input, []byte("{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	stamp, err := Stamp(input)
	if err != nil {
		t.Fatal(err)
	}
	plan := &Plan{Kind: "squares", Files: []FileStamp{stamp}, Tasks: []json.RawMessage{[]byte(`{"n":0}`), []byte(`{"n":1}`)}}
	if err := plan.Save(filepath.Join(t.TempDir(), "s")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, plan, 0, square)
	for _, c := range []struct {
		name, want string
		change     func() error
	}{
		{"longer", "has 6 bytes, and had 3", func() error { return os.WriteFile(input, []byte("{}\n{}\n"), 0o666) }},
		{"touched", "was written", func() error {
			return errors.Join(os.WriteFile(input, []byte("{}\n"), 0o666), os.Chtimes(input, time.Time{}, stamp.ModTime.Add(time.Microsecond)))
		}},
		{"gone", "no such file", func() error { return os.Remove(input) }},
	} {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		p, err := Load(plan.Path("plan.json"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Run(t.Context(), 1, square)
		if !IsPermanent(err) || !strings.Contains(err.Error(), input) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		mustRun(t, p, 0, square) // what is done stays done
	}
}

func TestSave(t *testing.T) {
	p := squares(t, 2)
	same := &Plan{Kind: "squares", Format: 1, Options: json.RawMessage(`{ "seed": 7 }`), Files: []FileStamp{}, Tasks: p.Tasks}
	if err := same.Save(p.Dir()); err != nil {
		t.Errorf("same plan: %v", err)
	}
	for what, change := range map[string]func(p *Plan){
		"kind":    func(p *Plan) { p.Kind = "cubes" },
		"format":  func(p *Plan) { p.Format = 2 },
		"options": func(p *Plan) { p.Options = json.RawMessage(`{"seed":8}`) },
		"inputs":  func(p *Plan) { p.Inputs = map[string]string{"embed": "embed-3fa9c1d2e4b5"} },
		"files":   func(p *Plan) { p.Files = []FileStamp{{Path: "x"}} },
		"tasks":   func(p *Plan) { p.Tasks = p.Tasks[:1] },
	} {
		other := &Plan{Kind: p.Kind, Format: p.Format, Options: p.Options, Tasks: p.Tasks}
		change(other)
		if err := other.Save(p.Dir()); !IsPermanent(err) || !strings.Contains(err.Error(), "exists with other "+what) {
			t.Errorf("other %s: %v", what, err)
		}
	}
	if err := (&Plan{}).Save(t.TempDir()); err == nil {
		t.Error("a plan without a kind was saved")
	}
	got, err := Load(p.Path("plan.json"))
	if err != nil || got.Dir() != p.Dir() || len(got.Tasks) != 2 {
		t.Errorf("loaded %+v, %v", got, err)
	}
	var o struct{ Seed int }
	if err := got.Option(&o); err != nil || o.Seed != 7 {
		t.Errorf("options %+v, %v", o, err)
	}
}

// Plans with names share a directory.
func TestNamedPlans(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "search-00")
	for _, name := range []string{"round-01", "round-02"} {
		p := &Plan{Kind: "squares", Name: name, Inputs: map[string]string{"tokens": "tokens-11"}, Tasks: []json.RawMessage{[]byte(`{"n":4}`)}}
		if err := p.Save(dir); err != nil {
			t.Fatal(err)
		}
		mustRun(t, p, 0, func(_ context.Context, p *Plan, _ int, a *Attempt) error { return a.WriteFile(name+"/x", nil) })
		if got, want := p.Input("tokens"), filepath.Join(filepath.Dir(dir), "tokens-11"); got != want {
			t.Errorf("input %s, want %s", got, want)
		}
	}
	want := []string{"round-01/x", "round-01.done/00000.json", "round-01.plan.json", "round-02/x", "round-02.done/00000.json", "round-02.plan.json"}
	if got := names(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("files %q", got)
	}
	if err := os.Rename(filepath.Join(dir, "round-01.plan.json"), filepath.Join(dir, "plan.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "plan.json")); err == nil || !strings.Contains(err.Error(), "round-01.plan.json") {
		t.Errorf("renamed plan: %v", err)
	}
}

func TestHash(t *testing.T) {
	type options struct {
		K   int     `json:"k"`
		Tol float64 `json:"tol"`
	}
	h := Hash("cluster", 1, options{1000, 1e-4}, "embed-1")
	if h != "d85d05da1967" { // names of directories on users' disks: it must not change
		t.Errorf("hash %s", h)
	}
	if same := Hash("cluster", 1, json.RawMessage(` {"tol":0.0001, "k":1000} `), "embed-1"); same != h {
		t.Errorf("key order and spaces count: %s, %s", same, h)
	}
	for i, other := range []string{
		Hash("clusters", 1, options{1000, 1e-4}, "embed-1"), Hash("cluster", 2, options{1000, 1e-4}, "embed-1"),
		Hash("cluster", 1, options{1001, 1e-4}, "embed-1"), Hash("cluster", 1, options{1000, 1e-4}, "embed-2"),
		Hash("cluster", 1, options{1000, 1e-4}), Hash("cluster", 1, options{1000, 1e-4}, "embed", "-1"),
	} {
		if other == h {
			t.Errorf("case %d has the same hash", i)
		}
	}
	if Hash("x", 1, map[string]uint64{"seed": 1 << 63}) == Hash("x", 1, map[string]uint64{"seed": 1<<63 + 1}) {
		t.Error("large seeds are rounded")
	}
}

func TestExitCode(t *testing.T) {
	plain := errors.New("x")
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {plain, 1}, {Usage(plain), 2}, {Retry(plain), 75}, {Permanent(plain), 78}, {fmt.Errorf("task 3: %w", Retry(plain)), 75},
		{Permanent(fmt.Errorf("gave up: %w", Retry(plain))), 78}, {context.Canceled, 75}, {&HeldError{}, 75}, {Retry(nil), 0}, {Permanent(nil), 0},
	} {
		if got := ExitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	if !errors.Is(Retry(plain), plain) || Retry(plain).Error() != "x" {
		t.Error("a class hides its error")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"kind":"embed","format":1,"name":"r","options":{"dim":256},"inputs":{"scan":"scan-12"},"files":[{"path":"a","bytes":3,"mtime":"2025-01-01T00:00:00Z"}],"tasks":[{"shard":0},null]}`))
	f.Add([]byte(`{"kind":"x","tasks":[]} {}`))
	f.Add([]byte(`{"kind":"x","inputs":{"a":"../b"}}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePlan(data)
		if err != nil {
			return
		}
		for role := range p.Inputs {
			p.dir = "/run/stage"
			if in := p.Input(role); filepath.Dir(in) != "/run" {
				t.Errorf("input %q lies in %s", role, in)
			}
		}
		if filepath.Dir(p.path()) != filepath.Clean(p.dir) && p.dir != "" {
			t.Errorf("plan %s lies outside its directory", p.path())
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsePlan(out); err != nil {
			t.Errorf("plan is not read back: %v\n%s", err, out)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"task":0,"outputs":[{"name":"a/b","bytes":1,"sha256":"00"}],"attempt":"1"}`))
	f.Add([]byte(`{"task":0,"outputs":[{"name":"../b"}],"attempt":"1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data, 0)
		if err != nil {
			return
		}
		for _, o := range m.Outputs {
			if !strings.HasPrefix(filepath.Join("/s", o.Name)+"/", "/s/") {
				t.Errorf("output %q", o.Name)
			}
		}
	})
}

// TestPanicOfATask: it is an error that names the task and holds the stack, and
// nothing of the attempt stays.
func TestPanicOfATask(t *testing.T) {
	p := squares(t, 2)
	_, err := p.Run(t.Context(), 1, func(context.Context, *Plan, int, *Attempt) error {
		var none []int
		return fmt.Errorf("%d", none[3])
	})
	var panicked *PanicError
	if !errors.As(err, &panicked) || ExitCode(err) != ExitPanic || !strings.Contains(err.Error(), "task 1 of "+p.Dir()) || !strings.Contains(string(panicked.Stack), "TestPanicOfATask") {
		t.Errorf("%v", err)
	}
	if left := attemptDirs(t, p); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	mustRun(t, p, 1, square)
}

// TestLockRemoved: a lock whose file somebody removed is noticed by its holder,
// whether or not another controller has begun.
func TestLockRemoved(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Check(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		t.Fatal(err)
	}
	if err := first.Check(); !IsRetry(err) || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("removed: %v", err)
	}
	second, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(second.Check(), second.Release()); err != nil {
		t.Error(err)
	}
	if err := first.Check(); !IsRetry(err) {
		t.Errorf("replaced: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Error(err)
	}
}

// TestDamagedPlan: whatever is wrong with plan.json is said with the remedy.
func TestDamagedPlan(t *testing.T) {
	for _, text := range []string{"", "{", `{"kind":"squares","tasks":[`, "\x00\x00", `{"kind":"squares","tasks":[]} x`, `{"kind":"squares","future":1}`} {
		p := squares(t, 1)
		if err := os.WriteFile(p.Path("plan.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(p.Path("plan.json")); !IsPermanent(err) || !strings.Contains(err.Error(), "remove the folder "+p.Dir()) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
