package repro

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/climb-go/climb/bilevel"
	"github.com/climb-go/climb/solve"
)

// maidSources are the classes of maid's logistic regression.
var maidSources = []string{"fiction", "speeches", "wikipedia", "web_articles", "science_papers", "textbook_biology", "law_statutes", "news_bbc"}

// maid compares adaptive accuracy of the lower problem with fixed ones and with
// HOAG's schedule, at equal work. The paper's experiment with MNIST has the small
// corpus in its place.
var maid = Case{
	Name:      "maid",
	Paper:     "Salehi, Mukherjee, Roberts and Ehrhardt, 2025, An adaptively inexact first-order method for bilevel optimization, SIMODS, arXiv 2308.10098",
	Claim:     "Descent with an accuracy of the lower problem that adapts is robust to the accuracy and the step that it starts with, and better than fixed accuracies and than HOAG's schedule.",
	Criterion: "The synthetic quadratic (1000 x 10, 5 seeds, 10,000 lower steps) and multinomial logistic regression of 8 sources on 128 hashed features with a penalty for each (400 training, 400 validation passages, 2 seeds, 3,000 lower steps); 6 starts, accuracies 0.1, 0.001, 0.00001 by steps 0.01 and 1; rivals at equal lower steps: the same accuracies fixed, with 60 halvings and the better of both steps, and HOAG (0.1 x 0.9^k, step 1/L). Excess is the upper loss over the optimum (of the quadratic: exact; of the regression: the least of all runs and of one of MAID with 20 times the work). Means over the seeds, on either problem: the largest over the smallest excess of MAID's starts is at most 1.10; that of the fixed accuracy 0.1 is at least 1.3 times MAID's mean; MAID's mean is at most 1.05 times the best fixed accuracy's. On the quadratic F never rises and the bound of the gradient's error holds.",
	Data:      mini(maidSources...),
	Measure:   measureMAID,
}

// maidProblem is a problem of the case, with what starts there and its limits.
type maidProblem struct {
	bilevel.Problem
	n     int // lower variables
	theta []float64
	low   float64 // of the parameters
	high  float64
}

// maidExcess are final upper losses: of MAID's six starts, of the fixed accuracies,
// and of HOAG; the optimum.
type maidExcess struct {
	starts       []float64
	fixed        []float64
	hoag, least  float64
	rises, wrong int // steps at which F rose, and at which the bound did not hold
}

func measureMAID(ctx context.Context, o Options, path func(string) string) (*Outcome, error) {
	out := &Outcome{}
	seeds, work := 5, 10000
	if o.Short {
		seeds, work = 1, 2000
	}
	var all []maidExcess
	for s := range seeds {
		q := bilevel.NewQuadratic(1000, 10, o.Seed+uint64(s)+1)
		p := func() *maidProblem {
			return &maidProblem{Problem: q, n: 10, theta: make([]float64, 10), low: -1e6, high: 1e6}
		}
		e, err := runMAID(ctx, o, p, q, work, 1/q.Curvature())
		if err != nil {
			return nil, err
		}
		e.least = q.Least()
		all = append(all, e)
	}
	out.judge("quadratic", all)
	rises, wrong := 0, 0
	for _, e := range all {
		rises, wrong = rises+e.rises, wrong+e.wrong
	}
	out.Checks = append(out.Checks, AtMost("quadratic: steps at which F rose", float64(rises), 0).exact(),
		AtMost("quadratic: steps at which the gradient was farther off than its bound", float64(wrong), 0).exact())
	seeds, work = 2, 3000
	if o.Short {
		seeds, work = 1, 100
	}
	all = all[:0]
	for s := range seeds {
		problem, err := maidPassages(o.Seed+uint64(s)+1, path)
		if err != nil {
			return nil, err
		}
		p := func() *maidProblem {
			l := *problem // what it remembers is its own
			start := make([]float64, 128)
			for j := range start {
				start[j] = math.Log(0.01)
			}
			return &maidProblem{Problem: &l, n: 128 * len(maidSources), theta: start, low: -18, high: 7}
		}
		e, err := runMAID(ctx, o, p, nil, work, 0)
		if err != nil {
			return nil, err
		}
		long := p()
		r, err := bilevel.MAID{Step: 1, Accuracy: 1e-2, Work: 20 * work, Steps: 1e6}.Minimize(ctx, long, make([]float64, long.n), long.theta)
		if err != nil {
			return nil, err
		}
		e.least = min(r.Value, slices.Min(e.starts), slices.Min(e.fixed), e.hoag)
		all = append(all, e)
	}
	out.judge("regression", all)
	return out, nil
}

