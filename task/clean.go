package task

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/climb-go/climb/process"
)

const attemptPrefix = ".attempt-"

// attemptName is <task>.<unique>.<pid>.<pid namespace>.<host>. The host comes last since it may hold dots.
func attemptName(n int) string {
	return fmt.Sprintf("%05d.%s.%d.%s.%s", n, unique(), os.Getpid(), pidNamespace(), hostname())
}

// Clean removes what dead attempts left in the directory of the stage.
func (p *Plan) Clean() (int, error) { return Clean(p.dir) }

// Clean removes what dead attempts, and calls of WriteFile that were killed, left in a directory. They are dead if their process
// ran on this host and is gone; those of other hosts, and of other containers on this host, are left alone. It returns how many it
// removed.
func Clean(dir string) (int, error) { return remove(dir, isDead, bury) }

// Sweep removes what attempts on other hosts have left in the directory of the stage: Clean cannot know whether they are dead. It is
// for the moment when every task of the plan is done and no other plan of the directory has begun: one that still runs there does
// again what is done, and fails.
func (p *Plan) Sweep() (int, error) { return remove(p.dir, isForeign, os.RemoveAll) }

// remove takes away the attempts in a directory that are chosen.
func remove(dir string, chosen func(id string) bool, bury func(path string) error) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	removed := 0
	var errs []error
	for _, e := range entries {
		id, ok := strings.CutPrefix(e.Name(), attemptPrefix)
		if !ok || !chosen(id) {
			continue
		}
		if err := bury(filepath.Join(dir, e.Name())); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// bury ends the programs that a dead attempt has left running, and removes what it has left on disk.
func bury(attempt string) error {
	entries, _ := os.ReadDir(attempt) // a file of WriteFile has none
	for _, e := range entries {
		if err := process.End(filepath.Join(attempt, e.Name())); err != nil && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	return os.RemoveAll(attempt)
}

// WriteFile writes a file of a stage that is no task's output: it is there whole or not at all, and what a killed process leaves
// of it is removed by Clean, as of an attempt.
func WriteFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	tmp := partial(dir)
	defer os.Remove(tmp)
	if err := writeSynced(tmp, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return diskError(dir, os.Rename(tmp, path))
}

// partial is the name of a file in dir that is being written.
func partial(dir string) string { return filepath.Join(dir, attemptPrefix+attemptName(0)) }

// isDead tells whether the process of an attempt is known to be gone.
func isDead(id string) bool {
	parts := strings.SplitN(id, ".", 5)
	if len(parts) != 5 || parts[3] != pidNamespace() || parts[4] != hostname() {
		return false
	}
	pid, err := strconv.Atoi(parts[2])
	return err == nil && pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// isForeign tells whether an attempt was begun on another host, or in another container of this one.
func isForeign(id string) bool {
	parts := strings.SplitN(id, ".", 5)
	return len(parts) == 5 && (parts[3] != pidNamespace() || parts[4] != hostname())
}

// hostname is the name of this host, or "unknown".
func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" || strings.ContainsRune(name, os.PathSeparator) {
		return "unknown"
	}
	return name
}

// pidNamespace tells containers apart that share a host name; "0" where there is no such thing.
func pidNamespace() string {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "0"
	}
	return strings.Trim(link, "pid:[]")
}
