package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
)

// FitOptions say how a table is analysed.
type FitOptions struct {
	Objective  Objective
	Predictor  string // of predict.Methods; "" is auto
	Candidates int    // mixtures that predictions choose among
	Next       int    // mixtures to propose
	Seed       uint64
	// Smaller, if it is not nil, holds runs of a smaller model on the same
	// domains and metrics, which then inform the fit; see predict.Transfer.
	Smaller *Table
	// KeepOutliers counts the runs that Screen leaves out.
	KeepOutliers bool

	phases Phases // of the table
}

// A Report is what a table of runs tells. Scores are the weighted mean of the
// metrics, the sign turned where less is better: higher is better.
type Report struct {
	Runs       int               `json:"runs"`
	Failed     int               `json:"failed"`
	Mixtures   int               `json:"mixtures"`
	Domains    []string          `json:"domains"`
	Phases     Phases            `json:"phases,omitempty"` // see Phases: mixtures hold shares of all tokens, by phase and domain
	Metrics    []string          `json:"metrics"`
	Lower      []string          `json:"lower_is_better"`    // of the metrics; of the others higher is better
	Ignored    []Ignored         `json:"ignored,omitempty"`  // columns of the table
	Warnings   []string          `json:"warnings,omitempty"` // of runs that were left out, and of what is not known
	Predictor  string            `json:"predictor"`
	Why        map[string]string `json:"why,omitempty"` // by metric, of predictors that choose
	Spearman   float64           `json:"spearman"`      // of held-out predictions with the scores
	Spearman95 [2]float64        `json:"spearman_95"`   // its 95 % interval; see predict.SpearmanInterval
	RMSE       float64           `json:"rmse"`
	Noise      Noise             `json:"noise"`
	ItemError  *float64          `json:"item_error,omitempty"` // standard error of a score over the items of its tasks, where the files have it; the items are the same in every run
	Measured   Point             `json:"best_measured"`        // the measured mixture of which most is expected, as search.Auto answers
	Best       Point             `json:"recommended"`          // of all mixtures
	Effects    []Effect          `json:"effects"`              // by domain
	Next       []mix.Mixture     `json:"next"`
	Plan       []Planned         `json:"plan"`
}

// A Point is a mixture with its score and intervals of one more run of it.
type Point struct {
	Mixture    mix.Mixture  `json:"mixture"`
	Score      float64      `json:"score"` // predicted; of the best measured, the measured mean
	Predicted  float64      `json:"predicted"`
	Interval80 [2]float64   `json:"interval_80"`
	Interval95 [2]float64   `json:"interval_95"`
	Shares80   [][2]float64 `json:"shares_80,omitempty"` // by domain: where the best share lies with 80 %
	Outside    string       `json:"outside,omitempty"`   // why the mixture lies outside Shares80, if it does
	Runs       []string     `json:"runs,omitempty"`      // of the mixture; none if it was not measured
}

// An Effect is the change of the predicted score when a domain's share grows
// by 0.01 at the cost of all others in proportion.
type Effect struct {
	Domain string  `json:"domain"`
	AtMean float64 `json:"at_mean"` // starting from the mean of the runs
	AtBest float64 `json:"at_best"` // starting from the recommended mixture
}

// analysis is the data of a fit.
type analysis struct {
	o       FitOptions
	problem search.Problem
	runs    []search.Trial // one per mixture, as search.Measured
	x       [][]float64
	y       []float64 // scores
	tasks   *predict.Tasks
	process *predict.GP // of the scores
	rng     *rand.Rand
	phases  Phases
}

// Fit analyses the table: one predictor per metric, then combined.
func (t *Table) Fit(o FitOptions) (*Report, error) {
	if o.Predictor == "" {
		o.Predictor = "auto"
	}
	r := &Report{Domains: t.Domains, Phases: t.Phases, Ignored: t.Ignored, Predictor: o.Predictor, Why: map[string]string{}}
	columns, weights, err := t.Terms(o.Objective)
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		r.Metrics = append(r.Metrics, t.Metrics[c])
		if weights[i] < 0 {
			r.Lower = append(r.Lower, t.Metrics[c])
		}
	}
	o.Objective.Metrics, o.phases = r.Metrics, t.Phases
	r.ItemError = t.itemError(columns, weights)
	if t, err = t.screened(&o, r); err != nil {
		return nil, err
	}
	r.Warnings = slices.Concat(t.Said, r.Warnings)
	problem, trials, err := t.Problem(o.Objective)
	if err != nil {
		return nil, err
	}
	if o.Smaller != nil {
		if err := o.Smaller.Inform(&problem, o.Objective); err != nil {
			return nil, err
		}
	}
	a := &analysis{o: o, problem: problem, runs: search.Measured(trials), rng: rand.New(rand.NewPCG(o.Seed, 1)), phases: t.Phases}
	r.Runs, r.Mixtures = len(trials), len(a.runs)
	for _, trial := range trials {
		if trial.Failed != "" {
			r.Failed++
		}
	}
	if len(a.runs) < 8 {
		return nil, fmt.Errorf("%d measured mixtures: at least 8 are needed to say anything", len(a.runs))
	}
	if err := a.fit(r, weights); err != nil {
		return nil, err
	}
	a.noise(r, trials)
	if err := a.recommend(r, trials); err != nil {
		return nil, err
	}
	t.names(&r.Best)
	t.names(&r.Measured)
	return r, a.plan(r)
}