// judge adds the checks of a problem, from all seeds.
func (out *Outcome) judge(name string, all []maidExcess) {
	var spread, loose, best, hoag, adaptive float64
	for _, e := range all {
		n := float64(len(all))
		mean, most, least := 0.0, 0.0, math.Inf(1)
		for _, v := range e.starts {
			v -= e.least
			mean += v / float64(len(e.starts))
			most, least = max(most, v), min(least, v)
		}
		adaptive += mean / n
		spread += most / least / n
		loose += (e.fixed[0] - e.least) / mean / n
		best += mean / (slices.Min(e.fixed) - e.least) / n
		hoag += (e.hoag - e.least) / mean / n
		for i, v := range e.fixed {
			out.Figures = append(out.Figures, Figure{What: fmt.Sprintf("%s, fixed accuracy %g: excess", name, maidAccuracies[i]), Value: v - e.least})
		}
	}
	out.Figures = append(out.Figures, Figure{What: name + ", MAID: excess, mean", Value: adaptive}, Figure{What: name + ", HOAG: excess, times MAID's", Value: hoag})
	out.Checks = append(out.Checks, AtMost(name+": largest excess of MAID's starts over the smallest", spread, 1.10),
		AtLeast(name+": excess of the fixed accuracy 0.1, times MAID's", loose, 1.3),
		AtMost(name+": excess of MAID, times that of the best fixed accuracy", best, 1.05))
}

// maidAccuracies and maidSteps are what runs start with.
var (
	maidAccuracies = []float64{1e-1, 1e-3, 1e-5}
	maidSteps      = []float64{0.01, 1}
)

