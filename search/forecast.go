package search

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// A Forecast says what mixtures that were not run would score, for people who ask
// "what if". It has a Gaussian process for each task of a problem (predict.GP, the
// one of climb-auto), or for the score where the problem has no tasks. It does not
// change once it is made, and several goroutines may ask it.
type Forecast struct {
	Problem Problem
	Tasks   []Task  // values are oriented: higher is better
	Runs    []Trial // that it was fitted to
	Of      int     // runs that have a score, of which Runs are all or those spread over the ranks

	models predict.Tasks
	limits mix.Bounds
	prices []float64 // of the tasks, as the problem weighs them
}

// Limits of a forecast.
const (
	LeastRuns    = 5   // that a forecast is made of
	forecastRuns = 256 // that it is fitted to at most: the cost grows with the cube
)

// ForecastLevel is how many of single runs the intervals hold.
const ForecastLevel = 0.8

// An Expected score is a prediction with half the width of its interval.
type Expected struct {
	Mean float64 `json:"mean"`
	Half float64 `json:"half"`
}

// NewForecast fits the runs of a history that have a score.
func NewForecast(p Problem, history []Trial) (*Forecast, error) {
	if p.Schedule != nil {
		return nil, errors.New("mixtures that change between phases have no forecast: see the report for what was measured")
	}
	runs := scored(p.Rescore(history))
	f := &Forecast{Problem: p, Tasks: p.Tasks, Of: len(runs), limits: p.limits()}
	if len(runs) < LeastRuns {
		return nil, fmt.Errorf("%d runs have a score; a forecast needs %d", len(runs), LeastRuns)
	}
	if _, ok := p.values(runs[0]); !ok {
		f.Tasks = []Task{{Name: "score", Weight: 1}}
	}
	f.Runs = spreadOver(runs, forecastRuns)
	values := make([][]float64, len(f.Tasks)) // by task and run
	var x [][]float64
	for _, r := range f.Runs {
		x = append(x, r.Mixture)
		row := []float64{r.Score}
		if len(p.Tasks) > 0 {
			if known, ok := p.values(r); ok {
				row = known
			}
		}
		if len(row) != len(f.Tasks) {
			return nil, fmt.Errorf("run %s has %d of %d tasks", r.Hash, len(row), len(f.Tasks))
		}
		for k, v := range row {
			values[k] = append(values[k], v)
		}
	}
	for _, t := range f.Tasks {
		f.prices = append(f.prices, t.Weight)
	}
	f.models = predict.Tasks{New: func() predict.Predictor { return &predict.GP{} }, Weights: normalized(f.prices)}
	return f, f.models.Fit(x, values)
}

// spreadOver returns at most n runs: the better half of n, and the others spread
// over the ranks of the rest.
func spreadOver(runs []Trial, n int) []Trial {
	if len(runs) <= n {
		return runs
	}
	ranked := slices.Clone(runs)
	slices.SortStableFunc(ranked, func(a, b Trial) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	out, rest := ranked[:n/2:n/2], ranked[n/2:]
	for i := range n - n/2 {
		out = append(out, rest[i*len(rest)/(n-n/2)])
	}
	return out
}

func normalized(w []float64) []float64 {
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	out := slices.Clone(w)
	for i := range out {
		out[i] /= sum
	}
	return out
}

// Check reports what keeps a mixture or weights of the tasks from being looked at.
// Weights may be nil: those of the problem.
func (f *Forecast) Check(m mix.Mixture, weights []float64) error {
	if len(m) != len(f.Problem.Domains) {
		return fmt.Errorf("%d shares for %d domains", len(m), len(f.Problem.Domains))
	}
	if err := m.Check(); err != nil {
		return err
	}
	if weights == nil {
		return nil
	}
	sum := 0.0
	for _, w := range weights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return fmt.Errorf("the weight of a task is %v: weights are at least 0", w)
		}
		sum += w
	}
	if len(weights) != len(f.Tasks) || !(sum > 0) || math.IsInf(sum, 1) {
		return fmt.Errorf("%d weights, whose sum is %v, for %d tasks", len(weights), sum, len(f.Tasks))
	}
	return nil
}

// weighed are the models under weights of the tasks, nil for the problem's own.
func (f *Forecast) weighed(weights []float64) *predict.Tasks {
	t := f.models
	if weights != nil {
		t.Weights = normalized(weights)
	}
	return &t
}

// Expect predicts the weighted mean of the tasks, and each of them.
func (f *Forecast) Expect(m mix.Mixture, weights []float64) (total Expected, tasks []Expected) {
	t := f.weighed(weights)
	for _, model := range t.Models() {
		tasks = append(tasks, Expected{model.Predict(m), predict.HalfWidth(model, m, ForecastLevel)})
	}
	return Expected{t.Predict(m), t.HalfWidth(m, ForecastLevel)}, tasks
}

// Within tells whether the mixture keeps the bounds of the problem.
func (f *Forecast) Within(m mix.Mixture) bool { return f.limits.Contains(m) }

// Limits are the least and the largest share of a domain.
func (f *Forecast) Limits(domain int) (lo, hi float64) { return f.limits.At(domain) }

// Nearest is the run whose mixture has moved the least share to become m, and that
// share: half the L1 distance.
func (f *Forecast) Nearest(m mix.Mixture) (run Trial, share float64) {
	share = math.Inf(1)
	for _, r := range f.Runs {
		if d := mix.L1(r.Mixture, m) / 2; d < share {
			run, share = r, d
		}
	}
	return run, share
}

