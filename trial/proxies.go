package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// ValidationFiles is curate.TargetFiles for the files that a search optimizes for.
func ValidationFiles(c *stage.Cache, terms []eval.Term) ([]curate.TargetFile, error) {
	out, err := curate.TargetFiles(c, terms)
	for _, t := range out {
		if t.Task != "" {
			continue
		}
		read, err := curate.ReadTarget(c, t.File)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		if read.Split == "test" {
			return nil, &option.ConfigError{Text: fmt.Sprintf("target.validation: %s scores its test_split, which a search must not look at; write validation_split in its place, or name it in target.test", t.File)}
		}
	}
	return out, err
}

// Weighed turns weights per byte (target.weights: bytes) into weights per file:
// each is multiplied by the mean length of the file's correct answers. The
// weighted mean is then total bits over total bytes, except that within a file
// every answer counts equally.
func Weighed(c *stage.Cache, terms []eval.Term, how string) ([]eval.Term, error) {
	if how != "bytes" {
		return terms, nil
	}
	terms = slices.Clone(terms)
	for i, t := range terms {
		if t.Task != "" || t.Metric != "bpb" {
			return nil, &option.ConfigError{Text: fmt.Sprintf("target: weights: bytes is for files that are measured by bpb; %s is not", t.Name())}
		}
		read, err := curate.ReadTarget(c, t.File)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		terms[i].Weight = math.Round(t.Weight*read.Bytes*100) / 100
	}
	return terms, nil
}

// proxyOptions are the options that a trial depends on, apart from its mixture
// and seed.
type proxyOptions struct {
	Proxy   ProxyConfig `json:"proxy"`
	Program string      `json:"program,omitempty"` // that trains, with its hash; see train.Method
	// TargetTokens are search.target_tokens where proxies repeat as a target run would,
	// 0 elsewhere.
	TargetTokens int64 `json:"target_tokens,omitempty"`
	// Phases are those of the mixtures, which are schedules then.
	Phases     mix.Phases          `json:"phases,omitempty"`
	Validation []curate.TargetFile `json:"validation"`
	Test       []curate.TargetFile `json:"test,omitempty"` // confirmation only
	// Shared are the validation files of all searches of a study. Each run is scored
	// on all of them, so that searches share runs. They stand in the plan of a round
	// and not among the options of the stage, so that its name does not depend on
	// them.
	Shared []curate.TargetFile `json:"shared,omitempty"`
}

func (r *Trials) proxyOptions(test bool) (proxyOptions, error) {
	var o proxyOptions
	var err error
	if o.Proxy, o.Program, err = r.Config.Proxy.Counted(); err != nil {
		return o, err
	}
	if o.Proxy.Matched() {
		o.TargetTokens = r.Config.Search.TargetTokens
	}
	if o.Phases, err = r.Config.Search.Lengths(); err != nil {
		return o, err
	}
	if o.Validation, err = ValidationFiles(r.targets, r.Config.Target.Validation); err != nil {
		return o, err
	}
	if test {
		o.Test, err = curate.TargetFiles(r.targets, r.Config.Target.Test)
	}
	return o, err
}

// A trialSpec is a task of a search or confirmation plan: one proxy run.
type trialSpec struct {
	Name    string      `json:"name,omitempty"` // candidate or baseline
	Mixture mix.Mixture `json:"mixture"`
	Hash    string      `json:"hash"`
	Seed    uint64      `json:"seed"`
	Round   int         `json:"round"` // 0-based
}

// dir is the folder of the trial's files, below its stage.
func (t trialSpec) dir() string {
	if t.Name != "" {
		return fmt.Sprintf("trials/%s-%s-%d", t.Name, t.Hash, t.Seed)
	}
	return fmt.Sprintf("trials/%s-%d", t.Hash, t.Seed)
}

// baseStage trains the base model that proxies continue from: model/, on the
// natural mixture, to the end of the stable phase of the learning-rate schedule.
func (r *Trials) baseStage() *stage.Stage {
	s := &stage.Stage{
		Name: baseName, Title: "train the base model", Format: 2, Inputs: []string{"vocab", "encode", "tokens"}, Skims: []string{"encode"},
		Options: func() (any, error) {
			if !r.Config.Proxy.HasBase() {
				return false, nil // without a base the stage is empty, and has another name
			}
			p, program, err := r.Config.Proxy.Counted()
			p.Tokens, p.Command, p.Repeat = 0, nil, "" // of the proxies
			return baseOptions{r.Config.Seed, p, program}, err
		},
		Tasks: func(p *task.Plan) ([]any, error) {
			if !r.Config.Proxy.HasBase() {
				return nil, nil
			}
			return stage.One(p)
		},
		Run: trainBase,
	}
	if r.Config.Proxy.HasBase() {
		s.Drive = func(ctx context.Context, p *task.Plan, e stage.Event) (bool, error) {
			if err := r.Config.Proxy.Keep(p); err != nil {
				return false, err
			}
			e.Amount, e.Unit = float64(r.Config.Proxy.Base.Tokens), "tokens"
			return r.RunPlan(ctx, p, trainBase, e)
		}
	}
	return s
}

