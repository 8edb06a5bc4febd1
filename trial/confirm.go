package trial

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

type confirmOptions struct {
	proxyOptions
	Seed    uint64        `json:"seed"`
	Confirm ConfirmConfig `json:"confirm"`
}

// confirmStage runs the predicted best, the best measured mixtures and the
// baselines again with fresh seeds, in one plan, round-01.plan.json, unless an
// earlier confirmation has; confirm.json is the outcome.
func (r *Trials) confirmStage() *stage.Stage {
	return &stage.Stage{
		Name: confirmFile.Stage, Title: "confirm with fresh seeds", Format: 3,
		Inputs: []string{"vocab", "domains", "holdout", "encode", "tokens", "base", "search"}, Skims: []string{"encode"},
		Options: func() (any, error) {
			o, err := r.proxyOptions(true)
			return confirmOptions{o, r.Config.Seed, r.Config.Confirm}, err
		},
		Tasks: stage.None,
		Run:   runTrial,
		Drive: r.driveConfirm,
	}
}

// Names of the baselines.
var Baselines = []string{"natural", "uniform", "random"}

// randomPerSeed is the number of random mixtures per fresh seed. Scores of random
// mixtures vary much more between mixtures than between seeds, so the mean of this
// baseline needs more runs.
const randomPerSeed = 2

// confirmRuns is the number of proxy runs of a confirmation with all its
// candidates.
func (c ConfirmConfig) Runs() int {
	return c.Seeds * (1 + c.Measured + len(Baselines) - 1 + randomPerSeed)
}

// A candidate is a mixture to confirm. The random baseline has other mixtures
// for each seed.
type candidate struct {
	Name    string
	Mixture mix.Mixture
	random  []mix.Mixture
}

// Confirmation is the output of the confirm stage, confirm.json.
type Confirmation struct {
	Level float64 `json:"level"`
	// Phases are those of the mixtures below, which are schedules then.
	Phases mix.Phases     `json:"phases,omitempty"`
	Seeds  []uint64       `json:"seeds"`
	Rows   []ConfirmedRow `json:"rows"`   // candidates, then baselines
	Winner int            `json:"winner"` // row of the answer
	// Significant lists the baselines that the winner beats.
	Significant []string `json:"significant"`
	Verdict     string   `json:"verdict"`
	// Warnings say what the intervals do not cover, and what is wrong with the runs.
	Warnings []string `json:"warnings,omitempty"`
}

// A ConfirmedRow is one mixture over the fresh seeds. Scores are oriented so
// that higher is better; intervals cover the seeds and the items of the target
// (eval.Estimate).
type ConfirmedRow struct {
	Name     string      `json:"name"`
	Baseline bool        `json:"baseline"`
	Mixture  mix.Mixture `json:"mixture,omitempty"` // nil for random: other ones for each seed
	Scores   []float64   `json:"scores"`            // by seed; NaN never: failed runs are left out of Seeds
	Seeds    []uint64    `json:"seeds"`
	Mean     float64     `json:"mean"`
	Interval *[2]float64 `json:"interval"` // null where the error is not known: of fewer than two runs, or of equal ones
	Failed   []string    `json:"failed,omitempty"`
	// Against holds the difference to each baseline, by name.
	Against map[string]Difference `json:"against,omitempty"`
	// Test holds the objective on the test files, if there are any.
	Test         []float64             `json:"test,omitempty"`
	TestMean     float64               `json:"test_mean,omitempty"`
	TestInterval *[2]float64           `json:"test_interval,omitempty"`
	TestAgainst  map[string]Difference `json:"test_against,omitempty"`
	// Metrics are the means over the seeds, by "validation/TASK:METRIC" and
	// "test/TASK:METRIC".
	Metrics map[string]float64 `json:"metrics"`

	counted     map[string]int  // runs that have a metric
	runs, tests []eval.Run      // what Scores and Test come from
	results     []*train.Result // of each run
}

// A Difference is a mean difference over the seeds.
type Difference struct {
	Mean        float64     `json:"mean"`
	Interval    *[2]float64 `json:"interval"`    // null where the error is not known
	Significant bool        `json:"significant"` // at the level corrected for all comparisons
}

