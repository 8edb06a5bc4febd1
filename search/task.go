package search

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/mix"
)

// A Task is one part of the score.
type Task struct {
	Name   string   `json:"name"`            // key of Trial.Scores
	Weight float64  `json:"weight"`          // in the mean
	Lower  bool     `json:"lower,omitempty"` // lower is better, as with losses
	Floor  *float64 `json:"floor,omitempty"` // the value that an answer must reach (with Lower: stay below), as usually written
}

// value is what the task says of a trial, oriented so that higher is better.
func (t Task) value(scores map[string]float64) (v float64, ok bool) {
	v, ok = scores[t.Name]
	return t.orient(v), ok && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func (t Task) orient(v float64) float64 {
	if t.Lower {
		return -v
	}
	return v
}

// floorPrice is what falling short of a floor by one standard deviation of
// the task costs, in standard deviations of the score: enough that a mixture
// that keeps the floors comes first.
const floorPrice = 100

// A combiner makes one score of the tasks' values, all oriented.
type combiner struct {
	tasks       []Task
	worst       bool
	mean, scale []float64 // of each task over the history
	unit        float64   // of the score
}

// combiner learns the units of the tasks from runs; those without all values
// are not counted.
func (p Problem) combiner(values [][]float64) combiner {
	c := combiner{tasks: p.Tasks, worst: p.Combine == "worst"}
	for k := range p.Tasks {
		column := make([]float64, len(values))
		for i, row := range values {
			column[i] = row[k]
		}
		mean, sd := moments(column)
		c.mean, c.scale = append(c.mean, mean), append(c.scale, sd)
	}
	c.unit = 1
	scores := make([]float64, len(values))
	for i, row := range values {
		scores[i] = c.plain(row)
	}
	_, c.unit = moments(scores)
	return c
}

// moments returns the mean and the standard deviation of v; 1 for constants.
func moments(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean) / float64(len(v))
	}
	if sd = math.Sqrt(sd); !(sd > 1e-12*math.Abs(mean)) {
		sd = 1
	}
	return mean, sd
}

// plain is the score without the floors.
func (c *combiner) plain(values []float64) float64 {
	if c.worst {
		least := math.Inf(1)
		for k, v := range values {
			least = min(least, (v-c.mean[k])/c.scale[k])
		}
		return least
	}
	var sum, weights float64
	for k, v := range values {
		sum += c.tasks[k].Weight * v
		weights += c.tasks[k].Weight
	}
	return sum / weights
}

// score is what a mixture with these values of the tasks is worth.
func (c *combiner) score(values []float64) float64 {
	out := c.plain(values)
	for k, t := range c.tasks {
		if t.Floor != nil {
			out -= floorPrice * c.unit / c.scale[k] * max(0, t.orient(*t.Floor)-values[k])
		}
	}
	return out
}

// values returns the oriented tasks of a run; not ok if it failed, or the
// problem has no tasks or one that the run did not measure.
func (p Problem) values(t Trial) (out []float64, ok bool) {
	if t.Failed != "" {
		return nil, false
	}
	for _, task := range p.Tasks {
		v, ok := task.value(t.Scores)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, len(out) > 0
}

// Rescore returns the history with the scores that the problem's tasks make;
// without tasks, and where no run has them all, the history as it is. A run
// that lacks a task which others have counts as a failed one.
func (p Problem) Rescore(history []Trial) []Trial {
	out, rows := append([]Trial(nil), history...), make([][]float64, len(history))
	var known [][]float64
	for i, t := range out {
		if row, ok := p.values(t); ok {
			rows[i], known = row, append(known, row)
		}
	}
	if len(known) == 0 {
		return history
	}
	c := p.combiner(known)
	for i := range out {
		switch {
		case out[i].Failed != "":
		case rows[i] == nil:
			out[i].Failed, out[i].Score = "a task of the problem was not measured", 0
		default:
			out[i].Score = c.score(rows[i])
		}
	}
	return out
}

// Pareto returns the measured mixtures of the history that no other one beats
// or equals on every task of the problem and beats on one, in the order of
// Measured.
func (p Problem) Pareto(history []Trial) []Trial {
	var runs []Trial
	var rows [][]float64
	for _, t := range Measured(history) {
		if row, ok := p.values(t); ok {
			runs, rows = append(runs, t), append(rows, row)
		}
	}
	var front []Trial
	for i := range rows {
		beaten := false
		for j := range rows {
			beaten = beaten || dominates(rows[j], rows[i])
		}
		if !beaten {
			front = append(front, runs[i])
		}
	}
	return front
}

func dominates(a, b []float64) bool {
	better := false
	for k := range a {
		if a[k] < b[k] {
			return false
		}
		better = better || a[k] > b[k]
	}
	return better
}

// checkTasks reports a task that cannot be part of a score.
func (p Problem) checkTasks() error {
	if p.Combine != "" && p.Combine != "mean" && p.Combine != "worst" {
		return fmt.Errorf("combine %q is not one of mean, worst", p.Combine)
	}
	if !(p.KL >= 0) || math.IsInf(p.KL, 1) {
		return fmt.Errorf("kl is %v: a penalty of at least 0 is needed", p.KL)
	}
	weights := 0.0
	for _, t := range p.Tasks {
		if !(t.Weight >= 0) || math.IsInf(t.Weight, 1) {
			return fmt.Errorf("task %s has the weight %v: weights are at least 0", t.Name, t.Weight)
		}
		weights += t.Weight
	}
	if len(p.Tasks) > 0 && weights == 0 {
		return fmt.Errorf("all %d tasks have the weight 0", len(p.Tasks))
	}
	return nil
}

// penalty is what the divergence from the prior takes off the score.
func (p Problem) penalty(m mix.Mixture) float64 {
	if p.KL == 0 {
		return 0
	}
	return p.KL * mix.KL(m, p.Prior)
}
