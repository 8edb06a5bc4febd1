package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

type searchOptions struct {
	proxyOptions
	Seed   uint64       `json:"seed"`
	Search SearchConfig `json:"search"`
	Past   []string     `json:"past,omitempty"` // SHA-256 of the earlier searches that are reused
	Size   *datasetSize `json:"size,omitempty"` // nil: as large as the answer allows
}

// A datasetSize is what the dataset asks of the answer.
type datasetSize struct {
	Tokens int64   `json:"tokens"`
	Epochs float64 `json:"epochs"`
}

// searchStage looks for the best mixture round by round. Each round is a plan
// of its own, round-NN.plan.json, whose tasks are proxy runs; search.json is
// the answer.
func (r *Trials) searchStage() *stage.Stage {
	return &stage.Stage{
		Name: searchFile.Stage, Title: "search the mixture", Format: 4,
		Inputs: []string{"vocab", "domains", "holdout", "encode", "tokens", "base"}, Skims: []string{"encode"},
		Options: func() (any, error) {
			o, err := r.proxyOptions(false)
			if err != nil {
				return nil, err
			}
			var size *datasetSize
			if d := r.Config.Dataset; d.Tokens > 0 {
				size = &datasetSize{d.Tokens, d.Epochs}
			}
			past, err := r.Config.Search.Reuse.pastFiles()
			return searchOptions{o, r.searchSeed(), r.Config.Search.settled(), past, size}, err
		},
		Tasks: stage.None,
		Run:   runTrial,
		Drive: r.driveSearch,
	}
}

// Search is the output of the search stage, search.json.
type Search struct {
	Problem   search.Problem   `json:"problem"`
	Supply    []int64          `json:"supply"` // tokens by domain
	Trials    []search.Trial   `json:"trials"`
	Predicted mix.Mixture      `json:"predicted"`           // the predictor's choice, which may be unmeasured
	Measured  []search.Trial   `json:"measured"`            // best first
	Pareto    []search.Trial   `json:"pareto,omitempty"`    // no other one is as good on every task and better on one
	Predictor string           `json:"predictor,omitempty"` // of the strategy, if it has one
	CV        predict.CVResult `json:"cv"`                  // its out-of-fold quality, in the order of CVTrials
	CVTrials  []search.Trial   `json:"cv_trials"`
}

func (c *SearchConfig) New() search.Strategy {
	s := c.Strategy.Value()
	if len(c.Domains.Keep) > 0 {
		s = search.Grouped{Strategy: s}
	}
	if c.Phases > 1 {
		s = search.Phased{Strategy: s}
	}
	return s
}

// searchSeed is the seed of the search stage.
func (r *Trials) searchSeed() uint64 { return cmp.Or(r.Config.Search.Seed, r.Config.Seed) }

// Problem is what the search stage solves.
func (r *Trials) Problem() (search.Problem, []int64, error) {
	d, err := r.curation.Domains()
	if err != nil {
		return search.Problem{}, nil, err
	}
	tokens, _, err := r.curation.Supply(len(d.Domains))
	if err != nil {
		return search.Problem{}, nil, err
	}
	c := r.Config
	p := search.Problem{Rounds: c.Search.Rounds, Seed: r.searchSeed()}
	for _, dom := range d.Domains {
		p.Domains = append(p.Domains, dom.Name)
	}
	if p.Prior, err = natural(tokens); err != nil {
		return p, nil, err
	}
	budget := c.Search.TargetTokens
	if budget == 0 {
		for _, t := range tokens {
			budget += t
		}
	}
	if p.Bounds, err = mix.BoundsFromSupply(tokens, budget, c.Search.Epochs); err != nil {
		return p, nil, task.Permanent(fmt.Errorf("search.target_tokens, search.epochs: %w", err))
	}
	if d := c.Dataset; d.Tokens > 0 { // the dataset that is asked for can be written of every mixture
		b, err := mix.BoundsFromSupply(tokens, d.Tokens, d.Epochs)
		if err != nil {
			return p, nil, task.Permanent(fmt.Errorf("dataset.tokens, dataset.epochs: %w", err))
		}
		p.Bounds = p.Bounds.Intersect(b, len(tokens))
	}
	if err := c.Search.Domains.apply(&p); err != nil {
		return p, nil, err
	}
	if p, err = c.Search.inPhases(p); err != nil {
		return p, nil, err
	}
	return p, tokens, r.objective(&p)
}

