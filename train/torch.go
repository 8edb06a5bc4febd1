package train

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // trainer.py
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/process"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/wire"
)

//go:embed torch/trainer.py
var torchProgram []byte

// Torch trains with PyTorch, by torch/trainer.py or a copy of it that the user
// has changed. climb tokenizes what is scored, draws the initial weights and
// turns log-likelihoods into metrics, so that all of these are what they are with
// Builtin; the file does the training and the scoring.
//
// Its options change rounding at most. In float32 the losses agree with those of
// Builtin to 1e-4.
type Torch struct {
	Python         string `json:"python" path:"program" default:"python3" doc:"Python interpreter that has PyTorch (1.13 or later) and NumPy"`
	File           string `json:"file" path:"file" doc:"changed copy of trainer.py to train with; \"\" = the one inside climb, which a run keeps as trainer.py"`
	Device         string `json:"device" default:"auto" choices:"auto,cpu,cuda" doc:"device: auto is a GPU if PyTorch sees one"`
	Processes      int    `json:"devices" default:"1" min:"1" max:"64" doc:"processes that share every batch of one proxy, each with a GPU of its own (DistributedDataParallel)"`
	AtOnceMax      int    `json:"at_once" min:"0" max:"1024" doc:"processes that train at the same time on one machine, each on the next of its GPUs; 0 = one for each GPU, or for each core on the CPU"`
	BatchOfModels  int    `json:"batch_of_models" default:"1" min:"1" max:"1024" doc:"proxies trained side by side in one process, their weights stacked: small ones leave a GPU idle"`
	MicroBatch     int    `json:"micro_batch" min:"0" doc:"gradient accumulation: sequences of a batch that a process holds at a time; 0 = its whole share"`
	ScoreTokens    int    `json:"score_tokens" default:"16384" min:"1" doc:"tokens scored at a time"`
	Compile        bool   `json:"compile" doc:"torch.compile; needs PyTorch 2"`
	FusedAttention bool   `json:"fused_attention" doc:"scaled_dot_product_attention in place of plain products; needs PyTorch 2"`

	place Place
}

var _ Foreign = (*Torch)(nil)

// Source implements Foreign.
func (t *Torch) Source() ([]byte, error) {
	if t.File == "" {
		return torchProgram, nil
	}
	text, err := wire.ReadFile(t.File, 1<<20)
	if err != nil {
		return nil, &option.ConfigError{Text: fmt.Sprintf("proxy.torch.file: %v", err)}
	}
	return text, nil
}

// Check implements Foreign.
func (t *Torch) Check(j *Job) error {
	text, err := t.Source()
	if err == nil {
		err = Accepts(text, j)
	}
	if err == nil && t.Processes > j.Batch {
		err = &option.ConfigError{Text: fmt.Sprintf("proxy.torch.devices: is %d, and a batch has %d sequences to share", t.Processes, j.Batch)}
	}
	return err
}

// From implements Foreign.
func (t *Torch) From(path string) Foreign {
	out := *t
	out.File = path
	return &out
}

// Together implements Foreign.
func (t *Torch) Together() int { return max(1, t.BatchOfModels) }

// Devices implements Foreign.
func (t *Torch) Devices() int { return max(1, t.Processes) }

// AtOnce implements Method. A GPU is a file of Linux's.
func (t *Torch) AtOnce(cores int) int {
	if t.AtOnceMax > 0 {
		return t.AtOnceMax
	}
	gpus, _ := filepath.Glob("/dev/nvidia[0-9]*") // the pattern is well formed
	if t.Device == "cpu" || t.Device != "cuda" && len(gpus) == 0 {
		return cores
	}
	return max(1, len(gpus)/t.Devices())
}

// Program implements Method.
func (t *Torch) Program() (string, error) {
	text, err := t.Source()
	sum := sha256.Sum256(text)
	return "torch " + hex.EncodeToString(sum[:]), err
}

// Trainer implements Method.
func (t *Torch) Trainer(p Place) Trainer {
	out := *t
	out.place = p
	return &out
}

