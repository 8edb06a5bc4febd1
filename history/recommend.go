package history

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
)

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
		out = append(out, a.phases.Keep(mix.Dirichlet(a.rng, alpha)))
	}
	return out
}

// towards returns what lies between the named mixtures and each pure domain, and
// these, so that the draws do not end before the edges; domains without a share
// in any mixture stay so. Only the phase of the domain changes.
func (a *analysis) towards(all [][]float64, from []int) [][]float64 {
	var out [][]float64
	for j := range all[0] {
		phase, length := a.phases.Of(j, len(all[0]))
		if !slices.ContainsFunc(all, func(m []float64) bool { return m[j] > 1e-6 }) {
			continue
		}
		for _, i := range from {
			for _, step := range []float64{0.02, 0.1, 0.5} {
				m := slices.Clone(all[i])
				part := a.phases.Block(m, phase)
				for k := range part {
					part[k] *= 1 - step
				}
				m[j] += step * length
				out = append(out, m)
			}
		}
		pure := slices.Clone(all[from[0]])
		clear(a.phases.Block(pure, phase))
		pure[j] = length
		out = append(out, pure)
	}
	return out
}

// recommend finds the mixture whose 80 % interval ends highest at its lower
// end: of mixtures that are predicted alike the one that is known best, since
// the largest of many predictions is too large. Draws say where the best shares
// lie, the mixture is moved there (see inside), and then come the next runs.
func (a *analysis) recommend(r *Report, trials []search.Trial) error {
	all := a.candidates()
	score := make([]float64, len(all))
	predict.All(score, a.tasks, all)
	more := a.towards(all, predict.Top(score, 20))
	all = append(all, more...)
	score = append(score, make([]float64, len(more))...)
	predict.All(score[len(all)-len(more):], a.tasks, more)
	order := predict.Top(score, 400)
	var pool [][]float64
	for _, i := range order {
		pool = append(pool, all[i])
	}
	winner := a.point(pool[0])
	for _, m := range pool[1:] {
		if p := a.point(m); p.Interval80[0] > winner.Interval80[0] {
			winner = p
		}
	}
	answer, err := search.Auto{}.Best(a.problem, trials)
	if err != nil {
		return err
	}
	r.Measured = a.point(answer)
	r.Measured.Score = a.score(answer)
	means := make([]float64, len(pool))
	for i := range pool {
		means[i] = score[order[i]]
	}
	draws, err := a.draws(pool, means)
	if err != nil {
		return err
	}
	r.Best = a.inside(winner, a.shares(pool, draws), r.Domains)
	a.effects(r)
	a.next(r, pool, draws)
	for j, w := range r.Best.Mixture {
		_, length := a.phases.Of(j, len(r.Domains))
		if most := slices.MaxFunc(a.x, func(x, y []float64) int { return cmp.Compare(x[j], y[j]) })[j]; w > most+0.01 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the recommended share of %s, %.1f %%, is more than any run had (%.1f %%): it is extrapolated", r.Domains[j], 100*w/length, 100*most/length))
		}
	}
	if r.Best.Interval95[1]-r.Best.Interval95[0] <= 1e-9*(slices.Max(a.y)-slices.Min(a.y)) {
		r.Warnings = append(r.Warnings, "the intervals of the score have no width: the held-out predictions hit every score, as they do of a formula, not of runs")
	}
	return nil
}

// score is the mean of the runs of a measured mixture.
func (a *analysis) score(m mix.Mixture) float64 {
	for _, run := range a.runs {
		if run.Hash == m.Hash() {
			return run.Score
		}
	}
	return math.NaN()
}

// slack is what a recommendation may give up to lie inside its own intervals, as
// a share of the half-width of the 80 % interval of its score.
const slack = 0.1