func (r *Trials) driveSearch(ctx context.Context, p *task.Plan, e stage.Event) (ran bool, err error) {
	strategy := r.Config.Search.New()
	out := &Search{}
	if out.Problem, out.Supply, err = r.Problem(); err != nil {
		return false, err
	}
	past, err := r.past(out.Problem)
	if err != nil {
		return false, err
	}
	rounds := search.Rounds(out.Problem, strategy)
	measure := func(ctx context.Context, mixtures []mix.Mixture, round int) ([]search.Trial, error) {
		specs := make([]trialSpec, len(mixtures))
		for i, m := range mixtures {
			specs[i] = trialSpec{Mixture: m, Hash: m.Hash(), Seed: r.searchSeed(), Round: round}
		}
		e.Title = fmt.Sprintf("search the mixture, round %d of %d", round+1, len(rounds))
		plan, fresh, err := r.runTrials(ctx, p, roundName(round+1), specs, e)
		ran = ran || fresh
		if err != nil {
			return nil, err
		}
		return r.trials(plan)
	}
	if out.Trials, err = search.Run(ctx, out.Problem, recorded{strategy, p}, measure, past, nil); err != nil {
		return ran, err
	}
	if err := out.answer(strategy); err != nil {
		return ran, err
	}
	return ran, searchFile.Write(p, out)
}

// answer settles what the search recommends.
func (s *Search) answer(strategy search.Strategy) (err error) {
	if s.Predicted, err = strategy.Best(s.Problem, s.Trials); err != nil {
		return err
	}
	own := slices.DeleteFunc(s.Problem.Rescore(s.Trials), func(t search.Trial) bool { return t.Round < 0 })
	s.Measured = search.TopMeasured(own, len(own))
	if len(s.Problem.Tasks) > 1 {
		s.Pareto = s.Problem.Pareto(own)
	}
	measured := search.Measured(own)
	if s.Predictor, s.CV, err = search.CrossValidate(strategy, s.Problem, measured, 5); s.Predictor != "" {
		s.CVTrials = measured
	}
	return err
}

// runTrials runs the missing trials of a round. A plan that is there already
// is kept: it is the record of what was decided.
func (r *Trials) runTrials(ctx context.Context, p *task.Plan, name string, specs []trialSpec, e stage.Event) (plan *task.Plan, fresh bool, err error) {
	var earlier map[runKey]earlierRun
	if p.Kind == confirmFile.Stage {
		if earlier, err = earlierRuns(r.Out, p); err != nil {
			return nil, false, err
		}
	}
	plan, err = task.Load(p.Path(name + ".plan.json"))
	if errors.Is(err, os.ErrNotExist) {
		plan = &task.Plan{Kind: p.Kind, Format: p.Format, Name: name, Inputs: p.Inputs, Tasks: tasksBeside(earlier, specs, r.together())}
		if plan.Options, err = r.roundOptions(p); err == nil {
			err = plan.Save(p.Dir())
		}
	}
	if err != nil {
		return nil, false, err
	}
	if err := errors.Join(r.Config.Proxy.Keep(p), r.takeOver(ctx, plan, earlier)); err != nil {
		return nil, false, err
	}
	e.Amount, e.Unit = float64(int64(len(specs))*r.Config.Proxy.Tokens), "tokens"
	fresh, err = r.RunPlan(ctx, plan, r.Config.Proxy.Bench(r.Cores()).trial, e)
	return plan, fresh, err
}

// together is how many proxies a task trains. Those that a study's searches share
// are files of their own, one each.
func (r *Trials) together() int {
	if s, ok := r.Config.Proxy.Method().(train.Foreign); ok && len(r.Config.Shared) == 0 {
		return s.Together()
	}
	return 1
}

