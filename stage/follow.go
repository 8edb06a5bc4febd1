package stage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/climb-go/climb/task"
)

// A Follower watches what of a run is done from a process that has no part in it:
// from plans, manifests and the directories of attempts. It reads each plan and
// each manifest once. It is for one goroutine.
type Follower struct {
	run   *Run
	plans map[string]*FollowedPlan // by path
}

// Follow begins to watch the run.
func (r *Run) Follow() *Follower { return &Follower{run: r, plans: map[string]*FollowedPlan{}} }

// Followed is a stage as it stands.
type Followed struct {
	Name, Title string
	Planned     bool
	Complete    bool // nothing is left to do
	Done, Total int  // tasks, of the rounds that are planned
	Seconds     float64
	Running     []task.Running // attempts that have not ended
	Plans       []*FollowedPlan
}

// A FollowedPlan is a plan with its tasks that are done.
type FollowedPlan struct {
	*task.Plan
	Done    map[int]float64 // the tasks that are done, and what each took in seconds
	Seconds float64         // of them all

	changed time.Time // of the folder of manifests, when it was read
	settled bool      // ... and it had been so for a while
}

// Look reads what is new. Stages are in their order.
func (f *Follower) Look() ([]Followed, error) {
	out := make([]Followed, 0, len(f.run.stages))
	for _, s := range f.run.stages {
		x := Followed{Name: s.Name, Title: s.Title}
		paths, err := f.run.planFiles(s.Name)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			p := f.plans[path]
			if p == nil {
				plan, err := task.Load(path)
				if err != nil {
					return nil, err
				}
				p = &FollowedPlan{Plan: plan, Done: map[int]float64{}}
				f.plans[path] = p
			}
			if err := p.look(); err != nil {
				return nil, err
			}
			x.Plans = append(x.Plans, p)
			x.Planned, x.Done, x.Total, x.Seconds = true, x.Done+len(p.Done), x.Total+len(p.Tasks), x.Seconds+p.Seconds
		}
		x.Complete = x.Planned && x.Done == x.Total
		rounds := slices.ContainsFunc(x.Plans, func(p *FollowedPlan) bool { return p.Name == "" && len(p.Tasks) == 0 })
		if s.Drive != nil && x.Complete && rounds { // the answer is written when all rounds are through
			_, err := os.Stat(filepath.Join(f.run.Dir(s.Name), answer(s.Name)))
			x.Complete = err == nil
		}
		if x.Planned && !x.Complete {
			if x.Running, err = task.Attempts(f.run.Dir(s.Name)); err != nil {
				return nil, err
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// settledAfter is how long a folder must have been as it is before it is not read
// again: file systems tell times in steps.
const settledAfter = 2 * time.Second

// look reads the manifests that are new.
func (p *FollowedPlan) look() error {
	now := time.Now()
	changed, err := p.Changed()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || p.settled && changed.Equal(p.changed) {
		return err
	}
	p.changed, p.settled = changed, now.Sub(changed) > settledAfter
	published, err := p.Published()
	if err != nil {
		return err
	}
	done := make(map[int]float64, len(published))
	p.Seconds = 0
	for _, n := range published {
		seconds, known := p.Done[n]
		if !known {
			m, err := p.Manifest(n)
			if err != nil {
				continue // damaged, or taken back since: it counts as not done
			}
			seconds = m.Seconds
		}
		done[n] = seconds
		p.Seconds += seconds
	}
	p.Done = done
	return nil
}
