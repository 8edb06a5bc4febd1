package study

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
)

// compareFormat is the version of what a target run measures.
const compareFormat = 2

// compareStage trains target models on the answers of the arms. It stands outside
// of the pipeline: its directory is named after the target model, the files of
// all objectives and the tokens. batch-NN.plan.json lists runs that earlier
// batches lack; compare.json is the outcome.
func compareStage() *stage.Stage {
	return &stage.Stage{Name: "compare", Title: "train the target models", Format: compareFormat, Skims: []string{"encode"}, Run: runTarget}
}

// Stages are the stages of a study and of the pipeline, as a worker needs them.
func Stages() stage.Table { return append(climb.Stages(), compareStage()) }

// targetOptions are the options that a target run depends on, apart from its
// mixture and seed. A proxy whose ranking is checked is described the same way.
type targetOptions struct {
	Model      trial.ProxyConfig   `json:"model"`             // the target's, as a proxy would be described
	Program    string              `json:"program,omitempty"` // that trains, with its hash; see train.Method
	Curve      int                 `json:"curve,omitempty"`
	Validation []curate.TargetFile `json:"validation"` // of all objectives
	Test       []curate.TargetFile `json:"test"`       // none for a proxy
}

// A targetSpec is a task of a batch.
type targetSpec struct {
	Mixture   mix.Mixture `json:"mixture,omitempty"`
	Hash      string      `json:"hash,omitempty"`
	Seed      uint64      `json:"seed"`
	Reference string      `json:"reference,omitempty"` // objective whose validation text is trained on instead of the corpus
	Files     []eval.Term `json:"files,omitempty"`     // ... and its files
}

// key names the run.
func (t targetSpec) key() string {
	if t.Reference != "" {
		return fmt.Sprintf("reference-%s-%d", t.Reference, t.Seed)
	}
	return fmt.Sprintf("%s-%d", t.Hash, t.Seed)
}

func (t targetSpec) dir() string { return "trials/" + t.key() }

// A group is a set of arms with the same tokens and their target runs, or a kind
// of proxy and its runs on the same mixtures.
type group struct {
	study   *comparison
	arms    []*arm
	title   string
	dir     string
	model   trial.ProxyConfig // as options.Model, with what trains it and how
	options targetOptions
	inputs  map[string]string
	need    []targetSpec
	results map[string]*targetResult // by key
}

// A targetResult is what a target run has measured and cost.
type targetResult struct {
	*train.Result
	CoreSeconds float64
}

// groups partitions the arms by their tokens.
func (c *comparison) groups() ([]*group, error) {
	model := c.trained()
	o := targetOptions{Curve: c.Curve}
	var err, err1, err2 error
	o.Model, o.Program, err1 = model.Counted()
	o.Validation, err = trial.ValidationFiles(c.targetsRead, c.terms(false))
	o.Test, err2 = curate.TargetFiles(c.targetsRead, c.terms(true))
	if err := errors.Join(err, err1, err2); err != nil {
		return nil, err
	}
	var groups []*group
	for _, a := range c.arms {
		inputs := map[string]string{}
		for _, role := range []string{"vocab", "encode", "tokens"} {
			inputs[role] = a.run.Base(role)
		}
		name := "compare-" + task.Hash("compare", compareFormat, o, inputs["vocab"], inputs["encode"], inputs["tokens"])
		dir := filepath.Join(c.Config.Out, name)
		i := slices.IndexFunc(groups, func(g *group) bool { return g.dir == dir })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{study: c, title: "train the target models", dir: dir, model: model, options: o, inputs: inputs, results: map[string]*targetResult{}})
		}
		groups[i].arms = append(groups[i].arms, a)
	}
	return groups, nil
}

// seed is the seed of target run k: equal for all arms, and used by no search.
func (c *comparison) seed(k int) uint64 { return c.Config.Seed + 1000 + uint64(c.First+k) }

// specs lists the target runs of an arm with seed k: one, or one a draw for the
// strategy random, or none if k belongs to another search of the strategy.
func (a *arm) specs(k int) (out []targetSpec, err error) {
	if a.strategy.searches() && k%a.study.Searches != a.search {
		return nil, nil
	}
	seed := a.study.seed(k)
	mixtures := []mix.Mixture{a.answer}
	if a.answer == nil {
		mixtures = nil
		for d := range a.study.Draws {
			m, err := search.RandomMixture(a.problem, seed+uint64(d)<<32)
			if err != nil {
				return nil, err
			}
			mixtures = append(mixtures, m)
		}
	}
	for _, m := range mixtures {
		out = append(out, targetSpec{Mixture: m, Seed: seed, Hash: m.Hash()})
	}
	return out, nil
}

// specs lists the runs that the group needs, without repeats.
func (g *group) specs() (out []targetSpec, err error) {
	add := func(s targetSpec) {
		if !slices.ContainsFunc(out, func(o targetSpec) bool { return o.key() == s.key() }) {
			out = append(out, s)
		}
	}
	for k := range g.study.Seeds {
		for _, a := range g.arms {
			list, err := a.specs(k)
			if err != nil {
				return nil, err
			}
			for _, s := range list {
				add(s)
			}
		}
	}
	if g.arms[0] != g.study.arms[0] {
		return out, nil
	}
	for _, o := range g.study.Objectives {
		for k := range o.Reference {
			add(targetSpec{Seed: g.study.seed(k), Reference: o.Name, Files: o.Validation})
		}
	}
	for _, m := range g.study.transferMixtures() {
		add(targetSpec{Mixture: m, Hash: m.Hash(), Seed: g.study.seed(0)})
	}
	return out, nil
}

