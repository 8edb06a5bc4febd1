// Package task turns a stage of a run into tasks that may be killed at any moment and started again.
//
// A Plan is an immutable file that lists every task of a stage. A task is a pure function of the plan and its number: the same
// command runs it in this process, in a Slurm array or in a pod, and two attempts of one task may run at the same time. An attempt
// writes below a temporary directory that only it uses; its files are synced and renamed into place, and the manifest of the task is
// published last. Only manifests say what is done: never a scheduler's word, a log, or the existence of a file.
//
//	<stage>/plan.json              the plan                (or round-01.plan.json)
//	<stage>/part-00007.npy         outputs
//	<stage>/done/00007.json        the manifest of task 7  (or round-01.done/00007.json)
//	<stage>/.attempt-00007.…       an attempt that runs now, or died; see Plan.Clean
package task

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Plan lists the tasks of one stage. It is written once and never changed.
type Plan struct {
	Kind    string            `json:"kind"`              // which Func runs the tasks
	Format  int               `json:"format"`            // version of the stage's output: bumped when that changes
	Name    string            `json:"name,omitempty"`    // "" for plan.json and done/, "round-01" for round-01.plan.json and round-01.done/
	Options json.RawMessage   `json:"options,omitempty"` // the stage's options
	Inputs  map[string]string `json:"inputs,omitempty"`  // role -> name of the input stage's directory, which lies beside this one
	Files   []FileStamp       `json:"files,omitempty"`   // files from outside the run; Run refuses when one has changed
	Tasks   []json.RawMessage `json:"tasks"`             // one value per task, numbered from 0

	dir     string // where the plan lies, set by Save and Load
	sealed  bool   // false if an earlier version wrote it
	drift   sync.Mutex
	checked time.Time // of the last check of Files
}

// Hash names a stage by what made it: 12 hex digits of SHA-256 over its kind, format, options and the names of its inputs.
// Options are taken as canonical JSON (sorted keys, numbers as they are written). It panics if options cannot be JSON.
func Hash(kind string, format int, options any, inputs ...string) string {
	raw, err := canonical(options)
	if err != nil {
		panic(fmt.Sprintf("task: options of %s are not JSON: %v", kind, err))
	}
	key, _ := json.Marshal(struct {
		Kind    string
		Format  int
		Options json.RawMessage
		Inputs  []string
	}{kind, format, raw, inputs})
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:6])
}

// canonical gives v as JSON with sorted keys and no spaces.
func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// Save writes the plan to dir, which it makes, and ties p to it. A plan that is there already is left as it is: the same content is
// no error, any other is, and the error says where the two differ.
func (p *Plan) Save(dir string) error {
	if err := p.check(); err != nil {
		return Permanent(fmt.Errorf("plan for %s: %w", dir, err))
	}
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return Permanent(fmt.Errorf("plan for %s: %w", dir, err))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return diskError(dir, err)
	}
	p.dir = dir
	tmp := partial(dir) // what a killed process leaves of it, Clean removes
	defer os.Remove(tmp)
	if err := writeSynced(tmp, Seal(data)); err != nil {
		return err
	}
	err = linkNew(tmp, p.path())
	if errors.Is(err, fs.ErrExist) {
		return p.sameAs(p.path())
	}
	if err != nil {
		return diskError(dir, err)
	}
	return syncDirs(filepath.Dir(filepath.Clean(dir)), dir)
}

// sameAs returns an error unless the plan at path has the content of p.
func (p *Plan) sameAs(path string) error {
	old, err := Load(path)
	if err != nil {
		return err
	}
	parts := []struct {
		name     string
		old, new any
	}{
		{"kind", old.Kind, p.Kind}, {"format", old.Format, p.Format}, {"options", old.Options, p.Options},
		{"inputs", old.Inputs, p.Inputs}, {"files", old.Files, p.Files}, {"tasks", old.Tasks, p.Tasks},
	}
	for _, part := range parts {
		a, errA := canonical(part.old)
		b, errB := canonical(part.new)
		if err := errors.Join(errA, errB); err != nil {
			return Permanent(fmt.Errorf("compare plan %s: %w", path, err))
		}
		if !bytes.Equal(a, b) && !(isEmpty(a) && isEmpty(b)) {
			return Permanent(fmt.Errorf("plan %s exists with other %s: a plan never changes; use another directory, or remove this one to start it again", path, part.name))
		}
	}
	return nil
}

