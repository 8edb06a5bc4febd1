package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/token"
)

// Proxy trains jobs in this process.
type Proxy struct {
	// Workers is asked before every step and batch of the evaluation how many
	// goroutines it may use; nil means one. The result does not depend on it.
	Workers func() int
}

func (p Proxy) workers() int {
	if p.Workers == nil {
		return 1
	}
	return p.Workers()
}

// Train implements Trainer. Cancelling ctx stops between two steps.
func (p Proxy) Train(ctx context.Context, j Job, watch func(Progress)) (*Result, error) {
	if err := j.Check(); err != nil {
		return nil, err
	}
	tok, err := token.Load(j.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	files, err := openDomains(j.Domains)
	defer closeAll(files)
	if err != nil {
		return nil, err
	}
	model, err := j.model(tok.Vocab())
	if err != nil {
		return nil, err
	}
	sampler, err := NewSampler(files, j.Phases.Total(j.Mixture), j.Model.Context, j.Seed)
	if err != nil {
		return nil, err
	}
	if j.TargetTokens > 0 {
		sampler.simulateEpochs(j.Tokens, j.TargetTokens)
	}
	if len(j.Phases) > 0 {
		sampler.schedule(j)
	}
	r := &Result{Mixture: j.Mixture.Hash()}
	scorer := &Scorer{Tokenizer: tok, Model: model, Workers: p.workers}
	if err := j.fit(ctx, model, sampler, r, j.curve(ctx, scorer, r, watch), p.workers); err != nil {
		return nil, err
	}
	if r.Failed == "" {
		err = j.measure(ctx, scorer, r)
	}
	if err == nil && r.Failed == "" && j.Save != "" {
		err = model.Save(j.Save)
	}
	return r, err
}

func openDomains(prefixes []string) ([]*token.Indexed, error) {
	files := make([]*token.Indexed, 0, len(prefixes))
	for _, p := range prefixes {
		f, err := token.OpenIndexed(p)
		if err != nil {
			return files, fmt.Errorf("train: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*token.Indexed) {
	for _, f := range files {
		f.Close() // read-only maps: nothing to lose
	}
}

// model loads the base model, or makes a new one with the job's seed.
func (j *Job) model(vocab int) (*lm.Model, error) {
	j.Model.Vocab = vocab
	if j.Init == "" {
		return lm.New(j.Model, j.Seed)
	}
	m, err := lm.Load(j.Init)
	if err != nil {
		return nil, fmt.Errorf("train: load the base model: %w", err)
	}
	j.Model = m.Config
	return m, j.fits(vocab)
}

// fits refuses a base model of another tokenizer.
func (j *Job) fits(vocab int) error {
	if j.Model.Vocab != vocab {
		return fmt.Errorf("train: base model %s has a vocabulary of %d, the tokenizer of %d", j.Init, j.Model.Vocab, vocab)
	}
	return nil
}

// fit runs the steps of the job. A loss or gradient that is not finite, or a
// loss that ends above that of a uniform guess, makes the run a failed one.
func (j *Job) fit(ctx context.Context, m *lm.Model, s *Sampler, r *Result, watch func(Progress) error, workers func() int) error {
	steps, T := j.Steps(), j.Model.Context
	ws := lm.NewWorkspace(m, j.Batch, T)
	ws.SetBFloat16(j.Optim.Precision == "bfloat16")
	grad := m.NewGrad()
	opt := j.Optim.Optimizer.New()
	opt.Start(m.Layout())
	schedule := j.schedule()
	batch, ahead := make([]uint32, j.Batch*(T+1)), make([]uint32, j.Batch*(T+1))
	read := func() {
		for b := range j.Batch {
			s.Next(ahead[b*(T+1) : (b+1)*(T+1)])
		}
	}
	read()
	var reading sync.WaitGroup // the next batch, while this one is trained on
	defer reading.Wait()
	var last float64
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		reading.Wait()
		batch, ahead = ahead, batch
		r.Tokens = s.Tokens()
		if step+1 < steps {
			reading.Go(read)
		}
		clear(grad)
		cores := workers()
		ws.SetWorkers(cores)
		loss := m.LossGrad(ws, batch, grad)
		norm := optim.ClipNorm(grad, j.Optim.Clip)
		if bad := loss + norm; math.IsNaN(bad) || math.IsInf(bad, 0) {
			r.Failed = fmt.Sprintf("diverged at step %d: loss %v, gradient norm %v", step, loss, norm)
			return nil
		}
		lr := schedule(step)
		opt.Step(m.Params(), grad, lr, cores)
		if step >= steps-max(1, steps/10) {
			last += loss
		}
		r.Steps = step + 1
		if err := watch(Progress{Step: step + 1, Steps: steps, Tokens: int64(step+1) * int64(j.Batch*T), Loss: loss, LR: lr, Norm: norm}); err != nil {
			return err
		}
	}
	r.Loss = last / float64(max(1, steps/10))
	if r.Loss > math.Log(float64(j.Model.Vocab))+1 {
		r.Failed = fmt.Sprintf("diverged: final loss %.3f nats per token is above a uniform guess", r.Loss)
	}
	return nil
}

// curve returns what is called after every step: watch, and the evaluations on
// the way. The last one is left to measure.
func (j *Job) curve(ctx context.Context, m eval.Model, r *Result, watch func(Progress)) func(Progress) error {
	return func(g Progress) error {
		if watch != nil {
			watch(g)
		}
		if g.Step == g.Steps || g.Step*j.Curve/g.Steps == (g.Step-1)*j.Curve/g.Steps {
			return nil
		}
		files, score, err := j.evaluate(ctx, m, j.Target)
		if err != nil {
			return err
		}
		r.point(g.Tokens, g.LR, score, files)
		return nil
	}
}

func (r *Result) point(tokens int64, lr, score float64, files []*eval.TaskResult) {
	p := Point{Tokens: tokens, LR: lr, Score: score}
	for _, f := range files {
		short := *f
		short.LogProbs, short.Scores = nil, nil
		p.Validate = append(p.Validate, &short)
	}
	r.Curve = append(r.Curve, p)
}

// measure evaluates the target and the test files.
func (j *Job) measure(ctx context.Context, m eval.Model, r *Result) (err error) {
	if r.Validate, r.Score, err = j.evaluate(ctx, m, j.Target); err != nil {
		return err
	}
	if j.Curve > 0 {
		per := int64(j.Batch) * int64(j.Model.Context)
		r.point(int64(r.Steps)*per, j.schedule()(r.Steps-1), r.Score, r.Validate)
	}
	r.Test, r.TestMean, err = j.evaluate(ctx, m, j.Test)
	if bad := errors.Join(measured("score", r.Score), measured("test_mean", r.TestMean)); bad != nil {
		r.Failed = bad.Error()
	}
	r.settle()
	return err
}

// evaluate returns the results of the terms' files, each once, and the
// weighted mean of the terms.
func (j *Job) evaluate(ctx context.Context, m eval.Model, terms []eval.Term) (files []*eval.TaskResult, score float64, err error) {
	if len(terms) == 0 {
		return nil, 0, nil
	}
	type key struct {
		file  string
		limit int
	}
	done, names := map[key]*eval.TaskResult{}, map[string]int{}
	results := make([]*eval.TaskResult, len(terms))
	for i, t := range terms {
		if t.Task != "" {
			return nil, 0, fmt.Errorf("train: %s %w", t.Task, errNoFile)
		}
		k := key{t.File, t.Limit}
		if done[k] == nil {
			task, err := eval.LoadTask(t.File)
			if err != nil {
				return nil, 0, err
			}
			if done[k], err = task.Limit(t.Limit).Evaluate(ctx, m); err != nil {
				return nil, 0, fmt.Errorf("evaluate %s: %w", filepath.Base(t.File), err)
			}
			done[k].Keep(named(terms, t.File, task.Listed)...)
			if !j.Items {
				done[k].Scores = nil
			}
			if names[task.Name]++; names[task.Name] > 1 { // of a file in another folder
				done[k].Task = fmt.Sprintf("%s#%d", task.Name, names[task.Name])
			}
			files = append(files, done[k])
		}
		results[i] = done[k]
	}
	score, err = eval.Objective(terms, results)
	return files, score, err
}

// named are the metrics that a file's result is to have beyond the common ones.
func named(terms []eval.Term, file string, listed []string) []string {
	out := slices.Clone(listed)
	for _, t := range terms {
		if t.File == file {
			out = append(out, t.Metric)
		}
	}
	return out
}
