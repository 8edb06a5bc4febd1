package history

import (
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/search"
)

// Problem returns the search that the table is about, with a task for each
// metric that counts and the prior of Prior, and the runs as its history.
func (t *Table) Problem(o Objective) (search.Problem, []search.Trial, error) {
	p := search.Problem{Domains: t.Domains, Prior: t.Prior()}
	columns, weights, err := t.Terms(o)
	if err != nil {
		return p, nil, err
	}
	for i, c := range columns { // Trials turns the sign of what is better when lower
		p.Tasks = append(p.Tasks, search.Task{Name: t.Metrics[c], Weight: math.Abs(weights[i])})
	}
	runs, err := t.Trials(o)
	return p, runs, err
}

// Inform puts the runs of t, which are of a smaller model, into a problem on the
// same domains, in any order, and the same metrics.
func (t *Table) Inform(p *search.Problem, o Objective) error {
	if !slices.Equal(slices.Sorted(slices.Values(t.Domains)), slices.Sorted(slices.Values(p.Domains))) {
		return fmt.Errorf("runs of the smaller model: their domains are %v: the same as those of the larger model's runs are needed, %v", t.Domains, p.Domains)
	}
	o.Metrics = nil
	for _, task := range p.Tasks {
		o.Metrics = append(o.Metrics, task.Name)
	}
	trials, err := t.Trials(o)
	if err != nil {
		return fmt.Errorf("runs of the smaller model: %w", err)
	}
	p.Smaller = p.Reuse(search.Past{Domains: t.Domains, Trials: trials}, 1e-9) // in the order of p's domains
	return nil
}
