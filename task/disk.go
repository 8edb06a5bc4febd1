package task

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// isFull tells whether err is about a lack of space.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// diskError says what to do about a full disk or a missing permission in dir. Other errors are passed on, as are those that have a
// class, which say it already.
func diskError(dir string, err error) error {
	var class *ClassError
	switch {
	case err == nil, errors.As(err, &class):
		return err
	case errors.Is(err, syscall.ENOSPC):
		return Permanent(fmt.Errorf("no space left in %s: free some, or put the run on a larger disk, and run the same command again: finished tasks are kept (%w)", dir, err))
	case errors.Is(err, syscall.EDQUOT):
		return Permanent(fmt.Errorf("disk quota used up in %s: free some space, and run the same command again: finished tasks are kept (%w)", dir, err))
	case errors.Is(err, syscall.ENOTDIR):
		return Permanent(fmt.Errorf("cannot make %s: a part of that path is a file; choose another run directory (%w)", dir, err))
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return Permanent(fmt.Errorf("cannot write in %s: make it writable, or choose another run directory (%w)", dir, err))
	}
	return err
}

// linkNew gives the file tmp the name path unless that exists already: then the error is fs.ErrExist. Where the file system has no
// hard links the test and the renaming are two steps; attempts that meet between them carry the same bytes.
func linkNew(tmp, path string) error {
	err := os.Link(tmp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return os.Rename(tmp, path)
}

// writeSynced writes a new file and waits until it is on disk.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return diskError(filepath.Dir(path), err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return diskError(filepath.Dir(path), errors.Join(err, f.Close()))
}

// syncDirs waits until the names in the directories are on disk. File systems that cannot do it are left alone.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		err = f.Sync()
		f.Close()
		if err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
			return diskError(dir, err)
		}
	}
	return nil
}

// unique is a name that no other attempt has.
func unique() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
