package study

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/vec"
)

// Comparison is the outcome of a study: compare.json.
type Comparison = report.Comparison

// result gathers the outcome of all target runs.
func (c *comparison) result(groups []*group) (*Comparison, error) {
	first := c.arms[0]
	proxy := c.Config.Proxy
	out := &Comparison{Title: "climb compare: " + filepath.Base(c.Config.Out), Version: climb.Version, Level: c.Level, Searches: c.Searches,
		Machine: fmt.Sprintf("%d cores, %s, %s/%s", c.base.Cores(), vec.CPU(), runtime.GOOS, runtime.GOARCH),
		Proxy:   report.Model{Parameters: proxy.Model.NumParams(), Tokens: proxy.Tokens},
		Target:  report.Model{Parameters: c.Target.Model.NumParams(), Tokens: c.Target.Tokens},
		Domains: first.problem.Domains, Epochs: c.Config.Search.Epochs}
	for k := range c.Seeds {
		out.Seeds = append(out.Seeds, c.seed(k))
	}
	for o := range c.Objectives {
		x, err := c.objectiveResult(groups, o)
		if err != nil {
			return nil, fmt.Errorf("objective %s: %w", c.Objectives[o].Name, err)
		}
		out.Objectives = append(out.Objectives, *x)
	}
	if c.Searches == 1 && slices.ContainsFunc(c.Strategies, func(x Strategy) bool { return x.searches() }) {
		out.Notes = append(out.Notes, "Every strategy has searched once: intervals speak of the answers that it found, not of what it would find with another seed. `searches: 5` in the study spreads the seeds over several searches.")
	}
	var err error
	if out.Ranks, err = c.rankings(groups[0]); err != nil {
		return nil, err
	}
	out.CoreSeconds, err = c.coreSeconds(append(groups, c.ranks...))
	return out, err
}

// a seedRun is a target run of a strategy.
type seedRun struct {
	k      int
	spec   targetSpec
	result *targetResult
}

// runs lists the target runs of a strategy for an objective, by seed.
func (c *comparison) runs(groups []*group, x *Strategy, objective int) (out []seedRun, err error) {
	for k := range c.Seeds {
		for _, g := range groups {
			for _, a := range g.arms {
				if a.strategy != x || a.objective >= 0 && a.objective != objective {
					continue
				}
				list, err := a.specs(k)
				if err != nil {
					return nil, err
				}
				for _, s := range list {
					out = append(out, seedRun{k, s, g.results[s.key()]})
				}
			}
		}
	}
	return out, nil
}

// A compared is a strategy's results for an objective.
type compared struct {
	report.Compared
	runs   []seedRun  // that did not fail, by seed
	seeds  []int      // of runs, each once
	groups int        // number of independent searches that the seeds are spread over
	scores []eval.Run // by seed, on the test files, higher is better
	bpb    []eval.Run // ... bits per byte
	series train.Series
}

// bySeed averages values of runs over the draws of a seed.
func (r *compared) bySeed(values []eval.Run) (out []eval.Run) {
	for _, k := range r.seeds {
		var of []eval.Run
		for i, run := range r.runs {
			if run.k == k {
				of = append(of, values[i])
			}
		}
		mean := eval.Average(of)
		mean.Group = k % max(1, r.groups)
		out = append(out, mean)
	}
	return out
}

func (c *comparison) objectiveResult(groups []*group, o int) (*report.Objective, error) {
	obj := c.Objectives[o]
	out := &report.Objective{Name: obj.Name, Lower: true}
	for _, t := range obj.Validation {
		out.Validation = append(out.Validation, termName(t))
	}
	for _, t := range obj.Test {
		out.Test = append(out.Test, termName(t))
		out.Lower = out.Lower && eval.Oriented(t.Metric, 1) < 0
	}
	var rows []*compared
	for i := range c.Strategies {
		x := &c.Strategies[i]
		if !x.takesPart(obj.Name) {
			continue
		}
		r, err := c.row(groups, x, o, out.Lower)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.Name, err)
		}
		rows = append(rows, r)
	}
	if err := c.reference(out, rows, groups[0], o); err != nil {
		return nil, err
	}
	out.Warnings = doubts(rows, obj.Test)
	slices.SortStableFunc(rows, func(a, b *compared) int { return cmp.Compare(mean(b.scores), mean(a.scores)) })
	for _, r := range rows {
		c.gains(r, rows, out)
	}
	out.Pairs = c.pairs(rows)
	out.Verdict = compareVerdict(out.Pairs, rows, c.Level)
	for _, r := range rows {
		out.Rows = append(out.Rows, r.Compared)
	}
	return out, nil
}