// roundOptions are the options of the plan of a round: those of the stage, and
// the files that proxies are scored on for the other searches of a study.
func (r *Trials) roundOptions(p *task.Plan) (json.RawMessage, error) {
	if len(r.Config.Shared) == 0 || p.Kind != searchFile.Stage || len(r.Config.Target.Validation) == 0 || len(r.Config.Proxy.Command) > 0 {
		return p.Options, nil
	}
	files, err := ValidationFiles(r.targets, r.Config.Shared)
	if err != nil {
		return nil, err
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(p.Options, &o); err != nil {
		return nil, err
	}
	o["shared"] = stage.Marshal(files)
	return json.Marshal(o)
}

// trials reads the results of a round.
func (r *Trials) trials(plan *task.Plan) ([]search.Trial, error) {
	all, err := allTrials(plan)
	if err != nil {
		return nil, err
	}
	out := make([]search.Trial, len(all))
	failed := 0
	for n, spec := range all {
		result, err := readTrial(plan, spec)
		if err != nil {
			return nil, err
		}
		m, err := plan.Manifest(spec.task)
		if err != nil {
			return nil, err
		}
		t := r.trialOf(spec.trialSpec, result, m.Seconds)
		if t.Failed != "" {
			failed++
			r.Warn(plan.Kind, "run %s was set aside: %s", spec.dir(), t.Failed)
		}
		out[n] = t
	}
	if failed == len(out) {
		err := fmt.Errorf("all %d proxy runs of %s failed; the first: %s; mend what trains them, and the same command runs them again", failed, plan.Name, out[0].Failed)
		return nil, task.Permanent(errors.Join(err, takeBack(plan)))
	}
	return out, nil
}

// trialOf is the run as the strategies see it.
func (r *Trials) trialOf(spec trialSpec, result *train.Result, seconds float64) search.Trial {
	t := search.Trial{Mixture: spec.Mixture, Hash: spec.Hash, Seed: spec.Seed, Round: spec.Round, Score: result.Score,
		Failed: result.Failed, Tokens: result.Tokens, Seconds: seconds, Scores: map[string]float64{}}
	logProbs := search.NeedsOf(r.Config.Search.Strategy.Value()).LogProbs
	for _, v := range result.Validate {
		for metric, x := range v.Metrics {
			t.Scores[v.Task+":"+metric] = x
		}
		if logProbs {
			t.LogProbs = append(t.LogProbs, v.LogProbs...)
		}
	}
	if r.Config.Search.Phases < 2 {
		t.DomainLoss = r.domainLoss(result, len(spec.Mixture))
	}
	if t.Failed != "" {
		t.Score = 0
	}
	return t
}

// recorded is a strategy that reads its past proposals from their plans and does
// not compute them again.
type recorded struct {
	search.Strategy
	plan *task.Plan
}

// Rounds keeps the schedule of the strategy.
func (s recorded) Rounds(p search.Problem) []int { return search.Rounds(p, s.Strategy) }

// Propose implements search.Strategy.
func (s recorded) Propose(ctx context.Context, p search.Problem, history []search.Trial, n int) ([]mix.Mixture, error) {
	round := 0
	for _, t := range history {
		round = max(round, t.Round+1)
	}
	plan, err := task.Load(s.plan.Path(roundName(round+1) + ".plan.json"))
	if errors.Is(err, os.ErrNotExist) {
		return s.Strategy.Propose(ctx, p, history, n)
	}
	if err != nil {
		return nil, err
	}
	all, err := allTrials(plan)
	out := make([]mix.Mixture, len(all))
	for i, t := range all {
		out[i] = t.Mixture
	}
	return out, err
}

// ReadSearch loads the answer of the search stage.
func (r *Trials) ReadSearch() (*Search, error) {
	s, err := searchFile.ReadFrom(r.Run)
	if err != nil {
		return nil, err
	}
	return s, notAsWritten(searchFile.Path(r.Run), s.check())
}

// check reports contents that no search writes.
func (s *Search) check() error {
	if err := s.Problem.Check(); err != nil {
		return fmt.Errorf("problem: %w", err)
	}
	n := len(s.Problem.Domains)
	if err := s.Predicted.Check(); err != nil || len(s.Predicted) != n {
		return fmt.Errorf("predicted: %d shares of %d domains, %w", len(s.Predicted), n, cmp.Or(err, errors.New("as many are needed")))
	}
	for name, list := range map[string][]search.Trial{"trials": s.Trials, "measured": s.Measured, "pareto": s.Pareto, "cv_trials": s.CVTrials} {
		for i, t := range list {
			if err := checkPast(t, n, true); err != nil {
				return fmt.Errorf("%s[%d]: %w", name, i, err)
			}
		}
	}
	if len(s.CV.Predicted) != len(s.CVTrials) {
		return fmt.Errorf("cv.predicted: %d of %d runs", len(s.CV.Predicted), len(s.CVTrials))
	}
	return checkMeasured(append(slices.Clone(s.CV.Predicted), s.CV.Spearman, s.CV.RMSE))
}

// sameMixture tells whether a mixture is among the candidates.
func sameMixture(list []candidate, m mix.Mixture) bool {
	return slices.ContainsFunc(list, func(c candidate) bool { return c.Mixture != nil && c.Mixture.Hash() == m.Hash() })
}
