package task

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Running is an attempt that has not ended, as the name of its directory tells.
type Running struct {
	Task int
	PID  int
	Host string
	Dir  string // of the outputs so far
	Dead bool   // its process ran on this host and is gone
}

// Attempts lists the attempts in the directory of a stage that have not ended, in the order of their tasks.
func Attempts(dir string) ([]Running, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []Running
	for _, e := range entries {
		id, ok := strings.CutPrefix(e.Name(), attemptPrefix)
		if !ok || !e.IsDir() {
			continue
		}
		parts := strings.SplitN(id, ".", 5)
		if len(parts) != 5 {
			continue
		}
		n, err := strconv.Atoi(parts[0])
		pid, err2 := strconv.Atoi(parts[2])
		if err != nil || err2 != nil {
			continue
		}
		out = append(out, Running{Task: n, PID: pid, Host: parts[4], Dir: filepath.Join(dir, e.Name()), Dead: isDead(id)})
	}
	return out, err
}
