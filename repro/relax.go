package repro

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/climb-go/climb/solve"
)

// relax repeats the experiment of Learning to Relax: shifted Laplacians of a
// 10 x 10 grid, real solves, every relaxation of the grid on every system, so that
// a learner's total can be put beside that of the best fixed one.
var relax = Case{
	Name:  "relax",
	Paper: "Khodak, Chow, Balcan and Talwalkar, 2024, Learning to Relax, ICLR, arXiv 2310.02246",
	Claim: "A bandit that sees only iteration counts chooses the relaxation of SOR over a sequence of systems with sub-linear regret to the best fixed one; with the shift as context it approaches the best relaxation of each system.",
	Criterion: "5,000 shifted Laplacians of a 10 x 10 grid, shifts -0.15 + 0.6 Beta(1/2, 3/2) (high variance) and Beta(2, 6) (low), SOR to 1e-8, 20 relaxations from 1 to 1.95, 6 seeds; total iterations. " +
		"Tsallis-INF takes at most 1.25 times those of the best fixed relaxation, and at most those of 1.4, on both distributions (means over the seeds); ChebCB at most 0.8 times the best fixed one with high variance and 0.9 times with low, in every seed.",
	Measure: measureRelax,
}

// relaxArms is the number of relaxations, relaxFixed the place of 1.4 among them.
const relaxArms, relaxFixed = 20, 8

func measureRelax(ctx context.Context, o Options, _ func(string) string) (*Outcome, error) {
	rounds, seeds := 5000, 6
	if o.Short {
		rounds, seeds = 100, 1
	}
	out := &Outcome{}
	for _, d := range []struct {
		name string
		high bool
		most float64
	}{{"high variance", true, 0.8}, {"low variance", false, 0.9}} {
		totals := make([]relaxTotals, seeds)
		for s := range totals {
			costs, shifts, err := relaxCosts(ctx, o, d.high, o.Seed+uint64(s)+1, rounds)
			if err != nil {
				return nil, err
			}
			totals[s] = relaxLearn(costs, shifts, o.Seed+uint64(s)+1)
		}
		of := func(what func(relaxTotals) float64) (mean, worst float64) {
			for _, t := range totals {
				mean += what(t) / float64(seeds)
				worst = max(worst, what(t))
			}
			return mean, worst
		}
		blind, _ := of(func(t relaxTotals) float64 { return t.blind / t.fixed })
		naive, _ := of(func(t relaxTotals) float64 { return t.blind / t.usual })
		_, cheb := of(func(t relaxTotals) float64 { return t.cheb / t.fixed })
		out.Checks = append(out.Checks,
			AtMost(d.name+": Tsallis-INF, times the best fixed relaxation", blind, 1.25),
			AtMost(d.name+": Tsallis-INF, times 1.4", naive, 1),
			AtMost(d.name+": ChebCB, times the best fixed relaxation, largest of the seeds", cheb, d.most))
		for _, f := range []struct {
			what string
			of   func(relaxTotals) float64
		}{
			{"ChebCB, times the best fixed relaxation", func(t relaxTotals) float64 { return t.cheb / t.fixed }},
			{"five bins, times the best fixed relaxation", func(t relaxTotals) float64 { return t.binned / t.fixed }},
			{"1.4, times the best fixed relaxation", func(t relaxTotals) float64 { return t.usual / t.fixed }},
			{"best relaxation of each system, times the best fixed", func(t relaxTotals) float64 { return t.hindsight / t.fixed }},
			{"iterations a system of the best fixed relaxation", func(t relaxTotals) float64 { return t.fixed / float64(rounds) }},
		} {
			mean, _ := of(f.of)
			out.Figures = append(out.Figures, Figure{What: d.name + ": " + f.what, Value: mean})
		}
	}
	return out, nil
}

