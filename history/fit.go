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
}

// A Report is what a table of runs tells. Scores are the weighted mean of the
// metrics, the sign turned where less is better: higher is better.
type Report struct {
	Runs      int               `json:"runs"`
	Failed    int               `json:"failed"`
	Mixtures  int               `json:"mixtures"`
	Domains   []string          `json:"domains"`
	Metrics   []string          `json:"metrics"`
	Predictor string            `json:"predictor"`
	Why       map[string]string `json:"why,omitempty"` // by metric, of predictors that choose
	Spearman  float64           `json:"spearman"`      // of held-out predictions with the scores
	RMSE      float64           `json:"rmse"`
	Noise     Noise             `json:"noise"`
	Measured  Point             `json:"best_measured"`
	Best      Point             `json:"recommended"`
	Effects   []Effect          `json:"effects"` // by domain
	Next      []mix.Mixture     `json:"next"`
	Plan      []Planned         `json:"plan"`
}

// Noise is what two runs of one mixture differ by.
type Noise struct {
	Std     float64 `json:"std"`     // of one run's score
	Ceiling float64 `json:"ceiling"` // the rank correlation that a perfect predictor would have, about
	Source  string  `json:"source"`  // repeated seeds, or the predictor's estimate
}

// A Point is a mixture with its score and intervals of one more run of it.
type Point struct {
	Mixture    mix.Mixture  `json:"mixture"`
	Score      float64      `json:"score"` // predicted; of the best measured, the measured mean
	Predicted  float64      `json:"predicted"`
	Interval80 [2]float64   `json:"interval_80"`
	Interval95 [2]float64   `json:"interval_95"`
	Shares80   [][2]float64 `json:"shares_80,omitempty"` // by domain: where the best share lies with 80 %
}

// An Effect is the change of the predicted score when a domain's share grows
// by 0.01 at the cost of all others in proportion.
type Effect struct {
	Domain string  `json:"domain"`
	AtMean float64 `json:"at_mean"` // starting from the mean of the runs
	AtBest float64 `json:"at_best"` // starting from the recommended mixture
}

// A Planned is the rank correlation to expect of that many mixtures.
type Planned struct {
	Runs     int     `json:"runs"`
	Spearman float64 `json:"spearman"`
	Measured bool    `json:"measured"` // on subsets of the table, not extrapolated
}

// analysis is the data of a fit.
type analysis struct {
	o       FitOptions
	runs    []search.Trial // one per mixture, as search.Measured
	x       [][]float64
	y       []float64 // scores
	tasks   *predict.Tasks
	process *predict.GP // of the scores
	rng     *rand.Rand
}

