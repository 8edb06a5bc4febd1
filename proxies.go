package climb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// A targetFile is a term of the objective with the hash of its file, so that
// editing the file redoes what depends on it.
type targetFile struct {
	eval.Term
	SHA256 string `json:"sha256"`
}

// targetFiles hashes the files of the terms, and checks that each can be used.
func targetFiles(terms []eval.Term) ([]targetFile, error) {
	out := make([]targetFile, len(terms))
	for i, t := range terms {
		data, err := os.ReadFile(t.File)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		items, err := eval.LoadTask(t.File)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		if has := eval.MetricsOf(items.Kind); t.Metric != "" && !slices.Contains(has, t.Metric) {
			return nil, &ConfigError{Text: fmt.Sprintf("target: %s items of %s have no %s; choose one of %s", items.Kind, t.File, t.Metric, strings.Join(has, ", "))}
		}
		sum := sha256.Sum256(data)
		out[i] = targetFile{t, hex.EncodeToString(sum[:])}
	}
	return out, nil
}

// proxyOptions are what a trial depends on beside its mixture and seed.
type proxyOptions struct {
	Proxy      ProxyConfig  `json:"proxy"`
	Validation []targetFile `json:"validation"`
	Test       []targetFile `json:"test,omitempty"` // confirmation only
}

func (r *Run) proxyOptions(test bool) (proxyOptions, error) {
	o := proxyOptions{Proxy: r.Config.Proxy}
	var err error
	if o.Validation, err = targetFiles(r.Config.Target.Validation); err != nil {
		return o, err
	}
	if test {
		o.Test, err = targetFiles(r.Config.Target.Test)
	}
	return o, err
}

// A trialSpec is a task of a search or confirm plan: one proxy run.
type trialSpec struct {
	Name    string      `json:"name,omitempty"` // candidate or baseline
	Mixture mix.Mixture `json:"mixture"`
	Hash    string      `json:"hash"`
	Seed    uint64      `json:"seed"`
	Round   int         `json:"round"` // 0-based
}

// dir is where the trial's files are, below its stage.
func (t trialSpec) dir() string {
	if t.Name != "" {
		return fmt.Sprintf("trials/%s-%s-%d", t.Name, t.Hash, t.Seed)
	}
	return fmt.Sprintf("trials/%s-%d", t.Hash, t.Seed)
}

// baseStage trains the model that the proxies continue: model/, on the natural
// mixture, to the end of the stable phase.
var baseStage = &stage{
	name: "base", title: "train the base model", format: 1, inputs: []string{"vocab", "encode", "tokens"},
	options: func(r *Run) (any, error) {
		p := r.Config.Proxy
		p.Tokens, p.Command = 0, nil // of the proxies
		return baseOptions{r.Config.Seed, p}, nil
	},
	tasks: func(r *Run, p *task.Plan) ([]any, error) {
		if !r.Config.Proxy.hasBase() {
			return nil, nil
		}
		return one(r, p)
	},
	run:    trainBase,
	amount: func(r *Run) (float64, string) { return float64(r.Config.Proxy.Base.Tokens), "tokens" },
}

type baseOptions struct {
	Seed  uint64      `json:"seed"`
	Proxy ProxyConfig `json:"proxy"`
}

// hasBase tells whether proxies continue from a base model.
func (p *ProxyConfig) hasBase() bool { return p.Base.Tokens > 0 && len(p.Command) == 0 }

func trainBase(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o baseOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	job, err := newJob(p, o.Proxy)
	if err != nil {
		return err
	}
	tokens, _, err := supply(p.Input("encode"), len(job.Domains))
	if err != nil {
		return err
	}
	if job.Mixture, err = natural(tokens); err != nil {
		return err
	}
	// Another order of the data than that of any proxy.
	job.Seed = splitmix(o.Seed, 0xba5e)
	job.Tokens, job.Stable = o.Proxy.Base.Tokens, true
	if o.Proxy.Base.LR > 0 {
		job.Optim.LR = o.Proxy.Base.LR
	}
	job.Save = filepath.Join(a.Dir(), "model")
	result, err := proxyTrainer(ctx).Train(ctx, job, func(g train.Progress) { a.Report(int64(g.Step), int64(g.Steps)) })
	if err != nil {
		return err
	}
	if result.Failed != "" {
		return task.Permanent(fmt.Errorf("the base model %s; lower proxy.optim.lr", result.Failed))
	}
	return a.WriteJSON("result.json", result)
}

