// Package trial trains and scores proxies: the base model that they continue, the
// search over mixtures round by round, and the confirmation of its answer with
// fresh seeds. Each is a stage (package stage).
package trial

import (
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
)

// Trials are the proxy runs of a search, and of its confirmation.
type Trials struct {
	*stage.Run
	Config Config

	curation *curate.Curation
	targets  *stage.Cache
}

// Open reads the target files and adds the stages to the run, which has
// those of the curation. The cache holds what was read of target files; it may be
// nil.
func Open(curation *curate.Curation, c Config, targets *stage.Cache) (*Trials, error) {
	if err := c.checkPhases(); err != nil {
		return nil, err
	}
	r := &Trials{Run: curation.Run, Config: c, curation: curation, targets: targets}
	if err := r.Add(r.stages()...); err != nil {
		return nil, err
	}
	if len(c.Target.Validation) > 0 { // names in search.objective are checked before anything is spent
		return r, r.objective(&search.Problem{})
	}
	return r, nil
}

// Stages are the stages as a worker needs them.
func Stages() stage.Table { return (&Trials{}).stages() }

func (r *Trials) stages() stage.Table {
	return stage.Table{r.baseStage(), r.searchStage(), r.confirmStage()}
}
