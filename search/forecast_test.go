package search

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
)

// linearRuns are runs whose tasks are linear in the shares, with a little noise.
func linearRuns(n int, slopes [][]float64) (Problem, []Trial) {
	domains := len(slopes[0])
	p := Problem{Prior: mix.Uniform(domains), Rounds: []int{n}, Seed: 1}
	for i := range domains {
		p.Domains = append(p.Domains, string(rune('a'+i)))
	}
	for k := range slopes {
		p.Tasks = append(p.Tasks, Task{Name: string(rune('A' + k)), Weight: float64(k + 1), Lower: k == 1})
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var runs []Trial
	for i := range n {
		alpha := make([]float64, domains)
		for j := range alpha {
			alpha[j] = 1
		}
		m := mix.Dirichlet(rng, alpha)
		t := Trial{Mixture: m, Hash: m.Hash(), Seed: uint64(i), Scores: map[string]float64{}}
		for k, s := range slopes {
			v := 0.001 * rng.NormFloat64()
			for j, w := range m {
				v += s[j] * w
			}
			if p.Tasks[k].Lower {
				v = -v // as usually written
			}
			t.Scores[p.Tasks[k].Name] = v
		}
		runs = append(runs, t)
	}
	return p, runs
}

func TestForecast(t *testing.T) {
	slopes := [][]float64{{1, 0, -1, 0.2}, {0, 2, 0, -1}}
	p, runs := linearRuns(40, slopes)
	f, err := NewForecast(p, runs)
	if err != nil {
		t.Fatal(err)
	}
	m := mix.Mixture{0.1, 0.2, 0.3, 0.4}
	truth := func(m mix.Mixture, w []float64) (sum float64) {
		for k, s := range slopes {
			for j, share := range m {
				sum += w[k] / (w[0] + w[1]) * s[j] * share
			}
		}
		return sum
	}
	for _, w := range [][]float64{nil, {1, 0}, {0, 5}, {3, 1}} {
		used := w
		if w == nil {
			used = []float64{1, 2}
		}
		total, tasks := f.Expect(m, w)
		if want := truth(m, used); math.Abs(total.Mean-want) > 0.01 || !(total.Half > 0) || len(tasks) != 2 {
			t.Errorf("weights %v: %+v, want %v; %+v", w, total, want, tasks)
		}
		effects, err := f.Effects(m, w)
		if err != nil {
			t.Fatal(err)
		}
		for j, e := range effects {
			want := truth(morePercent(m, j), used) - truth(m, used)
			if math.Abs(e.Mean-want) > 0.002 || !(e.Half > 0) || e.Half > 0.02 {
				t.Errorf("weights %v, domain %d: effect %+v, want %v", w, j, e, want)
			}
		}
	}
	near, share := f.Nearest(runs[7].Mixture)
	if near.Hash != runs[7].Hash || share != 0 {
		t.Errorf("the nearest of run 7 is %s, %v away", near.Hash, share)
	}
}

// TestLeast knows the answer for a linear score: all share that is moved goes from
// the worst domain with room to the best one with room.
func TestLeast(t *testing.T) {
	slopes := [][]float64{{1, 0, -1, 0.2}, {0, 2, 0, -1}}
	p, runs := linearRuns(60, slopes)
	p.Bounds = mix.Bounds{Lower: []float64{0, 0, 0.25, 0}, Upper: []float64{0.3, 1, 1, 1}}
	f, err := NewForecast(p, runs)
	if err != nil {
		t.Fatal(err)
	}
	m := mix.Mixture{0.2, 0.2, 0.3, 0.3}
	// Of task A, 0.05 go from domain 2 (down to its least share) to 0 for 0.1, and 0.05
	// from domain 1 to 0 (up to its largest share) for 0.05.
	to, gained, moved, err := f.Least(m, nil, 0, 0.15)
	if err != nil {
		t.Fatal(err)
	}
	want := mix.Mixture{0.3, 0.15, 0.25, 0.3}
	if mix.L1(to, want) > 0.02 || math.Abs(gained-0.15) > 0.005 || math.Abs(moved-0.1) > 0.01 || !f.Within(to) {
		t.Errorf("%v gains %v by moving %v, want %v", to, gained, moved, want)
	}
	// More than the bounds allow: as far as it goes, and no further.
	to, gained, _, err = f.Least(m, nil, 0, 10)
	if err != nil || gained >= 10 || gained < 0.15 || !f.Within(to) || to.Check() != nil {
		t.Errorf("%v gains %v, %v", to, gained, err)
	}
	if _, _, _, err := f.Least(mix.Mixture{0.4, 0.2, 0.3, 0.1}, nil, 0, 0.1); err == nil {
		t.Error("no error for a mixture outside of the bounds")
	}
	best, err := f.Best([]float64{0, 1}, 0.2)
	if _, away := f.Nearest(best); err != nil || away > 0.2 || !f.Within(best) || best.Check() != nil {
		t.Errorf("best %v, %v from a run, %v", best, away, err)
	}
	if total, _ := f.Expect(best, []float64{0, 1}); total.Mean < 1 {
		t.Errorf("the best mixture of task B, %v, is expected to score %v", best, total.Mean)
	}
}

func TestForecastRefuses(t *testing.T) {
	p, runs := linearRuns(12, [][]float64{{1, 0, -1}})
	phased := p
	phased.Schedule = &Schedule{}
	if _, err := NewForecast(phased, runs); err == nil || !strings.Contains(err.Error(), "phases") {
		t.Errorf("a problem with phases has a forecast: %v", err)
	}
	if _, err := NewForecast(p, runs[:LeastRuns-1]); err == nil {
		t.Error("no error for too few runs")
	}
	f, err := NewForecast(p, runs)
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	for _, c := range []struct{ m, w []float64 }{
		{[]float64{1}, nil}, {[]float64{0.5, 0.5, 0.5}, nil}, {[]float64{nan, 0.5, 0.5}, nil}, {[]float64{-1, 1, 1}, nil},
		{p.Prior, []float64{0}}, {p.Prior, []float64{-1}}, {p.Prior, []float64{nan}}, {p.Prior, []float64{1, 1}}, {p.Prior, []float64{math.Inf(1)}}, {p.Prior, []float64{}},
	} {
		if f.Check(c.m, c.w) == nil {
			t.Errorf("no error for %v, %v", c.m, c.w)
		}
	}
	if err := f.Check(p.Prior, []float64{3}); err != nil {
		t.Error(err)
	}
}

// TestForecastOfMany keeps the best runs of very many.
func TestForecastOfMany(t *testing.T) {
	p, runs := linearRuns(2*forecastRuns, [][]float64{{1, 0}})
	list := spreadOver(scored(p.Rescore(runs)), forecastRuns)
	if len(list) != forecastRuns {
		t.Fatalf("%d runs", len(list))
	}
	best, top := math.Inf(-1), math.Inf(-1)
	for _, r := range p.Rescore(runs) {
		best = max(best, r.Score)
	}
	seen := map[uint64]bool{}
	for _, r := range list {
		top = max(top, r.Score)
		if seen[r.Seed] {
			t.Errorf("run %d is there twice", r.Seed)
		}
		seen[r.Seed] = true
	}
	if top != best {
		t.Errorf("the best of the runs that are kept has %v, of all %v", top, best)
	}
}
