package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/climb-go/climb/escape"
)

// Lock is held by the one controller of a run directory. The kernel frees it when the process ends, however it ends.
type Lock struct {
	f   *os.File
	dir string
}

// Holder says who holds a lock.
type Holder struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// HeldError is the error of Acquire when another controller works in the directory.
type HeldError struct {
	Dir string
	Holder
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another process works in %s: wait for it to end", e.Dir)
	}
	text := fmt.Sprintf("%s is in use by process %d on %s since %s (%s): wait for it to end, or stop it with kill %d",
		e.Dir, e.PID, e.Host, e.Since.Format(time.RFC3339), e.Command, e.PID)
	if e.Host != hostname() {
		text += " on that host; if the host is gone, or the process is and the file server has not noticed, --take-over takes the directory over"
	}
	return text
}

// Acquire makes this process the controller of dir, which it makes if need be. If there is another one the error is a *HeldError.
// The lock is flock(2) on the file "lock" in dir, which also says who holds it; it holds across hosts where the file system shares
// such locks (NFS since Linux 2.6.12, Lustre with -o flock).
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, diskError(dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, diskError(dir, err)
	}
	err = flock(f)
	for try := 0; try < 5 && errors.Is(err, syscall.EWOULDBLOCK); try++ { // who looks whether the lock is held has it for an instant
		time.Sleep(10 * time.Millisecond)
		err = flock(f)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		held := readHolder(dir, f)
		f.Close()
		return nil, held
	}
	if err != nil {
		f.Close()
		return nil, Permanent(fmt.Errorf("the file system of %s has no file locks: mount it with them, or choose another run directory (%w)", dir, err))
	}
	data, err := json.Marshal(Holder{hostname(), os.Getpid(), escape.Secrets(strings.Join(os.Args, " ")), time.Now().UTC()})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(data, '\n'), 0)
	}
	if err != nil {
		f.Close()
		return nil, diskError(dir, err)
	}
	l := &Lock{f, dir}
	if err := l.Check(); err != nil { // removed between opening and locking it
		f.Close()
		return nil, Retry(err)
	}
	return l, nil
}

// TakeOver lets the next Acquire of dir succeed where the holder of the lock is on a host that is gone: file servers may keep the
// locks of such a host for ever. The old lock file is put aside, which a holder that lives after all notices before it begins
// anything (Check). A holder on this host is refused if its process lives: nothing is to be guessed then.
func TakeOver(dir string) error {
	held, err := Held(dir)
	if held == nil || err != nil { // nobody
		return err
	}
	if held.Host == hostname() && held.PID > 0 && !errors.Is(syscall.Kill(held.PID, 0), syscall.ESRCH) {
		return fmt.Errorf("take over: %w", held)
	}
	path := filepath.Join(dir, "lock")
	if err := os.Rename(path, path+".taken"); err != nil {
		return diskError(dir, err)
	}
	return nil
}

// Check reports that the lock file was removed or replaced while this process
// holds it: another controller may have begun, and this one must not go on.
func (l *Lock) Check() error {
	mine, err := l.f.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(filepath.Join(l.dir, "lock"))
	if err != nil || !os.SameFile(mine, now) {
		return Retry(fmt.Errorf("the file lock in %s was removed while process %d works there, so that another one may have begun: make sure that none has, and run the same command again", l.dir, os.Getpid()))
	}
	return nil
}

// Release gives the directory up. The file stays: removing it would let two processes hold one lock each.
func (l *Lock) Release() error {
	return errors.Join(l.f.Truncate(0), l.f.Close())
}

// flock takes the lock without waiting for it.
func flock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}

// Held returns who controls dir, nil if nobody does.
func Held(dir string) (*HeldError, error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := flock(f); !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, err
	}
	return readHolder(dir, f), nil
}

// LastHolder returns who controls dir, or the one who did last and was killed: it has not given the lock up, and no longer holds
// it. It is nil where the last one ended in an orderly way.
func LastHolder(dir string) (h *Holder, held bool, err error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	err = flock(f)
	if held = errors.Is(err, syscall.EWOULDBLOCK); err != nil && !held {
		return nil, false, err
	}
	last := readHolder(dir, f).Holder
	if last == (Holder{}) && !held {
		return nil, false, nil
	}
	return &last, held, nil
}

// readHolder reads the lock file of another process; what cannot be read is
// left out.
func readHolder(dir string, f *os.File) *HeldError {
	held := &HeldError{Dir: dir}
	if data, err := io.ReadAll(f); err != nil || json.Unmarshal(data, &held.Holder) != nil {
		held.Holder = Holder{}
	}
	return held
}