// relaxCosts returns the iterations of every relaxation on every system, and the
// shifts of the systems.
func relaxCosts(ctx context.Context, o Options, high bool, seed uint64, rounds int) (costs [][relaxArms]int, shifts []float64, err error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	costs, shifts = make([][relaxArms]int, rounds), make([]float64, rounds)
	sides := make([][]float64, rounds)
	for t := range rounds {
		shifts[t], sides[t] = -0.15+0.6*beta(rng, high), boundedNormal(rng, 100)
	}
	grid := solve.Grid(relaxArms)
	var next, bad atomic.Int64
	var wg sync.WaitGroup
	for range o.Workers {
		wg.Go(func() {
			x := make([]float64, 100)
			for t := int(next.Add(1)) - 1; t < rounds && ctx.Err() == nil; t = int(next.Add(1)) - 1 {
				a := laplacian(10, shifts[t])
				for i, omega := range grid {
					clear(x)
					n, err := solve.SOR{Omega: omega, Tolerance: 1e-8, Most: 10000}.Solve(a, x, sides[t])
					if err != nil {
						bad.Add(1)
					}
					costs[t][i] = n
				}
			}
		})
	}
	wg.Wait()
	if bad.Load() > 0 {
		return nil, nil, fmt.Errorf("%d systems have no positive diagonal", bad.Load())
	}
	return costs, shifts, ctx.Err()
}

// laplacian is the 5-point Laplacian of a side x side grid plus c.
func laplacian(side int, c float64) *solve.CSR {
	m := &solve.CSR{N: side * side, Ptr: []int{0}}
	add := func(i, j int, v float64) {
		if i >= 0 && i < side && j >= 0 && j < side {
			m.Idx, m.Val = append(m.Idx, int32(i*side+j)), append(m.Val, v)
		}
	}
	for i := range side {
		for j := range side {
			add(i-1, j, -1)
			add(i, j-1, -1)
			add(i, j, 4+c)
			add(i, j+1, -1)
			add(i+1, j, -1)
			m.Ptr = append(m.Ptr, len(m.Val))
		}
	}
	return m
}

// beta draws from Beta(1/2, 3/2) or Beta(2, 6), as a ratio of gamma variables.
func beta(rng *rand.Rand, high bool) float64 {
	gamma := func(k int) (sum float64) {
		for range k {
			sum += rng.ExpFloat64()
		}
		return sum
	}
	if high {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x, y := a*a/2, b*b/2+gamma(1)
		return x / (x + y)
	}
	x, y := gamma(2), gamma(6)
	return x / (x + y)
}

// boundedNormal draws n normal numbers whose norm is at most the root of n.
func boundedNormal(rng *rand.Rand, n int) []float64 {
	for {
		v, size := make([]float64, n), 0.0
		for i := range v {
			v[i] = rng.NormFloat64()
			size += v[i] * v[i]
		}
		if size <= float64(n) {
			return v
		}
	}
}

// relaxTotals are total iterations: of the best fixed relaxation, of 1.4, of the
// best of each system, and of the learners.
type relaxTotals struct{ fixed, usual, hindsight, blind, binned, cheb float64 }

func relaxLearn(costs [][relaxArms]int, shifts []float64, seed uint64) (out relaxTotals) {
	var arm [relaxArms]float64
	for _, row := range costs {
		least := math.Inf(1)
		for i, n := range row {
			arm[i] += float64(n)
			least = min(least, float64(n))
		}
		out.hindsight += least
	}
	out.fixed, out.usual = math.Inf(1), arm[relaxFixed]
	for _, v := range arm {
		out.fixed = min(out.fixed, v)
	}
	grid := solve.Grid(relaxArms)
	place := map[float64]int{}
	for i, omega := range grid {
		place[omega] = i
	}
	learn := func(r solve.Relaxer) (sum float64) {
		for t, row := range costs {
			n := row[place[r.Omega(shifts[t])]]
			r.Observe(n)
			sum += float64(n)
		}
		return sum
	}
	rng := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 16+stream)) }
	out.blind = learn(&solve.Blind{Grid: grid, Rng: rng(0)})
	out.binned = learn(&solve.Binned{Grid: grid, Low: -0.15, High: 0.45, Bins: 5, Rng: rng(1)})
	out.cheb = learn(&solve.Chebyshev{Grid: grid, Low: -0.15, High: 0.45, Rng: rng(2)})
	return out
}
