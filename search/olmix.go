package search

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/mix"
)

// Olmix is the offline method of olmix (Chen et al., 2026, arXiv 2602.12237):
// one swarm of mixtures is measured, of 3 (domains + 1) runs, a log-linear law
//
//	loss_k(w) = c_k + exp(a_k.w)
//
// is fitted to each task, and the answer is the exact optimum of the tasks'
// combination, less KL(w || prior) times the problem's penalty, within the
// bounds on repetition: a concave problem, so it is solved to a proven gap.
// Runs made before the domains changed enter through Reuse.
//
// The swarm and the penalty are those of the authors' program: Dirichlet draws
// around the prior at 15 strengths from 0.1 to 5, shares below 0.002 set to 0, and
// 0.05 a nat where a configuration does not say otherwise (DefaultKL). With Sampler
// "dirichlet", Runs of the whole budget and a penalty of 0 it is the bare form.
// The authors round shares to multiples of 0.002 and redraw what is out of bounds;
// we do not round, and project.
//
// A law is fitted in closed form: for each c of a grid below the least loss,
// weighted ridge regression of log(loss - c), with c and the penalty chosen by
// the exact leave-one-out error. The paper fits by gradient descent and does
// not penalise; with fewer runs than domains that has no answer. The problem's
// least task is smoothed to stay differentiable.
type Olmix struct {
	Runs    int    `json:"runs" min:"0" doc:"number of proxy runs, the size of the swarm; 0 = 3 (domains + 1), as its authors advise. Never more than the sum of search.rounds"`
	Sampler string `json:"sampler" default:"swarm" choices:"swarm,dirichlet" doc:"sampler of the swarm: as the authors' program draws it, or draws of one Dirichlet distribution around the natural mixture"`
	Swarm   Random `json:"swarm" doc:"the sampler dirichlet"`
}

// swarm is the sampler of the authors' program.
var swarm = Recipe{Temperature: 1, MinStrength: 0.1, MaxStrength: 5, Strengths: 15, MaxRatio: 1e12, MinShare: 0.002, Oversample: 10}

// Rounds implements Scheduler: everything at once.
func (o Olmix) Rounds(p Problem) []int {
	all := oneRound(p)[0]
	switch {
	case o.Runs > 0:
		return []int{min(o.Runs, all)}
	case len(p.Domains) > 0:
		return []int{min(3*(len(p.Domains)+1), all)}
	}
	return []int{all} // domains are not known yet
}

// DefaultKL implements Penalized.
func (Olmix) DefaultKL() float64 { return 0.05 }

// Propose implements Strategy.
func (o Olmix) Propose(ctx context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("olmix", &o, p); err != nil {
		return nil, err
	}
	if o.Sampler == "dirichlet" {
		return o.Swarm.Propose(ctx, p, history, n)
	}
	k := newPicker(history)
	from, err := swarm.sample(ctx, p, n+len(k.seen))
	if err != nil {
		return nil, err
	}
	return k.draw(p.rng(streamRound, len(k.seen)), from, n), nil
}

// Best implements Strategy. With one score only it is that mixture.
func (o Olmix) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("olmix", &o, p); err != nil {
		return nil, err
	}
	runs := Measured(p.Rescore(history))
	switch len(runs) {
	case 0:
		return nil, noScores(history)
	case 1:
		return runs[0].Mixture, nil
	}
	if _, ok := p.values(runs[0]); !ok { // the score is the only task
		p.Tasks = []Task{{Weight: 1}}
		for i := range runs {
			runs[i].Scores = map[string]float64{"": runs[i].Score}
		}
	}
	var x [][]float64
	var rows [][]float64
	for _, r := range runs {
		row, _ := p.values(r) // Rescore has dropped runs that lack a task
		x, rows = append(x, r.Mixture), append(rows, row)
	}
	laws := make([]law, len(p.Tasks))
	for k := range laws {
		loss := make([]float64, len(rows))
		for i, row := range rows {
			loss[i] = -row[k]
		}
		var err error
		if laws[k], err = fitLaw(x, loss); err != nil {
			return nil, err
		}
	}
	return p.optimum(laws, p.combiner(rows))
}

// optimum is the best mixture by the laws: of the pool, if there is one.
func (p Problem) optimum(laws []law, c combiner) (best mix.Mixture, err error) {
	expected := func(w mix.Mixture, grad []float64) float64 { return p.combined(laws, &c, w, grad) }
	if len(p.Pool) > 0 {
		most := math.Inf(-1)
		for _, m := range p.Pool {
			if v := expected(m, make([]float64, len(m))); v > most {
				best, most = m, v
			}
		}
		return best, nil
	}
	start, err := NaturalMixture(p)
	if err != nil {
		return nil, err
	}
	best, _, _ = mix.Ascend(p.limits(), start, expected, 2000, 1e-7)
	return best, nil
}

