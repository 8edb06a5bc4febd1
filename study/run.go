package study

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
)

// comparison is a study at work: its arms, in one run directory.
type comparison struct {
	*Study
	arms        []*arm
	ranks       []*group // of proxies, in their order
	watch       func(stage.Event)
	step        int          // of steps, for the display
	base        *stage.Run   // of the study's directory, beside those of the arms
	shared      climb.Shared // by the runs of the arms
	targetsRead *stage.Cache
	targets     int // groups of target runs, once they are known

	work float64 // floating-point operations of the runs that are left, as planned
	done float64 // ... that this process has done
	took time.Duration
}

// An arm is one run of the study: one strategy, one objective, one search seed.
// Arms share every stage whose options agree, usually all up to the tokens.
type arm struct {
	study     *comparison
	strategy  *Strategy
	objective int // whose validation files it looks at; -1 if it looks at none
	search    int // number of the search, from 0
	run       *climb.Run
	answer    mix.Mixture // nil for random
	problem   search.Problem
}

// title names the arm for people.
func (a *arm) title() string {
	t := a.strategy.Name
	if a.objective >= 0 && len(a.study.Objectives) > 1 {
		t += " for " + a.study.Objectives[a.objective].Name
	}
	if a.study.First+a.study.Searches > 1 && a.strategy.searches() {
		t += fmt.Sprintf(", search %d", a.study.First+a.search+1)
	}
	return t
}

// Compare runs or resumes a study, writes what came of it into the directory of
// its target runs, and returns it.
func (s *Study) Compare(ctx context.Context, watch func(stage.Event)) (*Comparison, error) {
	c, err := s.prepare(ctx, watch)
	if err != nil {
		return nil, err
	}
	var out *Comparison
	err = c.base.Hold(func() error {
		groups, err := c.train(ctx)
		if err != nil {
			return err
		}
		if err := c.rank(ctx, groups[0]); err != nil {
			return err
		}
		if out, err = c.result(groups); err != nil {
			return err
		}
		return report.WriteComparison(groups[0].dir, out)
	})
	return out, err
}

// clean removes the half-written files of a killed study that lie outside of
// the stages. A stage cleans its own directory when it runs.
func (c *comparison) clean() error {
	entries, err := os.ReadDir(c.Config.Out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "proxies-") {
			_, e := task.Clean(filepath.Join(c.Config.Out, e.Name()))
			err = errors.Join(err, e)
		}
	}
	return err
}

// prepare lists the arms.
func (s *Study) prepare(ctx context.Context, watch func(stage.Event)) (*comparison, error) {
	c := &comparison{Study: s, watch: watch, base: stage.New(s.Config.Out, s.Config.Workers), targetsRead: &stage.Cache{}}
	c.base.Watch, c.base.Known = watch, Stages()
	for i := range s.Objectives {
		o := &s.Objectives[i]
		var err, err2 error
		o.Validation, err = trial.Weighed(c.targetsRead, o.Validation, o.Weights)
		o.Test, err2 = trial.Weighed(c.targetsRead, o.Test, o.Weights)
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("objectives: %s: %w", o.Name, err)
		}
		o.Weights = "equal" // from here on
	}
	for _, x := range s.Proxies {
		if _, err := trial.ValidationFiles(c.targetsRead, measured(c.terms(false), x.Metric)); err != nil {
			return nil, fmt.Errorf("proxies: %s: %w", x.Name, err)
		}
	}
	c.shared = climb.Shared{Beside: c.base, Apart: s.files(), Scored: s.terms(false), HoldOut: s.holdsOut(), Targets: c.targetsRead}
	for i := range s.Strategies {
		x := &s.Strategies[i]
		objectives := []int{-1}
		if x.searches() && !x.needsLoss() {
			objectives = nil
			for k, o := range s.Objectives {
				if x.takesPart(o.Name) {
					objectives = append(objectives, k)
				}
			}
		}
		searches := 1
		if x.searches() {
			searches = s.Searches
		}
		for _, o := range objectives {
			for k := range searches {
				a := &arm{study: c, strategy: x, objective: o, search: k}
				if err := a.open(ctx); err != nil {
					return nil, fmt.Errorf("%s: %w", a.title(), err)
				}
				c.arms = append(c.arms, a)
			}
		}
	}
	return c, nil
}

// open makes the run of an arm.
func (a *arm) open(ctx context.Context) error {
	c, err := a.strategy.config.Clone()
	if err != nil {
		return err
	}
	if !a.strategy.needsLoss() {
		c.Target.Validation = measured(a.study.Objectives[max(0, a.objective)].Validation, a.strategy.Metric)
	}
	if n := a.study.First + a.search; n > 0 {
		c.Search.Seed = stage.SplitMix(c.Seed, uint64(n)) >> 12 // exact as a number of JSON
	}
	a.run = climb.NewRun(c)
	a.run.Shared = a.study.shared
	return a.run.Open(ctx)
}