// runMAID runs all methods on a problem. exact, if it is not nil, has its F.
func runMAID(ctx context.Context, o Options, problem func() *maidProblem, exact *bilevel.Quadratic, work int, step float64) (maidExcess, error) {
	var e maidExcess
	e.starts, e.fixed = make([]float64, 6), make([]float64, 3)
	rigid := make([]float64, 6)
	var jobs []func() error
	var rises, wrong atomic.Int64
	for i, accuracy := range maidAccuracies {
		for j, first := range maidSteps {
			m := bilevel.MAID{Accuracy: accuracy, Step: first, Work: work, Steps: 1e6}
			jobs = append(jobs, func() (err error) {
				if exact != nil {
					last := math.Inf(1)
					m.Watch = func(at bilevel.Iterate) {
						value, _, slope := exact.Exact(at.Theta)
						if value > last {
							rises.Add(1)
						}
						if distance(at.Gradient, slope) > at.Bound*(1+1e-9) {
							wrong.Add(1)
						}
						last = value
					}
				}
				e.starts[2*i+j], err = problem().run(ctx, m, exact)
				return err
			}, func() (err error) {
				m := m
				m.Watch, m.Fixed, m.Attempts = nil, true, 60
				rigid[2*i+j], err = problem().run(ctx, m, exact)
				return err
			})
		}
	}
	jobs = append(jobs, func() (err error) { e.hoag, err = problem().hoag(ctx, work, step, exact); return err })
	errs := make([]error, len(jobs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range o.Workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(jobs); i = int(next.Add(1)) - 1 {
				errs[i] = jobs[i]()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return e, err
		}
	}
	for i := range e.fixed {
		e.fixed[i] = min(rigid[2*i], rigid[2*i+1])
	}
	e.rises, e.wrong = int(rises.Load()), int(wrong.Load())
	return e, nil
}

// run returns the upper loss at which a run ends: of the exact lower solution.
func (p *maidProblem) run(ctx context.Context, m bilevel.MAID, exact *bilevel.Quadratic) (float64, error) {
	m.Low, m.High = p.low, p.high
	r, err := m.Minimize(ctx, p, make([]float64, p.n), p.theta)
	if err != nil {
		return 0, err
	}
	return p.value(r.Theta, r.X, exact), nil
}

// value is F at theta, by a lower solution that is as good as exact.
func (p *maidProblem) value(theta, x []float64, exact *bilevel.Quadratic) float64 {
	if exact != nil {
		v, _, _ := exact.Exact(theta)
		return v
	}
	p.lower(x, theta, 1e-5)
	return p.Upper(x, make([]float64, p.n))
}

// lower improves x to within epsilon and returns the number of steps.
func (p *maidProblem) lower(x, theta []float64, epsilon float64) int {
	mu, l := p.Bounds(x, theta)
	return solve.FISTA{Mu: mu, L: l, Most: 20000}.Minimize(func(x, g []float64) float64 { return p.Lower(x, theta, g) }, x, epsilon*mu)
}

// slope sets z to the gradient of F, to accuracy epsilon, and returns the number of
// steps of both solvers.
func (p *maidProblem) slope(z, x, q, theta []float64, epsilon float64) int {
	steps := p.lower(x, theta, epsilon)
	g := make([]float64, p.n)
	p.Upper(x, g)
	n, _ := solve.CG(func(dst, v []float64) { p.Hessian(dst, x, theta, v) }, nil, q, g, epsilon, 20000)
	p.Cross(z, x, theta, q)
	for j := range z {
		z[j] = -z[j]
	}
	return steps + n
}

// hoag is gradient descent with the accuracies 0.1 x 0.9^k (Pedregosa, 2016) and a
// constant step; a step of 0 is one over the largest curvature that power iterations
// with differences of the gradient find at the start.
func (p *maidProblem) hoag(ctx context.Context, work int, step float64, exact *bilevel.Quadratic) (float64, error) {
	theta, x, q := append([]float64(nil), p.theta...), make([]float64, p.n), make([]float64, p.n)
	z := make([]float64, len(theta))
	if step == 0 {
		rng := rand.New(rand.NewPCG(1, 3))
		at, turned, way := make([]float64, len(z)), make([]float64, len(z)), make([]float64, len(z))
		for j := range way {
			way[j] = rng.NormFloat64()
		}
		p.slope(z, x, q, theta, 1e-6)
		curvature, still := 0.0, make([]float64, len(z))
		for range 10 {
			t := 1e-3 / distance(way, still)
			for j := range at {
				at[j] = theta[j] + t*way[j]
			}
			p.slope(turned, x, q, at, 1e-6)
			for j := range way {
				way[j] = (turned[j] - z[j]) / t
			}
			curvature = max(curvature, distance(turned, z)/1e-3)
		}
		step = 1 / curvature
		clear(x)
		clear(q)
	}
	for epsilon := 0.1; work > 0; epsilon = max(1e-10, 0.9*epsilon) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		work -= max(1, p.slope(z, x, q, theta, epsilon))
		for j := range theta {
			theta[j] = min(max(theta[j]-step*z[j], p.low), p.high)
		}
	}
	return p.value(theta, x, exact), nil
}

// maidPassages is logistic regression of sources on hashed words, 50 passages of
// each to train on and 50 to judge; those of a document are on one side.
func maidPassages(seed uint64, path func(string) string) (*bilevel.Logistic, error) {
	const features, each = 128, 50
	p := &bilevel.Logistic{Classes: len(maidSources), Groups: features}
	for j := range features {
		p.Group = append(p.Group, j)
	}
	for label, source := range maidSources {
		all, err := readPassages(path(mini(source)[0].Name), 500, features, rand.New(rand.NewPCG(seed, uint64(label))))
		if err != nil {
			return nil, err
		}
		var taken [2]int
		for _, passage := range all {
			side := passage.document % 2
			if taken[side] == each {
				continue
			}
			taken[side]++
			var idx []int32
			var val []float64
			for j, v := range passage.x {
				if v != 0 {
					idx, val = append(idx, int32(j)), append(val, v)
				}
			}
			[]*bilevel.Rows{&p.Train, &p.Held}[side].Add(idx, val, label)
		}
		if taken != [2]int{each, each} {
			return nil, fmt.Errorf("%s has %v passages of even and odd documents, not %d of each", source, taken, each)
		}
	}
	return p, nil
}

// distance is that of two vectors.
func distance(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return math.Sqrt(sum)
}
