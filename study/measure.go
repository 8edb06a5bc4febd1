package study

import (
	"context"
	"fmt"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
)

// A Measurement is what one strategy came to with one training seed: target runs of
// its answer, scored on the test files of an objective. It is a row of a comparison
// before any statistics, for studies that are made in parts (Options.First).
type Measurement struct {
	Strategy  string        `json:"strategy"`
	Objective string        `json:"objective"`
	Search    int           `json:"search"`   // number of the search, from 1
	Seed      uint64        `json:"seed"`     // of the target runs
	Mixtures  []mix.Mixture `json:"mixtures"` // one, or the draws of random
	// Run is the mean over the mixtures on the objective, higher is better.
	Run   eval.Run           `json:"-"`
	BPB   float64            `json:"bpb"`
	Acc   float64            `json:"acc,omitempty"`
	Tasks map[string]float64 `json:"tasks"` // by task:metric
	Cost  report.Cost        `json:"cost"`
}

// Measure runs or resumes a study as Compare does, and returns its rows without
// comparing them. One seed is enough. A target run that failed is an error.
func (s *Study) Measure(ctx context.Context, watch func(stage.Event)) (out []Measurement, err error) {
	c, err := s.prepare(ctx, watch)
	if err != nil {
		return nil, err
	}
	err = c.base.Hold(func() error {
		groups, err := c.train(ctx)
		if err != nil {
			return err
		}
		out, err = c.measurements(groups)
		return err
	})
	return out, err
}

func (c *comparison) measurements(groups []*group) (out []Measurement, err error) {
	for o, obj := range c.Objectives {
		for i := range c.Strategies {
			x := &c.Strategies[i]
			if !x.takesPart(obj.Name) {
				continue
			}
			runs, err := c.runs(groups, x, o)
			if err != nil {
				return nil, err
			}
			for k := range c.Seeds {
				m, err := c.measurement(x, o, k, runs)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", x.Name, obj.Name, err)
				}
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// measurement averages the runs of a seed.
func (c *comparison) measurement(x *Strategy, objective, k int, all []seedRun) (m Measurement, err error) {
	m = Measurement{Strategy: x.Name, Objective: c.Objectives[objective].Name, Search: c.First + k%c.Searches + 1, Seed: c.seed(k), Tasks: map[string]float64{}}
	var runs []seedRun
	for _, r := range all {
		if r.k == k {
			runs = append(runs, r)
		}
	}
	var scores []eval.Run
	for _, r := range runs {
		if r.result.Failed != "" {
			return m, fmt.Errorf("seed %d: %s", r.spec.Seed, r.result.Failed)
		}
		t, err := c.tested(r.result, objective)
		if err != nil {
			return m, err
		}
		n := float64(len(runs))
		m.Mixtures, scores = append(m.Mixtures, r.spec.Mixture), append(scores, t.score)
		m.BPB += t.bpb.Score / n
		m.Acc += t.acc.Score / n
		for name, v := range t.tasks {
			m.Tasks[name] += v / n
		}
	}
	m.Run = eval.Average(scores)
	m.Run.Group = m.Search
	m.Cost, err = c.costOf(x, objective, runs)
	return m, err
}