func (r *Trials) driveConfirm(ctx context.Context, p *task.Plan, e stage.Event) (bool, error) {
	s, err := r.ReadSearch()
	if err != nil {
		return false, err
	}
	o := r.Config.Confirm
	list, err := candidates(s, o, r.Config.Seed)
	if err != nil {
		return false, err
	}
	plan, ran, err := r.runTrials(ctx, p, roundName(1), r.confirmSpecs(list), e)
	if err != nil {
		return ran, err
	}
	out, err := confirmed(plan, list, o)
	if errors.Is(err, errNoConfirmation) {
		return ran, task.Permanent(errors.Join(err, takeBack(plan)))
	}
	if err != nil {
		return ran, err
	}
	return ran, confirmFile.Write(p, out)
}

// confirmSpecs are the runs of a confirmation, by seed.
func (r *Trials) confirmSpecs(list []candidate) (specs []trialSpec) {
	for k := range r.Config.Confirm.Seeds {
		for _, c := range list {
			mixtures := []mix.Mixture{c.Mixture}
			if c.random != nil {
				mixtures = c.random[k*randomPerSeed : (k+1)*randomPerSeed]
			}
			for _, m := range mixtures {
				specs = append(specs, trialSpec{Name: c.Name, Mixture: m, Hash: m.Hash(), Seed: confirmSeed(r.Config.Seed, k)})
			}
		}
	}
	return specs
}

// confirmSeed is the k-th fresh seed, which the search has not used.
func confirmSeed(seed uint64, k int) uint64 { return seed + 1 + uint64(k) }

// candidates lists what is confirmed: the predicted best, the best measured,
// then the baselines. A mixture that is there twice is run once.
func candidates(s *Search, o ConfirmConfig, seed uint64) ([]candidate, error) {
	list := []candidate{{Name: "predicted", Mixture: s.Predicted}}
	for i, t := range s.Measured {
		if i < o.Measured && !sameMixture(list, t.Mixture) {
			list = append(list, candidate{Name: fmt.Sprintf("measured-%d", i+1), Mixture: t.Mixture})
		}
	}
	if best := s.bestStatic(); best != nil && !sameMixture(list, best) {
		list = append(list, candidate{Name: "static", Mixture: best})
	}
	n, err := search.NaturalMixture(s.Problem)
	if err != nil {
		return nil, err
	}
	u, err := search.UniformMixture(s.Problem)
	if err != nil {
		return nil, err
	}
	random := candidate{Name: "random"}
	for k := range o.Seeds * randomPerSeed {
		m, err := search.RandomMixture(s.Problem, confirmSeed(seed, k))
		if err != nil {
			return nil, err
		}
		random.random = append(random.random, m)
	}
	return append(list, candidate{Name: "natural", Mixture: n}, candidate{Name: "uniform", Mixture: u}, random), nil
}

// bestStatic is the best measured mixture of a search with phases that is one in all
// of them: what the search would have answered without them, as far as it has looked.
func (s *Search) bestStatic() mix.Mixture {
	if s.Problem.Schedule == nil {
		return nil
	}
	for _, t := range s.Measured {
		if s.Problem.Schedule.Phases.IsStatic(t.Mixture) {
			return t.Mixture
		}
	}
	return nil
}

// confirmed sums the runs up. Differences are paired by seed: equal seeds share
// initial weights and the order of the data.
func confirmed(plan *task.Plan, list []candidate, o ConfirmConfig) (*Confirmation, error) {
	out := &Confirmation{Level: o.Level, Rows: make([]ConfirmedRow, len(list))}
	for i, c := range list {
		out.Rows[i] = ConfirmedRow{Name: c.Name, Mixture: c.Mixture, Metrics: map[string]float64{}, counted: map[string]int{}, Baseline: i >= len(list)-len(Baselines)}
	}
	var po proxyOptions
	if err := plan.Option(&po); err != nil {
		return nil, err
	}
	out.Phases = po.Phases
	target, tests, err := po.terms(heldOut(plan), true)
	if err != nil {
		return nil, err
	}
	all, err := allTrials(plan)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.Seed, b.Seed) }) // runs that were there stand before others
	for _, t := range all {
		spec := t.trialSpec
		result, err := readTrial(plan, t)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(c candidate) bool { return c.Name == spec.Name })
		if i < 0 {
			return nil, fmt.Errorf("%s: task %d runs %q, which is no candidate", plan.Dir(), t.task, spec.Name)
		}
		out.Rows[i].add(spec, result, target, tests)
		if !slices.Contains(out.Seeds, spec.Seed) {
			out.Seeds = append(out.Seeds, spec.Seed)
		}
	}
	for i := range out.Rows {
		out.Rows[i].summarize(o.Level)
	}
	out.compare()
	out.Warnings = out.doubts(target)
	return out, out.decide()
}

