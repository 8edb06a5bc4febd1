package search

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
)

// A world has a known best mixture: the score is minus the mean over tasks of
// a power law in the tokens that are of use to the task,
//
//	loss_k = (0.02 + sum_j use_kj w_j)^-0.3,
//
// where every task lives off one domain and a little off the others. It is
// convex, so gradient descent finds the optimum.
type world struct {
	use   [][]float64 // tasks x domains
	noise float64     // standard deviation of a run's score
}

func newWorld(domains, tasks int, noise float64, seed uint64) world {
	rng := rand.New(rand.NewPCG(seed, 99))
	w := world{noise: noise}
	for range tasks {
		row := make([]float64, domains)
		for j := range row {
			row[j] = 0.03 * math.Exp(rng.NormFloat64())
		}
		row[rng.IntN(domains)] = 1
		w.use = append(w.use, row)
	}
	return w
}

// problem has the world's domains with a heavy-tailed prior.
func (w world) problem(rounds []int, seed uint64) Problem {
	p := Problem{Rounds: rounds, Seed: seed}
	weights := make([]float64, len(w.use[0]))
	for j := range weights {
		p.Domains = append(p.Domains, fmt.Sprintf("d%02d", j))
		weights[j] = math.Pow(float64(j+1), -0.7)
	}
	rand.New(rand.NewPCG(seed, 7)).Shuffle(len(weights), func(i, j int) { weights[i], weights[j] = weights[j], weights[i] })
	p.Prior, _ = mix.Normalize(weights)
	return p
}

func (w world) score(m mix.Mixture) float64 {
	sum := 0.0
	for _, row := range w.use {
		useful := 0.02
		for j, u := range row {
			useful += u * m[j]
		}
		sum -= math.Pow(useful, -0.3)
	}
	return sum / float64(len(w.use))
}

// best is the score of the optimum, by exponentiated gradient.
func (w world) best() float64 {
	m := mix.Uniform(len(w.use[0]))
	for range 3000 {
		slope, total := make([]float64, len(m)), 0.0
		for _, row := range w.use {
			useful := 0.02
			for j, u := range row {
				useful += u * m[j]
			}
			for j, u := range row {
				slope[j] += 0.3 * math.Pow(useful, -1.3) * u / float64(len(w.use))
			}
		}
		for j := range m {
			m[j] *= math.Exp(0.2 * slope[j])
			total += m[j]
		}
		for j := range m {
			m[j] /= total
		}
	}
	return w.score(m)
}

// eval measures mixtures with noise that depends on the mixture alone. It
// fails every failEvery-th mixture, if that is positive.
func (w world) eval(failEvery int) Evaluator {
	return func(_ context.Context, mixtures []mix.Mixture, _ int) ([]Trial, error) {
		var out []Trial
		for i := len(mixtures) - 1; i >= 0; i-- { // in any order
			m := mixtures[i]
			h := fnv.New64a()
			h.Write([]byte(m.Hash()))
			t := Trial{Mixture: m, Score: w.score(m) + w.noise*rand.New(rand.NewPCG(h.Sum64(), 0)).NormFloat64()}
			for _, v := range m {
				t.DomainLoss = append(t.DomainLoss, 3-math.Sqrt(v))
			}
			if failEvery > 0 && h.Sum64()%uint64(failEvery) == 0 {
				t.Failed, t.Score = "loss is not finite", math.NaN()
			}
			out = append(out, t)
		}
		return out, nil
	}
}