// measure makes the needed runs that are missing, and reads all of them.
func (g *group) measure(ctx context.Context, need []targetSpec) error {
	g.need = need
	batches, err := g.batches(need)
	if err != nil {
		return err
	}
	c := g.study
	c.step++
	for _, p := range batches {
		e := stage.Event{Stage: "compare", Title: g.title, Number: c.step, Of: c.steps(), Amount: float64(int64(len(p.Tasks)) * g.options.Model.Tokens), Unit: "tokens"}
		if err := g.model.Keep(p); err != nil {
			return err
		}
		if err := c.base.Round(ctx, p, targetBy(g.model.Bench(c.base.Cores())), e); err != nil {
			return fmt.Errorf("%s: %w", g.title, err)
		}
		if err := g.read(p); err != nil {
			return err
		}
	}
	return nil
}

// batches loads the existing batches, and adds one for the runs that they lack.
func (g *group) batches(need []targetSpec) (out []*task.Plan, err error) {
	need = slices.Clone(need)
	for n := 1; ; n++ {
		name := fmt.Sprintf("batch-%02d", n)
		p, err := task.Load(filepath.Join(g.dir, name+".plan.json"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil {
			if len(need) == 0 {
				return out, nil
			}
			p = &task.Plan{Kind: "compare", Format: compareFormat, Name: name, Options: stage.Marshal(g.options), Inputs: g.inputs}
			for _, s := range need {
				p.Tasks = append(p.Tasks, stage.Marshal(s))
			}
			return append(out, p), p.Save(g.dir)
		}
		out = append(out, p)
		for i := range p.Tasks {
			var have targetSpec
			if err := p.Task(i, &have); err != nil {
				return nil, err
			}
			need = slices.DeleteFunc(need, func(s targetSpec) bool { return s.key() == have.key() })
		}
	}
}

// read loads the results of a batch.
func (g *group) read(p *task.Plan) error {
	for n := range p.Tasks {
		var spec targetSpec
		if err := p.Task(n, &spec); err != nil {
			return err
		}
		m, err := p.Manifest(n)
		if err != nil {
			return err
		}
		of := spec.Mixture
		if spec.Reference != "" { // its own text is the only domain
			of = mix.Mixture{1}
		}
		result, err := trial.ReadResult(p, n, spec.dir(), of)
		if err != nil {
			return err
		}
		g.results[spec.key()] = &targetResult{Result: result, CoreSeconds: m.CoreSeconds}
	}
	return nil
}

// runTarget trains and scores one target model, where a worker does.
func runTarget(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	return targetBy(nil)(ctx, p, n, a)
}

// targetBy is runTarget in a process that has a bench.
func targetBy(b *trial.Bench) task.Func {
	return func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		return trainTarget(ctx, p, n, a, b)
	}
}

func trainTarget(ctx context.Context, p *task.Plan, n int, a *task.Attempt, b *trial.Bench) error {
	var o targetOptions
	var spec targetSpec
	if err := p.Option(&o); err != nil {
		return err
	}
	if err := p.Task(n, &spec); err != nil {
		return err
	}
	job, err := trial.NewJob(p, o.Model)
	if err != nil {
		return err
	}
	job.Mixture, job.Seed, job.Curve, job.Items = spec.Mixture, spec.Seed, o.Curve, len(o.Test) > 0
	if o.Model.HasBase() {
		job.Init = trial.BaseModel(p)
	}
	for _, t := range o.Validation {
		job.Target = append(job.Target, t.Term)
	}
	for _, t := range o.Test {
		job.Test = append(job.Test, t.Term)
	}
	if spec.Reference != "" {
		dir, err := os.MkdirTemp(a.Dir(), "reference-*")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		job.Domains, job.Mixture = []string{filepath.Join(dir, "text")}, mix.Mixture{1}
		if err := writeReference(job.Domains[0], job.Tokenizer, spec.Files); err != nil {
			return err
		}
	}
	results, _, err := b.Train(ctx, p, a, &o.Model, o.Program, trial.Run{Dir: spec.dir(), Job: job})
	if err != nil {
		return err
	}
	if r := results[0]; r.Failed == "" { // a program of the user's may have left a score alone
		if _, err := trial.ResultsOf(job.Test, r.Test, job.Test); err != nil {
			return task.Permanent(fmt.Errorf("the Result has no figures of the test files: %w; what trains target models has to leave those of every file in test", err))
		}
	}
	return trial.WriteResult(a, spec.dir(), results[0])
}

// writeReference tokenizes task files: the context and the correct answer of
// every item.
func writeReference(prefix, tokenizer string, terms []eval.Term) error {
	tok, err := token.Load(tokenizer)
	if err != nil {
		return err
	}
	bin, err := os.Create(prefix + ".bin")
	if err != nil {
		return err
	}
	defer bin.Close()
	idx, err := os.Create(prefix + ".idx")
	if err != nil {
		return err
	}
	defer idx.Close()
	w, err := token.NewIndexWriter(bin, idx, token.Dtype(tok.Vocab()))
	if err != nil {
		return err
	}
	for _, t := range terms {
		items, err := eval.LoadTask(t.File)
		if err != nil {
			return err
		}
		for _, item := range items.Items {
			q := item.Requests[item.Gold]
			if err := w.Add(append(tok.Encode(nil, q.Context+q.Continuation), tok.EOD())); err != nil {
				return err
			}
		}
	}
	return errors.Join(w.Close(), bin.Close(), idx.Close())
}
