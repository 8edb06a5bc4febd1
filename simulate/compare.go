package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// A Plan is a comparison of strategies.
type Plan struct {
	Strategies []Contender
	Budgets    []int // proxy runs of a search
	Kinds      []Kind
	Domains    []int // of the worlds of each kind
	Seeds      int   // worlds of each kind and number of domains
	FirstSeed  uint64
	Tables     []*Table // replayed beside the worlds, Seeds times each
	Workers    int      // searches side by side; 0 is one a core
}

// Check reports what makes the comparison impossible.
func (p Plan) Check() error {
	if len(p.Strategies) == 0 || len(p.Budgets) == 0 || p.Seeds < 1 || len(p.Tables) == 0 && (len(p.Kinds) == 0 || len(p.Domains) == 0) {
		return errors.New("a comparison needs a strategy, a number of runs, a seed and a world")
	}
	for _, b := range p.Budgets {
		if b < 3 {
			return fmt.Errorf("%d runs: a search needs at least 3", b)
		}
	}
	for _, d := range p.Domains {
		if d < 2 {
			return fmt.Errorf("%d domains: a world has at least 2", d)
		}
	}
	return nil
}

// A Contender is a strategy under a name of its own.
type Contender struct {
	Name     string
	Strategy search.Strategy
}

// Contenders are strategies of search.Methods with their defaults.
func Contenders(names ...string) ([]Contender, error) {
	out := make([]Contender, len(names))
	for i, name := range names {
		s, err := search.Methods.New(name)
		if err != nil {
			return nil, fmt.Errorf("unknown strategy %w", err)
		}
		out[i] = Contender{name, s}
	}
	return out, nil
}

// An Outcome is how far the answers of one strategy at one budget are from the
// optimum: the mean regret over the worlds, in units of the regret of the
// natural mixture (0 is the optimum, 1 no better than the corpus as it is),
// with its standard error and 95 % interval. Runs is what it used on average.
type Outcome struct {
	Strategy string             `json:"strategy"`
	Budget   int                `json:"budget"`
	Regret   float64            `json:"regret"`
	StdErr   float64            `json:"stderr"`
	Interval [2]float64         `json:"interval"`
	Runs     float64            `json:"runs"`
	Worlds   int                `json:"worlds"`
	ByWorld  map[string]float64 `json:"by_world"` // kind/domains -> mean regret
	// Apart is the mean L1 distance of the answers from the runs of a table
	// that stand for them: a strategy that does not choose from the table is
	// judged by other mixtures than its own, and where they are far apart its
	// regret says nothing of it.
	Apart   float64   `json:"apart,omitempty"`
	Regrets []float64 `json:"-"` // of every world, in the order of the worlds
}

// A scene is one world to search: what is asked, how it is measured, and what
// a mixture is worth.
type scene struct {
	name     string
	problem  search.Problem
	evaluate search.Evaluator
	regret   func(mix.Mixture) float64
}

// Compare runs every strategy at every budget on every world, Workers at a time.
// The outcomes are those of the strategies in order, each by budget; they do
// not depend on the number of cores.
func Compare(ctx context.Context, p Plan, watch func(done, total int)) ([]Outcome, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	scenes, err := p.scenes()
	if err != nil {
		return nil, err
	}
	cells := len(p.Strategies) * len(p.Budgets)
	results, errs := make([]result, cells*len(scenes)), make([]error, cells*len(scenes))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for range p.workers() {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(results) || ctx.Err() != nil {
					return
				}
				cell := i % cells
				strategy, budget := p.Strategies[cell/len(p.Budgets)], p.Budgets[cell%len(p.Budgets)]
				results[i], errs[i] = p.search(ctx, scenes[i/cells], strategy.Strategy, budget)
				if n := int(done.Add(1)); watch != nil {
					watch(n, len(results))
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s on %s: %w", p.Strategies[i%cells/len(p.Budgets)].Name, scenes[i/cells].name, err)
		}
	}
	return p.outcomes(scenes, results), nil
}

