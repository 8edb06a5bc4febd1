package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/process/processtest"
)

// The test binary runs itself as the process that is killed: it runs a shell command in a folder.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CLIMB_PROCESS_HELPER"); dir != "" {
		fmt.Println(Run(context.Background(), exec.Command("/bin/sh", "-c", os.Args[1]), dir))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shell is a command that writes the numbers of its processes to the file pids below dir before it waits.
func shell(dir, script string) *exec.Cmd {
	return exec.Command("/bin/sh", "-c", strings.ReplaceAll(script, "PIDS", filepath.Join(dir, "pids")))
}

// family starts a child, and writes both numbers.
const family = "sleep 60 & echo $$ $! >PIDS.new; mv PIDS.new PIDS; wait"

func needTimes(t *testing.T) {
	t.Helper()
	if startTime(os.Getpid()) == "" {
		t.Skip("this system does not say when a process was started")
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	for script, want := range map[string]string{"exit 0": "<nil>", "exit 3": "exit status 3", "kill -9 $$": "signal: killed"} {
		if got := fmt.Sprint(Run(context.Background(), shell(dir, script), dir)); got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
	if err := Run(context.Background(), exec.Command(filepath.Join(dir, "absent")), dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestHelperHoldsOutput: what a program leaves running neither delays it for long, nor spoils its outcome, nor goes on.
func TestHelperHoldsOutput(t *testing.T) {
	needTimes(t)
	dir := t.TempDir()
	var out bytes.Buffer
	c := shell(dir, "sleep 60 & echo $! >PIDS; echo said")
	c.Stdout, c.Stderr = &out, &out
	begun := time.Now()
	if err := Run(context.Background(), c, dir); err != nil || out.String() != "said\n" {
		t.Errorf("%v, output %q", err, out.String())
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	processtest.Ended(t, processtest.PIDs(t, filepath.Join(dir, "pids"))...)
}

func TestCancelEndsGroup(t *testing.T) {
	needTimes(t)
	for name, script := range map[string]string{"plain": family, "stubborn leader": "trap '' INT; " + family} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- Run(ctx, shell(dir, script), dir) }()
			running := processtest.PIDs(t, filepath.Join(dir, "pids"))
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
			processtest.Ended(t, running...)
		})
	}
}

// TestDeathEndsGroup kills the process that runs the program, so that it can do nothing.
func TestDeathEndsGroup(t *testing.T) {
	needTimes(t)
	dir := t.TempDir()
	helper := startHelper(t, dir, family)
	running := processtest.PIDs(t, filepath.Join(dir, "pids"))
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	helper.Wait()
	processtest.Ended(t, running...)
}

func startHelper(t *testing.T, dir, script string) *exec.Cmd {
	t.Helper()
	helper := exec.Command(os.Args[0], shell(dir, script).Args[2])
	helper.Env = append(os.Environ(), "CLIMB_PROCESS_HELPER="+dir)
	helper.Stdout, helper.Stderr = io.Discard, os.Stderr
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { helper.Process.Kill(); helper.Wait() })
	return helper
}

// TestEnd ends the program of another process, and nothing that only has its number.
// The guard is there before the program is: one that kills this process first thing ends too, with what it has started.
func TestDeathAtOnce(t *testing.T) {
	dir := t.TempDir()
	helper := startHelper(t, dir, strings.Replace(family, "wait", "kill -9 $PPID; wait", 1))
	pids := processtest.PIDs(t, filepath.Join(dir, "pids"))
	_ = helper.Wait()
	processtest.Ended(t, pids...)
}

func TestEnd(t *testing.T) {
	needTimes(t)
	dir := t.TempDir()
	startHelper(t, dir, family)
	running := processtest.PIDs(t, filepath.Join(dir, "pids"))
	var err error
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if _, err = os.Stat(filepath.Join(dir, MarkName)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := End(dir); err != nil {
		t.Error(err)
	}
	processtest.Ended(t, running...)

	other := t.TempDir()
	if err := End(other); err != nil {
		t.Errorf("no mark: %v", err)
	}
	sleep := exec.Command("sleep", "60")
	sleep.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer sleep.Wait()
	defer sleep.Process.Kill()
	if err := os.WriteFile(filepath.Join(other, MarkName), fmt.Appendf(nil, `{"pid":%d,"start":"1"}`, sleep.Process.Pid), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := End(other); err != nil {
		t.Errorf("another process: %v", err)
	}
	if startTime(sleep.Process.Pid) == "" {
		t.Error("a process that only has the number was ended")
	}
}

// FuzzMark: no mark but a program's own names a process that lives.
func FuzzMark(f *testing.F) {
	for _, s := range []string{`{"pid":-1,"start":""}`, `{"pid":0,"start":"0"}`, `{"pid":1,"start":"1"}`, `{"pid":1e99}`, `null`, `{"pid":2147483648,"start":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m mark
		if json.Unmarshal(data, &m) == nil && m.lives() && (m.PID <= 1 || m.Start != startTime(m.PID)) {
			t.Fatalf("%s is taken for a program", data)
		}
	})
}
