package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
)

// ProposeOptions say how a search by hand goes on, for people who train
// elsewhere.
type ProposeOptions struct {
	N            int                // mixtures to propose
	Strategy     string             // by its name in search.Methods
	Objective    Objective          // what a run's metrics are worth
	Combine      string             // of the metrics: mean or worst
	KL           float64            // penalty for leaving the prior, score a nat; -1 = the strategy's own
	Prior        map[string]float64 // natural shares; the mean of the runs' mixtures if empty
	Supply       map[string]float64 // tokens of each domain, for the epoch cap
	TargetTokens float64            // of the run that the mixture is for
	Epochs       float64            // times that it may read a domain
	Least        map[string]float64 // smallest shares
	Most         map[string]float64 // largest shares
	KeepOutliers bool               // count the runs that Table.Screen leaves out
	Smaller      *Table             // runs of a smaller model on the same domains and metrics; nil for none
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
	Domains     []string          `json:"domains"`
	Metrics     []string          `json:"metrics"`
	Lower       []string          `json:"lower_is_better"`    // of the metrics; of the others higher is better
	Ignored     []Ignored         `json:"ignored,omitempty"`  // columns of the table
	Warnings    []string          `json:"warnings,omitempty"` // of runs that were left out, and of proposals that were one
	Strategy    string            `json:"strategy"`
	Runs        int               `json:"runs"`   // with a score
	Failed      int               `json:"failed"` // left out
	Next        []Proposed        `json:"next"`
	Recommended Proposed          `json:"recommended"`
	Measured    bool              `json:"measured"`          // the recommended mixture is one of the runs
	Best        float64           `json:"best"`              // highest mean score of a measured mixture
	Noise       float64           `json:"noise"`             // standard deviation of a run
	Smaller     string            `json:"smaller,omitempty"` // what the smaller model's runs were worth
	Pareto      []string          `json:"pareto"`            // hashes of the runs that no other one equals on every metric and beats on one
	Paths       map[string]string `json:"paths,omitempty"`   // of domains' data, where the table has some
}

// Propose continues the search that a table of runs records.
func Propose(ctx context.Context, t *Table, o ProposeOptions) (*Proposals, error) {
	if len(t.Phases) > 0 {
		return nil, fmt.Errorf("the table has mixtures of %d phases, and strategies search one mixture: climb fit proposes for such a table (--next, --write)", len(t.Phases))
	}
	out := &Proposals{Domains: t.Domains, Ignored: t.Ignored, Strategy: o.Strategy, Next: []Proposed{}, Paths: t.Paths}
	t, err := o.screen(t, out)
	if err != nil {
		return nil, err
	}
	out.Warnings = slices.Concat(t.Said, out.Warnings)
	p, runs, err := t.Problem(o.Objective)
	if err != nil {
		return nil, err
	}
	strategy, err := search.Methods.New(o.Strategy)
	if err != nil {
		return nil, fmt.Errorf("unknown strategy %w", err)
	}
	p.Seed, p.Combine, p.KL, p.Rounds = o.Seed, o.Combine, o.KL, []int{max(1, o.N)}
	if p.KL == -1 {
		p.KL = search.DefaultKL(strategy)
	}
	if err := o.limit(&p); err != nil {
		return nil, err
	}
	if err := o.inform(&p); err != nil {
		return nil, err
	}
	runs = p.Rescore(runs)
	for _, r := range runs {
		if r.Failed != "" {
			out.Failed++
		}
	}
	if out.Runs = len(runs) - out.Failed; out.Runs < 2 {
		return nil, fmt.Errorf("%d of %d runs have a score; at least 2 are needed to propose more", out.Runs, len(runs))
	}
	return out, out.fill(ctx, p, runs, strategy, o)
}

// fill asks the strategy.
func (out *Proposals) fill(ctx context.Context, p search.Problem, runs []search.Trial, strategy search.Strategy, o ProposeOptions) error {
	process, err := search.NewProcess(p, runs, predict.GP{})
	if err != nil {
		return err
	}
	say := func(m mix.Mixture) Proposed { return Proposed{m, process.Predict(m), process.Std(m)} }
	next, err := strategy.Propose(ctx, p, runs, o.N)
	if err != nil {
		return err
	}
	if next, err = out.distinct(ctx, p, runs, next, o); err != nil {
		return err
	}
	for _, m := range next {
		out.Next = append(out.Next, say(m))
	}
	best, err := strategy.Best(p, runs)
	if err != nil {
		return err
	}
	out.Smaller = process.Why()
	out.Recommended, out.Noise, out.Best = say(best), process.Noise(), search.TopMeasured(runs, 1)[0].Score
	out.Measured = slices.ContainsFunc(runs, func(r search.Trial) bool { return r.Failed == "" && r.Hash == best.Hash() })
	for _, r := range p.Pareto(runs) {
		out.Pareto = append(out.Pareto, r.Hash)
	}
	return nil
}

