package climb

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
	for _, st := range stages {
		x := StageStatus{Stage: st.name, Dir: r.Dir(st.name), Complete: r.done(st)}
		plans, err := r.plans(st)
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
	held, err := task.Held(r.Config.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if held != nil {
		s.Holder = held.Error()
	}
	return s, nil
}

// plans loads the plans of a stage, of all its rounds, that are there.
func (r *Run) plans(s *stage) ([]*task.Plan, error) {
	entries, err := os.ReadDir(r.Dir(s.name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var plans []*task.Plan
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "plan.json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		p, err := task.Load(filepath.Join(r.Dir(s.name), e.Name()))
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, err
}

// done tells whether the stage needs nothing more.
func (r *Run) done(s *stage) bool {
	p, err := task.Load(filepath.Join(r.Dir(s.name), "plan.json"))
	if err != nil {
		return false
	}
	if s.drive != nil { // the answer is written when all rounds are through
		_, err := os.Stat(p.Path(s.name + ".json"))
		return err == nil
	}
	missing, err := p.Missing()
	return err == nil && len(missing) == 0
}
