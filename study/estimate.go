package study

import (
	"context"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/view"
)

// An Estimate is the predicted cost of a study, before anything is spent. It is
// an upper bound: runs that several arms share are counted for each arm.
type Estimate struct {
	Cores      int          `json:"cores"`
	Proxy      report.Model `json:"proxy"`
	Target     report.Model `json:"target"`
	ProxyRate  float64      `json:"proxy_rate"`  // training tokens per second on one core
	TargetRate float64      `json:"target_rate"` // training tokens per second on one core
	Parts      []Part       `json:"parts"`
	Seconds    float64      `json:"seconds"` // wall time of what is left, on all cores
}

// Part is one search, or the target runs.
type Part struct {
	Name        string  `json:"name"`
	Runs        int     `json:"runs"`
	Tokens      int64   `json:"tokens"` // of all runs
	CoreSeconds float64 `json:"core_seconds"`
	Done        bool    `json:"done"`
}

// Estimate measures the speeds and adds up.
func (s *Study) Estimate(ctx context.Context) (*Estimate, error) {
	c, err := s.prepare(ctx, nil)
	if err != nil {
		return nil, err
	}
	proxy := s.Config.Proxy
	e := &Estimate{Cores: c.base.Cores(), Proxy: report.Model{Parameters: proxy.Model.NumParams(), Tokens: proxy.Tokens},
		Target: report.Model{Parameters: s.Target.Model.NumParams(), Tokens: s.Target.Tokens}}
	if e.ProxyRate, err = view.TrainingRate(proxy.Model, proxy.Batch); err != nil {
		return nil, err
	}
	if e.TargetRate, err = view.TrainingRate(s.Target.Model, s.Target.Batch); err != nil {
		return nil, err
	}
	first, err := c.arms[0].run.View(ctx)
	if err != nil {
		return nil, err
	}
	text, err := first.Estimate(ctx)
	if err != nil {
		return nil, err
	}
	pipeline := Part{Name: "corpus to tokens", Tokens: text.Tokens, Done: true}
	for _, x := range text.Stages {
		if x.Stage == "base" {
			break
		}
		if !x.Done {
			pipeline.CoreSeconds += x.Seconds * float64(e.Cores)
			pipeline.Done = false
		}
	}
	e.Parts = append(e.Parts, pipeline)
	flops := proxy.Model.FlopsPerToken(proxy.Model.Context) * e.ProxyRate // per second
	for _, a := range c.arms {
		if !a.strategy.searches() {
			continue
		}
		// Evaluation takes a third of a training step's work a token.
		p := a.run.Config.Proxy
		rate := flops / p.Model.FlopsPerToken(p.Model.Context)
		x := Part{Name: a.title(), Runs: a.proxies(), Tokens: int64(a.proxies()) * p.Tokens, Done: a.run.Done("search")}
		x.CoreSeconds = float64(x.Tokens)/rate + float64(x.Runs)*view.EvalTokens(c.terms(false))/(3*rate)
		e.Parts = append(e.Parts, x)
	}
	t := Part{Name: "target models", Runs: c.targetRuns(), Tokens: int64(c.targetRuns()) * s.Target.Tokens}
	scored := view.EvalTokens(c.terms(false))*float64(max(1, s.Curve)) + view.EvalTokens(c.terms(true))
	t.CoreSeconds = (float64(t.Tokens) + float64(t.Runs)*scored/3) / e.TargetRate
	e.Parts = append(e.Parts, t)
	for i := range s.Proxies {
		p := s.Proxies[i].config.Proxy
		rate := flops / p.Model.FlopsPerToken(p.Model.Context)
		x := Part{Name: "ranks by proxies: " + s.Proxies[i].Name, Runs: t.Runs, Tokens: int64(t.Runs) * p.Tokens}
		x.CoreSeconds = float64(x.Tokens)/rate + float64(x.Runs)*view.EvalTokens(c.terms(false))/(3*rate)
		e.Parts = append(e.Parts, x)
	}
	for _, x := range e.Parts {
		if !x.Done {
			e.Seconds += x.CoreSeconds / float64(e.Cores)
		}
	}
	return e, nil
}
