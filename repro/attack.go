package repro

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/nn"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/solve"
)

// attack compares the hybrid of attacks and direct search with its parts on
// surrogates of a real table; the paper's three neural problems are not among the
// project's data.
var attack = Case{
	Name:  "attack",
	Paper: "Bouchet and Vidal, 2025, Optimization by directional attacks, arXiv 2510.01461",
	Claim: "To optimise through a neural network, direct search that first tries an attack on the network is better than direct search alone, attacks alone, and random line searches.",
	Criterion: "Surrogates of RegMix's 512 runs (Pile-CC): a network 17-32-32-1, GBNN, and gbdt plus 0.3 of the network with the gradient of the latter alone; 20 random starts; shortfall = (best found by any - value) / (best - start). " +
		"At 50 evaluations, a gradient counted as one, the mean shortfall of the hybrid is below that of direct search, of attacks alone and of random lines on each surrogate, with p < 0.05 (Wilcoxon's signed-rank test over the starts) against direct search and random lines on at least two of the three; at 1,000 it is at most 0.01 on the two smooth ones.",
	Data:    regmix.Data[:2],
	Measure: measureAttack,
}

// A hill is a surrogate to climb, with a gradient that may mislead.
type hill struct {
	name  string
	value func(mix.Mixture) float64
	slope func(dst []float64, m mix.Mixture)
}

var attackBudgets = []int{25, 50, 100, 200, 1000}

// attackMethods are the hybrid, the three rivals, and projected gradient ascent,
// which is reported.
var attackMethods = []string{"hybrid", "direct search", "attacks alone", "random lines", "projected ascent"}

func measureAttack(ctx context.Context, o Options, path func(string) string) (*Outcome, error) {
	hills, err := attackHills(o, path)
	if err != nil {
		return nil, err
	}
	starts := 20
	if o.Short {
		hills, starts = hills[:1], 5
	}
	out, sure := &Outcome{}, 0
	for h, s := range hills {
		short := make([][][]float64, len(attackMethods)) // by method, budget, start
		for m := range short {
			short[m] = make([][]float64, len(attackBudgets))
		}
		rng := rand.New(rand.NewPCG(o.Seed+1, uint64(h)))
		for i := range starts {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			m := mix.Mixture(mix.Dirichlet(rng, ones(17)))
			begin, best := s.value(m), math.Inf(-1)
			found := make([][]float64, len(attackMethods))
			for k := range attackMethods {
				for _, budget := range attackBudgets {
					v := s.climb(k, m, budget, rand.New(rand.NewPCG(o.Seed+uint64(i), 8)))
					found[k], best = append(found[k], v), max(best, v)
				}
			}
			for k := range found {
				for b, v := range found[k] {
					short[k][b] = append(short[k][b], (best-v)/(best-begin))
				}
			}
		}
		for k, name := range attackMethods {
			for b, budget := range attackBudgets {
				out.Figures = append(out.Figures, Figure{What: fmt.Sprintf("%s: shortfall of %s at %d", s.name, name, budget), Value: average(short[k][b])})
			}
		}
		significant := true
		for k := 1; k < 4; k++ {
			ahead, d := average(short[k][1])-average(short[0][1]), make([]float64, starts)
			out.Checks = append(out.Checks, AtLeast(fmt.Sprintf("%s: shortfall of %s less that of the hybrid at 50", s.name, attackMethods[k]), ahead, math.SmallestNonzeroFloat64))
			for i := range d {
				d[i] = short[k][1][i] - short[0][1][i]
			}
			if p := signedRank(d); k != 2 {
				out.Figures = append(out.Figures, Figure{What: fmt.Sprintf("%s: Wilcoxon's p against %s at 50", s.name, attackMethods[k]), Value: p})
				significant = significant && p < 0.05 && ahead > 0
			}
		}
		if significant {
			sure++
		}
		if h < 2 {
			out.Checks = append(out.Checks, AtMost(s.name+": shortfall of the hybrid at 1000", average(short[0][4]), 0.01))
		}
	}
	out.Checks = append(out.Checks, AtLeast("surrogates with p < 0.05 against direct search and random lines", float64(sure), 2))
	return out, nil
}