// isEmpty tells whether raw is a JSON value that a plan leaves out, or writes in two ways.
func isEmpty(raw []byte) bool {
	return slices.Contains([]string{"null", "{}", "[]"}, string(raw))
}

// Load reads the plan at path, whose file name must be the one that the plan's name asks for.
func Load(path string) (*Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	object, sealed, err := Unseal(data)
	if err != nil {
		return nil, Permanent(&DamageError{Path: path, Why: err.Error(), Remove: path})
	}
	p, err := parsePlan(object)
	if err != nil {
		return nil, Permanent(fmt.Errorf("plan %s is cut short or damaged: %w; remove the folder %s to start this stage again", path, err, filepath.Dir(path)))
	}
	p.sealed = sealed
	if want := p.prefix() + "plan.json"; filepath.Base(path) != want {
		return nil, Permanent(fmt.Errorf("plan %s: its name %q belongs to a file called %s", path, p.Name, want))
	}
	p.dir = filepath.Dir(path)
	return p, nil
}

func parsePlan(data []byte) (*Plan, error) {
	p := new(Plan)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("data after the plan, at byte %d", d.InputOffset())
	}
	return p, p.check()
}

// check returns an error if a field of the plan cannot be used.
func (p *Plan) check() error {
	switch {
	case p.Kind == "":
		return errors.New("no kind")
	case p.Name != "" && !isName(p.Name):
		return fmt.Errorf("name %q: want a plain file name", p.Name)
	}
	for role, name := range p.Inputs {
		if !isName(name) {
			return fmt.Errorf("input %s: %q is not the name of a directory beside the plan's", role, name)
		}
	}
	for i, f := range p.Files {
		if f.Path == "" || f.Bytes < 0 {
			return fmt.Errorf("files[%d]: want a path and a size of 0 or more bytes, have %q and %d", i, f.Path, f.Bytes)
		}
	}
	return nil
}

// isName tells whether s names a file directly inside a directory.
func isName(s string) bool {
	return s != "." && filepath.IsLocal(s) && !strings.ContainsAny(s, `/\`+"\x00")
}

// Dir is the directory of the stage.
func (p *Plan) Dir() string { return p.dir }

// Path joins elem to the directory of the stage.
func (p *Plan) Path(elem ...string) string {
	return filepath.Join(append([]string{p.dir}, elem...)...)
}

// Input is the directory of the input stage with the given role. It panics if the plan has no such role.
func (p *Plan) Input(role string) string {
	name, ok := p.Inputs[role]
	if !ok {
		panic(fmt.Sprintf("task: plan %s has no input %q", p.path(), role))
	}
	return filepath.Join(p.dir, "..", name)
}

// Option decodes the options into v.
func (p *Plan) Option(v any) error {
	if err := json.Unmarshal(p.Options, v); err != nil {
		return Permanent(fmt.Errorf("plan %s: options: %w", p.path(), err))
	}
	return nil
}

// Task decodes the value of task n into v.
func (p *Plan) Task(n int, v any) error {
	if err := p.has(n); err != nil {
		return err
	}
	if err := json.Unmarshal(p.Tasks[n], v); err != nil {
		return Permanent(fmt.Errorf("plan %s: task %d: %w", p.path(), n, err))
	}
	return nil
}

func (p *Plan) has(n int) error {
	if n < 0 || n >= len(p.Tasks) {
		return Permanent(fmt.Errorf("plan %s: no task %d: it has %d, numbered from 0", p.path(), n, len(p.Tasks)))
	}
	return nil
}

func (p *Plan) prefix() string {
	if p.Name == "" {
		return ""
	}
	return p.Name + "."
}

func (p *Plan) path() string { return p.Path(p.prefix() + "plan.json") }
