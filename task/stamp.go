package task

import (
	"fmt"
	"os"
	"time"
)

// FileStamp identifies the content of a file from outside the run without reading it.
type FileStamp struct {
	Path    string    `json:"path"` // absolute, or relative to the directory that the command runs in
	Bytes   int64     `json:"bytes"`
	ModTime time.Time `json:"mtime"`
}

// Stamp returns the present stamp of the file at path.
func Stamp(path string) (FileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return FileStamp{}, err
	}
	return FileStamp{Path: path, Bytes: info.Size(), ModTime: info.ModTime().UTC()}, nil
}

// Check returns an error if the file is gone or has changed.
func (s FileStamp) Check() error {
	const remedy = "put it back as it was, or start again so that a new plan is made"
	now, err := Stamp(s.Path)
	switch {
	case err != nil:
		return Permanent(fmt.Errorf("input of the plan: %w: %s", err, remedy))
	case now.Bytes != s.Bytes:
		return Permanent(fmt.Errorf("input %s has %d bytes, and had %d when the plan was made: %s", s.Path, now.Bytes, s.Bytes, remedy))
	case !now.ModTime.Equal(s.ModTime):
		return Permanent(fmt.Errorf("input %s was written %s, after the plan was made (it was of %s): %s", s.Path,
			now.ModTime.Format(time.RFC3339Nano), s.ModTime.UTC().Format(time.RFC3339Nano), remedy))
	}
	return nil
}

// checkFiles checks every input file, at most once a second: a pool that runs small tasks stays quick.
func (p *Plan) checkFiles() error {
	p.drift.Lock()
	defer p.drift.Unlock()
	if !p.checked.IsZero() && time.Since(p.checked) < time.Second {
		return nil
	}
	for _, f := range p.Files {
		if err := f.Check(); err != nil {
			return fmt.Errorf("plan %s: %w", p.path(), err)
		}
	}
	p.checked = time.Now()
	return nil
}