// combined is the score that the laws expect of w, and its gradient.
func (p Problem) combined(laws []law, c *combiner, w mix.Mixture, grad []float64) float64 {
	clear(grad)
	values, slopes := make([]float64, len(laws)), make([][]float64, len(laws))
	for k := range laws {
		slopes[k] = make([]float64, len(w))
		values[k] = -laws[k].loss(w, slopes[k])
	}
	score, share := c.smooth(values)
	for k, s := range slopes {
		for j := range grad {
			grad[j] -= share[k] * s[j]
		}
	}
	if p.KL > 0 {
		score -= p.penalty(w)
		for j, v := range w {
			if p.Prior[j] > 0 {
				grad[j] -= p.KL * (math.Log(max(v, 1e-9)/p.Prior[j]) + 1)
			}
		}
	}
	return score
}

// sharpness is how closely smooth follows the least task: it is below it by at
// most log(tasks)/sharpness standard deviations.
const sharpness = 20

// smooth is score with a differentiable least task, and its derivative by each
// value.
func (c *combiner) smooth(values []float64) (score float64, share []float64) {
	share = make([]float64, len(values))
	weights := 0.0
	for k, v := range values {
		t := c.tasks[k]
		if c.worst {
			share[k] = math.Exp(-sharpness * (v - c.mean[k]) / c.scale[k])
		} else {
			share[k] = t.Weight
			score += t.Weight * v
		}
		weights += share[k]
	}
	for k := range share {
		share[k] /= weights
		if c.worst {
			share[k] /= c.scale[k]
		}
	}
	if c.worst {
		score = -math.Log(weights) / sharpness
	} else {
		score /= weights
	}
	for k, t := range c.tasks {
		price := floorPrice * c.unit / c.scale[k]
		if t.Floor != nil && values[k] < t.orient(*t.Floor) {
			score -= price * (t.orient(*t.Floor) - values[k])
			share[k] += price
		}
	}
	return score, share
}

// A law is c + exp(b + a.(w - centre)).
type law struct {
	c, b      float64
	a, centre []float64
}

// loss is the law at w; slope, of the length of w, becomes its gradient.
func (l *law) loss(w, slope []float64) float64 {
	sum := l.b
	for j, v := range w {
		sum += l.a[j] * (v - l.centre[j])
	}
	e := math.Exp(min(sum, 50))
	for j := range slope {
		slope[j] = l.a[j] * e
	}
	return l.c + e
}

// fitLaw fits a law to the losses of the mixtures x.
func fitLaw(x [][]float64, loss []float64) (best law, err error) {
	least, top := loss[0], loss[0]
	for _, v := range loss {
		least, top = min(least, v), max(top, v)
	}
	spread := top - least
	if spread <= 1e-12*math.Abs(top) {
		return law{c: least - 1, a: make([]float64, len(x[0])), centre: x[0]}, nil
	}
	lowest := math.Inf(1)
	for step := range 9 {
		c := least - spread*math.Pow(10, float64(step)/4-1.5)
		for strength := range 9 {
			l, e, ok := ridgeLaw(x, loss, c, math.Pow(10, float64(strength)-6))
			if ok && e < lowest {
				best, lowest = l, e
			}
		}
	}
	if math.IsInf(lowest, 1) {
		return best, errors.New("olmix: no law fits the losses; are they finite?")
	}
	return best, nil
}

// ridgeLaw fits the law with the given c and returns its leave-one-out error,
// in squared units of the loss. An error of delta in log(loss-c) is one of
// (loss-c) delta in the loss, hence the weights (loss-c)^2.
func ridgeLaw(x [][]float64, loss []float64, c, penalty float64) (l law, sum float64, ok bool) {
	n, d := len(x), len(x[0])
	weight, target, total := make([]float64, n), make([]float64, n), 0.0
	for i, v := range loss {
		weight[i], target[i] = (v-c)*(v-c), math.Log(v-c)
		total += weight[i]
	}
	l = law{c: c, a: make([]float64, d), centre: make([]float64, d)}
	for i, row := range x {
		l.b += weight[i] / total * target[i]
		for j, v := range row {
			l.centre[j] += weight[i] / total * v
		}
	}
	rows, gram, moment, square := mat.NewDense(n, d, nil), mat.NewSymDense(d, nil), mat.NewVecDense(d, nil), 0.0
	for i, row := range x {
		root := math.Sqrt(weight[i] / total)
		for j, v := range row {
			z := root * (v - l.centre[j])
			rows.Set(i, j, z)
			square += z * z
			moment.SetVec(j, moment.AtVec(j)+z*root*(target[i]-l.b))
		}
	}
	gram.SymOuterK(1, rows.T())
	for j := range d {
		gram.SetSym(j, j, gram.At(j, j)+penalty*square+1e-12)
	}
	var chol mat.Cholesky
	if !chol.Factorize(gram) {
		return l, 0, false
	}
	a := mat.NewVecDense(d, l.a)
	var half mat.Dense
	if chol.SolveVecTo(a, moment) != nil || chol.SolveTo(&half, rows.T()) != nil {
		return l, 0, false
	}
	for i, row := range x {
		leverage := weight[i]/total + mat.Dot(rows.RowView(i), half.ColView(i))
		left := (loss[i] - l.loss(row, nil)) / max(1-leverage, 1e-3)
		sum += left * left / float64(n)
	}
	return l, sum, !math.IsNaN(sum)
}