// inside moves the winner to the nearest mixture whose shares all lie where the
// best ones do with 80 %, unless that is predicted to be worse: then it stays
// and says why.
func (a *analysis) inside(winner Point, shares [][2]float64, domains []string) Point {
	winner.Shares80 = shares
	box := mix.Bounds{Lower: make([]float64, len(shares)), Upper: make([]float64, len(shares))}
	var out []string
	for j, s := range shares {
		box.Lower[j], box.Upper[j] = s[0], s[1]
		if w := winner.Mixture[j]; w < s[0]-1e-9 || w > s[1]+1e-9 {
			_, length := a.phases.Of(j, len(shares))
			out = append(out, fmt.Sprintf("%s %.1f %%", domains[j], 100*w/length))
		}
	}
	if len(out) == 0 {
		return winner
	}
	inside, err := a.phases.Project(box, winner.Mixture)
	if err != nil {
		winner.Outside = strings.Join(out, ", ") + ": no mixture has all its shares inside the intervals, which are of one domain each"
		return winner
	}
	moved := a.point(inside)
	moved.Shares80 = shares
	if lost := winner.Interval80[0] - moved.Interval80[0]; lost > slack*(winner.Interval80[1]-winner.Interval80[0])/2 {
		winner.Outside = fmt.Sprintf("%s: the nearest mixture inside the intervals is %.2g worse at the lower end of its score's 80 %%; the best may lie in several places", strings.Join(out, ", "), lost)
		return winner
	}
	return moved
}

// effects moves 0.01 of share to each domain; of a table with phases, 0.01 of the
// share of its phase.
func (a *analysis) effects(r *Report) {
	mean := make([]float64, len(r.Domains))
	for _, row := range a.x {
		for j, w := range row {
			mean[j] += w / float64(len(a.x))
		}
	}
	change := func(from mix.Mixture, j int) float64 {
		to := slices.Clone(from)
		phase, length := a.phases.Of(j, len(from))
		if to[j] > 0.99*length {
			return 0 // there is nothing left to take it from
		}
		part := a.phases.Block(to, phase)
		for k := range part {
			part[k] *= (0.99*length - from[j]) / (length - from[j])
		}
		to[j] = from[j] + 0.01*length
		return a.tasks.Predict(to) - a.tasks.Predict(from)
	}
	for j, name := range r.Domains {
		r.Effects = append(r.Effects, Effect{name, change(mean, j), change(r.Best.Mixture, j)})
	}
}

// draws are functions on the pool from a normal distribution around the
// predictions, with the joint covariance of the Gaussian process.
func (a *analysis) draws(pool [][]float64, means []float64) ([][]float64, error) {
	_, cov, err := a.process.Posterior(pool)
	if err != nil {
		return nil, err
	}
	return predict.Draws(a.rng, means, cov, 200)
}

// shares says by domain where the best mixtures of the draws have 80 % of their
// shares.
func (a *analysis) shares(pool, draws [][]float64) [][2]float64 {
	columns := make([][]float64, len(pool[0]))
	for _, draw := range draws {
		for j, w := range pool[predict.Top(draw, 1)[0]] {
			columns[j] = append(columns[j], w)
		}
	}
	out := make([][2]float64, len(columns))
	for j, v := range columns {
		slices.Sort(v)
		out[j] = [2]float64{v[len(v)/10], v[len(v)*9/10]}
	}
	return out
}

// sameMixture is the L1 distance below which two proposals are one: half a per
// cent of the tokens is of another domain, which no proxy tells from noise.
const sameMixture = 0.01

// Distinct returns the mixtures that are not within half a per cent of the tokens
// of one before them, or of one that is known, at most n.
func Distinct(mixtures, known []mix.Mixture, n int) []mix.Mixture {
	var out []mix.Mixture
	near := func(m mix.Mixture) func(mix.Mixture) bool {
		return func(other mix.Mixture) bool { return mix.L1(m, other) < sameMixture }
	}
	for _, m := range mixtures {
		if len(out) < n && !slices.ContainsFunc(out, near(m)) && !slices.ContainsFunc(known, near(m)) {
			out = append(out, m)
		}
	}
	return out
}

// next proposes the best mixtures of the draws (Thompson sampling), then, if the
// draws agree on fewer, the best predicted.
func (a *analysis) next(r *Report, pool, draws [][]float64) {
	var wanted, known []mix.Mixture
	for _, draw := range draws {
		wanted = append(wanted, pool[predict.Top(draw, 1)[0]])
	}
	for _, m := range pool {
		wanted = append(wanted, m)
	}
	for _, run := range a.runs {
		known = append(known, run.Mixture)
	}
	r.Next = Distinct(wanted, known, a.o.Next)
}