func (row *ConfirmedRow) add(spec trialSpec, result *train.Result, target, tests []eval.Term) {
	if result.Failed != "" {
		row.Failed = append(row.Failed, fmt.Sprintf("seed %d: %s", spec.Seed, result.Failed))
		return
	}
	row.Seeds = append(row.Seeds, spec.Seed)
	row.Scores = append(row.Scores, result.Score)
	row.results = append(row.results, result)
	row.runs = append(row.runs, result.TargetRun(target))
	if len(result.Test) > 0 {
		row.Test = append(row.Test, result.TestMean)
		row.tests = append(row.tests, result.TestRun(tests))
	}
	for half, tasks := range map[string][]*eval.TaskResult{"validation/": result.Validate, "test/": result.Test} {
		for _, t := range tasks {
			for m, x := range t.Metrics {
				row.Metrics[half+t.Task+":"+m] += x
				row.counted[half+t.Task+":"+m]++
			}
		}
	}
}

func (row *ConfirmedRow) summarize(level float64) {
	for k := range row.Metrics {
		row.Metrics[k] /= float64(row.counted[k])
	}
	row.Mean, row.Interval = Interval(eval.Mean(row.runs), level)
	row.TestMean, row.TestInterval = Interval(eval.Mean(row.tests), level)
}

// Interval is an estimate's in a form that JSON can hold.
func Interval(e eval.Estimate, level float64) (float64, *[2]float64) {
	mean, lo, hi := e.Interval(level)
	switch {
	case math.IsNaN(mean):
		return 0, nil
	case !e.Known():
		return mean, nil
	}
	return mean, &[2]float64{lo, hi}
}

// compare fills in the differences of every row to every baseline. The level
// of what is called significant is corrected for the number of comparisons
// (Bonferroni): candidates times baselines, since the winner is picked among
// the candidates by the same runs.
func (c *Confirmation) compare() {
	first := len(c.Rows) - len(Baselines)
	corrected := 1 - (1-c.Level)/float64(c.Comparisons())
	for i := range c.Rows {
		row := &c.Rows[i]
		row.Against, row.TestAgainst = map[string]Difference{}, map[string]Difference{}
		for b := first; b < len(c.Rows); b++ {
			if b == i {
				continue
			}
			if d, ok := c.difference(i, b, func(r *ConfirmedRow) []eval.Run { return r.runs }, corrected); ok {
				row.Against[c.Rows[b].Name] = d
			}
			if d, ok := c.difference(i, b, func(r *ConfirmedRow) []eval.Run { return r.tests }, corrected); ok {
				row.TestAgainst[c.Rows[b].Name] = d
			}
		}
	}
}

// Comparisons is the number that the level is corrected for.
func (c *Confirmation) Comparisons() int {
	return (len(c.Rows) - len(Baselines)) * len(Baselines)
}

