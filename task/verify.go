package task

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A DamageError says that a file is not what it was when it was written.
type DamageError struct {
	Path   string
	Why    string
	Remove string // what to remove so that the same command makes the file anew; "" where no command does
}

func (e *DamageError) Error() string {
	text := fmt.Sprintf("%s is damaged: %s", e.Path, e.Why)
	if e.Remove == "" {
		return text
	}
	return fmt.Sprintf("%s; to make it anew: rm %s, and run the same command again", text, Quoted(e.Remove))
}

// Quoted is a path as a shell takes it.
func Quoted(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// Command is the shell command that makes the file anew by a run of the configuration. Without one, what climb did is to be done
// again after it.
func (e *DamageError) Command(config string) string {
	switch {
	case e.Remove == "":
		return ""
	case config == "":
		return "rm -rf " + Quoted(e.Remove)
	}
	return "rm -f " + Quoted(e.Remove) + " && climb run " + Quoted(config)
}

// A Check is a file and what it was when it was written.
type Check struct {
	Path   string
	Bytes  int64
	SHA256 string // hex; "" if an earlier version did not take it, and only the size is compared
	Remove string // see DamageError
}

// Run reads the file and compares. The error is a *DamageError if the file is another one or gone.
func (c Check) Run(ctx context.Context) error {
	damage := func(format string, args ...any) error {
		return Permanent(&DamageError{Path: c.Path, Why: fmt.Sprintf(format, args...), Remove: c.Remove})
	}
	f, err := os.Open(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return damage("it is gone")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() != c.Bytes:
		return damage("it has %d bytes, and had %d", info.Size(), c.Bytes)
	case c.SHA256 == "":
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		return fmt.Errorf("read %s: %w", c.Path, err)
	}
	return c.compare(h.Sum(nil))
}

// compare returns an error unless the content has the sum that it had.
func (c Check) compare(sum []byte) error {
	now := hex.EncodeToString(sum)
	if c.SHA256 == "" || now == c.SHA256 {
		return nil
	}
	why := fmt.Sprintf("its content has changed since it was written (SHA-256 %.12s…, and was %.12s…)", now, c.SHA256)
	return Permanent(&DamageError{Path: c.Path, Why: why, Remove: c.Remove})
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// checks are those of the outputs of a task.
func (p *Plan) checks(m *Manifest) []Check {
	out := make([]Check, len(m.Outputs))
	for i, o := range m.Outputs {
		out[i] = Check{Path: p.Path(o.Name), Bytes: o.Bytes, SHA256: o.SHA256, Remove: p.manifestPath(m.Task)}
	}
	return out
}

// Verify reads the outputs of task n and compares them with its manifest.
func (p *Plan) Verify(n int) error {
	m, err := p.Manifest(n)
	if err != nil {
		return err
	}
	for _, c := range p.checks(m) {
		if err := c.Run(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// An Inventory is what is to be checked in a directory, and what has been found out on the way.
type Inventory struct {
	Checks   []Check
	Damaged  []*DamageError
	Missing  int // tasks that are not done
	Unsealed int // plans, manifests and other sealed files that an earlier version wrote without a seal
}

// Take lists what the plans, the manifests and the other sealed files in the directory of a stage say about it. Directories that
// hold sealed files alone are stages too.
func (inv *Inventory) Take(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	listed := len(inv.Checks)
	var sealed []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case name[0] == '.' || !e.Type().IsRegular() || filepath.Ext(name) != ".json":
		case name == "plan.json" || strings.HasSuffix(name, ".plan.json"):
			err = inv.plan(filepath.Join(dir, name))
		default:
			sealed = append(sealed, name)
		}
		if err != nil {
			return err
		}
	}
	for _, name := range sealed {
		path := filepath.Join(dir, name)
		if !slices.ContainsFunc(inv.Checks[listed:], func(c Check) bool { return c.Path == path }) {
			if err := inv.sealed(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// plan lists the outputs of a plan's tasks.
func (inv *Inventory) plan(path string) error {
	p, err := Load(path)
	if io := new(fs.PathError); errors.As(err, &io) {
		return err
	}
	if err != nil {
		damage := &DamageError{Path: path, Why: err.Error(), Remove: path}
		errors.As(err, &damage)
		inv.Damaged = append(inv.Damaged, damage)
		return nil
	}
	inv.unsealed(p.sealed)
	for n := range p.Tasks {
		m, err := p.readManifest(n)
		var damage *DamageError
		switch {
		case errors.As(err, &damage):
			inv.Damaged = append(inv.Damaged, damage)
		case errors.Is(err, fs.ErrNotExist):
			inv.Missing++
		case err != nil:
			return err
		default:
			inv.unsealed(m.sealed)
			inv.Checks = append(inv.Checks, p.checks(m)...)
		}
	}
	return nil
}

// sealed checks a file that a stage made of all its tasks, and lists the outputs that it names.
func (inv *Inventory) sealed(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	object, sealed, err := Unseal(data)
	if err == nil && !json.Valid(object) {
		err = errors.New("it is not JSON")
	}
	if err != nil {
		inv.Damaged = append(inv.Damaged, &DamageError{Path: path, Why: err.Error(), Remove: path})
		return nil
	}
	var whole struct {
		Outputs []Output `json:"outputs"`
	}
	if inv.unsealed(sealed); !sealed {
		return nil
	}
	if err := json.Unmarshal(object, &whole); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for _, o := range whole.Outputs {
		inv.Checks = append(inv.Checks, Check{Path: filepath.Join(filepath.Dir(path), filepath.FromSlash(o.Name)), Bytes: o.Bytes, SHA256: o.SHA256, Remove: path})
	}
	return nil
}

// unsealed counts a file that should have had a seal.
func (inv *Inventory) unsealed(sealed bool) {
	if !sealed {
		inv.Unsealed++
	}
}

// Run makes the checks on all cores, and returns those that failed after what was damaged already. watch, if it is not nil, is told
// the bytes that are behind; its calls may overlap.
func (inv *Inventory) Run(ctx context.Context, watch func(done int64)) ([]*DamageError, error) {
	errs := make([]error, len(inv.Checks))
	var behind atomic.Int64
	each(len(inv.Checks), func(i int) {
		errs[i] = inv.Checks[i].Run(ctx)
		if done := behind.Add(inv.Checks[i].Bytes); watch != nil {
			watch(done)
		}
	})
	out := slices.Clone(inv.Damaged)
	for _, err := range errs {
		var damage *DamageError
		switch {
		case errors.As(err, &damage):
			out = append(out, damage)
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}

// each calls f for 0 to n-1, on all cores.
func each(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// A Verifier checks what is about to be read, each file once in its life. Its zero value is ready; methods may be called from
// several goroutines.
type Verifier struct {
	mu   sync.Mutex
	seen map[string]*verdict
}

// verdict is the outcome of a check, once done is closed.
type verdict struct {
	done chan struct{}
	err  error
}

// once is f(), or what it returned the first time. An error is not kept.
func (v *Verifier) once(key string, f func() error) error {
	v.mu.Lock()
	x, ok := v.seen[key]
	if !ok {
		if v.seen == nil {
			v.seen = map[string]*verdict{}
		}
		x = &verdict{done: make(chan struct{})}
		v.seen[key] = x
	}
	v.mu.Unlock()
	if ok {
		<-x.done
		return x.err
	}
	if x.err = f(); x.err != nil {
		v.mu.Lock()
		delete(v.seen, key)
		v.mu.Unlock()
	}
	close(x.done)
	return x.err
}

// Stage checks everything in the directory of a stage, on all cores.
func (v *Verifier) Stage(ctx context.Context, dir string) error {
	return v.once(dir, func() error {
		var inv Inventory
		if err := inv.Take(dir); err != nil {
			return err
		}
		if len(inv.Damaged) > 0 {
			return Permanent(inv.Damaged[0])
		}
		return v.files(ctx, inv.Checks)
	})
}

// Task checks the outputs of task n of the plan.json in a directory.
func (v *Verifier) Task(ctx context.Context, dir string, n int) error {
	return v.once(fmt.Sprintf("%s#%d", dir, n), func() error {
		p, err := Load(filepath.Join(dir, "plan.json"))
		if err != nil || len(p.Tasks) == 0 { // a stage that is not needed
			return err
		}
		m, err := p.Manifest(n)
		if err != nil {
			return err
		}
		return v.files(ctx, p.checks(m))
	})
}

// files makes the checks that have not been made. The first failure in their order is returned.
func (v *Verifier) files(ctx context.Context, checks []Check) error {
	errs := make([]error, len(checks))
	each(len(checks), func(i int) {
		errs[i] = v.once(checks[i].Path, func() error { return checks[i].Run(ctx) })
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ReadOutput reads an output of the one task of a stage, which must be what its manifest says.
func ReadOutput(dir, name string) ([]byte, error) {
	p, err := Load(filepath.Join(dir, "plan.json"))
	if err != nil {
		return nil, err
	}
	m, err := p.Manifest(0)
	if err != nil {
		return nil, err
	}
	for _, c := range p.checks(m) {
		if c.Path != p.Path(name) {
			continue
		}
		data, err := os.ReadFile(c.Path)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		return data, c.compare(sum[:])
	}
	return nil, fmt.Errorf("%s: task 0 has no output %s: %w", dir, name, fs.ErrNotExist)
}
