package study

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/wire"
)

// A Proxy is a kind of proxy whose ranking is checked: it is trained on every
// mixture that the target model was trained on, and the two rankings are
// correlated. The study's own proxy is always checked.
type Proxy struct {
	Name   string   `json:"name" doc:"name of the row"`
	Metric string   `json:"metric" doc:"metric on every validation file; empty = the metric of each file"`
	Set    ast.Node `json:"set" doc:"options of climb.yaml's proxy section that differ, written as in climb.yaml"`

	config *climb.Config // with set
}

// resolve makes the configuration of the proxy.
func (x *Proxy) resolve(s *Study) (err error) {
	if x.config, err = s.Config.Clone(); err != nil {
		return err
	}
	if x.Set != nil {
		if err := wire.Decode(x.Set, x.config, yaml.Strict()); err != nil {
			return &option.ConfigError{Text: "set: " + wire.Explain(err)}
		}
	}
	rest, err := s.Config.Clone()
	if err != nil {
		return err
	}
	rest.Proxy = x.config.Proxy
	if string(stage.Marshal(rest)) != string(stage.Marshal(x.config)) {
		return &option.ConfigError{Text: "set: only options of proxy may differ"}
	}
	x.config.Target.Validation, x.config.Target.Test = nil, nil
	return x.config.Resolve()
}

// resolveProxies puts the study's own proxy first.
func (s *Study) resolveProxies() error {
	if len(s.Config.Proxy.Command) > 0 {
		if len(s.Proxies) > 0 {
			return &option.ConfigError{Text: "proxies: proxy.command trains the proxies, and climb cannot train other ones"}
		}
		return nil
	}
	if len(s.Proxies) == 0 || s.Proxies[0].config == nil {
		s.Proxies = slices.Insert(s.Proxies, 0, Proxy{Name: "own"})
	}
	names := map[string]bool{}
	for i := range s.Proxies {
		x := &s.Proxies[i]
		at := fmt.Sprintf("proxies[%d].", i-1)
		switch {
		case x.Name == "":
			return &option.ConfigError{Text: at + "name: is empty; give a word"}
		case names[x.Name]:
			return &option.ConfigError{Text: fmt.Sprintf("%sname: there are two proxies called %q; the study's is called own", at, x.Name)}
		case x.Metric != "" && !slices.Contains(eval.Metrics, x.Metric):
			return &option.ConfigError{Text: fmt.Sprintf("%smetric: %q is not one of %s", at, x.Metric, eval.Metrics)}
		}
		names[x.Name] = true
		if err := x.resolve(s); err != nil {
			if ce, ok := err.(*climb.ConfigError); ok {
				return &option.ConfigError{Text: at + ce.Text}
			}
			return err
		}
	}
	return nil
}

// rank trains every kind of proxy on the mixtures of a group's target runs.
// Kinds that differ only in their metric share their runs.
func (c *comparison) rank(ctx context.Context, target *group) error {
	var need []targetSpec
	mixtures, _ := target.mixtures()
	for _, m := range mixtures {
		need = append(need, targetSpec{Mixture: m, Hash: m.Hash(), Seed: c.Config.Seed})
	}
	files, err := trial.ValidationFiles(c.targetsRead, c.terms(false))
	if err != nil {
		return err
	}
	for i := range c.Proxies {
		x := &c.Proxies[i]
		a := &arm{study: c, strategy: &Strategy{Name: x.Name, Strategy: "natural", config: x.config}, objective: -1}
		if err := a.open(ctx); err != nil {
			return fmt.Errorf("proxies: %s: %w", x.Name, err)
		}
		if err := a.settle(ctx); err != nil {
			return fmt.Errorf("proxies: %s: %w", x.Name, err)
		}
		model, program, err := x.config.Proxy.Counted()
		if err != nil {
			return err
		}
		g := &group{study: c, arms: []*arm{a}, title: "ranks by proxies: " + x.Name, results: map[string]*targetResult{}, model: x.config.Proxy,
			options: targetOptions{Model: model, Program: program, Validation: files}, inputs: map[string]string{"base": a.run.Base("base")}}
		for role, name := range target.inputs {
			g.inputs[role] = name
		}
		g.dir = filepath.Join(c.Config.Out, "ranks-"+task.Hash("ranks", compareFormat, g.options, g.inputs["vocab"], g.inputs["encode"], g.inputs["tokens"], g.inputs["base"]))
		if err := g.measure(ctx, need); err != nil {
			return fmt.Errorf("proxies: %s: %w", x.Name, err)
		}
		c.ranks = append(c.ranks, g)
	}
	return nil
}

