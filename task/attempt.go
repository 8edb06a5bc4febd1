package task

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Attempt is one run of one task. Its outputs go to a directory of its own and appear in the stage only when the task ends well.
// Its methods may be called from several goroutines.
type Attempt struct {
	// Progress, if set, is told how far the task is; see Report.
	Progress func(done, total int64)

	id       string // unique among all attempts
	dir      string // of the outputs, until they are renamed into place
	started  time.Time
	mu       sync.Mutex
	open     map[string]bool // outputs that are being written
	sums     map[string]sum  // outputs written through Create
	counters map[string]int64

	coreSeconds float64
}

// sum is the hash of an output when it was closed.
type sum struct {
	hex  string
	size int64
}

// newAttempt makes the directory of a new attempt of task n.
func (p *Plan) newAttempt(n int) (*Attempt, error) {
	a := &Attempt{id: attemptName(n), started: time.Now().UTC(), open: map[string]bool{}, sums: map[string]sum{}}
	a.dir = p.Path(attemptPrefix + a.id)
	if err := os.Mkdir(a.dir, 0o777); err != nil {
		return nil, diskError(p.dir, err)
	}
	return a, nil
}

// Dir is the temporary directory of the attempt. Every regular file that the task leaves in it becomes an output under its name
// there, so a task may hand it to code that writes files by itself; Create is quicker since it hashes on the way.
func (a *Attempt) Dir() string { return a.dir }

// Create makes an output. The name is relative to the stage and may hold directories.
func (a *Attempt) Create(name string) (*File, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || local == "." || strings.HasPrefix(local, attemptPrefix) {
		return nil, Permanent(fmt.Errorf("output %q: want a path below the stage", name))
	}
	path := filepath.Join(a.dir, local)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, diskError(a.dir, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, diskError(a.dir, err)
	}
	name = filepath.ToSlash(filepath.Clean(local))
	a.mu.Lock()
	a.open[name] = true
	a.mu.Unlock()
	return &File{a: a, f: f, name: name, hash: sha256.New()}, nil
}

// WriteFile makes an output that holds data.
func (a *Attempt) WriteFile(name string, data []byte) error {
	f, err := a.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// WriteJSON makes an output that holds v as indented JSON.
func (a *Attempt) WriteJSON(name string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return Permanent(fmt.Errorf("output %s: %w", name, err))
	}
	return a.WriteFile(name, b.Bytes())
}

// Count adds n to a counter of the manifest.
func (a *Attempt) Count(key string, n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counters == nil {
		a.counters = map[string]int64{}
	}
	a.counters[key] += n
}

// Spend adds to the core seconds of the manifest.
func (a *Attempt) Spend(coreSeconds float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.coreSeconds += coreSeconds
}

// Report tells Progress, if it is set, that done of total units of work are behind.
func (a *Attempt) Report(done, total int64) {
	if a.Progress != nil {
		a.Progress(done, total)
	}
}

// outputs lists the files of the attempt, hashed and on disk, sorted by name.
func (a *Attempt) outputs() ([]Output, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	outputs := []Output{}
	err := filepath.WalkDir(a.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(a.dir, path)
		name = filepath.ToSlash(name)
		if !d.Type().IsRegular() {
			return Permanent(fmt.Errorf("output %s is not a regular file", name))
		}
		if a.open[name] {
			return Permanent(fmt.Errorf("output %s was not closed", name))
		}
		s, ok := a.sums[name]
		if !ok {
			if s.hex, s.size, err = hashFile(path, true); err != nil {
				return err
			}
		}
		outputs = append(outputs, Output{Name: name, Bytes: s.size, SHA256: s.hex})
		return nil
	})
	slices.SortFunc(outputs, func(x, y Output) int { return strings.Compare(x.Name, y.Name) })
	return outputs, err
}

// File is an output that is being written. It is hashed on the way, and read again at Close if it was not written in one pass.
type File struct {
	a      *Attempt
	f      *os.File
	name   string
	hash   hash.Hash
	hashed int64 // bytes in hash
	pos    int64
	again  bool // written out of order
}

// Write writes at the present offset.
func (f *File) Write(b []byte) (int, error) {
	n, err := f.f.Write(b)
	if f.pos == f.hashed {
		f.hash.Write(b[:n])
		f.hashed += int64(n)
	} else if n > 0 {
		f.again = true
	}
	f.pos += int64(n)
	return n, diskError(f.a.dir, err)
}

// Seek sets the offset of the next Write.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	pos, err := f.f.Seek(offset, whence)
	if err == nil {
		f.pos = pos
	}
	return pos, err
}

// Close waits until the file is on disk. An output whose Close failed, or was never called, fails its task.
func (f *File) Close() error {
	err := f.f.Sync()
	if err == nil && f.again {
		f.hash.Reset()
		if _, err = f.f.Seek(0, io.SeekStart); err == nil {
			f.hashed, err = io.Copy(f.hash, f.f)
		}
	}
	if err = errors.Join(err, f.f.Close()); err != nil {
		return diskError(f.a.dir, fmt.Errorf("close output %s: %w", f.name, err))
	}
	f.a.mu.Lock()
	defer f.a.mu.Unlock()
	f.a.sums[f.name] = sum{hex.EncodeToString(f.hash.Sum(nil)), f.hashed}
	delete(f.a.open, f.name)
	return nil
}
