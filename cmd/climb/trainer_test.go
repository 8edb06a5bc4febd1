package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/process/processtest"
)

// trainerScript is a workspace whose proxies are trained by a shell script, $1 its result.
func trainerScript(t *testing.T, script string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell to write a trainer for")
	}
	config := strings.Replace(small, "proxy:\n", "proxy:\n  command: [sh, trainer.sh, \"{result}\"]\n", 1)
	dir := prepared(t, strings.Replace(config, "rounds: [6, 3]", "rounds: [2]", 1))
	writeFile(t, filepath.Join(dir, "trainer.sh"), []byte(script))
	return dir
}

// size is the number of bytes of a file, 0 if there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

const goodTrainer = `echo '{"score": 0.5}' > "$1"` + "\n"

// A good result is kept though a helper of the trainer, such as a logger, holds its output open; the helper does not stay.
func TestTrainerLeavesHelper(t *testing.T) {
	t.Parallel()
	dir := trainerScript(t, "sleep 3000 & echo $! >> helpers\n"+goodTrainer)
	begun := time.Now()
	mustRun(t, dir, "search")
	if took := time.Since(begun); took > 10*time.Minute { // not until the helper has ended
		t.Errorf("it took %v", took)
	}
	processtest.Ended(t, processtest.PIDs(t, filepath.Join(dir, "helpers"))...)
}

// However climb ends, its trainers end too, with what they have started; nothing stays in the folder for temporary files, and the
// same command finishes the run.
func TestTrainerEndsWithClimb(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := trainerScript(t, "sleep 3000 & echo $$ $! > pids.$$; mv pids.$$ pids; wait\n")
			tmp := t.TempDir()
			c := command(dir, "search")
			c.Env = append(c.Env, "TMPDIR="+tmp)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			pids := processtest.PIDs(t, filepath.Join(dir, "pids"))
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // the exit code is checked next
			if code := c.ProcessState.ExitCode(); signal != syscall.SIGKILL && code != 75 {
				t.Errorf("exit %d, want 75", code)
			}
			processtest.Ended(t, pids...)
			if left, err := filepath.Glob(filepath.Join(tmp, "climb-train-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			writeFile(t, filepath.Join(dir, "trainer.sh"), []byte(goodTrainer))
			mustRun(t, dir, "search")
		})
	}
}

// Under nohup a run outlives its terminal.
func TestNohup(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nohup"); err != nil {
		t.Skip("no nohup")
	}
	dir := trainerScript(t, "echo $$ >> pids\nuntil test -e go; do echo >> ticks; sleep 0.1; done\n"+goodTrainer)
	c := exec.Command("nohup", "climb", "search")
	c.Dir = dir
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	processtest.PIDs(t, filepath.Join(dir, "pids"))
	if err := c.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	ticks := filepath.Join(dir, "ticks")
	told := size(ticks)
	waitFor(t, func() bool { return size(ticks) > told+5 }) // the trainers go on
	writeFile(t, filepath.Join(dir, "go"), nil)
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with SIGHUP: %v", err)
	}
}