// doubts lists the caveats of an objective's intervals.
func doubts(rows []*compared, terms []eval.Term) (out []string) {
	var series []train.Series
	unknown := false
	for _, r := range rows {
		if len(r.Answers) == 1 && len(r.series.Runs) > 0 { // runs differ in the seed only
			series = append(series, r.series)
		}
		unknown = unknown || len(r.scores) > 0 && eval.Mean(r.scores).Unknown
	}
	if text := train.Ties(series, terms); text != "" {
		out = append(out, text)
	}
	if unknown {
		out = append(out, trial.NoItems)
	}
	return out
}

func termName(t eval.Term) string {
	name, _ := eval.TaskName(t.File)
	return name + ":" + t.Metric
}

// row reads the target runs of a strategy.
func (c *comparison) row(groups []*group, x *Strategy, o int, lower bool) (*compared, error) {
	r := &compared{Compared: report.Compared{Strategy: x.Name, Searches: x.searches(), Tasks: map[string]float64{}, Gain: map[string]report.Stat{}}}
	if x.searches() {
		r.groups = c.Searches
	}
	runs, err := c.runs(groups, x, o)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		i := slices.IndexFunc(r.Answers, func(a report.Answer) bool { return a.Hash == run.spec.Hash })
		if i < 0 {
			i = len(r.Answers)
			r.Answers = append(r.Answers, report.Answer{Hash: run.spec.Hash, Mixture: run.spec.Mixture})
		}
		r.Answers[i].Runs++
		if f := run.result.Failed; f != "" {
			r.Failed = append(r.Failed, fmt.Sprintf("seed %d: %s", run.spec.Seed, f))
			continue
		}
		r.runs = append(r.runs, run)
		if !slices.Contains(r.seeds, run.k) {
			r.seeds = append(r.seeds, run.k)
		}
	}
	var score, bpb, acc []eval.Run
	elsewhere := map[string][]eval.Run{}
	for _, run := range r.runs {
		t, err := c.tested(run.result, o)
		if err != nil {
			return nil, err
		}
		score, bpb = append(score, t.score), append(bpb, t.bpb)
		if t.hasAcc {
			acc = append(acc, t.acc)
		}
		r.series.Results = append(r.series.Results, run.result.Result)
		for name, v := range t.tasks {
			r.Tasks[name] += v / float64(len(r.runs))
		}
		for other := range c.Objectives {
			if other != o {
				t, err := c.tested(run.result, other)
				if err != nil {
					return nil, err
				}
				elsewhere[c.Objectives[other].Name] = append(elsewhere[c.Objectives[other].Name], t.bpb)
			}
		}
	}
	r.series.Name, r.series.Runs = x.Name, score
	r.scores, r.bpb = r.bySeed(score), r.bySeed(bpb)
	r.Measure, r.BPB = c.stat(oriented(r.scores, lower)), c.stat(r.bpb)
	if len(acc) == len(r.runs) {
		r.Acc = c.stat(r.bySeed(acc))
	}
	for _, name := range slices.Sorted(maps.Keys(elsewhere)) {
		if r.Elsewhere == nil {
			r.Elsewhere = map[string]report.Stat{}
		}
		r.Elsewhere[name] = c.stat(r.bySeed(elsewhere[name]))
	}
	if r.Curve, err = c.curve(r, o); err != nil {
		return nil, err
	}
	r.Cost, err = c.costOf(x, o, runs)
	return r, err
}

// oriented turns scores into the measure: bits per byte where lower is better.
func oriented(runs []eval.Run, lower bool) []eval.Run {
	if !lower {
		return runs
	}
	runs = slices.Clone(runs)
	for i := range runs {
		runs[i].Score = -runs[i].Score
	}
	return runs
}

func (c *comparison) stat(runs []eval.Run) report.Stat {
	m, ci := trial.Interval(eval.Mean(runs), c.Level)
	return report.Stat{Mean: m, Interval: ci, Values: rowScores(runs)}
}

func rowScores(runs []eval.Run) (out []float64) {
	for _, r := range runs {
		out = append(out, r.Score)
	}
	return out
}

func mean(runs []eval.Run) float64 {
	m, _ := trial.Interval(eval.Mean(runs), 0.5)
	return m
}

// tested is the score of a target run on the test files of an objective: bits
// per byte as the weighted mean over terms, accuracy as the plain mean over tasks.
type tested struct {
	score, bpb, acc eval.Run
	hasAcc          bool
	tasks           map[string]float64
}