// proxyTrainer trains on one core while there are other tasks for the rest, and
// on all it is left with otherwise.
func proxyTrainer(ctx context.Context) train.Proxy {
	return train.Proxy{Workers: func() int { return launch.Cores(ctx) }}
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

// newJob fills in what all jobs of a plan share. The plan reads the stages
// vocab and tokens.
func newJob(p *task.Plan, o ProxyConfig) (train.Job, error) {
	j := train.Job{Tokenizer: filepath.Join(p.Input("vocab"), "tokenizer.json"), Model: o.Model,
		Tokens: o.Tokens, Batch: o.Batch, Optim: o.Optim}
	vocab, err := task.Load(filepath.Join(p.Input("vocab"), "plan.json"))
	if err != nil {
		return j, err
	}
	m, err := vocab.Manifest(0)
	if err != nil {
		return j, err
	}
	j.Model.Vocab = int(m.Counters["vocab"])
	in, err := task.Load(filepath.Join(p.Input("tokens"), "plan.json"))
	if err != nil {
		return j, err
	}
	for d := range in.Tasks {
		j.Domains = append(j.Domains, in.Path(fmt.Sprintf("domain-%03d", d)))
	}
	return j, nil
}

// runTrial trains and scores one proxy.
func runTrial(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o proxyOptions
	var spec trialSpec
	if err := p.Option(&o); err != nil {
		return err
	}
	if err := p.Task(n, &spec); err != nil {
		return err
	}
	job, err := newJob(p, o.Proxy)
	if err != nil {
		return err
	}
	job.Mixture, job.Seed = spec.Mixture, spec.Seed
	if o.Proxy.hasBase() {
		job.Init = filepath.Join(p.Input("base"), "model")
	}
	if job.Target, job.Test, err = o.terms(p.Input("holdout"), p.Kind == "confirm"); err != nil {
		return err
	}
	var trainer train.Trainer = proxyTrainer(ctx)
	if len(o.Proxy.Command) > 0 {
		trainer = train.Command{Args: o.Proxy.Command}
	}
	if err := a.WriteJSON(spec.dir()+"/job.json", job); err != nil {
		return err
	}
	log, err := a.Create(spec.dir() + "/progress.jsonl")
	if err != nil {
		return err
	}
	enc := json.NewEncoder(log)
	result, err := trainer.Train(ctx, job, func(g train.Progress) {
		a.Report(int64(g.Step), int64(g.Steps)+1) // the evaluation counts as a step
		if every := max(1, g.Steps/50); g.Step%every == 0 || g.Step == g.Steps {
			err = errors.Join(err, enc.Encode(g))
		}
	})
	if err = errors.Join(err, log.Close()); err != nil {
		return err
	}
	if result.Failed != "" {
		a.Count("failed", 1)
	}
	for _, t := range result.Tokens {
		a.Count("tokens", t)
	}
	return a.WriteJSON(spec.dir()+"/result.json", result)
}

// terms are the objective and the test files: the configuration's, or else
// the held-out documents of each domain, every domain counting alike.
func (o *proxyOptions) terms(holdoutDir string, test bool) (target, tests []eval.Term, err error) {
	for _, t := range o.Validation {
		target = append(target, t.Term)
	}
	for _, t := range o.Test {
		tests = append(tests, t.Term)
	}
	if len(target) > 0 {
		return target, tests, nil
	}
	if target, err = holdoutTerms(holdoutDir, "validation"); err == nil && test && len(tests) == 0 {
		tests, err = holdoutTerms(holdoutDir, "test")
	}
	if err == nil && len(target) == 0 {
		err = task.Permanent(errors.New("no document was held out to score mixtures with: the corpus is too small; name files in target.validation, or raise target.holdout"))
	}
	return target, tests, err
}

func holdoutTerms(dir, half string) ([]eval.Term, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var terms []eval.Term
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), half+"-") {
			terms = append(terms, eval.Term{File: filepath.Join(dir, e.Name()), Metric: "bpb", Weight: 1})
		}
	}
	return terms, nil
}

// readTrial loads what a task of a trial plan measured.
func readTrial(p *task.Plan, n int) (trialSpec, *train.Result, error) {
	var spec trialSpec
	if err := p.Task(n, &spec); err != nil {
		return spec, nil, err
	}
	result := &train.Result{}
	return spec, result, readJSON(p.Path(filepath.FromSlash(spec.dir()), "result.json"), result)
}

// writeAtomic replaces a file of the run in one step.
func writeAtomic(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close(), os.Chmod(f.Name(), 0o644)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
