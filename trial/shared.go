package trial

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

// sharedTrial scores a proxy on the files of all searches of a study, unless one
// of them has trained the same mixture with the same seed, and publishes what the
// run measured on its own files.
func (o *proxyOptions) sharedTrial(ctx context.Context, p *task.Plan, spec trialSpec, a *task.Attempt, b *Bench) error {
	job, err := o.job(p, spec)
	if err != nil {
		return err
	}
	all := make([]eval.Term, len(o.Shared))
	for i, f := range o.Shared {
		all[i] = f.Term
	}
	path := o.storePath(p, spec)
	var s stored
	err = task.ReadJSON(path, &s)
	if err == nil {
		if err = s.check(spec.Mixture); err != nil {
			err = fmt.Errorf("read %s: %w", path, err)
		}
	}
	switch {
	case err == nil:
		job.Target, _, err = o.terms(nil, false)
		if err = errors.Join(err, writeJob(a, spec.dir(), job)); err != nil {
			return err
		}
		a.Spend(s.CoreSeconds)
		for _, t := range s.Result.Tokens {
			Tokens.Add(a, t)
		}
		if s.Result.Failed != "" {
			failed.Add(a, 1)
		}
	case errors.Is(err, fs.ErrNotExist):
		job.Target = all
		results, seconds, err := b.Train(ctx, p, a, &o.Proxy, o.Program, Run{spec.dir(), job})
		if err != nil {
			return err
		}
		s = stored{results[0], seconds}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := task.WriteSealed(path, s); err != nil {
			return err
		}
	default:
		return task.Permanent(fmt.Errorf("%w; remove the file to train the run again", err))
	}
	own, _, err := o.terms(nil, false)
	if err != nil {
		return err
	}
	result, err := restrict(s.Result, all, own)
	if err != nil {
		return err
	}
	return WriteResult(a, spec.dir(), result)
}

// storePath is the file of a shared run, beside the stages.
func (o *proxyOptions) storePath(p *task.Plan, spec trialSpec) string {
	dir := "proxies-" + task.Hash("proxies", proxiesFormat, proxyOptions{Proxy: o.Proxy, Program: o.Program, TargetTokens: o.TargetTokens, Validation: o.Shared},
		p.Inputs["vocab"], p.Inputs["encode"], p.Inputs["tokens"], p.Inputs["base"])
	dir = filepath.Join(filepath.Dir(p.Dir()), dir)
	return filepath.Join(dir, fmt.Sprintf("%s-%d.json", spec.Hash, spec.Seed))
}

// RunKey names the run that task n of a round did or shared: tasks of equal keys
// did one run between them.
func RunKey(p *task.Plan, n int) (string, error) {
	var o proxyOptions
	specs, err := trialsOf(p, n)
	if err := errors.Join(p.Option(&o), err); err != nil {
		return "", err
	}
	if len(o.Shared) > 0 {
		return o.storePath(p, specs[0]), nil
	}
	return p.Path(specs[0].dir()), nil
}

// restrict gives the result that a run would have had on some of its terms.
func restrict(r *train.Result, all, own []eval.Term) (*train.Result, error) {
	if r.Failed != "" {
		return r, nil
	}
	out := *r
	results, err := ResultsOf(all, r.Validate, own)
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

// ResultsOf picks the results of the terms own among the results of all, whose
// files and limits are each there once.
func ResultsOf(all []eval.Term, results []*eval.TaskResult, own []eval.Term) ([]*eval.TaskResult, error) {
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