type baseOptions struct {
	Seed    uint64      `json:"seed"`
	Proxy   ProxyConfig `json:"proxy"`
	Program string      `json:"program,omitempty"` // as in proxyOptions
}

// Matched tells whether proxies repeat every domain as often as a target run does.
func (p *ProxyConfig) Matched() bool { return p.Repeat == "target" }

// HasBase tells whether proxies continue from a base model.
func (p *ProxyConfig) HasBase() bool { return p.Base.Tokens > 0 && len(p.Command) == 0 }

func trainBase(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o baseOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	job, err := NewJob(p, o.Proxy)
	if err != nil {
		return err
	}
	tokens, _, err := curate.Supply(p, len(job.Domains))
	if err != nil {
		return err
	}
	if job.Mixture, err = natural(tokens); err != nil {
		return err
	}
	// The order of the data differs from the order of every proxy.
	job.Seed = stage.SplitMix(o.Seed, 0xba5e)
	job.Tokens, job.Stable = o.Proxy.Base.Tokens, true
	if o.Proxy.Base.LR > 0 {
		job.Optim.LR = o.Proxy.Base.LR
	}
	job.Save = filepath.Join(a.Dir(), modelDir)
	by, err := trainerOf(p, o.Program, nil)
	if err != nil {
		return err
	}
	at := train.Place{Workers: func() int { return launch.Cores(ctx) }, Dir: a.Dir()} // all cores that are free
	result, err := by.Trainer(at).Train(ctx, job, func(g train.Progress) { a.Report(int64(g.Step), int64(g.Steps)) })
	if err != nil {
		return err
	}
	if result.Failed != "" {
		return task.Permanent(fmt.Errorf("the base model %s; lower proxy.optim.lr", result.Failed))
	}
	return WriteResult(a, "", result)
}

// natural is the mixture of the corpus as it is.
func natural(tokens []int64) (mix.Mixture, error) {
	w := make([]float64, len(tokens))
	for i, t := range tokens {
		w[i] = float64(t)
	}
	m, err := mix.Normalize(w)
	if err != nil {
		return nil, task.Permanent(errors.New("no tokens are left after pruning; lower the floors in prune"))
	}
	return m, nil
}

// NewJob fills in what all jobs of a plan share. The plan reads the stages
// vocab and tokens.
func NewJob(p *task.Plan, o ProxyConfig) (train.Job, error) {
	j := train.Job{Model: o.Model, Tokens: o.Tokens, Batch: o.Batch, Optim: o.Optim}
	var err, err2 error
	j.Tokenizer, j.Model.Vocab, err = curate.Tokenizer(p)
	j.Domains, err2 = curate.TokenFiles(p)
	return j, cmp.Or(err, err2)
}

// BaseModel is the model that the proxies of a plan that reads the stage base
// continue.
func BaseModel(p *task.Plan) string { return filepath.Join(p.Input(baseName), modelDir) }

// job is the Job of a trial, without the files that it is scored on.
func (o *proxyOptions) job(p *task.Plan, spec trialSpec) (train.Job, error) {
	j, err := NewJob(p, o.Proxy)
	j.Mixture, j.Seed, j.Phases = spec.Mixture, spec.Seed, o.Phases
	if o.Proxy.HasBase() {
		j.Init = BaseModel(p)
	}
	if err == nil && o.Proxy.Matched() {
		j.TargetTokens, err = o.targetTokens(p, len(j.Domains))
	}
	return j, err
}

// targetTokens is the length of the run that a proxy stands for: what the
// configuration says, or all that is left after pruning.
func (o *proxyOptions) targetTokens(p *task.Plan, domains int) (int64, error) {
	target := o.TargetTokens
	if target == 0 {
		tokens, _, err := curate.Supply(p, domains)
		if err != nil {
			return 0, err
		}
		for _, t := range tokens {
			target += t
		}
	}
	if target < o.Proxy.Tokens {
		return 0, task.Permanent(fmt.Errorf("proxy.repetition: is target, and the target run of %d tokens is shorter than a proxy of %d; raise search.target_tokens, or lower proxy.tokens", target, o.Proxy.Tokens))
	}
	return target, nil
}

// runTrial trains and scores the proxies of a task, where a worker does.
func runTrial(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	return (*Bench)(nil).trial(ctx, p, n, a)
}