func average(v []float64) (mean float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	return mean
}

func ones(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// climb returns the best value that a method finds from m.
func (s hill) climb(method int, m mix.Mixture, budget int, rng *rand.Rand) float64 {
	c := search.Climber{Value: s.value, Slope: s.slope, AttackOnly: method == 2}
	switch method {
	case 1:
		c.Slope = nil
	case 3:
		return s.lines(m, budget, rng)
	case 4:
		best, left := math.Inf(-1), budget
		mix.Ascend(mix.Bounds{}, m, func(w mix.Mixture, grad []float64) float64 {
			v := s.value(w)
			if s.slope(grad, w); left > 0 {
				best = max(best, v)
			}
			left -= 2
			return v
		}, budget, 0)
		return best
	}
	_, v := c.Climb(rng, m, budget)
	return v
}

// lines searches along random directions, as far as the direct search does when it
// is not successful, in ever larger steps.
func (s hill) lines(m mix.Mixture, budget int, rng *rand.Rand) float64 {
	best := s.value(m)
	for k := range budget - 1 {
		d, mean, most := make([]float64, len(m)), 0.0, 0.0
		for i := range d {
			d[i] = rng.NormFloat64()
			mean += d[i] / float64(len(d))
		}
		for i := range d {
			d[i] -= mean
			most = max(most, math.Abs(d[i]))
		}
		reach := min(0.5, 0.05*math.Sqrt(float64(k+1))) * rng.Float64()
		for i := range d {
			d[i] = m[i] + reach*d[i]/most
		}
		to := mix.Bounds{}.Project(d)
		if v := s.value(to); v > best {
			best, m = v, to
		}
	}
	return best
}

// attackHills fits the surrogates; higher is better, in deviations of the losses.
func attackHills(o Options, path func(string) string) ([]hill, error) {
	x, y, err := pileCC(path("train_mixture_1m.csv"), path("train_pile_loss_1m.csv"))
	if err != nil {
		return nil, err
	}
	mean, squares := average(y), 0.0
	for _, v := range y {
		squares += (v - mean) * (v - mean) / float64(len(y))
	}
	var flat []float64
	for i := range y {
		y[i] = (mean - y[i]) / math.Sqrt(squares)
		flat = append(flat, x[i]...)
	}
	m := nn.MLP[float64]{Sizes: []int{17, 32, 32, 1}, Act: nn.Softplus}
	w := make([]float64, m.Len())
	m.Start(w, rand.New(rand.NewPCG(o.Seed+1, 5)))
	var trace nn.Trace[float64]
	w = solve.LBFGS{Steps: 500, Tolerance: 1e-7}.Minimize(func(w, grad []float64) float64 {
		return nn.RidgeLoss(m, &trace, w, flat, y, len(y), 0.1, grad)
	}, w)
	grad := make([]float64, len(w))
	mlp := hill{"network", func(a mix.Mixture) float64 { return m.Forward(&trace, w, a, 1)[0] }, func(dst []float64, a mix.Mixture) {
		m.Forward(&trace, w, a, 1)
		m.Backward(&trace, w, []float64{1}, grad, dst)
	}}
	boosted, trees := &predict.GBNN{Alpha: 0.01, Restarts: 1, Seed: o.Seed + 1}, &predict.GBDT{Rate: 0.05}
	if err := boosted.Fit(x, y); err != nil {
		return nil, err
	}
	if err := trees.Fit(x, y); err != nil {
		return nil, err
	}
	return []hill{mlp,
		{"gbnn", func(a mix.Mixture) float64 { return boosted.Predict(a) }, func(dst []float64, a mix.Mixture) { boosted.Gradient(dst, a) }},
		{"gbdt and network", func(a mix.Mixture) float64 { return trees.Predict(a) + 0.3*mlp.value(a) }, mlp.slope}}, nil
}
