// Package processtest waits for processes that the programs under test have
// started.
package processtest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit is for what never happens: on a machine that is busy with other things
// seconds become minutes.
const limit = 5 * time.Minute

// PIDs waits for the numbers of processes that a program writes to a file, and
// ends those processes with the test.
func PIDs(t testing.TB, path string) (pids []int) {
	t.Helper()
	var data []byte
	await(t, path+" has not been written", func() bool {
		var err error
		data, err = os.ReadFile(path)
		return err == nil && len(data) > 0
	})
	for _, field := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
		t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	}
	return pids
}

// Ended waits until processes run no more.
func Ended(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		await(t, fmt.Sprintf("process %d still runs", pid), func() bool { return !runs(pid) })
	}
}

func await(t testing.TB, why string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(why)
		}
	}
}

// runs tells whether a process runs; one that has ended, and that nobody has
// waited for, does not.
func runs(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		_, noProc := os.Stat("/proc/self/stat")
		return noProc != nil && syscall.Kill(pid, 0) == nil
	}
	return !bytes.HasPrefix(data[bytes.LastIndexByte(data, ')'):], []byte(") Z"))
}