// train makes the searches and the target runs, under the lock.
func (c *comparison) train(ctx context.Context) ([]*group, error) {
	if err := c.clean(); err != nil {
		return nil, err
	}
	c.plan()
	for _, a := range c.arms {
		if err := a.settle(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", a.title(), err)
		}
	}
	groups, err := c.groups()
	if err != nil {
		return nil, err
	}
	c.targets = len(groups)
	for _, g := range groups {
		need, err := g.specs()
		if err == nil {
			err = g.measure(ctx, need)
		}
		if err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// settle runs the pipeline of an arm up to its search, and keeps the answer.
func (a *arm) settle(ctx context.Context) error {
	stages := a.run.Stages()
	for i, s := range stages {
		a.run.Watch = nil
		if a.first(s.Name) {
			a.run.Watch = a.study.watch
		}
		if s.Name == "search" {
			break
		}
		if err := a.run.Do(ctx, s, stage.Event{Stage: s.Name, Title: s.Title, Number: i + 1, Of: len(stages)}); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	p, _, err := a.run.Trials.Problem()
	if err != nil {
		return err
	}
	a.problem = p
	switch a.strategy.Strategy {
	case "natural":
		a.answer, err = search.NaturalMixture(p)
		return err
	case "uniform":
		a.answer, err = search.UniformMixture(p)
		return err
	case "random": // another one for each seed
		return nil
	}
	a.study.step++
	e := stage.Event{Stage: "search", Title: a.title(), Number: a.study.step, Of: a.study.steps()}
	a.run.Watch = func(e stage.Event) { // rounds have titles of their own
		if e.Note == "" {
			e.Title = a.title()
		}
		a.study.emit(e)
	}
	start := time.Now()
	if err := a.run.Do(ctx, a.run.Find("search"), e); err != nil {
		return err
	}
	s, err := a.run.Trials.ReadSearch()
	if err != nil {
		return err
	}
	if !p.Bounds.Contains(s.Predicted) {
		return fmt.Errorf("the answer of the search is outside of its bounds")
	}
	a.answer = s.Predicted
	a.study.spent(a.cost(), time.Since(start))
	return nil
}

// first tells whether a stage is shown. Arms that share a stage show it once.
func (a *arm) first(stage string) bool {
	for _, other := range a.study.arms {
		if other == a {
			return true
		}
		if other.run.Base(stage) == a.run.Base(stage) {
			return false
		}
	}
	return true
}

// steps counts the steps of the display: searches, target runs, rankings by
// proxies.
func (c *comparison) steps() int {
	n := max(1, c.targets) + len(c.Proxies)
	for _, a := range c.arms {
		if a.strategy.searches() {
			n++
		}
	}
	return n
}

func (c *comparison) emit(e stage.Event) {
	if c.watch != nil {
		c.watch(e)
	}
}

// plan adds up the work that is left.
func (c *comparison) plan() {
	for _, a := range c.arms {
		if a.strategy.searches() && !a.run.Done("search") {
			c.work += a.cost()
		}
	}
	c.work += c.targetCost()
}

// cost is the work of the arm's proxies, evaluation aside.
func (a *arm) cost() float64 {
	p := a.run.Config.Proxy
	return float64(a.proxies()) * p.Model.FlopsPerToken(p.Model.Context) * float64(p.Tokens)
}

// proxies is the number of proxy runs that the arm may make.
func (a *arm) proxies() (n int) {
	if !a.strategy.searches() {
		return 0
	}
	for _, r := range search.Rounds(search.Problem{Rounds: a.run.Config.Search.Rounds, Domains: a.problem.Domains}, a.run.Config.Search.New()) {
		n += r
	}
	return n
}

// targetRuns bounds the number of target runs: equal answers are trained once.
func (c *comparison) targetRuns() int {
	runs := c.Transfer
	strategies := map[*Strategy]map[int]bool{}
	for _, a := range c.arms {
		if strategies[a.strategy] == nil {
			strategies[a.strategy] = map[int]bool{}
		}
		strategies[a.strategy][a.objective] = true
	}
	for s, o := range strategies {
		n := c.Seeds * len(o)
		if s.Strategy == "random" {
			n *= c.Draws
		}
		runs += n
	}
	for _, o := range c.Objectives {
		runs += o.Reference
	}
	return runs
}

func (c *comparison) targetCost() float64 {
	m := c.Target.Model
	return float64(c.targetRuns()) * m.FlopsPerToken(m.Context) * float64(c.Target.Tokens)
}

// spent notes work that is done and says what is left.
func (c *comparison) spent(work float64, took time.Duration) {
	if took < time.Second { // done before
		return
	}
	c.done += work
	c.took += took
	left := max(0, c.work-c.done)
	rate := c.done / c.took.Seconds()
	c.emit(stage.Event{Stage: "compare", Note: fmt.Sprintf("%.0f %% of the study's training is done, about %s to go",
		100*(1-left/max(1, c.work)), time.Duration(left/rate*float64(time.Second)).Round(time.Minute))})
}
