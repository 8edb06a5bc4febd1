// Package process runs a program of the user's as a process group (setpgid(2)) that does not outlive its end, or this process.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// MarkName is the file that says which process runs; see Run.
const MarkName = "process.json"

const (
	grace = 10 * time.Second // between the interrupt of a group and its kill
	drain = 2 * time.Second  // for the output that others of the group still write when the program has ended
	leave = 2 * time.Second  // between asking those to end and killing them
)

// mark tells a process from a later one with its number.
type mark struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // when it was started, as the system tells it
}

// Run runs c, which has not been started, and waits for it. It leads a process group: when ctx ends the whole group is interrupted
// (SIGINT, as by Ctrl-C on a terminal), and killed 10 seconds later. What is left of the group when the program has ended is asked
// to end, then killed, so c.Stdout may be held open by others without harm to the outcome. When this process is gone, however it
// ended, the group is killed by a shell that waits for that, and the program itself by the kernel where it can (Linux).
//
// While the program runs a file MarkName in dir says which it is, for End. A program that is to outlive this one makes a session of
// its own (setsid).
func Run(ctx context.Context, c *exec.Cmd, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.SysProcAttr, c.WaitDelay = attributes(), drain
	over, stop := guard()
	defer stop()
	started, ended := make(chan error), make(chan error, 1)
	go func() { // the kernel's signal comes with the end of the thread that started the program, which must not end before it
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.Start()
		if err == nil {
			over(c.Process.Pid)
		}
		started <- err
		if err == nil {
			ended <- c.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	group := c.Process.Pid
	path := filepath.Join(dir, MarkName)
	defer os.Remove(path)
	err := writeMark(path, group)
	if err == nil {
		select {
		case err = <-ended:
			end(group, syscall.SIGTERM, leave)
			if errors.Is(err, exec.ErrWaitDelay) { // it ended well; another one holds its output
				err = nil
			}
			return err
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	end(group, syscall.SIGINT, grace)
	<-ended
	return err
}

// lives tells whether the program still runs. A process that has its number by now
// was started at another time, and the numbers that stand for groups are no program's.
func (m mark) lives() bool { return m.PID > 1 && m.Start != "" && startTime(m.PID) == m.Start }

func writeMark(path string, pid int) error {
	data, err := json.Marshal(mark{pid, startTime(pid)})
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, data, 0o666); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// end asks a group to end with a signal, and kills it when it has not after a while. It tells whether the group is gone.
func end(group int, ask syscall.Signal, patience time.Duration) bool {
	if syscall.Kill(-group, ask) != nil {
		return true
	}
	if gone(group, patience) {
		return true
	}
	syscall.Kill(-group, syscall.SIGKILL)
	return gone(group, leave)
}

// gone waits until no process of the group is left.
func gone(group int, patience time.Duration) bool {
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(-group, 0) != nil {
			return true
		}
	}
	return false
}

// guard starts a shell that kills a group when this process is gone: it waits for the end of a pipe that only this process holds. It
// is there before the program is, which may start others at once, and over tells it the group. Where there is no shell nothing is
// done. The shell ends when stop is called.
func guard() (over func(group int), stop func()) {
	over, stop = func(int) {}, func() {}
	r, w, err := os.Pipe()
	if err != nil {
		return over, stop
	}
	defer r.Close()
	sh := exec.Command("/bin/sh", "-c", `read group && { read gone; kill -s KILL -- "-$group"; }`)
	sh.Stdin, sh.SysProcAttr = r, &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	if err := sh.Start(); err != nil {
		w.Close()
		return over, stop
	}
	over = func(group int) { fmt.Fprintln(w, group) }
	return over, func() {
		_ = sh.Process.Kill() // before the pipe ends
		_ = sh.Wait()         // tells that it was killed
		w.Close()
	}
}

// End ends the group of a program that Run has marked in dir, if that program still runs: this process is not the one that ran it.
func End(dir string) error {
	path := filepath.Join(dir, MarkName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var m mark
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if !m.lives() {
		return nil
	}
	if !end(m.PID, syscall.SIGINT, grace) && startTime(m.PID) == m.Start {
		return fmt.Errorf("process %d, which an earlier process of climb has started, does not end: see what it waits for, and run the same command again", m.PID)
	}
	return nil
}
