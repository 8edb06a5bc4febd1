package climb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// A stored is a proxy run scored on the validation files of all objectives. It
// is a file of its own, <mixture>-<seed>.json, which appears whole or not at
// all: the arms of a study share the runs that they have in common.
type stored struct {
	Result      *train.Result `json:"result"`
	CoreSeconds float64       `json:"core_seconds"` // as in the manifest of its task
}

// check reports a stored run that is none of the mixture.
func (s *stored) check(m mix.Mixture) error {
	if s.Result == nil {
		return errors.New("no result")
	}
	return s.Result.Check(&train.Job{Mixture: m})
}

// proxiesFormat is the version of what a stored run measures.
const proxiesFormat = 2

// shared returns what runs the trials of an arm: run, but a mixture that an arm
// with the same proxies has trained with the same seed, on whatever objective,
// is not trained again. What is published is the same.
func (c *comparison) shared(kind string, run task.Func) task.Func {
	return func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		var o proxyOptions
		if err := p.Option(&o); err != nil {
			return err
		}
		if kind != "search" || len(o.Validation) == 0 || len(o.Proxy.Command) > 0 {
			return run(ctx, p, n, a)
		}
		return c.sharedTrial(ctx, p, n, a, o)
	}
}

func (c *comparison) sharedTrial(ctx context.Context, p *task.Plan, n int, a *task.Attempt, o proxyOptions) error {
	var spec trialSpec
	if err := p.Task(n, &spec); err != nil {
		return err
	}
	job, err := o.job(p, spec)
	if err != nil {
		return err
	}
	all := c.terms(false)
	path, err := c.storePath(p, o.Proxy, spec)
	if err != nil {
		return err
	}
	var s stored
	err = readJSON(path, &s)
	if err == nil {
		if err = s.check(spec.Mixture); err != nil {
			err = fmt.Errorf("read %s: %w", path, err)
		}
	}
	switch {
	case err == nil:
		job.Target, _, err = o.terms("", false)
		if err = errors.Join(err, a.WriteJSON(spec.dir()+"/job.json", job)); err != nil {
			return err
		}
		a.Spend(s.CoreSeconds)
		for _, t := range s.Result.Tokens {
			a.Count("tokens", t)
		}
		if s.Result.Failed != "" {
			a.Count("failed", 1)
		}
	case errors.Is(err, fs.ErrNotExist):
		job.Target = all
		if s.Result, s.CoreSeconds, err = runJob(ctx, a, spec.dir(), job, nil); err != nil {
			return err
		}
		if err := task.WriteSealed(path, s); err != nil {
			return err
		}
	default:
		return task.Permanent(fmt.Errorf("%w; remove the file to train the run again", err))
	}
	own, _, err := o.terms("", false)
	if err != nil {
		return err
	}
	result, err := restrict(s.Result, all, own)
	if err != nil {
		return err
	}
	return a.WriteJSON(spec.dir()+"/result.json", result)
}

// storePath is the file of a shared run.
func (c *comparison) storePath(p *task.Plan, proxy ProxyConfig, spec trialSpec) (string, error) {
	files, err := validationFiles(c.terms(false))
	if err != nil {
		return "", err
	}
	dir := "proxies-" + task.Hash("proxies", proxiesFormat, proxyOptions{Proxy: proxy, Validation: files},
		p.Inputs["vocab"], p.Inputs["encode"], p.Inputs["tokens"], p.Inputs["base"])
	dir = filepath.Join(c.Config.Out, dir)
	return filepath.Join(dir, fmt.Sprintf("%s-%d.json", spec.Hash, spec.Seed)), os.MkdirAll(dir, 0o777)
}

// restrict gives the result that a run would have had on some of its terms.
func restrict(r *train.Result, all, own []eval.Term) (*train.Result, error) {
	if r.Failed != "" {
		return r, nil
	}
	out := *r
	results, err := resultsOf(all, r.Validate, own)
	if err != nil {
		return nil, err
	}
	out.Validate = nil
	seen, names := map[*eval.TaskResult]bool{}, map[string]int{}
	for i, t := range results {
		if seen[t] {
			continue
		}
		seen[t] = true
		named := *t
		named.Task, _ = eval.TaskName(own[i].File)
		if names[named.Task]++; names[named.Task] > 1 {
			named.Task = fmt.Sprintf("%s#%d", named.Task, names[named.Task])
		}
		out.Validate = append(out.Validate, &named)
	}
	out.Score, err = eval.Objective(own, results)
	return &out, err
}

// resultsOf finds the results that belong to own among those of all, whose
// files and limits are each there once.
func resultsOf(all []eval.Term, results []*eval.TaskResult, own []eval.Term) ([]*eval.TaskResult, error) {
	if len(all) != len(results) {
		return nil, fmt.Errorf("%d results for %d files", len(results), len(all))
	}
	out := make([]*eval.TaskResult, len(own))
	for i, t := range own {
		for k, o := range all {
			if o.File == t.File && o.Limit == t.Limit {
				out[i] = results[k]
			}
		}
		if out[i] == nil {
			return nil, fmt.Errorf("%s was not evaluated", t.File)
		}
	}
	return out, nil
}