func (p Plan) workers() int {
	if p.Workers > 0 {
		return p.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// A result is what one search came to.
type result struct{ regret, runs, apart float64 }

// scenes lists the worlds: kinds, then numbers of domains, then seeds.
func (p Plan) scenes() (out []scene, err error) {
	for _, kind := range p.Kinds {
		for _, domains := range p.Domains {
			for s := range p.Seeds {
				w, err := New(kind, domains, p.FirstSeed+uint64(s))
				if err != nil {
					return nil, err
				}
				w.Problem.Seed = p.FirstSeed + uint64(s)
				_, best, _ := w.Best()
				unit := best - w.Score(w.Problem.Prior)
				out = append(out, scene{fmt.Sprintf("%s/%d", kind.Name, domains), w.Problem, w.Evaluate,
					func(m mix.Mixture) float64 { return (best - w.Score(m)) / unit }})
			}
		}
	}
	for _, t := range p.Tables {
		for s := range p.Seeds {
			problem := t.Problem
			problem.Seed = p.FirstSeed + uint64(s)
			out = append(out, scene{t.Name, problem, t.Evaluate, t.Regret})
		}
	}
	return out, nil
}

// Split divides a budget into rounds as 4 : 2 : 1, CLIMB's best.
func Split(budget int) []int {
	last := max(1, budget/7)
	second := max(1, 2*budget/7)
	if first := budget - second - last; first > 0 {
		return []int{first, second, last}
	}
	return []int{budget}
}

func (p Plan) search(ctx context.Context, s scene, strategy search.Strategy, budget int) (r result, err error) {
	s.problem.Rounds, s.problem.KL = Split(budget), search.DefaultKL(strategy)
	pooled := strategy
	if len(s.problem.Pool) > 0 {
		pooled = search.Pooled{Strategy: strategy}
	}
	history, err := search.Run(ctx, s.problem, pooled, s.evaluate, nil, nil)
	if err != nil {
		return r, err
	}
	answer, err := strategy.Best(s.problem, history)
	if err != nil {
		return r, err
	}
	if len(s.problem.Pool) > 0 {
		own := answer
		answer = s.problem.InPool(own)
		r.apart = mix.L1(own, answer)
	}
	r.regret, r.runs = s.regret(answer), float64(len(history))
	return r, nil
}

func (p Plan) outcomes(scenes []scene, results []result) (out []Outcome) {
	cells := len(p.Strategies) * len(p.Budgets)
	for cell := range cells {
		o := Outcome{Strategy: p.Strategies[cell/len(p.Budgets)].Name, Budget: p.Budgets[cell%len(p.Budgets)], Worlds: len(scenes), ByWorld: map[string]float64{}}
		count := map[string]float64{}
		for i, s := range scenes {
			r := results[i*cells+cell]
			o.Regrets = append(o.Regrets, r.regret)
			o.Runs += r.runs / float64(len(scenes))
			o.Apart += r.apart / float64(len(scenes))
			o.ByWorld[s.name] += r.regret
			count[s.name]++
		}
		for name := range o.ByWorld {
			o.ByWorld[name] /= count[name]
		}
		o.Regret, o.StdErr = MeanError(o.Regrets)
		o.Interval = [2]float64{o.Regret - 1.96*o.StdErr, o.Regret + 1.96*o.StdErr}
		out = append(out, o)
	}
	return out
}

// MeanError is the mean of v and its standard error.
func MeanError(v []float64) (mean, stderr float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	return mean, deviation(v) / math.Sqrt(max(1, float64(len(v)-1)))
}

// RunsToMatch returns the fewest runs at which a strategy's mean regret is no
// more than target, by interpolation between its budgets in the logarithm of
// the runs; 0 if no budget reaches it. Outcomes of other strategies are
// skipped.
func RunsToMatch(outcomes []Outcome, strategy string, target float64) float64 {
	mine := slices.DeleteFunc(slices.Clone(outcomes), func(o Outcome) bool { return o.Strategy != strategy })
	slices.SortStableFunc(mine, func(a, b Outcome) int { return a.Budget - b.Budget })
	for i, o := range mine {
		if o.Regret > target {
			continue
		}
		if i == 0 {
			return o.Runs
		}
		before := mine[i-1]
		t := (before.Regret - target) / (before.Regret - o.Regret)
		return before.Runs * math.Pow(o.Runs/before.Runs, t)
	}
	return 0
}
