package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Disk is the file system of this machine. Names are paths.
type Disk struct{}

type diskFile struct {
	*os.File
	info Info
}

func (f *diskFile) Info() Info { return f.info }

// Stream of a regular file needs no goroutine and holds no buffer.
func (f *diskFile) Stream(start, end int64) io.ReadCloser {
	n := end - start
	if end < 0 {
		n = 1<<63 - 1 - start
	}
	return io.NopCloser(io.NewSectionReader(f.File, start, n))
}

// Open opens a file.
func (Disk) Open(_ context.Context, name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("is a folder")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &diskFile{f, Info{Path: name, Bytes: st.Size(), ModTime: st.ModTime().UTC()}}, nil
}

type diskWriter struct {
	*os.File
	name string
}

// Create writes beside the name, and renames at Close once the bytes are on
// the disk. Folders are made.
func (Disk) Create(_ context.Context, name string) (Writer, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, err
	}
	return &diskWriter{f, name}, nil
}

func (w *diskWriter) Close() error {
	err := errors.Join(w.File.Chmod(0o644), w.File.Sync(), w.File.Close())
	if err == nil {
		err = os.Rename(w.File.Name(), w.name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(w.File.Name()))
	}
	return nil
}

func (w *diskWriter) Abort() error {
	return errors.Join(w.File.Close(), os.Remove(w.File.Name()))
}

// List walks a folder; names that begin with a dot are left out.
func (Disk) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		err := filepath.WalkDir(prefix, func(name string, e fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if name != prefix && strings.HasPrefix(e.Name(), ".") {
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if !e.Type().IsRegular() {
				return nil
			}
			st, err := e.Info()
			if err != nil {
				return err
			}
			if !yield(Info{Path: name, Bytes: st.Size(), ModTime: st.ModTime().UTC()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// Remove removes a file.
func (Disk) Remove(_ context.Context, name string) error { return os.Remove(name) }