// trial is runTrial in a process that has a bench.
func (b *Bench) trial(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o proxyOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	specs, err := trialsOf(p, n)
	if err != nil {
		return err
	}
	if len(o.Shared) > 0 {
		return o.sharedTrial(ctx, p, specs[0], a, b)
	}
	runs := make([]Run, len(specs))
	for i, spec := range specs {
		job, err := o.job(p, spec)
		if err != nil {
			return err
		}
		if job.Target, job.Test, err = o.terms(heldOut(p), p.Kind == confirmFile.Stage); err != nil {
			return err
		}
		job.Items = p.Kind == confirmFile.Stage
		runs[i] = Run{spec.dir(), job}
	}
	results, _, err := b.Train(ctx, p, a, &o.Proxy, o.Program, runs...)
	for i, r := range results {
		err = errors.Join(err, WriteResult(a, runs[i].Dir, r))
	}
	return err
}

// terms are the objective and the test files: the target files of the
// configuration, or else the held-out documents of each domain with equal weights.
func (o *proxyOptions) terms(heldOut halves, test bool) (target, tests []eval.Term, err error) {
	for _, t := range o.Validation {
		target = append(target, t.Term)
	}
	for _, t := range o.Test {
		tests = append(tests, t.Term)
	}
	if len(target) > 0 {
		return target, tests, nil
	}
	if target, err = heldOut.terms("validation"); err == nil && test && len(tests) == 0 {
		tests, err = heldOut.terms("test")
	}
	if err == nil && len(target) == 0 {
		err = task.Permanent(errors.New("no document was held out to score mixtures with: the corpus is too small; name files in target.validation, or raise target.holdout"))
	}
	return target, tests, err
}

// halves give the files of held-out documents of one half, "validation" or "test".
type halves func(half string) ([]string, error)

// heldOut are the files of the run of a plan.
func heldOut(p *task.Plan) halves {
	return func(half string) ([]string, error) { return curate.HeldOutFiles(p, half) }
}

func (h halves) terms(half string) ([]eval.Term, error) {
	files, err := h(half)
	terms := make([]eval.Term, len(files))
	for i, file := range files {
		terms[i] = eval.Term{File: file, Metric: "bpb", Weight: 1}
	}
	return terms, err
}

// Names below the directory of a run.
const (
	jobName      = "job.json"
	progressName = "progress.jsonl"
	resultName   = "result.json"
)

// What the stages of proxies write, and what their tasks count.
var (
	searchFile  = stage.Answer[Search]{Stage: "search"}
	confirmFile = stage.Answer[Confirmation]{Stage: "confirm"}
)

const (
	baseName = "base"                  // the stage
	modelDir = "model"                 // of the base model, below its directory
	Tokens   = stage.Counter("tokens") // that a run was trained on
	failed   = stage.Counter("failed") // runs
)

// roundName is the name of the plan of a round, from 1.
func roundName(round int) string { return fmt.Sprintf("round-%02d", round) }

func writeJob(a *task.Attempt, dir string, job train.Job) error {
	return a.WriteJSON(path.Join(dir, jobName), job)
}

// WriteResult writes what the run in dir has measured.
func WriteResult(a *task.Attempt, dir string, r *train.Result) error {
	return a.WriteJSON(path.Join(dir, resultName), r)
}

// readTrial loads the result of a proxy of a trial plan.
func readTrial(p *task.Plan, t placed) (*train.Result, error) {
	return ReadResult(p, t.task, t.dir(), t.Mixture)
}

// ReadResult loads the result of task n, whose run is in dir, and checks that it
// belongs to the mixture.
func ReadResult(p *task.Plan, n int, dir string, m mix.Mixture) (*train.Result, error) {
	if err := p.Verify(n); err != nil {
		return nil, err
	}
	file := p.Path(filepath.FromSlash(dir), resultName)
	result := &train.Result{}
	err := task.ReadJSON(file, result)
	if err == nil {
		if err = result.Check(&train.Job{Mixture: m}); err != nil {
			err = fmt.Errorf("read %s: %w", file, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w; remove %s and run again to train it anew", err, p.DonePath(n))
	}
	return result, nil
}

// takeBack unpublishes the failed runs of a plan, so that the next command runs
// them again.
func takeBack(p *task.Plan) error {
	all, err := allTrials(p)
	if err != nil {
		return err
	}
	again := map[int]bool{}
	for _, t := range all {
		result, err := readTrial(p, t)
		if err != nil {
			return err
		}
		again[t.task] = again[t.task] || result.Failed != ""
	}
	for n := range p.Tasks {
		if !again[n] {
			continue
		}
		if err := os.Remove(p.DonePath(n)); err != nil {
			return err
		}
	}
	return nil
}
