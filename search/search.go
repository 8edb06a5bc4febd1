// Package search decides which mixtures to train next, and which one to
// recommend in the end. It knows nothing of training: an Evaluator measures
// what a Strategy proposes.
package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
)

// A Trial is one proxy run: a mixture, a seed, and what it scored.
type Trial struct {
	Mixture mix.Mixture        `json:"mixture"`
	Hash    string             `json:"hash"`             // Mixture.Hash(), the join key
	Seed    uint64             `json:"seed"`             // of the run; one mixture may be run with several
	Round   int                `json:"round"`            // 0-based; -1 for runs from elsewhere
	Score   float64            `json:"score"`            // higher is better
	Scores  map[string]float64 `json:"scores,omitempty"` // by metric, as usually written
	Failed  string             `json:"failed,omitempty"` // why there is no score; "" if there is one
	Tokens  []int64            `json:"tokens,omitempty"` // consumed, by domain
	Seconds float64            `json:"seconds"`
	// DomainLoss is the loss on held-out text of each domain, lower is better;
	// DoReMi needs it. LogProbs are the log-likelihoods, in nats, of the items
	// of the target; MixMin uses them.
	DomainLoss []float64 `json:"domain_loss,omitempty"`
	LogProbs   []float64 `json:"log_probs,omitempty"`
}

// A Problem is what a search is about.
type Problem struct {
	Domains []string    `json:"domains"`
	Prior   mix.Mixture `json:"prior"`  // natural shares of tokens; a domain with 0 has no tokens and is never used
	Bounds  mix.Bounds  `json:"bounds"` // every proposal and every answer keeps them
	Rounds  []int       `json:"rounds"` // mixtures to measure, round by round
	Seed    uint64      `json:"seed"`
	// Tasks are the parts of the score, if it has any that are to be looked at
	// one by one; Combine says how they make one score: "mean" (also ""), the
	// weighted mean, or "worst", the least of the tasks, each less its mean and
	// in units of its standard deviation over the history.
	Tasks   []Task `json:"tasks,omitempty"`
	Combine string `json:"combine,omitempty"`
	// KL is taken off the score of a mixture for every nat of its divergence
	// from the prior, KL(w || prior), where a strategy weighs mixtures by
	// their predicted score.
	KL float64 `json:"kl,omitempty"`
	// Smaller are runs of a smaller model on the same domains. They inform what
	// climb-auto, with its predictor gp, and bayes expect of a mixture; the other
	// strategies do not look at them.
	Smaller []Trial `json:"smaller,omitempty"`
	// Groups are lists of domains that keep the proportions of the prior among
	// each other; see Grouped.
	Groups [][]int `json:"groups,omitempty"`
	// Pool, if it is not empty, holds the only mixtures that can be measured;
	// see Pooled.
	Pool []mix.Mixture `json:"pool,omitempty"`
	// Schedule, if it is not nil, makes the mixtures schedules of several phases;
	// see InPhases and Phased.
	Schedule *Schedule `json:"schedule,omitempty"`
}

// A Strategy proposes mixtures and names the winner. Both methods are pure in
// their arguments, and the order of the history does not matter: replaying
// the record resumes a search.
type Strategy interface {
	// Propose returns up to n mixtures to measure after the history, each
	// within p.Bounds, none closer than 1e-5 in L1 to another or to one in
	// the history, failed trials included. Fewer than n, or none, mean that
	// the strategy has run out of mixtures. If it proposes several, another seed
	// of p gives others: studies repeat searches by their seeds.
	Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error)
	// Best returns the mixture to recommend. It may be one that was never
	// measured; see TopMeasured for those that were. A strategy that looks at
	// scores has an error for a history without one, and answers with the only
	// mixture that has one.
	Best(p Problem, history []Trial) (mix.Mixture, error)
}

// A Scheduler is a Strategy that splits the budget into rounds in its own way.
type Scheduler interface {
	// Rounds returns the mixtures to measure, round by round.
	Rounds(p Problem) []int
}

// Rounds returns how many mixtures s measures in each round of p.
func Rounds(p Problem, s Strategy) []int {
	if sch, ok := s.(Scheduler); ok {
		return sch.Rounds(p)
	}
	return p.Rounds
}

// An Evaluator measures mixtures: it returns at least one trial for each,
// in any order, failed ones with their reason. An error ends the search.
type Evaluator func(ctx context.Context, mixtures []mix.Mixture, round int) ([]Trial, error)