// mixtures lists the mixtures that the group has trained on, in the order of the
// runs, with the runs of each mixture that did not fail.
func (g *group) mixtures() (out []mix.Mixture, runs map[string][]*targetResult) {
	runs = map[string][]*targetResult{}
	for _, s := range g.need {
		if r := g.results[s.key()]; s.Reference == "" && r.Failed == "" {
			if len(runs[s.Hash]) == 0 {
				out = append(out, s.Mixture)
			}
			runs[s.Hash] = append(runs[s.Hash], r)
		}
	}
	return out, runs
}

// rankings correlates proxy scores on the validation files with target scores on
// the test files. The target's scores are averaged over seeds.
func (c *comparison) rankings(target *group) (out []report.Ranking, err error) {
	mixtures, runs := target.mixtures()
	for i, g := range c.ranks {
		x := c.Proxies[i]
		for o, obj := range c.Objectives {
			r := report.Ranking{Name: x.Name, Objective: obj.Name, Model: report.Model{Parameters: x.config.Proxy.Model.NumParams(), Tokens: x.config.Proxy.Tokens}}
			for _, m := range mixtures {
				small := g.results[targetSpec{Hash: m.Hash(), Seed: c.Config.Seed}.key()]
				if small.Failed != "" {
					continue
				}
				score, err := c.validated(small.Result, o, x.Metric)
				if err != nil {
					return nil, fmt.Errorf("proxies: %s: %w", x.Name, err)
				}
				sum := 0.0
				for _, run := range runs[m.Hash()] {
					t, err := c.tested(run, o)
					if err != nil {
						return nil, err
					}
					sum += t.score.Score
				}
				r.Proxy, r.Target = append(r.Proxy, score), append(r.Target, sum/float64(len(runs[m.Hash()])))
			}
			r.Mixtures = len(r.Proxy)
			correlate(&r, c.Level)
			out = append(out, r)
		}
	}
	return out, nil
}

// measured are terms by another metric, if one is named.
func measured(terms []eval.Term, metric string) []eval.Term {
	terms = slices.Clone(terms)
	for i := range terms {
		terms[i].Metric = cmp.Or(metric, terms[i].Metric)
	}
	return terms
}

// validated is the score of a run on the validation files of an objective, by a
// metric if one is named.
func (c *comparison) validated(r *train.Result, o int, metric string) (float64, error) {
	terms := measured(c.Objectives[o].Validation, metric)
	results, err := trial.ResultsOf(c.terms(false), r.Validate, terms)
	if err != nil {
		return 0, err
	}
	return eval.Objective(terms, results)
}

// transferMixtures are the first-round mixtures that are also trained at target
// size: from the first search, evenly spaced by rank.
func (c *comparison) transferMixtures() (out []mix.Mixture) {
	_, trials := c.transferTrials()
	n := min(c.Transfer, len(trials))
	for i := range n {
		out = append(out, trials[i*len(trials)/n])
	}
	return out
}

// transferTrials lists the first round of the first arm that searches, best
// mixture first.
func (c *comparison) transferTrials() (*arm, []mix.Mixture) {
	if c.Transfer == 0 {
		return nil, nil
	}
	for _, a := range c.arms {
		if a.objective < 0 || a.run.Base("tokens") != c.arms[0].run.Base("tokens") {
			continue
		}
		s, err := a.run.Trials.ReadSearch()
		if err != nil {
			continue // no search yet
		}
		var list []mix.Mixture
		for _, t := range s.Measured {
			if t.Round == 0 {
				list = append(list, t.Mixture)
			}
		}
		if len(list) > 2 {
			return a, list
		}
	}
	return nil, nil
}

// correlate fills in the rank correlations. The interval of Spearman's rho is
// predict.SpearmanInterval and not a bootstrap: resampling mixtures that are in
// perfect order always gives 1, so a bootstrap would be certain after three.
func correlate(t *report.Ranking, level float64) {
	t.Spearman, t.Kendall = predict.Spearman(t.Proxy, t.Target), kendall(t.Proxy, t.Target)
	t.Interval[0], t.Interval[1] = predict.SpearmanInterval(t.Spearman, len(t.Proxy), level)
}

// kendall is Kendall's tau-a: (concordant - discordant pairs) / all pairs.
func kendall(a, b []float64) float64 {
	sum, pairs := 0, 0
	for i := range a {
		for j := range i {
			sum += cmp.Compare(a[i], a[j]) * cmp.Compare(b[i], b[j])
			pairs++
		}
	}
	return float64(sum) / float64(max(1, pairs))
}