// screen leaves outliers out of the tables and says which metrics count how.
func (o *ProposeOptions) screen(t *Table, out *Proposals) (*Table, error) {
	columns, weights, err := t.Terms(o.Objective)
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		out.Metrics = append(out.Metrics, t.Metrics[c])
		if weights[i] < 0 {
			out.Lower = append(out.Lower, t.Metrics[c])
		}
	}
	o.Objective.Metrics = out.Metrics
	if o.KeepOutliers {
		return t, nil
	}
	if t, out.Warnings, err = t.Screen(o.Objective); err != nil || o.Smaller == nil {
		return t, err
	}
	small, warnings, err := o.Smaller.Screen(o.Objective)
	if err != nil {
		return nil, fmt.Errorf("runs of the smaller model: %w", err)
	}
	o.Smaller = small
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, "smaller model: "+w)
	}
	return t, nil
}

// distinct keeps one of the proposals that differ by rounding only: where a strategy
// has found a single peak, all its candidates end there. Draws from the posterior
// (strategy bayes) then fill the batch.
func (out *Proposals) distinct(ctx context.Context, p search.Problem, runs []search.Trial, next []mix.Mixture, o ProposeOptions) ([]mix.Mixture, error) {
	kept := Distinct(next, nil, o.N)
	same := len(next) - len(kept)
	if same == 0 {
		return kept, nil
	}
	for _, m := range kept {
		runs = append(slices.Clip(runs), search.Trial{Mixture: m, Hash: m.Hash(), Failed: "is proposed"})
	}
	drawn, err := search.Bayes{}.Propose(ctx, p, runs, 4*o.N)
	if err != nil {
		return nil, err
	}
	before := len(kept)
	kept = Distinct(append(kept, drawn...), nil, o.N)
	more := len(kept) - before
	out.Warnings = append(out.Warnings, fmt.Sprintf("%d proposals were within half a per cent of the tokens of another one: one of them is kept, and %d more are draws from the posterior (strategy bayes)", same, more))
	return kept, nil
}

// inform puts the runs of the smaller model into the problem.
func (o *ProposeOptions) inform(p *search.Problem) error {
	if o.Smaller == nil {
		return nil
	}
	if s, err := search.Methods.New(o.Strategy); err == nil && !search.NeedsOf(s).Smaller {
		return fmt.Errorf("strategy %s makes no use of a smaller model's runs: climb-auto and bayes do", o.Strategy)
	}
	return o.Smaller.Inform(p, o.Objective)
}

// mostTokens is a number of tokens that float64 still counts.
const mostTokens = 1 << 53

// limit puts prior, epoch cap and largest shares into the problem.
func (o *ProposeOptions) limit(p *search.Problem) error {
	if len(o.Prior) > 0 {
		prior, err := everyDomain("prior", p.Domains, o.Prior)
		if err != nil {
			return err
		}
		sum := 0.0
		for _, w := range prior {
			sum += w
		}
		if math.Abs(sum-1) > 0.05 {
			return fmt.Errorf("prior: shares sum to %.4g, want 1", sum)
		}
		if p.Prior, err = mix.Normalize(prior); err != nil {
			return fmt.Errorf("prior: %w", err)
		}
	}
	if err := cmp.Or(CheckShares("least", o.Least), CheckShares("most", o.Most)); err != nil {
		return err
	}
	var err error
	if p.Bounds.Lower, err = byDomain("least", p.Domains, o.Least, 0); err != nil {
		return err
	}
	if p.Bounds.Upper, err = byDomain("most", p.Domains, o.Most, 1); err != nil {
		return err
	}
	if len(o.Supply) == 0 {
		return p.Check()
	}
	supply, err := everyDomain("supply", p.Domains, o.Supply)
	if err != nil {
		return err
	}
	if !(o.TargetTokens >= 1 && o.TargetTokens <= mostTokens) {
		return errors.New("supply: give the tokens of the target run too, 1 to 2^53, so that an epoch cap follows")
	}
	tokens := make([]int64, len(supply))
	for d, v := range supply {
		if !(v <= mostTokens) {
			return fmt.Errorf("supply: %s has %g tokens, more than 2^53", p.Domains[d], v)
		}
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

// everyDomain is byDomain where each domain must be named: one that is left out
// would be barred.
func everyDomain(what string, domains []string, named map[string]float64) ([]float64, error) {
	out, err := byDomain(what, domains, named, 0)
	if err != nil {
		return nil, err
	}
	var lacking []string
	for _, name := range domains {
		if _, ok := named[name]; !ok {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 0 {
		return nil, fmt.Errorf("%s: nothing is said of %s: give every domain a number, 0 where there is none of it", what, strings.Join(lacking, ", "))
	}
	return out, nil
}

// CheckShares refuses what is no share.
func CheckShares(what string, named map[string]float64) error {
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if v := named[name]; !(v >= 0 && v <= 1) {
			return fmt.Errorf("%s: %s has the share %g, want one from 0 to 1, as 0.4 for 40 %%", what, name, v)
		}
	}
	return nil
}

// Table returns the proposals as a table of mixtures that wait for their scores.
func (p *Proposals) Table() *Table {
	t := &Table{Domains: p.Domains, Paths: p.Paths}
	for i, m := range p.Next {
		t.Runs = append(t.Runs, Run{Name: fmt.Sprintf("n%d", i+1), Mixture: m.Mixture})
	}
	return t
}