// difference compares two rows. Where both are one mixture with all its runs,
// runs with equal seeds, which share initial weights and the order of the data,
// are set against each other, and the noise is pooled over all such rows. Rows
// with failed runs are paired by seed alone. The random baseline varies mostly
// by its mixtures: its runs are a sample of their own.
func (c *Confirmation) difference(a, b int, of func(*ConfirmedRow) []eval.Run, corrected float64) (Difference, bool) {
	var pool [][]eval.Run
	at := map[int]int{}
	for i := range c.Rows {
		if x := of(&c.Rows[i]); c.Rows[i].Mixture != nil && len(x) == len(c.Seeds) {
			at[i] = len(pool)
			pool = append(pool, x)
		}
	}
	ia, oka := at[a]
	ib, okb := at[b]
	var e eval.Estimate
	switch x, y := of(&c.Rows[a]), of(&c.Rows[b]); {
	case c.Rows[a].Mixture == nil || c.Rows[b].Mixture == nil:
		if min(len(x), len(y)) < 2 {
			return Difference{}, false
		}
		e = eval.Welch(x, y)
	case !oka || !okb || len(c.Seeds) < 2:
		x, y := paired(&c.Rows[a], &c.Rows[b], of)
		if len(x) < 2 {
			return Difference{}, false
		}
		e = eval.Paired(x, y)
	default:
		e = eval.Block(pool, ia, ib)
	}
	var d Difference
	d.Mean, d.Interval = Interval(e, c.Level)
	_, lo, _ := e.Interval(corrected)
	d.Significant = lo > 0
	return d, true
}

// paired returns the runs of two rows for the seeds that both have.
func paired(a, b *ConfirmedRow, of func(*ConfirmedRow) []eval.Run) (x, y []eval.Run) {
	va, vb := of(a), of(b)
	for i := range va {
		if j := slices.Index(b.Seeds, a.Seeds[i]); j >= 0 && j < len(vb) {
			x, y = append(x, va[i]), append(y, vb[j])
		}
	}
	return x, y
}

// errNoConfirmation ends a confirmation whose runs all failed.
var errNoConfirmation = errors.New("no mixture has two confirmation runs that did not fail")

// doubts lists the caveats of the intervals.
func (c *Confirmation) doubts(target []eval.Term) (out []string) {
	var series []train.Series
	unknown := false
	for _, row := range c.Rows {
		if row.Mixture != nil && len(row.Scores) > 0 {
			series = append(series, train.Series{Name: row.Name, Runs: row.runs, Results: row.results})
		}
		unknown = unknown || len(row.runs) > 0 && eval.Mean(row.runs).Unknown
	}
	if text := train.Ties(series, target); text != "" {
		out = append(out, text)
	}
	if unknown {
		out = append(out, NoItems)
	}
	return out
}

// NoItems is the warning where the items of an evaluation say nothing.
const NoItems = "The error of the evaluation is not known: not all results have the scores of several items, a standard error, or an accuracy with its number of items. Intervals cover the seeds, and not that other items would have given other scores."

// decide picks the answer: the best mean among all rows with one mixture and at
// least two runs. Baselines take part, so an unbeaten baseline is the answer.
func (c *Confirmation) decide() error {
	best := math.Inf(-1)
	for i, row := range c.Rows {
		if row.Mixture != nil && len(row.Scores) > 1 && row.Mean > best {
			c.Winner, best = i, row.Mean
		}
	}
	if math.IsInf(best, -1) {
		return fmt.Errorf("%w; the first: %s; mend what trains them, and the same command runs them again", errNoConfirmation, strings.Join(c.Rows[0].Failed, "; "))
	}
	w := c.Rows[c.Winner]
	var not []string
	for _, b := range Baselines {
		d, ok := w.Against[b]
		switch {
		case ok && d.Significant:
			c.Significant = append(c.Significant, b)
		case b != w.Name:
			not = append(not, b)
		}
	}
	c.Verdict = verdict(w, c.Significant, not, c.Level)
	return nil
}

// verdict is one sentence: what the confirmation has shown.
func verdict(w ConfirmedRow, better, not []string, level float64) string {
	evidence := fmt.Sprintf("at %g %% confidence over %d fresh seeds", 100*level, len(w.Scores))
	switch {
	case w.Baseline && len(better) == 0:
		return fmt.Sprintf("no significant gain: the %s mixture itself scored best %s", w.Name, evidence)
	case w.Baseline:
		return fmt.Sprintf("no mixture of the search beats the %s one, which is better than %s %s", w.Name, strings.Join(better, " and "), evidence)
	case len(better) == 0:
		return fmt.Sprintf("no significant gain over %s %s", strings.Join(not, ", "), evidence)
	case len(not) == 0:
		return fmt.Sprintf("better than %s %s", strings.Join(better, ", "), evidence)
	}
	return fmt.Sprintf("better than %s %s; no significant gain over %s", strings.Join(better, ", "), evidence, strings.Join(not, ", "))
}

