// Package simulate has worlds in which the score of every mixture is known, so
// that strategies can be compared in seconds: synthetic ones with a proven
// optimum, and public tables of real proxy runs as a pool.
package simulate

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// A Kind is a family of synthetic worlds. The loss of task k on mixture w, in
// nats, is
//
//	loss_k = 2 + F(u_k) + crowd_k sum_j h_kj w_j^2 + misfit_k
//	u_k    = sum_j a_kj e_j + pairs_k sum_(i,j) sqrt(e_i e_j)
//
// with F(u) = s (0.02 + u)^-g, a power law in the useful tokens, or, if Exp is
// set, s exp(-g u), the law of data mixing laws (arXiv 2403.16952) and olmix.
// e_j is what share w_j is worth when the domain repeats: up to one epoch
// itself, and from there on supply (1 + R (1 - exp(-(epochs-1)/R))) as in
// Muennighoff et al. (arXiv 2305.16264, eq. 5) with R = Repeat, less supply
// Overfit (epochs-1)^2 / 2. The misfit, which no law of mixtures has, is that of
// type misfit. Every part but the thresholds is convex in w, so the optimum is
// unique and Best proves it.
type Kind struct {
	Name      string
	About     string
	Exp       bool
	Useful    float64 // domains that a task lives off, mean
	Spread    float64 // standard deviation of the logarithms of the other domains' use
	Pairs     float64 // strength of the synergy between two domains
	Crowd     float64 // strength of the harm that much of one domain does
	Repeat    float64 // R
	Overfit   float64 // harm of repetition; above 0, what a domain is worth falls in the end
	Interact  float64 // strength of interactions of either sign between all domains
	Threshold float64 // what a task loses, in nats, without the share at which a domain begins to help
	Noise     float64 // standard deviation of a run's score, over that between random mixtures
	Drift     float64 // standard deviation of what a round adds to all of its scores, over that between random mixtures
}

// Kinds lists the families. The noise of the first five is that of good proxies:
// a rank correlation of 0.94 between predicted and measured scores, as CLIMB
// publishes, leaves 12 % of the variance, a ratio of 0.35; the best ones on
// RegMix's tables, above 0.99, leave a ratio of 0.1. The others are harder: as
// much noise as tables of small or short runs have, rounds that cannot be
// compared, and laws that no predictor here assumes.
var Kinds = []Kind{
	{Name: "power", About: "power laws; every task lives off a few domains", Useful: 2, Spread: 1, Repeat: 15, Noise: 0.1},
	{Name: "exp", About: "exponential laws without interactions, as olmix assumes", Exp: true, Useful: 3, Spread: 0.5, Repeat: 1e9, Noise: 0.15},
	{Name: "synergy", About: "power laws with pairs of domains that help each other, and harm by too much of one", Useful: 2, Spread: 1, Pairs: 0.5, Crowd: 0.5, Repeat: 15, Noise: 0.15},
	{Name: "repeat", About: "power laws in a corpus whose repetition pays little", Useful: 2, Spread: 1, Pairs: 0.2, Repeat: 2, Noise: 0.15},
	{Name: "noisy", About: "many domains matter a little, and runs scatter", Useful: 4, Spread: 1.5, Pairs: 0.2, Crowd: 0.2, Repeat: 15, Noise: 0.35},
	{Name: "scatter", About: "as noisy, with runs that scatter more than half as much as mixtures do", Useful: 4, Spread: 1.5, Pairs: 0.2, Crowd: 0.2, Repeat: 15, Noise: 0.6},
	{Name: "drift", About: "power laws; each round adds something of its own to all of its scores", Useful: 2, Spread: 1, Repeat: 15, Noise: 0.15, Drift: 0.5},
	{Name: "interact", About: "any two domains help or hinder each other", Useful: 2, Spread: 1, Repeat: 15, Interact: 1, Noise: 0.2},
	{Name: "threshold", About: "a domain does nothing for a task below a share, and the score is flat there", Useful: 2, Spread: 1, Repeat: 15, Threshold: 0.2, Noise: 0.2},
	{Name: "overfit", About: "a domain read more than about twice does harm", Useful: 2, Spread: 1, Repeat: 2, Overfit: 0.4, Noise: 0.2},
	{Name: "harsh", About: "interactions, thresholds, overfitting and drift together, and runs that scatter", Useful: 3, Spread: 1, Pairs: 0.2, Repeat: 2, Overfit: 0.3, Interact: 0.5, Threshold: 0.1, Noise: 0.55, Drift: 0.25},
}

// tasks is the number of tasks of a world.
const tasks = 6

// shared is the part of the noise's variance that all tasks of a run have in
// common: one seed, one set of weights.
const shared = 0.5

