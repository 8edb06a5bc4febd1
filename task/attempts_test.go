package task

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAttempts(t *testing.T) {
	dir := t.TempDir()
	if list, err := Attempts(filepath.Join(dir, "none")); err != nil || list != nil {
		t.Errorf("of no folder: %v, %v", list, err)
	}
	mine := attemptPrefix + attemptName(7)
	for _, name := range []string{mine, attemptPrefix + "00003.ab.5.1.some.host", attemptPrefix + "odd", "part-00000"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(partial(dir), nil, 0o666); err != nil { // a file that is being written is no attempt
		t.Fatal(err)
	}
	list, err := Attempts(dir)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if a := list[0]; a.Task != 3 || a.PID != 5 || a.Host != "some.host" || a.Dead {
		t.Errorf("of another host: %+v", a)
	}
	if a := list[1]; a.Task != 7 || a.PID != os.Getpid() || a.Dead || a.Dir != filepath.Join(dir, mine) {
		t.Errorf("of this process: %+v", a)
	}
}

func TestLastHolder(t *testing.T) {
	dir := t.TempDir()
	if h, held, err := LastHolder(dir); h != nil || held || err != nil {
		t.Errorf("of nobody: %v %v %v", h, held, err)
	}
	l, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if h, held, err := LastHolder(dir); err != nil || !held || h == nil || h.PID != os.Getpid() {
		t.Errorf("while it is held: %v %v %v", h, held, err)
	}
	if err := l.f.Close(); err != nil { // as when the process is killed
		t.Fatal(err)
	}
	if h, held, err := LastHolder(dir); err != nil || held || h == nil || h.PID != os.Getpid() {
		t.Errorf("after a kill: %v %v %v", h, held, err)
	}
	if l, err = Acquire(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if h, held, err := LastHolder(dir); h != nil || held || err != nil {
		t.Errorf("after an orderly end: %v %v %v", h, held, err)
	}
}
