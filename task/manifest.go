package task

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Manifest says that a task is done and what it wrote.
type Manifest struct {
	Task     int              `json:"task"`
	Outputs  []Output         `json:"outputs"` // sorted by name
	Counters map[string]int64 `json:"counters,omitempty"`
	Host     string           `json:"host"`
	PID      int              `json:"pid"`
	Attempt  string           `json:"attempt"` // unique among all attempts
	Started  time.Time        `json:"started"`
	Seconds  float64          `json:"seconds"`

	// CoreSeconds are the cores that the attempt was given, over time; 0 where the
	// task does not say. Like Seconds, they are not the same when it runs again.
	CoreSeconds float64 `json:"core_seconds,omitempty"`

	sealed bool // false if an earlier version wrote it
}

// Output is a file that a task wrote.
type Output struct {
	Name   string `json:"name"` // below the directory of the stage, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex, taken while it was written
}

// Bytes is the size of all outputs.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, o := range m.Outputs {
		n += o.Bytes
	}
	return n
}

// Manifest returns the manifest of task n. The error is fs.ErrNotExist if the task is not done: it has no manifest, or one that
// cannot be read, or an output is missing or has another size.
func (p *Plan) Manifest(n int) (*Manifest, error) {
	m, err := p.readManifest(n)
	var damage *DamageError
	if errors.As(err, &damage) {
		return nil, fmt.Errorf("manifest %s is damaged, so the task counts as not done: %s (%w)", damage.Path, damage.Why, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	for _, o := range m.Outputs {
		info, err := os.Stat(p.Path(o.Name))
		if err != nil {
			return nil, fmt.Errorf("output of task %d: %w", n, err)
		}
		if info.Size() != o.Bytes {
			return nil, fmt.Errorf("output %s has %d bytes and not %d, so task %d counts as not done: %w", p.Path(o.Name), info.Size(), o.Bytes, n, fs.ErrNotExist)
		}
	}
	return m, nil
}

// readManifest reads the manifest of task n and no more. The error is a *DamageError if it cannot be used.
func (p *Plan) readManifest(n int) (*Manifest, error) {
	if err := p.has(n); err != nil {
		return nil, err
	}
	path := p.manifestPath(n)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data, n)
	if err != nil {
		return nil, &DamageError{Path: path, Why: err.Error(), Remove: path}
	}
	return m, nil
}

func parseManifest(data []byte, n int) (*Manifest, error) {
	object, sealed, err := Unseal(data)
	if err != nil {
		return nil, err
	}
	m := &Manifest{sealed: sealed}
	if err := json.Unmarshal(object, m); err != nil {
		return nil, err
	}
	if m.Task != n || m.Attempt == "" {
		return nil, fmt.Errorf("it is of task %d, attempt %q", m.Task, m.Attempt)
	}
	for _, o := range m.Outputs {
		if !filepath.IsLocal(filepath.FromSlash(o.Name)) {
			return nil, fmt.Errorf("output %q lies outside the stage", o.Name)
		}
	}
	return m, nil
}

// Missing returns the tasks that are not done, in order.
func (p *Plan) Missing() ([]int, error) {
	var missing []int
	for n := range p.Tasks {
		_, err := p.Manifest(n)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, n)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// Published lists the tasks that have a manifest, whatever it says, in no order: one look at a directory, however many tasks there
// are. Manifest says whether one can be used.
func (p *Plan) Published() ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(p.manifestPath(0)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if n, err := strconv.Atoi(name); ok && err == nil && p.has(n) == nil && filepath.Base(p.manifestPath(n)) == e.Name() {
			out = append(out, n)
		}
	}
	return out, nil
}

// Changed is when a manifest was last published or taken back; fs.ErrNotExist before the first.
func (p *Plan) Changed() (time.Time, error) {
	info, err := os.Stat(filepath.Dir(p.manifestPath(0)))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// hashFile returns the SHA-256 of a file and its size, and waits until it is on disk if asked to.
func hashFile(path string, sync bool) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			return "", 0, diskError(filepath.Dir(path), err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// DonePath is the manifest of task n: without it the task is not done.
func (p *Plan) DonePath(n int) string { return p.manifestPath(n) }

func (p *Plan) manifestPath(n int) string {
	return p.Path(p.prefix()+"done", fmt.Sprintf("%05d.json", n))
}

// NewOutput describes a file that holds data.
func NewOutput(name string, data []byte) Output {
	sum := sha256.Sum256(data)
	return Output{Name: name, Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}