// A World is one draw of a Kind.
type World struct {
	Kind    Kind
	Problem search.Problem // without rounds
	laws    []law
	domains []law     // of the losses on the domains' own held-out text
	noise   []float64 // standard deviation of a run's loss, by task
	supply  []float64 // of each domain, over the tokens of a run
	drift   float64   // standard deviation of what a round adds to every score
	seed    uint64
}

type law struct {
	scale, rate float64
	exp         bool
	use         []float64
	pairs       [][2]int
	synergy     float64
	crowd       []float64
	misfit
}

// New draws a world of the kind with the given number of domains. Epoch caps
// hold: no mixture may read a domain more than four times.
func New(kind Kind, domains int, seed uint64) (*World, error) {
	if domains < 2 {
		return nil, fmt.Errorf("a world of %d domains: at least 2 are needed", domains)
	}
	rng := rand.New(rand.NewPCG(seed, uint64(domains)))
	w := &World{Kind: kind, seed: seed}
	if err := w.corpus(rng, domains); err != nil {
		return nil, err
	}
	for k := range tasks {
		w.laws = append(w.laws, kind.law(rng, domains))
		w.Problem.Tasks = append(w.Problem.Tasks, search.Task{Name: taskName(k), Weight: 1})
	}
	for d := range domains {
		own := kind.law(rng, domains)
		own.use[d] = 1
		w.domains = append(w.domains, own)
	}
	w.misfits()
	w.measureNoise(rng)
	return w, nil
}

func taskName(k int) string { return fmt.Sprintf("task%d", k) }

// corpus draws the domains' sizes, which fall as rank^-0.7, in random order.
func (w *World) corpus(rng *rand.Rand, domains int) (err error) {
	size := make([]float64, domains)
	for j := range size {
		w.Problem.Domains = append(w.Problem.Domains, fmt.Sprintf("d%02d", j))
		size[j] = math.Pow(float64(j+1), -0.7)
	}
	rng.Shuffle(domains, func(i, j int) { size[i], size[j] = size[j], size[i] })
	if w.Problem.Prior, err = mix.Normalize(size); err != nil {
		return err
	}
	w.supply = w.Problem.Prior // one epoch of the whole corpus
	w.Problem.Bounds.Upper = make([]float64, domains)
	for j, s := range w.supply {
		w.Problem.Bounds.Upper[j] = min(1, 4*s)
	}
	return nil
}

func (k Kind) law(rng *rand.Rand, domains int) law {
	l := law{exp: k.Exp, scale: math.Exp(0.3 * rng.NormFloat64()), rate: 0.2 + 0.2*rng.Float64(), use: make([]float64, domains), crowd: make([]float64, domains)}
	if k.Exp {
		l.rate = 2 + 2*rng.Float64()
	}
	for j := range l.use {
		l.use[j] = 0.05 * math.Exp(k.Spread*rng.NormFloat64())
		l.crowd[j] = k.Crowd * rng.ExpFloat64()
	}
	for range 1 + rng.IntN(int(2*k.Useful-1)) {
		l.use[rng.IntN(domains)] = 0.5 + rng.Float64()
	}
	l.synergy = k.Pairs
	for range domains / 4 {
		if i, j := rng.IntN(domains), rng.IntN(domains); i != j && k.Pairs > 0 {
			l.pairs = append(l.pairs, [2]int{i, j})
		}
	}
	return l
}

// measureNoise sets the noise of each task in proportion to its spread over
// random mixtures, so that the score's is what the kind says.
func (w *World) measureNoise(rng *rand.Rand) {
	alpha := make([]float64, len(w.Problem.Prior))
	for j, s := range w.Problem.Prior {
		alpha[j] = s * float64(len(alpha))
	}
	losses, scores := make([][]float64, tasks), []float64(nil)
	for range 256 {
		m := w.Problem.Bounds.Project(mix.Dirichlet(rng, alpha))
		scores = append(scores, w.Score(m))
		for k := range w.laws {
			losses[k] = append(losses[k], w.loss(&w.laws[k], m, nil))
		}
	}
	w.noise = make([]float64, tasks)
	var sum, square float64
	for k := range w.noise {
		w.noise[k] = deviation(losses[k])
		sum, square = sum+w.noise[k]/tasks, square+w.noise[k]*w.noise[k]/tasks/tasks
	}
	unit := w.Kind.Noise * deviation(scores) / math.Sqrt(shared*sum*sum+(1-shared)*square)
	for k := range w.noise {
		w.noise[k] *= unit
	}
	w.drift = w.Kind.Drift * deviation(scores)
}

// deviation is the standard deviation of v.
func deviation(v []float64) float64 {
	mean, square := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		square += (x - mean) * (x - mean) / float64(len(v))
	}
	return math.Sqrt(square)
}