func (c *comparison) tested(r *targetResult, o int) (*tested, error) {
	terms := c.Objectives[o].Test
	results, err := trial.ResultsOf(c.terms(true), r.Test, terms)
	if err != nil {
		return nil, err
	}
	t := &tested{tasks: map[string]float64{}}
	score, err := eval.Objective(terms, results)
	if err != nil {
		return nil, err
	}
	var bpb, weights, acc float64
	var choices []eval.Term // of the results with an accuracy
	var chosen []*eval.TaskResult
	for i, x := range results {
		w := terms[i].Weight
		name, _ := eval.TaskName(terms[i].File)
		for metric, v := range x.Metrics {
			t.tasks[name+":"+metric] = v
		}
		bpb += w * x.Metrics["bpb"]
		weights += w
		if v, ok := x.Metrics["acc"]; ok {
			acc += v
			choices, chosen = append(choices, eval.Term{Metric: "acc", Weight: 1}), append(chosen, x)
		}
	}
	t.score, t.bpb = eval.NewRun(score, terms, results), eval.NewRun(bpb/weights, measured(terms, "bpb"), results)
	if t.hasAcc = len(chosen) > 0; t.hasAcc {
		t.acc = eval.NewRun(acc/float64(len(chosen)), choices, chosen)
	}
	return t, nil
}

// curve averages the learning curves of runs on the validation files.
func (c *comparison) curve(r *compared, o int) (out []report.CurvePoint, err error) {
	if len(r.runs) == 0 {
		return nil, nil
	}
	terms := c.Objectives[o].Validation
	lower := !slices.ContainsFunc(terms, func(t eval.Term) bool { return eval.Oriented(t.Metric, 1) > 0 })
	for i, at := range r.runs[0].result.Curve {
		var values []eval.Run
		for _, run := range r.runs {
			results, err := trial.ResultsOf(c.terms(false), run.result.Curve[i].Validate, terms)
			if err != nil {
				return nil, err
			}
			score, err := eval.Objective(terms, results)
			if err != nil {
				return nil, err
			}
			values = append(values, eval.NewRun(score, terms, results))
		}
		out = append(out, report.CurvePoint{Tokens: at.Tokens, Measure: c.stat(oriented(r.bySeed(values), lower))})
	}
	return out, nil
}

// reference fills in the excess losses, if models were trained for them.
func (c *comparison) reference(out *report.Objective, rows []*compared, g *group, o int) error {
	obj := c.Objectives[o]
	var bpb []eval.Run
	for k := range obj.Reference {
		r := g.results[targetSpec{Seed: c.seed(k), Reference: obj.Name}.key()]
		if r.Failed != "" {
			continue
		}
		t, err := c.tested(r, o)
		if err != nil {
			return err
		}
		bpb = append(bpb, t.bpb)
	}
	if len(bpb) == 0 {
		return nil
	}
	s := c.stat(bpb)
	out.Reference = &s
	for _, r := range rows {
		r.Excess = r.BPB.Mean - s.Mean
	}
	return nil
}

// gains compares a row with the baselines, which do not search.
func (c *comparison) gains(r *compared, rows []*compared, out *report.Objective) {
	for _, b := range rows {
		if b.Searches || b == r {
			continue
		}
		if x, y := pairedRuns(r, b, func(r *compared) []eval.Run { return r.scores }); len(x) > 1 {
			d, ci := trial.Interval(eval.Paired(x, y), c.Level)
			r.Gain[b.Strategy] = report.Stat{Mean: d, Interval: ci}
		}
		if out.Reference == nil || b.Excess <= 0 {
			continue
		}
		if x, y := pairedRuns(b, r, func(r *compared) []eval.Run { return r.bpb }); len(x) > 1 {
			d, ci := trial.Interval(eval.Paired(x, y), c.Level)
			if ci != nil {
				ci = &[2]float64{ci[0] / b.Excess, ci[1] / b.Excess}
			}
			if r.Reduction == nil {
				r.Reduction = map[string]report.Stat{}
			}
			r.Reduction[b.Strategy] = report.Stat{Mean: d / b.Excess, Interval: ci}
		}
	}
}

// pairedRuns returns the runs of two rows for the seeds that both have.
func pairedRuns(a, b *compared, of func(*compared) []eval.Run) (x, y []eval.Run) {
	va, vb := of(a), of(b)
	for i, k := range a.seeds {
		if j := slices.Index(b.seeds, k); j >= 0 {
			x, y = append(x, va[i]), append(y, vb[j])
		}
	}
	return x, y
}

// bootstrapDraws is the number of bootstrap resamples of an interval.
const bootstrapDraws = 10000

