package history

import (
	"math"

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