// worth is what share v of domain j is worth, and its derivative.
func (w *World) worth(j int, v float64) (e, slope float64) {
	s := w.supply[j]
	if v <= s {
		return v, 1
	}
	more := v/s - 1
	x, harm := more/w.Kind.Repeat, w.Kind.Overfit*more
	return s * (1 - w.Kind.Repeat*math.Expm1(-x) - harm*more/2), math.Exp(-x) - harm
}

// loss is the law at m. Its gradient is added to grad, times -1, if grad is
// not nil.
func (w *World) loss(l *law, m mix.Mixture, grad []float64) float64 {
	return w.convex(l, m, grad) + l.missing(m, grad)
}

// convex is the part of the loss that is convex in m: all but the thresholds.
func (w *World) convex(l *law, m mix.Mixture, grad []float64) float64 {
	loss, useful := 2.0, 0.0
	worth, slope := make([]float64, len(m)), make([]float64, len(m))
	for j, v := range m {
		worth[j], slope[j] = w.worth(j, v)
		useful += l.use[j] * worth[j]
		loss += l.crowd[j] * v * v
	}
	const soft = 1e-6 // keeps the root's slope finite at 0
	for _, p := range l.pairs {
		useful += l.synergy * math.Sqrt((worth[p[0]]+soft)*(worth[p[1]]+soft))
	}
	var f, df float64
	if l.exp {
		f = l.scale * math.Exp(-l.rate*useful)
		df = -l.rate * f
	} else {
		f = l.scale * math.Pow(0.02+useful, -l.rate)
		df = -l.rate * f / (0.02 + useful)
	}
	if grad != nil {
		for j := range m {
			grad[j] -= df*l.use[j]*slope[j] + 2*l.crowd[j]*m[j]
		}
		for _, p := range l.pairs {
			a, b := worth[p[0]]+soft, worth[p[1]]+soft
			grad[p[0]] -= df * l.synergy * math.Sqrt(b/a) / 2 * slope[p[0]]
			grad[p[1]] -= df * l.synergy * math.Sqrt(a/b) / 2 * slope[p[1]]
		}
	}
	return loss + f + l.interaction(m, grad)
}

// Score is the true score of m: minus the mean loss of the tasks, in nats.
func (w *World) Score(m mix.Mixture) float64 { return w.slope(m, nil) }

// slope is the score of m, and sets its gradient if grad is not nil.
func (w *World) slope(m mix.Mixture, grad []float64) float64 { return w.mean(w.loss, m, grad) }

// mean is minus the mean of a loss over the tasks.
func (w *World) mean(loss func(*law, mix.Mixture, []float64) float64, m mix.Mixture, grad []float64) float64 {
	clear(grad)
	sum := 0.0
	for k := range w.laws {
		v := loss(&w.laws[k], m, grad)
		sum -= v / tasks
	}
	for j := range grad {
		grad[j] /= tasks
	}
	return sum
}

// Best returns the best mixture within the bounds, its score, and how much
// better any other could be at most. It is that of the convex part of the
// losses: thresholds only add to a loss, and at this mixture they add nothing.
func (w *World) Best() (m mix.Mixture, score, gap float64) {
	return mix.Ascend(w.Problem.Bounds, w.Problem.Prior, func(m mix.Mixture, grad []float64) float64 { return w.mean(w.convex, m, grad) }, 5000, 1e-7)
}

// Evaluate implements search.Evaluator. The noise of a run depends on the
// world, the mixture and the problem's seed alone, what the round adds on the
// world, the seed and the round.
func (w *World) Evaluate(_ context.Context, mixtures []mix.Mixture, round int) ([]search.Trial, error) {
	out := make([]search.Trial, len(mixtures))
	for i, m := range mixtures {
		out[i] = w.Measure(m, w.Problem.Seed)
		out[i].Round = round
		w.shift(&out[i], round)
	}
	return out, nil
}

// Measure is one run on m.
func (w *World) Measure(m mix.Mixture, seed uint64) search.Trial {
	h := fnv.New64a()
	h.Write([]byte(m.Hash()))
	rng := rand.New(rand.NewPCG(h.Sum64()^w.seed, seed))
	t := search.Trial{Mixture: m, Hash: m.Hash(), Seed: seed, Scores: map[string]float64{}}
	common := rng.NormFloat64()
	for k := range w.laws {
		loss := w.loss(&w.laws[k], m, nil)
		loss += w.noise[k] * (math.Sqrt(shared)*common + math.Sqrt(1-shared)*rng.NormFloat64())
		t.Scores[taskName(k)] = -loss
		t.Score -= loss / tasks
	}
	for d := range w.domains {
		loss := w.loss(&w.domains[d], m, nil)
		t.DomainLoss = append(t.DomainLoss, loss)
	}
	return t
}