// Effects predict what one more percentage point of each domain changes, taken
// from the others in proportion. The interval is of the function and not of a run:
// it holds the change with probability ForecastLevel, and the noise of runs is no
// part of it. Tasks count as independent of each other in it. A domain without
// room has NaN.
func (f *Forecast) Effects(m mix.Mixture, weights []float64) ([]Expected, error) {
	points := [][]float64{m}
	for j := range m {
		points = append(points, morePercent(m, j))
	}
	t := f.weighed(weights)
	out, variance := make([]Expected, len(m)), make([]float64, len(m))
	for k, model := range t.Models() {
		means, cov, err := model.(*predict.GP).Posterior(points)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", f.Tasks[k].Name, err)
		}
		w := t.Weights[k]
		for j := range m {
			out[j].Mean += w * (means[j+1] - means[0])
			variance[j] += w * w * max(0, cov.At(0, 0)+cov.At(j+1, j+1)-2*cov.At(0, j+1))
		}
	}
	for j := range out {
		out[j].Half = math.Sqrt2 * math.Erfinv(ForecastLevel) * math.Sqrt(variance[j])
		if m[j] > 0.99 {
			out[j] = Expected{math.NaN(), math.NaN()}
		}
	}
	return out, nil
}

// morePercent is m with 0.01 more of domain j; m itself where there is nothing to
// take it from.
func morePercent(m mix.Mixture, j int) []float64 {
	to := slices.Clone(m)
	if m[j] > 0.99 {
		return to
	}
	for i := range to {
		to[i] *= (0.99 - m[j]) / (1 - m[j])
	}
	to[j] = m[j] + 0.01
	return to
}

// errOutside is for a mixture to start from that the search may not use.
var errOutside = errors.New("the mixture is outside of the bounds of the search")

// steps of Least, in share.
const (
	longestStep  = 0.01
	shortestStep = 1e-4
	room         = 1e-9 // a bound that is nearer has been reached
)

// Least looks for the mixture, within the bounds, that the least share has to be
// moved for from m so that the prediction gains so much: of a task, or of the
// weighted mean if task is -1. It moves share between two domains at a time, from
// the one whose gradient is least to the one whose is largest, in steps of a
// hundredth and less: exact for linear predictions, and a descent otherwise, that
// may stop before the gain is reached. gained is what it came to, and moved the
// share that is in another domain.
func (f *Forecast) Least(m mix.Mixture, weights []float64, task int, gain float64) (to mix.Mixture, gained, moved float64, err error) {
	if !f.Within(m) {
		return nil, 0, 0, errOutside
	}
	t := f.weighed(weights)
	if task >= 0 {
		one := make([]float64, len(f.Tasks))
		one[task] = 1
		t.Weights = one
	}
	to = slices.Clone(m)
	start := t.Predict(m)
	slope, part := make([]float64, len(m)), make([]float64, len(m))
	for step := longestStep; gained < gain && step >= shortestStep; {
		clear(slope)
		for k, model := range t.Models() {
			if t.Weights[k] == 0 {
				continue
			}
			model.(predict.Smooth).Gradient(part, to)
			for j, v := range part {
				slope[j] += t.Weights[k] * v
			}
		}
		next, ok := f.moved(to, slope, step)
		reached := 0.0
		if ok {
			reached = t.Predict(next) - start
		}
		if !ok || reached <= gained {
			step /= 2
			continue
		}
		if reached > gain && step > shortestStep {
			step /= 2 // not further than it takes
			continue
		}
		to, gained = next, reached
	}
	return to, gained, mix.L1(to, m) / 2, nil
}

// moved takes a step of share from one domain to another; not ok where the bounds
// leave no room.
func (f *Forecast) moved(m mix.Mixture, slope []float64, step float64) (mix.Mixture, bool) {
	up, down := -1, -1
	for j, s := range slope {
		lo, hi := f.limits.At(j)
		if hi-m[j] > room && (up < 0 || s > slope[up]) {
			up = j
		}
		if m[j]-lo > room && (down < 0 || s < slope[down]) {
			down = j
		}
	}
	if up < 0 || down < 0 || up == down || slope[up] <= slope[down] {
		return nil, false
	}
	lo, _ := f.limits.At(down)
	_, hi := f.limits.At(up)
	step = min(step, hi-m[up], m[down]-lo)
	to := slices.Clone(m)
	to[up], to[down] = to[up]+step, to[down]-step
	return to, true
}

// Best is the mixture within the bounds that is expected to score best under the
// weights: the best of the runs' mixtures by their prediction, improved step by
// step as long as the prediction grows and no share is further from a run than
// reach: predictions far from all runs are guesses.
func (f *Forecast) Best(weights []float64, reach float64) (mix.Mixture, error) {
	t := f.weighed(weights)
	var best mix.Mixture
	value := math.Inf(-1)
	for _, r := range f.Runs {
		if v := t.Predict(r.Mixture); v > value && f.Within(r.Mixture) {
			best, value = r.Mixture, v
		}
	}
	if best == nil {
		return nil, errors.New("no run keeps the bounds of the search")
	}
	for range 64 {
		next, gained, _, err := f.Least(best, weights, -1, math.Inf(1))
		if err != nil || gained <= 0 {
			return best, err
		}
		_, away := f.Nearest(next)
		if away <= reach {
			return next, nil
		}
		// Back towards the start, to where a run is near enough.
		for range 20 {
			for j := range next {
				next[j] = (next[j] + best[j]) / 2
			}
			if _, away := f.Nearest(next); away <= reach {
				break
			}
		}
		if t.Predict(next) <= value+1e-12 {
			return best, nil
		}
		best, value = next, t.Predict(next)
		if _, away := f.Nearest(best); away > reach*0.9 {
			return best, nil
		}
	}
	return best, nil
}
