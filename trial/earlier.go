package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// Where confirm's options change (more seeds, more candidates), its stage has
// another name and another plan. What a run measured depends on neither: runs of
// other confirmations in the run directory that were given the same proxies,
// files, mixture and seed are taken over, and only the rest is trained.

// A runKey is what the runs of a plan differ by.
type runKey struct {
	hash string // of the mixture
	seed uint64
}

// An earlierRun is a run of another confirmation.
type earlierRun struct {
	plan *task.Plan
	placed
}

// earlierRuns finds the finished runs of other confirmations than p in a run
// directory: where several did the same, that of the directory first by name.
func earlierRuns(run string, p *task.Plan) (map[runKey]earlierRun, error) {
	out := map[runKey]earlierRun{}
	entries, err := os.ReadDir(run)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	mine, err := measures(p)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), p.Kind+"-") || p.Dir() != "" && e.Name() == filepath.Base(p.Dir()) {
			continue
		}
		other, err := task.Load(filepath.Join(run, e.Name(), roundName(1)+".plan.json"))
		if err != nil {
			continue // it has not come so far, or is no directory of ours: its runs are trained here
		}
		if its, err := measures(other); err != nil || !bytes.Equal(mine, its) {
			continue
		}
		all, err := allTrials(other)
		if err != nil {
			continue
		}
		done, err := other.Published()
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			key := runKey{t.Hash, t.Seed}
			if _, ok := out[key]; !ok && slices.Contains(done, t.task) {
				out[key] = earlierRun{other, t}
			}
		}
	}
	return out, nil
}

// measures is all that the runs of a confirmation depend on, apart from the
// mixture and the seed of each: the proxies and the files that they are scored on.
func measures(p *task.Plan) ([]byte, error) {
	var o proxyOptions
	if err := p.Option(&o); err != nil {
		return nil, err
	}
	inputs := maps.Clone(p.Inputs)
	delete(inputs, searchFile.Stage) // whose answer is in the mixtures
	return json.Marshal(struct {
		Kind    string
		Format  int
		Options proxyOptions
		Inputs  map[string]string
	}{p.Kind, p.Format, o, inputs})
}

// tasksBeside are the tasks of a round: one for each run that is there already,
// and after them those that train.
func tasksBeside(earlier map[runKey]earlierRun, specs []trialSpec, together int) []json.RawMessage {
	var there, left []trialSpec
	for _, s := range specs {
		if _, ok := earlier[runKey{s.Hash, s.Seed}]; ok {
			there = append(there, s)
		} else {
			left = append(left, s)
		}
	}
	return append(grouped(there, 1), grouped(left, together)...)
}

// takeOver publishes the tasks of a plan whose runs are there already.
func (r *Trials) takeOver(ctx context.Context, p *task.Plan, earlier map[runKey]earlierRun) error {
	missing, err := p.Missing()
	if err != nil {
		return err
	}
	taken := 0
	for _, n := range missing {
		specs, err := trialsOf(p, n)
		if err != nil {
			return err
		}
		from, ok := earlier[runKey{specs[0].Hash, specs[0].Seed}]
		if !ok || len(specs) > 1 {
			continue
		}
		if _, err := p.Run(ctx, n, func(_ context.Context, _ *task.Plan, _ int, a *task.Attempt) error { return from.copyTo(a, specs[0]) }); err != nil {
			return err
		}
		taken++
	}
	if taken > 0 {
		r.Note(p.Kind, "%d of %d runs are those of an earlier confirmation with the same proxies and files", taken, len(p.Tasks))
	}
	return nil
}

// copyTo writes the files of the run as those of another, and counts what it took.
func (e *earlierRun) copyTo(a *task.Attempt, to trialSpec) error {
	result, err := readTrial(e.plan, e.placed) // verified
	if err != nil {
		return err
	}
	m, err := e.plan.Manifest(e.task)
	if err != nil {
		return err
	}
	for _, o := range m.Outputs {
		name, ok := strings.CutPrefix(o.Name, e.dir()+"/")
		if !ok {
			continue // of another run of the task
		}
		if err := copyFile(a, path.Join(to.dir(), name), e.plan.Path(filepath.FromSlash(o.Name))); err != nil {
			return err
		}
	}
	for _, n := range result.Tokens {
		Tokens.Add(a, n)
	}
	if result.Failed != "" {
		failed.Add(a, 1)
	}
	together, err := trialsOf(e.plan, e.task)
	a.Spend(m.CoreSeconds / float64(max(1, len(together))))
	return err
}

func copyFile(a *task.Attempt, name, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := a.Create(name)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err != nil {
		err = fmt.Errorf("copy %s: %w", from, err)
	}
	return errors.Join(err, out.Close())
}

// ConfirmMade is how many runs of the confirmation an earlier one has made, 0
// before there is something to confirm.
func (r *Trials) ConfirmMade() (made int, err error) {
	s, err := r.ReadSearch()
	if err != nil {
		return 0, nil // the search has not ended
	}
	list, err := candidates(s, r.Config.Confirm, r.Config.Seed)
	if err != nil {
		return 0, err
	}
	o, err := r.proxyOptions(true)
	if err != nil {
		return 0, err
	}
	st := r.Find(confirmFile.Stage)
	p := &task.Plan{Kind: st.Name, Format: st.Format, Options: stage.Marshal(o), Inputs: map[string]string{}}
	for _, in := range st.Inputs {
		p.Inputs[in] = r.Base(in)
	}
	earlier, err := earlierRuns(r.Out, p)
	for _, s := range r.confirmSpecs(list) {
		if _, ok := earlier[runKey{s.Hash, s.Seed}]; ok {
			made++
		}
	}
	return made, err
}
