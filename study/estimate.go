package study

import (
	"context"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/view"
)

// An Estimate is the predicted cost of a study, before anything is spent. It is
// an upper bound: runs that several arms share are counted for each arm.
type Estimate struct {
	Cores      int          `json:"cores"`
	Proxy      report.Model `json:"proxy"`
	Target     report.Model `json:"target"`
	ProxyRate  float64      `json:"proxy_rate"`  // training tokens per second on one core, or of one process of another trainer; 0 is unknown
	TargetRate float64      `json:"target_rate"` // of the target model, likewise
	Builtin    bool         `json:"builtin"`     // models are trained by this program
	AtOnce     int          `json:"at_once"`     // runs at the same time
	Parts      []Part       `json:"parts"`
	Seconds    float64      `json:"seconds"` // wall time of what is left, on all cores
	Warnings   []string     `json:"warnings,omitempty"`
}

// Part is one search, or the target runs.
type Part struct {
	Name        string  `json:"name"`
	Runs        int     `json:"runs"`
	Tokens      int64   `json:"tokens"`       // of all runs
	CoreSeconds float64 `json:"core_seconds"` // of cores, or of the processes of another trainer; 0 where its speed is not known
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
	if err := e.measure(s); err != nil {
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
		x.CoreSeconds = seconds(float64(x.Tokens)+float64(x.Runs)*view.EvalTokens(c.terms(false))/3, rate)
		e.Parts = append(e.Parts, x)
	}
	t := Part{Name: "target models", Runs: c.targetRuns(), Tokens: int64(c.targetRuns()) * s.Target.Tokens}
	scored := view.EvalTokens(c.terms(false))*float64(max(1, s.Curve)) + view.EvalTokens(c.terms(true))
	t.CoreSeconds = seconds(float64(t.Tokens)+float64(t.Runs)*scored/3, e.TargetRate)
	e.Parts = append(e.Parts, t)
	for i := range s.Proxies {
		p := s.Proxies[i].config.Proxy
		rate := flops / p.Model.FlopsPerToken(p.Model.Context)
		x := Part{Name: "ranks by proxies: " + s.Proxies[i].Name, Runs: t.Runs, Tokens: int64(t.Runs) * p.Tokens}
		x.CoreSeconds = seconds(float64(x.Tokens)+float64(x.Runs)*view.EvalTokens(c.terms(false))/3, rate)
		e.Parts = append(e.Parts, x)
	}
	for i, x := range e.Parts {
		at := e.AtOnce
		if i == 0 { // text
			at = e.Cores
		}
		if !x.Done {
			e.Seconds += x.CoreSeconds / float64(at)
		}
	}
	return e, nil
}

// seconds is the time of so many tokens, 0 where the rate is not known.
func seconds(tokens, rate float64) float64 {
	if rate == 0 {
		return 0
	}
	return tokens / rate
}

// measure finds how fast models are trained. What other trainers do in a second is
// what proxy.rate says of a proxy; a target model's is that by operations a token.
func (e *Estimate) measure(s *Study) (err error) {
	p, t := s.Config.Proxy, s.Target
	by := p.Method()
	e.AtOnce = by.AtOnce(e.Cores)
	if _, e.Builtin = by.(*train.Builtin); e.Builtin {
		if e.ProxyRate, err = view.TrainingRate(p.Model, p.Batch); err == nil {
			e.TargetRate, err = view.TrainingRate(t.Model, t.Batch)
		}
		return err
	}
	e.ProxyRate = p.Rate
	e.TargetRate = p.Rate * p.Model.FlopsPerToken(p.Model.Context) / t.Model.FlopsPerToken(t.Model.Context)
	if p.Rate == 0 {
		e.Warnings = append(e.Warnings, "the speed of what trains the models is not known: set proxy.rate to that of a proxy, in tokens a second")
	}
	return nil
}