// ReadConfirm loads the outcome of the confirm stage.
func (r *Trials) ReadConfirm() (*Confirmation, error) {
	c, err := confirmFile.ReadFrom(r.Run)
	if err != nil {
		return nil, err
	}
	return c, notAsWritten(confirmFile.Path(r.Run), c.check())
}

// ConfirmationOf loads it for a plan that reads the stage.
func ConfirmationOf(p *task.Plan) (*Confirmation, error) { return confirmFile.Read(p) }

// check reports what no confirmation holds.
func (c *Confirmation) check() error {
	if c.Winner < 0 || c.Winner >= len(c.Rows) || c.Rows[c.Winner].Mixture == nil {
		return fmt.Errorf("winner: %d is no row with a mixture, of %d", c.Winner, len(c.Rows))
	}
	if !slices.ContainsFunc(c.Rows, func(r ConfirmedRow) bool { return r.Name == "natural" && r.Mixture != nil }) {
		return errors.New("rows: there is none of the natural mixture")
	}
	for i, row := range c.Rows {
		if err := row.check(len(c.Rows[c.Winner].Mixture)); err != nil {
			return fmt.Errorf("rows[%d]: %w", i, err)
		}
		if row.Mixture != nil && len(c.Phases) > 0 {
			if err := c.Phases.CheckSchedule(row.Mixture); err != nil {
				return fmt.Errorf("rows[%d].mixture: %w", i, err)
			}
		}
	}
	return nil
}

func (row *ConfirmedRow) check(domains int) error {
	if row.Mixture != nil && len(row.Mixture) != domains {
		return fmt.Errorf("mixture: has %d shares, the winner's has %d", len(row.Mixture), domains)
	}
	if row.Mixture != nil {
		if err := row.Mixture.Check(); err != nil {
			return fmt.Errorf("mixture: %w", err)
		}
	}
	if len(row.Scores) != len(row.Seeds) {
		return fmt.Errorf("scores: %d of %d seeds", len(row.Scores), len(row.Seeds))
	}
	numbers := slices.Concat(row.Scores, row.Test, []float64{row.Mean, row.TestMean})
	for _, interval := range []*[2]float64{row.Interval, row.TestInterval} {
		if interval != nil {
			numbers = append(numbers, interval[:]...)
		}
	}
	for _, against := range []map[string]Difference{row.Against, row.TestAgainst} {
		for _, d := range against {
			numbers = append(numbers, d.Mean)
			if d.Interval != nil {
				numbers = append(numbers, d.Interval[:]...)
			}
		}
	}
	for name, x := range row.Metrics {
		if _, metric, ok := strings.Cut(name, "/"); !ok || !strings.Contains(metric, ":") {
			return fmt.Errorf("metrics: %q is no SPLIT/TASK:METRIC", name)
		}
		numbers = append(numbers, x)
	}
	return checkMeasured(numbers)
}

// notAsWritten names a file whose content cannot be what climb wrote.
func notAsWritten(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w; it is not as climb wrote it: remove it, and the same command makes it anew", path, err)
}

// Answer is the row whose mixture the dataset has, and why in words.
func (c *Confirmation) Answer(how string) (row *ConfirmedRow, reason string) {
	natural := &c.Rows[slices.IndexFunc(c.Rows, func(r ConfirmedRow) bool { return r.Name == "natural" })]
	best := &c.Rows[c.Winner]
	gain, ok := best.Against["natural"]
	switch {
	case how == "natural":
		return natural, "dataset.mixture asks for it"
	case best == natural:
		return natural, "it scored best itself"
	case ok && gain.Significant:
		return best, "significantly better than the natural one"
	case how == "best":
		return best, "the best mean, as dataset.mixture asks, with no significant gain over the natural one"
	}
	return natural, fmt.Sprintf("no significant gain over it was shown (dataset.mixture: best would write %s)", best.Name)
}