// pairs compares every two rows, best first. The verdict is by Student's t of the
// paired differences, item error included (eval.Estimate). The percentile
// bootstrap is printed beside it and decides nothing: with few seeds it is too
// narrow. With five it spans sqrt(4/5) of the normal interval, and Student's
// interval is 1.6 times as wide.
func (c *comparison) pairs(rows []*compared) []report.Versus {
	var out []report.Versus
	var p []float64
	for i, a := range rows {
		for _, b := range rows[i+1:] {
			x, y := pairedRuns(a, b, func(r *compared) []eval.Run { return r.scores })
			pair := report.Versus{A: a.Strategy, B: b.Strategy, P: 1}
			if len(x) > 1 {
				d := make([]float64, len(x))
				for k := range x {
					d[k] = x[k].Score - y[k].Score
				}
				e := eval.Paired(x, y)
				pair.Mean, pair.Interval = trial.Interval(e, c.Level)
				pair.P = e.P()
				if e.Known() {
					_, lo, hi := eval.Bootstrap(d, e.Shared(), c.Level, bootstrapDraws, c.Config.Seed)
					pair.Bootstrap = &[2]float64{lo, hi}
				}
			}
			out, p = append(out, pair), append(p, pair.P)
		}
	}
	for i, h := range eval.Holm(p) {
		out[i].Holm = h
		switch {
		case h < 1-c.Level:
			out[i].Verdict = "better"
		case out[i].P < 1-c.Level:
			out[i].Verdict = "better, but not after the correction for all pairs"
		default:
			out[i].Verdict = "no difference shown"
		}
		if out[i].Mean < 0 {
			out[i].Verdict = strings.Replace(out[i].Verdict, "better", "worse", 1)
		}
	}
	return out
}

// compareVerdict is one sentence: what the best strategy beats.
func compareVerdict(pairs []report.Versus, rows []*compared, level float64) string {
	if len(rows) < 2 {
		return ""
	}
	best := rows[0].Strategy
	var sure, likely, even []string
	for _, p := range pairs {
		switch {
		case p.A != best:
		case p.Verdict == "better":
			sure = append(sure, p.B)
		case p.P < 1-level:
			likely = append(likely, p.B)
		default:
			even = append(even, p.B)
		}
	}
	text := best + " has the best mean"
	if len(sure) > 0 {
		text += fmt.Sprintf("; better than %s at %g %%, corrected for all pairs", strings.Join(sure, ", "), 100*level)
	}
	if len(likely) > 0 {
		text += fmt.Sprintf("; better than %s at %g %% for the pair alone", strings.Join(likely, ", "), 100*level)
	}
	if len(even) > 0 {
		text += "; no difference shown to " + strings.Join(even, ", ")
	}
	return text
}

// costOf adds up the cost of a strategy if it were run alone: one search and its
// target runs.
func (c *comparison) costOf(x *Strategy, o int, runs []seedRun) (report.Cost, error) {
	t := c.Target
	out := report.Cost{TargetRuns: len(runs)}
	for _, run := range runs {
		out.TargetCoreSeconds += run.result.CoreSeconds
		for _, n := range run.result.Tokens {
			out.TargetTokens += n
		}
	}
	out.TargetFLOPs = float64(out.TargetTokens) * t.Model.FlopsPerToken(t.Model.Context)
	for _, a := range c.arms {
		if a.strategy != x || !x.searches() || a.search != 0 || a.objective >= 0 && a.objective != o {
			continue
		}
		proxy := a.run.Config.Proxy
		for _, s := range []string{"base", "search"} {
			plans, err := a.run.Plans(s)
			if err != nil {
				return out, err
			}
			for _, p := range plans {
				if s == "search" {
					out.ProxyRuns += len(p.Tasks)
				}
				for n := range p.Tasks {
					m, err := p.Manifest(n)
					if err != nil {
						return out, err
					}
					if s == "base" {
						out.BaseTokens += proxy.Base.Tokens
						out.ProxyCoreSeconds += m.Seconds
						continue
					}
					out.ProxyTokens += trial.Tokens.Of(m)
					out.ProxyCoreSeconds += m.CoreSeconds
				}
			}
		}
		out.ProxyFLOPs = float64(out.ProxyTokens+out.BaseTokens) * proxy.Model.FlopsPerToken(proxy.Model.Context)
	}
	return out, nil
}

// coreSeconds adds up all runs of the study, each once.
func (c *comparison) coreSeconds(groups []*group) (sum float64, err error) {
	for _, g := range groups {
		for _, key := range slices.Sorted(maps.Keys(g.results)) {
			sum += g.results[key].CoreSeconds
		}
	}
	seen := map[string]bool{}
	for _, a := range c.arms {
		if !a.strategy.searches() {
			continue
		}
		plans, err := a.run.Plans("search")
		if err != nil {
			return 0, err
		}
		for _, p := range plans {
			for n := range p.Tasks {
				key, err := trial.RunKey(p, n)
				if err != nil {
					return 0, err
				}
				m, err := p.Manifest(n)
				if err != nil {
					return 0, err
				}
				if !seen[key] {
					seen[key] = true
					sum += m.CoreSeconds
				}
			}
		}
	}
	return sum, nil
}
