package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/process"
)

// The test binary runs itself as the process that is killed. It tells on standard output when it has got where it should die.
func TestMain(m *testing.M) {
	switch os.Getenv("CLIMB_TASK_HELPER") {
	case "":
		os.Exit(m.Run())
	case "task":
		p, err := Load(os.Args[1])
		if err != nil {
			panic(err)
		}
		_, err = p.Run(context.Background(), 1, func(ctx context.Context, p *Plan, n int, a *Attempt) error {
			err := square(ctx, p, n, a)
			fmt.Println("ready", err)
			select {}
		})
		panic(err)
	case "file":
		fmt.Println("ready", writeSynced(partial(os.Args[1]), []byte("ha")))
		select {}
	case "lock":
		_, err := Acquire(os.Args[1])
		fmt.Println("ready", err)
		select {}
	}
}

// helper starts the process and waits until it is ready.
func helper(t *testing.T, what, arg string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], arg)
	cmd.Env = append(os.Environ(), "CLIMB_TASK_HELPER="+what)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	line := make([]byte, 64)
	n, err := out.Read(line)
	if got := string(line[:n]); err != nil || got != "ready <nil>\n" {
		t.Fatalf("helper says %q, %v", got, err)
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
}

func attemptDirs(t *testing.T, p *Plan) []string {
	t.Helper()
	dirs, err := filepath.Glob(p.Path(attemptPrefix + "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestKilledInTheMiddle(t *testing.T) {
	p := squares(t, 2)
	cmd := helper(t, "task", p.Path("plan.json"))
	if removed, err := p.Clean(); err != nil || removed != 0 {
		t.Fatalf("Clean took %d live attempts, %v", removed, err)
	}
	foreign := p.Path(attemptPrefix + "00001.aa.1." + pidNamespace() + ".elsewhere.example.org")
	container := p.Path(fmt.Sprintf("%s00001.aa.%d.1.%s", attemptPrefix, cmd.Process.Pid, hostname()))
	for _, dir := range []string{foreign, container} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	kill(cmd)
	if n := len(attemptDirs(t, p)); n != 3 {
		t.Fatalf("%d attempt directories, want that of the killed process and two", n)
	}
	if _, err := os.Stat(p.Path("part-00001.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an output of the killed attempt is there: %v", err)
	}
	if missing, err := p.Missing(); err != nil || !reflect.DeepEqual(missing, []int{0, 1}) {
		t.Errorf("missing %v, %v", missing, err)
	}
	mustRun(t, p, 1, square)
	if err := p.Verify(1); err != nil {
		t.Error(err)
	}
	if removed, err := p.Clean(); err != nil || removed != 1 {
		t.Errorf("Clean took %d attempts, %v; want the dead one", removed, err)
	}
	if got := attemptDirs(t, p); len(got) != 2 {
		t.Errorf("left are %q, want those of another host and another container", got)
	}
}

// When a plan is done, what attempts on other hosts have left goes too: dead ones and such as do again what is done. Those of this
// host that live, and what is no attempt, stay.
func TestSweep(t *testing.T) {
	p := &Plan{Kind: "k", Tasks: []json.RawMessage{[]byte("1")}}
	if err := p.Save(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	own := attemptPrefix + attemptName(0)
	names := []string{own, attemptPrefix + "00000.x.1." + pidNamespace() + ".node7.example.org", attemptPrefix + "00012.y.1.9." + hostname(), attemptPrefix + "odd", "trials"}
	for _, name := range names {
		if err := os.MkdirAll(p.Path(name, "deep"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := p.Clean(); err != nil || removed != 0 {
		t.Errorf("Clean took %d, %v; it cannot know of other hosts", removed, err)
	}
	if removed, err := p.Sweep(); err != nil || removed != 2 {
		t.Errorf("Sweep took %d, %v", removed, err)
	}
	for i, name := range names {
		if _, err := os.Stat(p.Path(name)); (err == nil) != (i == 0 || i > 2) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a process that was killed left of a file is gone after Clean, and what
// was there before stays until the new file is whole.
func TestKilledWriting(t *testing.T) {
	p := squares(t, 1)
	path := p.Path("answer.json")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	kill(helper(t, "file", p.Dir()))
	if left := attemptDirs(t, p); len(left) != 1 {
		t.Fatalf("left are %q, want half a file", left)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "old" {
		t.Errorf("%q, %v", data, err)
	}
	if removed, err := p.Clean(); err != nil || removed != 1 {
		t.Errorf("Clean took %d, %v", removed, err)
	}
	if err := WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "new" || len(attemptDirs(t, p)) != 0 {
		t.Errorf("%q, %v, beside it %q", data, err, attemptDirs(t, p))
	}
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	cmd := helper(t, "lock", dir)
	_, err := Acquire(dir)
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("second controller: %v", err)
	}
	if held.PID != cmd.Process.Pid || held.Host != hostname() || !strings.Contains(held.Command, dir) || time.Since(held.Since) > time.Minute {
		t.Errorf("holder %+v", held)
	}
	for _, want := range []string{dir, fmt.Sprintf("kill %d", cmd.Process.Pid), hostname()} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	kill(cmd)
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	if _, err := Acquire(dir); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("same process: %v", err)
	}
	if err := os.Truncate(filepath.Join(dir, "lock"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir); !errors.As(err, &held) || !strings.Contains(err.Error(), "another process works in "+dir) {
		t.Errorf("holder unknown: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := Acquire(dir)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// A lock whose holder is on a host that is gone is taken over; a holder that lives is not.
func TestTakeOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if err := TakeOver(dir); !errors.As(err, &held) {
		t.Errorf("a living holder on this host: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "lock"))
	if err == nil { // as another host would have written it
		data = []byte(strings.Replace(string(data), hostname(), "gone.example.org", 1))
		err = os.WriteFile(filepath.Join(dir, "lock"), data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(dir); err == nil || !strings.Contains(err.Error(), "--take-over") || !strings.Contains(err.Error(), "gone.example.org") {
		t.Errorf("held by another host: %v", err)
	}
	if err := TakeOver(dir); err != nil {
		t.Fatal(err)
	}
	second, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Check(); !IsRetry(err) {
		t.Errorf("the first holder has not noticed: %v", err)
	}
	if err := second.Check(); err != nil {
		t.Error(err)
	}
	if err := errors.Join(second.Release(), lock.Release(), TakeOver(dir)); err != nil {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	full := &Plan{Kind: "fill", Tasks: squares(t, 1).Tasks}
	if err := full.Save(filepath.Join(dir, "fill-1")); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 1<<20)
	for name, f := range map[string]Func{
		"through the attempt": func(_ context.Context, _ *Plan, _ int, a *Attempt) error { return a.WriteFile("x", big) },
		"by itself": func(_ context.Context, _ *Plan, _ int, a *Attempt) error {
			return fmt.Errorf("write vectors: %w", os.WriteFile(filepath.Join(a.Dir(), "x"), big, 0o666))
		},
	} {
		_, err := full.Run(t.Context(), 0, f)
		if !IsPermanent(err) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range []string{full.Dir(), "free some", "run the same command again"} {
			if strings.Count(err.Error(), want) < 1 || strings.Count(err.Error(), "free some") > 1 {
				t.Errorf("%s: %q does not say %q once", name, err, want)
			}
		}
	}
	mustRun(t, full, 0, square) // the space is free again
}

func TestUnwritable(t *testing.T) {
	if os.Geteuid() == 0 {
		// Permissions do not bind root; a file where a directory should be, and a read-only mount, do.
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "size=64k"); err != nil {
			t.Skipf("needs a user other than root, or the right to mount: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, 0) })
		unwritable(t, dir)
		return
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	unwritable(t, dir)
}

func unwritable(t *testing.T, dir string) {
	t.Helper()
	p := &Plan{Kind: "squares", Tasks: squares(t, 1).Tasks}
	_, lockErr := Acquire(dir)
	for what, err := range map[string]error{"save": p.Save(dir), "save below": p.Save(filepath.Join(dir, "stage")), "lock": lockErr} {
		if !IsPermanent(err) || !strings.Contains(err.Error(), "cannot write in "+dir) || !strings.Contains(err.Error(), "choose another run directory") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestCleanEndsPrograms: a program that a dead attempt has left running is ended before its task runs again.
func TestCleanEndsPrograms(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skipf("no process to be gone: %v", err)
	}
	dir := t.TempDir()
	attempt := filepath.Join(dir, fmt.Sprintf("%s00003.0123456789ab.%d.%s.%s", attemptPrefix, gone.Process.Pid, pidNamespace(), hostname()))
	work := filepath.Join(attempt, "trainer")
	if err := os.MkdirAll(work, 0o777); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Run(context.Background(), exec.Command("sleep", "60"), work) }()
	mark := filepath.Join(work, process.MarkName)
	for i := 0; ; i++ {
		if _, err := os.Stat(mark); err == nil {
			break
		}
		if i == 6000 {
			t.Fatal("the program has no mark")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if data, err := os.ReadFile(mark); err != nil || strings.Contains(string(data), `"start":""`) {
		t.Skipf("this system does not say when a process was started: %s %v", data, err)
	}
	if n, err := Clean(dir); n != 1 || err != nil {
		t.Errorf("Clean: %d, %v", n, err)
	}
	if err := <-ended; err == nil {
		t.Error("the program ended by itself")
	}
}