// TrainAll trains jobs of one shape, which differ in mixture, seed and files
// alone, side by side. watch is told the job that a line is of.
func (t *Torch) TrainAll(ctx context.Context, jobs []Job, watch func(int, Progress)) ([]*Result, error) {
	dir, err := os.MkdirTemp(t.place.Dir, "climb-torch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	jobs = append([]Job(nil), jobs...)
	exams, err := t.prepare(ctx, dir, jobs)
	if err != nil {
		return nil, err
	}
	report := func(line []byte) bool {
		var g struct {
			Progress
			Job int `json:"job"`
		}
		if json.Unmarshal(line, &g) != nil || g.Steps == 0 || g.Job < 0 || g.Job >= len(jobs) {
			return false
		}
		if watch != nil {
			watch(g.Job, g.Progress)
		}
		return true
	}
	var left struct{ Results []*Result }
	if err := t.run(ctx, dir, report, &left); err != nil {
		return nil, err
	}
	if len(left.Results) != len(jobs) {
		return nil, fmt.Errorf("train: %s left %d results for %d jobs", programName, len(left.Results), len(jobs))
	}
	for k := range jobs {
		if err := jobs[k].finish(ctx, dir, k, left.Results[k], exams); err != nil {
			return nil, err
		}
	}
	return left.Results, nil
}

// A Speed is how fast a trainer goes.
type Speed struct {
	Rate    float64 `json:"rate"`    // training tokens a second of one process, all its models and devices together
	Flops   float64 `json:"flops"`   // floating-point operations a second, by lm.Config.FlopsPerToken
	Device  string  `json:"device"`  // what PyTorch calls it
	Memory  int64   `json:"memory"`  // bytes at the peak, of a GPU
	Torch   string  `json:"torch"`   // version
	Threads int     `json:"threads"` // of a process on the CPU
}

// Rate measures the speed of whole training steps, on random tokens, of as many
// models as are trained side by side.
func (t *Torch) Rate(ctx context.Context, j Job, seconds float64) (*Speed, error) {
	dir, err := os.MkdirTemp(t.place.Dir, "climb-torch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	text, err := t.Source()
	if err = errors.Join(err, t.Check(&j)); err != nil {
		return nil, err
	}
	weights, err := j.initial(j.Model.Vocab, filepath.Join(dir, "init"))
	if err != nil {
		return nil, err
	}
	o := order{Rate: seconds}
	for range t.Together() {
		o.Jobs, o.Weights = append(o.Jobs, j), append(o.Weights, weights)
	}
	o.How = t.how(o.Jobs)
	if err := o.write(dir, text); err != nil {
		return nil, err
	}
	s := &Speed{}
	if err := t.run(ctx, dir, func([]byte) bool { return false }, s); err != nil {
		return nil, err
	}
	s.Flops = s.Rate * j.Model.FlopsPerToken(j.Model.Context)
	return s, nil
}

// Train implements Trainer.
func (t *Torch) Train(ctx context.Context, j Job, watch func(Progress)) (*Result, error) {
	all, err := t.TrainAll(ctx, []Job{j}, func(_ int, g Progress) {
		if watch != nil {
			watch(g)
		}
	})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

const programName = "trainer.py"

// tunables make C's allocator keep what PyTorch frees in every step, where it would
// give it back to the system and ask for it anew: with 92k parameters on the CPU of
// a virtual machine that made 3,319 tokens a second 9,929, and of six models side by
// side 2,976 34,649 (PyTorch 1.13, a busy machine).
const tunables = "GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"

// An order is what trainer.py reads.
type order struct {
	Jobs    []Job    `json:"jobs"`
	Weights []string `json:"weights"` // folders of the initial weights
	How     how      `json:"how"`
	Rate    float64  `json:"rate,omitempty"` // seconds to measure the speed for, in place of training
}

type how struct {
	Torch
	Threads int `json:"threads"`
	Slot    int `json:"slot"`
}

// prepare checks the jobs and writes what trainer.py reads.
func (t *Torch) prepare(ctx context.Context, dir string, jobs []Job) (*exams, error) {
	text, err := t.Source()
	if err != nil {
		return nil, err
	}
	o := order{Jobs: jobs}
	var e *exams
	for k := range jobs {
		j := &jobs[k]
		vocab, tok, err := j.check(t)
		if err != nil {
			return nil, err
		}
		weights, err := j.initial(vocab, filepath.Join(dir, fmt.Sprintf("init-%d", k)))
		if err != nil {
			return nil, err
		}
		o.Weights = append(o.Weights, weights)
		if err := j.absolute(); err != nil {
			return nil, err
		}
		if k == 0 {
			e, err = j.exams(ctx, tok, dir)
		} else if why := jobs[0].unlike(j); why != "" {
			err = fmt.Errorf("train: jobs that are trained side by side have other %s", why)
		}
		if err != nil {
			return nil, err
		}
	}
	o.How = t.how(jobs)
	return e, o.write(dir, text)
}

// worthAThread is the parameters for which PyTorch goes faster with one more thread:
// with 0.1M and 0.3M two threads are slower than one, with 5M a tenth faster, with 30M
// a quarter (bench/results/lm.json).
const worthAThread = 5_000_000

func (t *Torch) how(jobs []Job) how {
	h := how{Torch: *t, Threads: 1, Slot: t.place.Slot}
	if t.place.Workers != nil {
		params := jobs[0].Model.NumParams() * len(jobs)
		h.Threads = min(t.place.Workers(), t.Devices()*(1+params/worthAThread))
	}
	h.Processes, h.ScoreTokens, h.Device = h.Devices(), cmp.Or(h.ScoreTokens, 16384), cmp.Or(h.Device, "auto")
	return h
}

func (o *order) write(dir string, program []byte) error {
	for k, j := range o.Jobs { // as an optimizer that starts fills itself
		opt := j.Optim.Optimizer.New()
		option.Fill(opt)
		o.Jobs[k].Optim.Optimizer = optim.Choose(opt)
	}
	data, err := json.MarshalIndent(o, "", " ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "order.json"), data, 0o666), os.WriteFile(filepath.Join(dir, programName), program, 0o666))
}

// check refuses a job that cannot be trained, and opens its tokenizer.
func (j *Job) check(by Foreign) (vocab int, tok *token.Tokenizer, err error) {
	if err := errors.Join(j.Check(), by.Check(j)); err != nil {
		return 0, nil, err
	}
	if tok, err = token.Load(j.Tokenizer); err != nil {
		return 0, nil, fmt.Errorf("train: %w", err)
	}
	files, err := openDomains(j.Domains)
	defer closeAll(files)
	if err == nil {
		_, err = NewSampler(files, j.Mixture, max(1, j.Model.Context), j.Seed)
	}
	return tok.Vocab(), tok, err
}

// initial settles the job's shape, and returns the folder of its first weights:
// of the base model, or of weights that are drawn with its seed and written to
// dir.
func (j *Job) initial(vocab int, dir string) (string, error) {
	if j.Init != "" {
		c, err := lm.LoadConfig(j.Init)
		if err != nil {
			return "", fmt.Errorf("train: load the base model: %w", err)
		}
		j.Model = c
		path, err := filepath.Abs(j.Init)
		return path, errors.Join(err, j.fits(vocab))
	}
	m, err := j.model(vocab)
	if err != nil {
		return "", err
	}
	j.Model = m.Config
	return dir, m.Save(dir)
}

// absolute makes the paths that trainer.py opens so: it works in a folder of its
// own.
func (j *Job) absolute() (err error) {
	j.Domains = slices.Clone(j.Domains)
	paths := []*string{&j.Save}
	for i := range j.Domains {
		paths = append(paths, &j.Domains[i])
	}
	for _, p := range paths {
		if *p != "" && err == nil {
			*p, err = filepath.Abs(*p)
		}
	}
	return err
}

// unlike names a field that stands in the way of training two jobs side by side.
func (j *Job) unlike(o *Job) string {
	shape := func(j *Job) map[string]any {
		return map[string]any{"model": j.Model, "tokens": j.Tokens, "batch": j.Batch, "optim": j.Optim, "target": j.Target,
			"test": j.Test, "curve": j.Curve, "stable": j.Stable, "init": j.Init != "", "tokenizer": j.Tokenizer}
	}
	a, b := shape(j), shape(o)
	for _, name := range []string{"model", "tokens", "batch", "optim", "target", "test", "curve", "stable", "init", "tokenizer"} {
		x, err1 := json.Marshal(a[name])
		y, err2 := json.Marshal(b[name])
		if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
			return name
		}
	}
	return ""
}

// run runs trainer.py in dir and reads what it left.
func (t *Torch) run(ctx context.Context, dir string, report func([]byte) bool, result any) error {
	python := cmp.Or(t.Python, "python3")
	cmd := exec.Command(python, programName, dir)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	if _, set := os.LookupEnv("GLIBC_TUNABLES"); !set && t.Device != "cuda" {
		cmd.Env = append(cmd.Env, tunables)
	}
	out := &tail{max: 4000}
	cmd.Stdout, cmd.Stderr = &lines{report: report, rest: out}, out
	switch err := process.Run(ctx, cmd, dir); {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("train: run %s: %w; name a Python that has PyTorch in proxy.torch.python", python, err)
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("train: %w", trainerError(err, escape.Secrets(out.String())))
	case err != nil:
		return err
	}
	data, err := wire.ReadFile(filepath.Join(dir, "result.json"), maxResult)
	if err == nil {
		err = wire.JSON(data, result)
	}
	if err != nil {
		return fmt.Errorf("train: %s left no result: %w\n%s", programName, err, escape.Secrets(out.String()))
	}
	return nil
}

// trainerError says what ended trainer.py, by what it printed.
func trainerError(err error, printed string) error {
	if _, why, found := strings.Cut(printed, "give up: "); found {
		why, _, _ = strings.Cut(why, "\n")
		return errors.New(why)
	}
	var exit *exec.ExitError
	killed := strings.Contains(printed, "signal SIGKILL")
	if errors.As(err, &exit) {
		status, ok := exit.Sys().(syscall.WaitStatus)
		killed = killed || exit.ExitCode() == 137 || ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	if killed {
		return fmt.Errorf("%s was killed (%w), as systems do that run out of memory: set proxy.torch.micro_batch, fewer proxy.torch.at_once, or ask for more memory", programName, err)
	}
	return fmt.Errorf("%s: %w\n%s", programName, err, printed)
}

// lines takes the lines that report knows out of what is written, and passes the
// others on.
type lines struct {
	report func([]byte) bool
	rest   *tail
	buf    []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	for {
		i := bytes.IndexByte(l.buf, '\n')
		if i < 0 {
			return len(p), nil
		}
		if line := l.buf[:i+1]; !l.report(line) {
			l.rest.Write(line)
		}
		l.buf = l.buf[i+1:]
	}
}
