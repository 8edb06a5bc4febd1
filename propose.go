package climb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
)

// ProposeOptions say how a search by hand goes on, for people who train
// elsewhere.
type ProposeOptions struct {
	N            int                // mixtures to propose
	Strategy     string             // by its name in search.Methods
	Objective    history.Objective  // what a run's metrics are worth
	Combine      string             // of the metrics: mean or worst
	KL           float64            // penalty for leaving the prior, score a nat
	Prior        map[string]float64 // natural shares; the mean of the runs' mixtures if empty
	Supply       map[string]float64 // tokens of each domain, for the epoch cap
	TargetTokens float64            // of the run that the mixture is for
	Epochs       float64            // times that it may read a domain
	Most         map[string]float64 // largest shares
	Smaller      *history.Table     // runs of a smaller model on the same domains and metrics; nil for none
	Seed         uint64
}

// A Proposed mixture has what the Gaussian process on the combined score
// expects of it, with the standard deviation of one run around that.
type Proposed struct {
	Mixture  mix.Mixture `json:"mixture"`
	Expected float64     `json:"expected"`
	Std      float64     `json:"std"`
}

// Proposals are what to run next, and what to use if nothing more is run.
type Proposals struct {
	Domains     []string   `json:"domains"`
	Strategy    string     `json:"strategy"`
	Runs        int        `json:"runs"`   // with a score
	Failed      int        `json:"failed"` // left out
	Next        []Proposed `json:"next"`
	Recommended Proposed   `json:"recommended"`
	Measured    bool       `json:"measured"`          // the recommended mixture is one of the runs
	Best        float64    `json:"best"`              // highest mean score of a measured mixture
	Noise       float64    `json:"noise"`             // standard deviation of a run
	Smaller     string     `json:"smaller,omitempty"` // what the smaller model's runs were worth
	Pareto      []string   `json:"pareto"`            // hashes of the runs that no other one equals on every metric and beats on one
}

// Propose continues the search that a table of runs records.
func Propose(ctx context.Context, t *history.Table, o ProposeOptions) (*Proposals, error) {
	p, runs, err := t.Problem(o.Objective)
	if err != nil {
		return nil, err
	}
	p.Seed, p.Combine, p.KL, p.Rounds = o.Seed, o.Combine, o.KL, []int{max(1, o.N)}
	if err := o.limit(&p); err != nil {
		return nil, err
	}
	if err := o.inform(&p); err != nil {
		return nil, err
	}
	strategy, err := search.New(o.Strategy, search.Options{})
	if err != nil {
		return nil, err
	}
	out := &Proposals{Domains: p.Domains, Strategy: o.Strategy, Next: []Proposed{}}
	runs = p.Rescore(runs)
	for _, r := range runs {
		if r.Failed != "" {
			out.Failed++
		}
	}
	if out.Runs = len(runs) - out.Failed; out.Runs < 2 {
		return nil, fmt.Errorf("%d of %d runs have a score; at least 2 are needed to propose more", out.Runs, len(runs))
	}
	process, err := search.NewProcess(p, runs, predict.GP{})
	if err != nil {
		return nil, err
	}
	say := func(m mix.Mixture) Proposed { return Proposed{m, process.Predict(m), process.Std(m)} }
	next, err := strategy.Propose(ctx, p, runs, o.N)
	if err != nil {
		return nil, err
	}
	for _, m := range next {
		out.Next = append(out.Next, say(m))
	}
	best, err := strategy.Best(p, runs)
	if err != nil {
		return nil, err
	}
	out.Smaller = process.Why()
	out.Recommended, out.Noise, out.Best = say(best), process.Noise(), search.TopMeasured(runs, 1)[0].Score
	out.Measured = slices.ContainsFunc(runs, func(r search.Trial) bool { return r.Failed == "" && r.Hash == best.Hash() })
	for _, r := range p.Pareto(runs) {
		out.Pareto = append(out.Pareto, r.Hash)
	}
	return out, nil
}

// inform puts the runs of the smaller model into the problem.
func (o *ProposeOptions) inform(p *search.Problem) error {
	if o.Smaller == nil {
		return nil
	}
	if o.Strategy != "climb-auto" && o.Strategy != "bayes" {
		return fmt.Errorf("strategy %s makes no use of a smaller model's runs: climb-auto and bayes do", o.Strategy)
	}
	if !slices.Equal(slices.Sorted(slices.Values(o.Smaller.Domains)), slices.Sorted(slices.Values(p.Domains))) {
		return fmt.Errorf("runs of the smaller model: their domains are %v: the same as those of the larger model's runs are needed, %v", o.Smaller.Domains, p.Domains)
	}
	objective := o.Objective
	objective.Metrics = nil
	for _, t := range p.Tasks {
		objective.Metrics = append(objective.Metrics, t.Name)
	}
	trials, err := o.Smaller.Trials(objective)
	if err != nil {
		return fmt.Errorf("runs of the smaller model: %w", err)
	}
	p.Smaller = p.Reuse(search.Past{Domains: o.Smaller.Domains, Trials: trials}, 1e-9) // in the order of p's domains
	return nil
}

// limit puts prior, epoch cap and largest shares into the problem.
func (o *ProposeOptions) limit(p *search.Problem) error {
	prior, err := byDomain("prior", p.Domains, o.Prior, 0)
	if err != nil {
		return err
	}
	if len(o.Prior) > 0 {
		if p.Prior, err = mix.Normalize(prior); err != nil {
			return fmt.Errorf("prior: %w", err)
		}
	}
	if p.Bounds.Upper, err = byDomain("most", p.Domains, o.Most, 1); err != nil {
		return err
	}
	if len(o.Supply) == 0 {
		return p.Check()
	}
	supply, err := byDomain("supply", p.Domains, o.Supply, 0)
	if err != nil {
		return err
	}
	if o.TargetTokens < 1 {
		return errors.New("supply: give the tokens of the target run too, so that an epoch cap follows")
	}
	tokens := make([]int64, len(supply))
	for d, v := range supply {
		tokens[d] = int64(math.Round(v))
	}
	caps, err := mix.BoundsFromSupply(tokens, int64(o.TargetTokens), o.Epochs)
	if err != nil {
		return err
	}
	p.Bounds = p.Bounds.Intersect(caps, len(p.Domains))
	return p.Check()
}

// byDomain orders named numbers as the domains are; the others are rest.
func byDomain(what string, domains []string, named map[string]float64, rest float64) ([]float64, error) {
	out := slices.Repeat([]float64{rest}, len(domains))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		d := slices.Index(domains, name)
		if d < 0 {
			return nil, fmt.Errorf("%s: no domain is called %q; there are %s", what, name, strings.Join(domains, ", "))
		}
		out[d] = named[name]
	}
	return out, nil
}

// Table returns the proposals as a table of mixtures that wait for their scores.
func (p *Proposals) Table() *history.Table {
	t := &history.Table{Domains: p.Domains}
	for i, m := range p.Next {
		t.Runs = append(t.Runs, history.Run{Name: fmt.Sprintf("n%d", i+1), Mixture: m.Mixture})
	}
	return t
}