// itemError is the mean over the runs of the score's standard error over the items
// of its tasks, which are taken as independent; nil where a run lacks one.
func (t *Table) itemError(columns []int, weights []float64) *float64 {
	mean := 0.0
	for _, r := range t.Runs {
		if r.StdErr == nil {
			return nil
		}
		v := 0.0
		for i, c := range columns {
			v += weights[i] * weights[i] * r.StdErr[c] * r.StdErr[c]
		}
		mean += math.Sqrt(v) / float64(len(t.Runs))
	}
	if math.IsNaN(mean) || len(t.Runs) == 0 {
		return nil
	}
	return &mean
}

// screened returns the table without outliers, and puts the smaller model's so
// into the options.
func (t *Table) screened(o *FitOptions, r *Report) (*Table, error) {
	if o.KeepOutliers {
		return t, nil
	}
	out, warnings, err := t.Screen(o.Objective)
	if err != nil {
		return nil, err
	}
	r.Warnings = warnings
	if o.Smaller != nil {
		if o.Smaller, warnings, err = o.Smaller.Screen(o.Objective); err != nil {
			return nil, fmt.Errorf("runs of the smaller model: %w", err)
		}
		for _, w := range warnings {
			r.Warnings = append(r.Warnings, "smaller model: "+w)
		}
	}
	return out, nil
}

// names enters the runs of a point's mixture.
func (t *Table) names(p *Point) {
	for _, r := range t.Runs {
		if r.Mixture.Hash() == p.Mixture.Hash() {
			p.Runs = append(p.Runs, r.Name)
		}
	}
}

// fit fits the predictors and judges them by their held-out predictions.
func (a *analysis) fit(r *Report, weights []float64) error {
	scores := make([][]float64, len(r.Metrics))
	for _, run := range a.runs {
		a.x, a.y = append(a.x, run.Mixture), append(a.y, run.Score)
		for i, name := range r.Metrics {
			scores[i] = append(scores[i], run.Scores[name])
		}
	}
	if slices.Max(a.y) == slices.Min(a.y) {
		return fmt.Errorf("all %d mixtures have the score %.4g: there is nothing to predict", len(a.y), a.y[0])
	}
	sizes := make([]float64, len(weights)) // Scores have their signs already
	for i, w := range weights {
		sizes[i] = math.Abs(w)
	}
	if _, err := predict.Methods.New(a.o.Predictor); err != nil {
		return fmt.Errorf("unknown predictor %w", err)
	}
	a.tasks = &predict.Tasks{Weights: sizes, New: func() predict.Predictor {
		p, _ := predict.Methods.New(a.o.Predictor) // the name is known
		return p
	}}
	if a.o.Smaller != nil {
		low, seen, err := a.o.Smaller.lift(r.Domains, r.Metrics, a.o, a.tasks.New)
		if err != nil {
			return fmt.Errorf("runs of the smaller model: %w", err)
		}
		a.tasks.Low, a.tasks.LowSeen = low, seen
	}
	if err := a.tasks.Fit(a.x, scores); err != nil {
		return err
	}
	for i, m := range a.tasks.Models() {
		if w, ok := m.(interface{ Why() string }); ok {
			r.Why[r.Metrics[i]] = w.Why()
		}
	}
	held := a.tasks.HeldOut()
	for i, v := range held {
		r.RMSE += (v - a.y[i]) * (v - a.y[i]) / float64(len(held))
	}
	r.RMSE, r.Spearman = math.Sqrt(r.RMSE), predict.Spearman(held, a.y)
	r.Spearman95[0], r.Spearman95[1] = predict.SpearmanInterval(r.Spearman, len(held), 0.95)
	if r.Spearman95[0] <= 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the rank correlation may be none (95 %% in [%.2f, %.2f]): nothing below is known to be better than chance", r.Spearman95[0], r.Spearman95[1]))
	}
	a.process = &predict.GP{}
	return a.process.Fit(a.x, a.y)
}

// lift returns a predictor of each metric that is fitted to the runs of t, whose
// domains are put in the given order, and the mixtures of those runs.
func (t *Table) lift(domains, metrics []string, o FitOptions, fresh func() predict.Predictor) (low []predict.Predictor, seen [][]float64, err error) {
	at := make([]int, len(domains))
	for j, name := range domains {
		if at[j] = slices.Index(t.Domains, name); at[j] < 0 || len(t.Domains) != len(domains) {
			return nil, nil, fmt.Errorf("its domains are %v: the same as those of the larger model's runs are needed, %v", t.Domains, domains)
		}
	}
	if !slices.Equal(t.Phases, o.phases) {
		return nil, nil, fmt.Errorf("its phases are %v of the tokens long, those of the larger model's runs %v", t.Phases, o.phases)
	}
	objective := o.Objective
	objective.Metrics = metrics
	trials, err := t.Trials(objective)
	if err != nil {
		return nil, nil, err
	}
	var x [][]float64
	scores := make([][]float64, len(metrics))
	for _, run := range search.Measured(trials) {
		row := make([]float64, len(domains))
		for j, from := range at {
			row[j] = run.Mixture[from]
		}
		x = append(x, row)
		for i, name := range metrics {
			scores[i] = append(scores[i], run.Scores[name])
		}
	}
	tasks := &predict.Tasks{New: fresh, Weights: slices.Repeat([]float64{1}, len(metrics))}
	err = tasks.Fit(x, scores)
	return tasks.Models(), x, err
}
