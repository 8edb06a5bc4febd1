package stage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/task"
)

// Status says what of a run is done, from the manifests alone.
type Status struct {
	Stages []StageStatus `json:"stages"`
	Holder string        `json:"holder,omitempty"` // who works in the run directory now
	Notes  []string      `json:"notes,omitempty"`  // what a person should know of the run directory
}

// StageStatus is one stage's part of a Status. Tasks of all rounds are summed;
// a stage that is complete without any is not needed with these options.
type StageStatus struct {
	Stage    string `json:"stage"`
	Dir      string `json:"dir"`
	Planned  bool   `json:"planned"`
	Done     int    `json:"done"`     // tasks
	Total    int    `json:"total"`    // tasks planned so far: rounds are planned one by one
	Complete bool   `json:"complete"` // nothing is left to do
}

// Status reads the manifests of every stage.
func (r *Run) Status() (*Status, error) {
	s := &Status{}
	for _, st := range r.stages {
		x := StageStatus{Stage: st.Name, Dir: r.Dir(st.Name), Complete: r.Done(st.Name)}
		plans, err := r.Plans(st.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range plans {
			missing, err := p.Missing()
			if err != nil {
				return nil, err
			}
			x.Planned = true
			x.Total += len(p.Tasks)
			x.Done += len(p.Tasks) - len(missing)
		}
		s.Stages = append(s.Stages, x)
	}
	held, err := task.Held(r.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if held != nil {
		s.Holder = held.Error()
	}
	earlier, err := r.EarlierText()
	if earlier != "" {
		s.Notes = append(s.Notes, earlier)
	}
	return s, err
}

// Plans loads the plans of a stage, of all its rounds, that are there.
func (r *Run) Plans(stage string) ([]*task.Plan, error) {
	paths, err := r.planFiles(stage)
	var plans []*task.Plan
	for _, path := range paths {
		p, err := task.Load(path)
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, err
}

// planFiles lists the plans of a stage that are there, plan.json first: it sorts
// before those of rounds.
func (r *Run) planFiles(stage string) (paths []string, err error) {
	entries, err := os.ReadDir(r.Dir(stage))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "plan.json") && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(r.Dir(stage), e.Name()))
		}
	}
	return paths, err
}

// Done tells whether the stage of the name needs nothing more.
func (r *Run) Done(stage string) bool {
	p, err := r.Plan(stage)
	if err != nil {
		return false
	}
	if r.stages.Find(stage).Drive != nil && len(p.Tasks) == 0 { // the answer is written when all rounds are through
		_, err := os.Stat(p.Path(answer(stage)))
		return err == nil
	}
	missing, err := p.Missing()
	return err == nil && len(missing) == 0
}