// Methods lists the strategies.
var Methods = option.Family[Strategy]{
	{Name: "climb", Summary: "Rounds of proxies, each drawn from the best candidates of a predictor fitted to all earlier ones.",
		Paper: "Diao et al., 2025, arXiv 2504.13161", New: func() Strategy { return &Climb{} }},
	{Name: "climb-auto", Summary: "CLIMB's loop with a space-filling start, batches chosen by uncertainty, and a measured answer.", New: func() Strategy { return &Auto{} }},
	{Name: "regmix", Summary: "One round of random mixtures, then the mean of the best simulated ones.",
		Paper: "Liu et al., 2024, arXiv 2407.01492", New: func() Strategy { return &RegMix{} }},
	{Name: "bayes", Summary: "Batches by Thompson sampling or expected improvement from a Gaussian process.",
		Paper: "Kandasamy et al., 2018, arXiv 1705.09236", New: func() Strategy { return &Bayes{} }},
	{Name: "olmix", Summary: "One round of 3 (domains + 1) mixtures, a log-linear law for each task, and the exact optimum of their sum near the natural mixture.",
		Paper: "Chen et al., 2026, arXiv 2602.12237", New: func() Strategy { return &Olmix{} }},
	{Name: "mixmin", Summary: "A model for each domain; the mixture whose mixture of models likes the target best.",
		Paper: "Thudi et al., 2025, arXiv 2502.10510", New: func() Strategy { return &MixMin{} }},
	{Name: "doremi", Summary: "Weights go to the domains with the most excess loss over a reference model, run by run.",
		Paper: "Xie et al., 2023, arXiv 2305.10429", New: func() Strategy { return &DoReMi{} }},
	{Name: "random", Summary: "One round of random mixtures, then the best measured one.", New: func() Strategy { return &Random{} }},
	{Name: "uniform", Summary: "The same share for every domain.", New: func() Strategy { return &Uniform{} }},
	{Name: "natural", Summary: "The shares that the domains have in the corpus.", New: func() Strategy { return &Natural{} }},
}

type table struct{}

func (table) Family() option.Family[Strategy] { return Methods }

// A Choice is a strategy with its options, as a configuration names it.
type Choice = option.Choice[Strategy, table]

// Choose returns the choice of s, such as &Climb{}.
func Choose(s Strategy) Choice { return option.Choose[Strategy, table](s) }

// bare is a strategy without what adapts it to a problem.
func bare(s Strategy) Strategy {
	switch s := s.(type) {
	case Grouped:
		return s.Strategy
	case Phased:
		return s.Strategy
	}
	return s
}

// A Needy strategy uses more than scores. One that is not needs none of it.
type Needy interface{ Needs() Needs }

// Needs are what a strategy uses beside the scores of runs.
type Needs struct {
	DomainLoss bool // must have Trial.DomainLoss: documents held out of every domain, and no target
	LogProbs   bool // must have Trial.LogProbs
	Smaller    bool // makes use of Problem.Smaller
}

// NeedsOf returns what s uses beside scores.
func NeedsOf(s Strategy) Needs {
	s = bare(s)
	if n, ok := s.(Needy); ok {
		return n.Needs()
	}
	return Needs{}
}

// A Penalized strategy has a penalty of its own for leaving the prior, where a
// configuration says nothing: a value for Problem.KL.
type Penalized interface{ DefaultKL() float64 }

// DefaultKL is the penalty of s for leaving the prior, 0 if it has none of its own.
func DefaultKL(s Strategy) float64 {
	s = bare(s)
	if p, ok := s.(Penalized); ok {
		return p.DefaultKL()
	}
	return 0
}

// Check reports what makes p unsolvable: no domains, a prior that does not
// fit them, or bounds that no mixture keeps.
func (p Problem) Check() error {
	if len(p.Domains) == 0 {
		return errors.New("problem has no domains")
	}
	if len(p.Prior) != len(p.Domains) {
		return fmt.Errorf("problem has %d prior shares for %d domains", len(p.Prior), len(p.Domains))
	}
	if err := p.Prior.Check(); err != nil {
		return fmt.Errorf("prior: %w", err)
	}
	if err := errors.Join(p.checkTasks(), p.checkSchedule()); err != nil {
		return err
	}
	if err := p.Bounds.Feasible(len(p.Domains)); err != nil {
		return err
	}
	for i, name := range p.Domains {
		if lo, _ := p.Bounds.At(i); lo > 0 && p.Prior[i] == 0 {
			return fmt.Errorf("domain %s has a lower bound of %v but no tokens: drop the bound", name, lo)
		}
	}
	if err := p.limits().Feasible(len(p.Domains)); err != nil {
		return fmt.Errorf("domains that have tokens: %w", err)
	}
	return nil
}

// limits are the bounds with domains that have no tokens held at 0.
func (p Problem) limits() mix.Bounds {
	supply := mix.Bounds{Upper: make([]float64, len(p.Domains))}
	for i, share := range p.Prior {
		if share > 0 {
			supply.Upper[i] = 1
		}
	}
	return p.Bounds.Intersect(supply, len(p.Domains))
}

// Streams of random numbers: one for each thing that is drawn, so that a
// change to one leaves the others alone.
const (
	streamCandidates = iota + 1
	streamRound
	streamBaseline
	streamDoubt
	streamSchedules
)

// rng returns generator i of a stream. Within a stream it depends on the
// problem's seed and i alone.
func (p Problem) rng(stream, i int) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed, uint64(stream)<<32|uint64(i)))
}
