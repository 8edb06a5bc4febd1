package task

import (
	"context"
	"fmt"
	"time"

	"github.com/climb-go/climb/blob"
)

// FileStamp identifies the content of a file from outside the run without reading it.
type FileStamp struct {
	Path    string    `json:"path"` // absolute, or relative to the directory that the command runs in; or a URL
	Bytes   int64     `json:"bytes"`
	ModTime time.Time `json:"mtime"`
	ETag    string    `json:"etag,omitempty"` // of an object in a bucket
}

// Stamp returns the present stamp of the file at path.
func Stamp(path string) (FileStamp, error) {
	info, err := blob.Stat(context.Background(), path)
	if err != nil {
		return FileStamp{}, err
	}
	return FileStamp{Path: path, Bytes: info.Bytes, ModTime: info.ModTime, ETag: info.ETag}, nil
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
	case now.ETag != s.ETag:
		return Permanent(fmt.Errorf("input %s has another ETag than when the plan was made: %s", s.Path, remedy))
	}
	return nil
}

const mostChecked = 1000 // files

// checkFiles checks every input file, at most once a second: a pool that runs small tasks stays quick. Objects in buckets and the
// files of a plan with very many are left to the tasks that read them.
func (p *Plan) checkFiles() error {
	p.drift.Lock()
	defer p.drift.Unlock()
	if !p.checked.IsZero() && time.Since(p.checked) < time.Second {
		return nil
	}
	if len(p.Files) > mostChecked {
		return nil
	}
	for _, f := range p.Files {
		if blob.IsURL(f.Path) {
			continue
		}
		if err := f.Check(); err != nil {
			return fmt.Errorf("plan %s: %w", p.path(), err)
		}
	}
	p.checked = time.Now()
	return nil
}
