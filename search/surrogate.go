package search

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// A surrogate stands for the proxies: what a mixture would score, and how sure
// that is. The mean comes from one predictor a task, combined as the problem
// says, or from the process alone; the uncertainty always from the process, a
// Gaussian process on the combined score.
type surrogate struct {
	p       Problem
	process *Process
	tasks   []predict.Predictor // nil: the process has the mean
	combine combiner
}

// newSurrogate fits the process to all runs of the history that have a score,
// and the predictor, if it is another one, to each task of the problem.
func newSurrogate(p Problem, history []Trial, c predict.Choice) (*surrogate, error) {
	var gp predict.GP
	own, alone := c.Value().(*predict.GP)
	if alone {
		gp = *own
	}
	process, err := NewProcess(p, history, gp)
	s := &surrogate{p: p, process: process}
	if err != nil || alone {
		return s, err
	}
	if len(p.Smaller) > 0 {
		return nil, fmt.Errorf("predictor %s: runs of a smaller model inform gp only", c.Name())
	}
	runs := scored(p.Rescore(history))
	x, y := rows(runs)
	if _, ok := p.values(runs[0]); !ok {
		f, err := fitTo(c, x, y)
		s.tasks = []predict.Predictor{f}
		return s, err
	}
	var values [][]float64
	for _, r := range runs {
		row, _ := p.values(r) // scored: it has them all
		values = append(values, row)
	}
	s.combine = p.combiner(values)
	for k := range p.Tasks {
		for i := range values {
			y[i] = values[i][k]
		}
		f, err := fitTo(c, x, y)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", p.Tasks[k].Name, err)
		}
		s.tasks = append(s.tasks, f)
	}
	return s, nil
}

// fitTo returns the predictor fitted to x and y.
func fitTo(c predict.Choice, x [][]float64, y []float64) (predict.Predictor, error) {
	f := c.New()
	if err := f.Fit(x, y); err != nil {
		return nil, fmt.Errorf("fit %s: %w", c.Name(), err)
	}
	return f, nil
}

// scored returns the runs that have a score, in the same order for every order of
// the history.
func scored(history []Trial) []Trial {
	runs := slices.DeleteFunc(slices.Clone(history), func(t Trial) bool { return t.Failed != "" })
	slices.SortStableFunc(runs, func(a, b Trial) int {
		return cmp.Or(cmp.Compare(a.Mixture.Hash(), b.Mixture.Hash()), cmp.Compare(a.Seed, b.Seed), cmp.Compare(a.Score, b.Score))
	})
	return runs
}

// mean is the expected score of m, less the penalty for leaving the prior.
func (s *surrogate) mean(m mix.Mixture) float64 {
	switch {
	case len(s.tasks) == 0:
		return s.process.Predict(m) - s.p.penalty(m)
	case len(s.combine.tasks) == 0:
		return s.tasks[0].Predict(m) - s.p.penalty(m)
	}
	values := make([]float64, len(s.tasks))
	for k, f := range s.tasks {
		values[k] = f.Predict(m)
	}
	return s.combine.score(values) - s.p.penalty(m)
}

// slope returns the gradient of mean, or nil if a predictor of it has none. Scores
// that are combined have differences.
func (s *surrogate) slope() func(dst []float64, m mix.Mixture) {
	for _, f := range s.tasks {
		if _, ok := f.(predict.Smooth); !ok {
			return nil
		}
	}
	if len(s.tasks) == 0 && s.process.transfer == nil && s.p.KL == 0 {
		return func(dst []float64, m mix.Mixture) { s.process.GP.Gradient(dst, m) }
	}
	if len(s.tasks) != 1 || s.p.KL > 0 {
		return differences(s.mean)
	}
	return func(dst []float64, m mix.Mixture) { s.tasks[0].(predict.Smooth).Gradient(dst, m) }
}

// differences is the gradient of a value by forward differences, within the shares
// that are not negative.
func differences(value func(mix.Mixture) float64) func(dst []float64, m mix.Mixture) {
	const h = 1e-6
	return func(dst []float64, m mix.Mixture) {
		at, here := slices.Clone(m), value(m)
		for i, w := range m {
			at[i] = w + h
			dst[i] = (value(at) - here) / h
			at[i] = w
		}
	}
}

// quick is the process's own mean, which is cheap.
func (s *surrogate) quick(m mix.Mixture) float64 { return s.process.Predict(m) - s.p.penalty(m) }

// upper is the upper confidence bound of m, two deviations over the process's
// mean, or anything below the floor if it is that.
func (s *surrogate) upper(m mix.Mixture, floor float64) float64 {
	penalty := s.p.penalty(m)
	return s.process.Upper(m, 2, below(floor, -penalty)) - penalty
}

// A field is the joint uncertainty of a list of mixtures.
type field struct {
	mean []float64
	cov  *mat.SymDense
}

func (s *surrogate) field(list []mix.Mixture) (*field, error) {
	x := make([][]float64, len(list))
	for i, m := range list {
		x[i] = m
	}
	mean, cov, err := s.process.Posterior(x)
	if err != nil {
		return nil, err
	}
	for i, m := range list {
		mean[i] = s.mean(m)
	}
	return &field{mean, cov}, nil
}

// draw returns one sample of the scores of the list for each of n draws.
func (f *field) draw(rng *rand.Rand, n int) ([][]float64, error) {
	size := len(f.mean)
	top := 0.0
	for i := range size {
		top = max(top, f.cov.At(i, i))
	}
	var chol mat.Cholesky
	jitter := 1e-10 * top
	for {
		a := mat.NewSymDense(size, nil)
		a.CopySym(f.cov)
		for i := range size {
			a.SetSym(i, i, a.At(i, i)+jitter+math.SmallestNonzeroFloat64)
		}
		if top == 0 || chol.Factorize(a) {
			break
		}
		if jitter *= 10; jitter > top {
			return nil, fmt.Errorf("covariance of %d mixtures is not positive definite", size)
		}
	}
	out, z := make([][]float64, n), mat.NewVecDense(size, nil)
	var lower mat.TriDense
	if top > 0 {
		chol.LTo(&lower)
	}
	for k := range out {
		for i := range size {
			z.SetVec(i, rng.NormFloat64())
		}
		out[k] = slices.Clone(f.mean)
		if top > 0 {
			var step mat.VecDense
			step.MulVec(&lower, z)
			for i := range size {
				out[k][i] += step.AtVec(i)
			}
		}
	}
	return out, nil
}

// expectedGain is E max(0, v - best) for v with this mean and deviation
// (Jones, Schonlau and Welch, 1998, eq. 15).
func expectedGain(mean, std, best float64) float64 {
	if std <= 0 {
		return max(0, mean-best)
	}
	z := (mean - best) / std
	return (mean-best)*(0.5*math.Erfc(-z/math.Sqrt2)) + std*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)
}

// observe takes the uncertainty away that a run on the i-th of the list with
// the given noise would take, whatever it scores.
func (f *field) observe(i int, noise float64) {
	n := len(f.mean)
	column, variance := make([]float64, n), f.cov.At(i, i)+noise*noise
	if variance <= 0 {
		return
	}
	for j := range n {
		column[j] = f.cov.At(i, j)
	}
	f.cov.SymRankOne(f.cov, -1/variance, mat.NewVecDense(n, column))
}
