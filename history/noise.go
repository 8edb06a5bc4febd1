package history

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
)

// Noise is what two runs of one mixture differ by.
type Noise struct {
	Std       float64     `json:"std"`        // of one run's score
	Repeats   int         `json:"repeats"`    // degrees of freedom: runs of a mixture beyond its first
	Ceiling   *float64    `json:"ceiling"`    // the rank correlation that a perfect predictor would have, about; nil: unknown
	Ceiling80 *[2]float64 `json:"ceiling_80"` // by the interval of Std
	Source    string      `json:"source"`
	Cost      string      `json:"cost,omitempty"` // of knowing it, where it is unknown
}

// A Planned is the rank correlation to expect of that many mixtures.
type Planned struct {
	Runs     int     `json:"runs"`
	Spearman float64 `json:"spearman"`
	Measured bool    `json:"measured"` // on subsets of the table, not extrapolated
}

// noise pools the variance within mixtures that have several runs. Without any,
// how much of the scores is noise is not known: what the Gaussian process takes
// for noise depends on what it takes for signal, and no ceiling follows.
func (a *analysis) noise(r *Report, trials []search.Trial) {
	mean, count, squares, freedom := map[string]float64{}, map[string]int{}, 0.0, 0
	for _, run := range a.runs {
		mean[run.Hash] = run.Score
	}
	for _, t := range trials {
		if t.Failed == "" {
			count[t.Hash]++
			squares += (t.Score - mean[t.Hash]) * (t.Score - mean[t.Hash])
		}
	}
	for _, n := range count {
		freedom += n - 1
	}
	done := r.Runs - r.Failed
	r.Noise = Noise{Std: a.process.Noise(), Source: "a guess of the Gaussian process: no mixture was run twice",
		Cost: fmt.Sprintf("run 3 mixtures again with other seeds: 3 runs, %.0f %% of the %d that there are", 300/float64(done), done)}
	if freedom == 0 {
		return
	}
	std := math.Sqrt(squares / float64(freedom))
	scale := 0.0
	for _, v := range a.y {
		scale = max(scale, math.Abs(v))
	}
	if std <= 1e-12*scale {
		r.Noise.Source = "a guess of the Gaussian process: repeated runs agree to the last digit"
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d repeated runs agree to the last digit with the first of their mixtures: copies, or a trainer that ignores its seed; no noise can be read from them", freedom))
		return
	}
	r.Noise = Noise{Std: std, Repeats: freedom, Source: fmt.Sprintf("%d repeated runs", freedom)}
	perMixture := math.Sqrt(float64(done) / float64(r.Mixtures))
	ceiling := func(std float64) float64 {
		return math.Sqrt(max(0, 1-std*std/perMixture/perMixture/variance(a.y)))
	}
	lo, hi := eval.StdCI(std, freedom, 0.8)
	middle := ceiling(std)
	r.Noise.Ceiling, r.Noise.Ceiling80 = &middle, &[2]float64{ceiling(hi), ceiling(lo)}
}

func variance(y []float64) float64 {
	centre, out := 0.0, 0.0
	for _, v := range y {
		centre += v / float64(len(y))
	}
	for _, v := range y {
		out += (v - centre) * (v - centre) / float64(len(y)-1)
	}
	return out
}

// plan measures the rank correlation on subsets of the runs, with the rest as
// judges, and extrapolates, the distance to 1 falling as a power of the number of
// mixtures. A ceiling cuts the forecast off where repeated runs have shown one,
// and draws it nowhere. Of a correlation that may be none there is no forecast.
func (a *analysis) plan(r *Report) error {
	n := len(a.x)
	var logs, gaps []float64
	for _, share := range []float64{0.25, 0.4, 0.6, 0.8} {
		size := int(share * float64(n))
		if size < 4 || n-size < 4 {
			continue
		}
		value, err := a.subsets(size)
		if err != nil {
			return err
		}
		r.Plan = append(r.Plan, Planned{size, value, true})
		logs, gaps = append(logs, math.Log(float64(size))), append(gaps, math.Log(max(1-value, 1e-4)))
	}
	if len(logs) < 2 || r.Spearman95[0] <= 0 { // too few mixtures for a curve
		return nil
	}
	most := 1.0
	if r.Noise.Ceiling80 != nil {
		most = r.Noise.Ceiling80[1]
		for _, p := range r.Plan {
			most = max(most, p.Spearman)
		}
	}
	level, slope := line(logs, gaps)
	slope = min(slope, 0) // more runs do not harm
	for _, more := range []float64{1, 1.5, 2, 4} {
		size := int(more * float64(n))
		gap := math.Exp(level + slope*math.Log(float64(size)))
		r.Plan = append(r.Plan, Planned{size, min(most, max(-1, 1-gap)), false})
	}
	return nil
}

// subsets returns the mean rank correlation of a Gaussian process fitted to
// size of the mixtures with the scores of the others.
func (a *analysis) subsets(size int) (float64, error) {
	const rounds = 5
	sum := 0.0
	for k := range uint64(rounds) {
		var x [][]float64
		var y, predicted, truth []float64
		order := rand.New(rand.NewPCG(a.o.Seed, 2+k)).Perm(len(a.x))
		for _, i := range order[:size] {
			x, y = append(x, a.x[i]), append(y, a.y[i])
		}
		var g predict.GP
		if err := g.Fit(x, y); err != nil {
			return 0, err
		}
		for _, i := range order[size:] {
			predicted, truth = append(predicted, g.Predict(a.x[i])), append(truth, a.y[i])
		}
		sum += predict.Spearman(predicted, truth) / rounds
	}
	return sum, nil
}

// line is the least-squares line of y on x.
func line(x, y []float64) (level, slope float64) {
	var mx, my, xy, xx float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xy, xx = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx)
	}
	slope = xy / xx
	return my - slope*mx, slope
}
