package search

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/climb-go/climb/mix"
)

// MixMin (Thudi et al., 2025, arXiv 2502.10510) trains one model on each
// domain and takes the mixture whose mixture of models gives the target the
// highest likelihood,
//
//	max over lambda of mean_i log sum_j lambda_j p_j(i),
//
// i the items of the target and p_j(i) the likelihood that model j gives item
// i: a concave problem, solved by exponentiated gradient steps from the
// uniform weights.
//
// We differ where a domain alone breaks the bounds: its model is then trained
// on the mixture within the bounds that is nearest to it, and the answer is
// the lambda-weighted mean of the models' mixtures, which keeps the bounds
// because they are convex. Every measured mixture is a model. With fewer runs
// than domains the smallest domains go without one. A run without LogProbs
// has its tasks as items, each with the likelihood exp(score).
type MixMin struct {
	Steps int     `json:"steps" default:"500" min:"1" doc:"maximum exponentiated-gradient steps"`
	Rate  float64 `json:"rate" default:"1" min:"1e-6" doc:"initial step size; halved until the likelihood rises"`
}

// Needs implements Needy.
func (MixMin) Needs() Needs { return Needs{LogProbs: true} }

// Rounds implements Scheduler: a run for each domain that has tokens.
func (MixMin) Rounds(p Problem) []int {
	models := 0
	for _, share := range p.Prior {
		if share > 0 {
			models++
		}
	}
	if budget := oneRound(p)[0]; budget > 0 && len(p.Prior) > 0 {
		return []int{min(models, budget)}
	}
	return oneRound(p)
}

// Propose implements Strategy.
func (s MixMin) Propose(_ context.Context, p Problem, history []Trial, n int) ([]mix.Mixture, error) {
	if err := prepare("mixmin", &s, p); err != nil {
		return nil, err
	}
	order := make([]int, len(p.Prior))
	for d := range order {
		order[d] = d
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Prior[b], p.Prior[a]) })
	k := newPicker(history)
	for _, d := range order {
		if len(k.picked) < n && p.Prior[d] > 0 {
			m := make(mix.Mixture, len(p.Prior))
			m[d] = 1
			k.add(within(p.limits(), m))
		}
	}
	return k.picked, nil
}

// Best implements Strategy.
func (s MixMin) Best(p Problem, history []Trial) (mix.Mixture, error) {
	if err := prepare("mixmin", &s, p); err != nil {
		return nil, err
	}
	runs := Measured(p.Rescore(history))
	if len(runs) == 0 {
		return nil, noScores(history)
	}
	lambda := s.solve(likelihoods(p, runs))
	w := make([]float64, len(p.Prior))
	for j, r := range runs {
		for d, v := range r.Mixture {
			w[d] += lambda[j] * v
		}
	}
	return within(p.limits(), w), nil
}

// likelihoods returns the likelihood of every item (columns) under the model
// of every run (rows), over that of the run which likes the item best.
func likelihoods(p Problem, runs []Trial) [][]float64 {
	rows := make([][]float64, len(runs))
	items := math.MaxInt
	for _, r := range runs {
		items = min(items, len(r.LogProbs))
	}
	for j, r := range runs {
		switch values, ok := p.values(r); {
		case items > 0:
			rows[j] = slices.Clone(r.LogProbs[:items])
		case ok:
			rows[j] = values
		default:
			rows[j] = []float64{r.Score}
		}
	}
	for i := range rows[0] {
		top := math.Inf(-1)
		for _, row := range rows {
			top = max(top, row[i])
		}
		for _, row := range rows {
			row[i] = math.Exp(row[i] - top)
		}
	}
	return rows
}

// solve returns the weights of the models with the highest likelihood.
func (s MixMin) solve(like [][]float64) []float64 {
	lambda, rate := mix.Uniform(len(like)), s.Rate
	value, grad := logLikelihood(like, lambda)
	for range s.Steps {
		next := make(mix.Mixture, len(lambda))
		for ; rate > 1e-12; rate /= 2 {
			top := slices.Max(grad)
			for j := range next {
				next[j] = lambda[j] * math.Exp(rate*(grad[j]-top))
			}
			next, _ = mix.Normalize(next) // positive: the first of the largest gradients keeps its weight
			if v, g := logLikelihood(like, next); v > value {
				lambda, value, grad = next, v, g
				break
			}
		}
		if rate <= 1e-12 {
			break
		}
		rate *= 2
	}
	return lambda
}

// logLikelihood is the mean over the items of the logarithm of the weighted
// likelihood, and its gradient.
func logLikelihood(like [][]float64, lambda []float64) (value float64, grad []float64) {
	grad, items := make([]float64, len(lambda)), float64(len(like[0]))
	for i := range like[0] {
		sum := math.SmallestNonzeroFloat64
		for j, w := range lambda {
			sum += w * like[j][i]
		}
		value += math.Log(sum) / items
		for j := range grad {
			grad[j] += like[j][i] / sum / items
		}
	}
	return value, grad
}