// Fit analyses the table: one predictor per metric, then combined.
func (t *Table) Fit(o FitOptions) (*Report, error) {
	if o.Predictor == "" {
		o.Predictor = "auto"
	}
	trials, err := t.Trials(o.Objective)
	if err != nil {
		return nil, err
	}
	_, weights, err := t.Terms(o.Objective)
	if err != nil {
		return nil, err
	}
	a := &analysis{o: o, runs: search.Measured(trials), rng: rand.New(rand.NewPCG(o.Seed, 1))}
	r := &Report{Runs: len(trials), Mixtures: len(a.runs), Domains: t.Domains, Metrics: o.Objective.Metrics, Predictor: o.Predictor, Why: map[string]string{}}
	if len(r.Metrics) == 0 {
		r.Metrics = t.Metrics
	}
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
	if err := a.recommend(r); err != nil {
		return nil, err
	}
	return r, a.plan(r)
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
	sizes := make([]float64, len(weights)) // Scores have their signs already
	for i, w := range weights {
		sizes[i] = math.Abs(w)
	}
	if _, err := predict.New(a.o.Predictor, predict.Options{}); err != nil {
		return err
	}
	a.tasks = &predict.Tasks{Weights: sizes, New: func() predict.Predictor {
		p, _ := predict.New(a.o.Predictor, predict.Options{}) // the name is known
		return p
	}}
	if a.o.Smaller != nil {
		low, err := a.o.Smaller.lift(r.Domains, r.Metrics, a.o, a.tasks.New)
		if err != nil {
			return fmt.Errorf("runs of the smaller model: %w", err)
		}
		a.tasks.Low = low
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
	a.process = &predict.GP{}
	return a.process.Fit(a.x, a.y)
}

// lift returns a predictor of each metric that is fitted to the runs of t, whose
// domains are put in the given order.
func (t *Table) lift(domains, metrics []string, o FitOptions, fresh func() predict.Predictor) ([]predict.Predictor, error) {
	at := make([]int, len(domains))
	for j, name := range domains {
		if at[j] = slices.Index(t.Domains, name); at[j] < 0 || len(t.Domains) != len(domains) {
			return nil, fmt.Errorf("its domains are %v: the same as those of the larger model's runs are needed, %v", t.Domains, domains)
		}
	}
	objective := o.Objective
	objective.Metrics = metrics
	trials, err := t.Trials(objective)
	if err != nil {
		return nil, err
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
	low := &predict.Tasks{New: fresh, Weights: slices.Repeat([]float64{1}, len(metrics))}
	err = low.Fit(x, scores)
	return low.Models(), err
}

// noise pools the variance within mixtures that have several runs; without
// any it takes the Gaussian process's word.
func (a *analysis) noise(r *Report, trials []search.Trial) {
	mean, squares, freedom := map[string]float64{}, 0.0, 0
	for _, run := range a.runs {
		mean[run.Hash] = run.Score
	}
	count := map[string]int{}
	for _, t := range trials {
		if t.Failed == "" {
			count[t.Hash]++
			squares += (t.Score - mean[t.Hash]) * (t.Score - mean[t.Hash])
		}
	}
	for _, n := range count {
		freedom += n - 1
	}
	r.Noise = Noise{Std: a.process.Noise(), Source: "estimate of the Gaussian process; no mixture was run twice"}
	perMixture := r.Noise.Std
	if freedom > 0 {
		r.Noise = Noise{Std: math.Sqrt(squares / float64(freedom)), Source: fmt.Sprintf("%d repeated runs", freedom)}
		perMixture = r.Noise.Std / math.Sqrt(float64(r.Runs-r.Failed)/float64(r.Mixtures))
	}
	centre, variance := 0.0, 0.0
	for _, v := range a.y {
		centre += v / float64(len(a.y))
	}
	for _, v := range a.y {
		variance += (v - centre) * (v - centre) / float64(len(a.y)-1)
	}
	if variance > 0 {
		r.Noise.Ceiling = math.Sqrt(max(0, 1-perMixture*perMixture/variance))
	}
}

// point returns what is predicted of a mixture.
func (a *analysis) point(m mix.Mixture) Point {
	v := a.tasks.Predict(m)
	half80, half95 := a.tasks.HalfWidth(m, 0.8), a.tasks.HalfWidth(m, 0.95)
	return Point{Mixture: m, Score: v, Predicted: v, Interval80: [2]float64{v - half80, v + half80}, Interval95: [2]float64{v - half95, v + half95}}
}

// candidates returns mixtures to choose from: the measured ones, draws around
// their mean, and draws around the best of them.
func (a *analysis) candidates() [][]float64 {
	mean := make([]float64, len(a.x[0]))
	for _, row := range a.x {
		for j, w := range row {
			mean[j] += w / float64(len(a.x))
		}
	}
	out := slices.Clone(a.x)
	top := search.TopMeasured(a.runs, 8)
	alpha := make([]float64, len(mean))
	for i := range a.o.Candidates {
		centre, strength := mean, float64(len(mean))
		if i%2 == 1 {
			centre, strength = top[i/2%len(top)].Mixture, 10*float64(len(mean))
		}
		for j := range alpha {
			alpha[j] = strength*centre[j] + 1e-3
			if mean[j] == 0 { // of a domain without any share nothing is known
				alpha[j] = 1e-9
			}
		}
		out = append(out, mix.Dirichlet(a.rng, alpha))
	}
	return out
}

// recommend finds the mixture whose 80 % interval ends highest at its lower
// end: of mixtures that are predicted alike the one that is known best, since
// the largest of many predictions is too large. Then come the next runs.
func (a *analysis) recommend(r *Report) error {
	all := a.candidates()
	score := make([]float64, len(all))
	predict.All(score, a.tasks, all)
	order := predict.Top(score, 400)
	var pool [][]float64
	for _, i := range order {
		pool = append(pool, all[i])
	}
	r.Best = a.point(pool[0])
	for _, m := range pool[1:] {
		if p := a.point(m); p.Interval80[0] > r.Best.Interval80[0] {
			r.Best = p
		}
	}
	best := search.TopMeasured(a.runs, 1)[0]
	r.Measured = a.point(best.Mixture)
	r.Measured.Score = best.Score
	a.effects(r)
	return a.sample(r, pool)
}

// effects moves 0.01 of share to each domain.
func (a *analysis) effects(r *Report) {
	mean := make([]float64, len(r.Domains))
	for _, row := range a.x {
		for j, w := range row {
			mean[j] += w / float64(len(a.x))
		}
	}
	change := func(from mix.Mixture, j int) float64 {
		to := slices.Clone(from)
		if to[j] > 0.99 {
			return 0 // there is nothing left to take it from
		}
		for k := range to {
			to[k] *= (0.99 - from[j]) / (1 - from[j])
		}
		to[j] = from[j] + 0.01
		return a.tasks.Predict(to) - a.tasks.Predict(from)
	}
	for j, name := range r.Domains {
		r.Effects = append(r.Effects, Effect{name, change(mean, j), change(r.Best.Mixture, j)})
	}
}

// sample draws functions from the Gaussian process's posterior on the pool:
// their best mixtures say where the optimum may lie, and the first ones that
// are new are the next runs (Thompson sampling).
func (a *analysis) sample(r *Report, pool [][]float64) error {
	means, cov, err := a.process.Posterior(pool)
	if err != nil {
		return err
	}
	draws, err := predict.Draws(a.rng, means, cov, 200)
	if err != nil {
		return err
	}
	shares := make([][]float64, len(r.Domains))
	taken := map[int]bool{}
	known := map[string]bool{}
	for _, run := range a.runs {
		known[run.Hash] = true
	}
	add := func(i int) {
		if m := mix.Mixture(pool[i]); len(r.Next) < a.o.Next && !taken[i] && !known[m.Hash()] {
			taken[i] = true
			r.Next = append(r.Next, m)
		}
	}
	for _, draw := range draws {
		i := predict.Top(draw, 1)[0]
		for j, w := range pool[i] {
			shares[j] = append(shares[j], w)
		}
		add(i)
	}
	for i := range pool { // if the draws agree on fewer
		add(i)
	}
	for _, v := range shares {
		slices.Sort(v)
		r.Best.Shares80 = append(r.Best.Shares80, [2]float64{v[len(v)/10], v[len(v)*9/10]})
	}
	return nil
}

// plan measures the rank correlation on subsets of the runs, with the rest as
// judges, and extrapolates: the distance to the ceiling falls as a power of
// the number of mixtures.
func (a *analysis) plan(r *Report) error {
	n := len(a.x)
	ceiling := max(r.Noise.Ceiling, r.Spearman)
	var logs, gaps []float64
	for _, share := range []float64{0.25, 0.4, 0.6, 0.8} {
		size := int(share * float64(n))
		if size < 4 || n-size < 4 {
			continue
		}
		value, err := a.subsets(size)
		if err != nil {
			return err
		}
		r.Plan = append(r.Plan, Planned{size, value, true})
		logs, gaps = append(logs, math.Log(float64(size))), append(gaps, math.Log(max(ceiling-value, 1e-4)))
	}
	if len(logs) < 2 { // too few mixtures for a curve
		return nil
	}
	level, slope := line(logs, gaps)
	slope = min(slope, 0) // more runs do not harm
	for _, more := range []float64{1, 1.5, 2, 4} {
		size := int(more * float64(n))
		gap := math.Exp(level + slope*math.Log(float64(size)))
		r.Plan = append(r.Plan, Planned{size, max(-1, ceiling-gap), false})
	}
	return nil
}

// subsets returns the mean rank correlation of a Gaussian process fitted to
// size of the mixtures with the scores of the others.
func (a *analysis) subsets(size int) (float64, error) {
	const rounds = 5
	sum := 0.0
	for k := range uint64(rounds) {
		var x [][]float64
		var y, predicted, truth []float64
		order := rand.New(rand.NewPCG(a.o.Seed, 2+k)).Perm(len(a.x))
		for _, i := range order[:size] {
			x, y = append(x, a.x[i]), append(y, a.y[i])
		}
		var g predict.GP
		if err := g.Fit(x, y); err != nil {
			return 0, err
		}
		for _, i := range order[size:] {
			predicted, truth = append(predicted, g.Predict(a.x[i])), append(truth, a.y[i])
		}
		sum += predict.Spearman(predicted, truth) / rounds
	}
	return sum, nil
}

// line is the least-squares line of y on x.
func line(x, y []float64) (level, slope float64) {
	var mx, my, xy, xx float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xy, xx = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx)
	}
	slope = xy / xx
	return my - slope*mx, slope
}
