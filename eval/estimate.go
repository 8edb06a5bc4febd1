package eval

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// An Estimate is the mean score of some runs, or the difference of two such
// means, with its error. Two things are drawn at random: what makes one run
// differ from the next (the seed, and where it says so the search), and the
// items of the evaluation. All runs are scored on the same items, so more seeds
// make the first error smaller and not the second. In the crossed layout of runs
// by items, with x_ki the score (or the difference) of run k on item i of N and
// n runs,
//
//	Var(mean) = MS_run/(nN) + MS_item/(nN) - MS_residual/(nN)
//
// where the mean squares are those of the two-way analysis of variance. The
// first term is s^2/n of the runs' scores; the second the squared standard error
// of the items' means, paired by item for a difference (Miller 2024, "Adding
// error bars to evals", arXiv 2411.00640, sections 2 and 3); the third is what
// both contain. It is the estimator of Dorfman, Berbaum & Metz (1992,
// Investigative Radiology 27) for readings of the same cases by several readers,
// with the degrees of freedom by Satterthwaite (1946) and the floor of Hillis
// (2007, Statistics in Medicine 26), which is stricter here: the variance is never
// less than the first or the second term.
//
// Not covered: the choice of the corpus, of the held-out files, of the proxy's
// size, and whatever the runs have in common.
type Estimate struct {
	Mean     float64
	Runs     Variance // of the mean, by the runs
	Items    Variance // of the mean, by the items
	Residual float64  // of the mean, counted in both
	// Unknown says that at least one part of the score has items of which nothing
	// is known, neither scores nor a standard error: Items is too small.
	Unknown bool

	scale float64 // of the scores: a spread by rounding alone is none
}

// A Variance and its degrees of freedom; 0 of them: it cannot be told.
type Variance struct{ Value, DF float64 }

// total is the variance of the mean.
func (e Estimate) total() Variance {
	runs, items := e.Runs.Value, e.Items.Value
	v := max(runs, items, runs+items-e.Residual)
	if v <= 1e-24*e.scale*e.scale {
		return Variance{}
	}
	rest := v - runs
	df := v * v / (runs*runs/e.Runs.DF + rest*rest/max(1, e.Items.DF))
	return Variance{v, df}
}

// Shared is the standard deviation of the mean by what all runs have in common,
// which their spread does not show.
func (e Estimate) Shared() float64 { return math.Sqrt(max(0, e.total().Value-e.Runs.Value)) }

// Known tells whether the error can be told: by two runs or more, which differ
// in something. Scores without any spread say nothing about what they would be
// with other seeds, or on other items, unless the models are the same.
func (e Estimate) Known() bool {
	switch {
	case e.Runs.DF <= 0 || math.IsNaN(e.Mean):
		return false
	case e.total().Value > 0:
		return true
	}
	return e.Mean == 0 && !e.Unknown && e.Items.DF > 0
}

// Interval is Student's t interval at a level such as 0.95, from -Inf to +Inf
// where the error is not known.
func (e Estimate) Interval(level float64) (mean, lo, hi float64) {
	if !e.Known() {
		return e.Mean, math.Inf(-1), math.Inf(1)
	}
	t := e.total()
	if t.Value == 0 {
		return e.Mean, e.Mean, e.Mean
	}
	h := math.Sqrt(t.Value) * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: t.DF}.Quantile(0.5+level/2)
	return e.Mean, e.Mean - h, e.Mean + h
}

// P is the two-sided p-value of the mean's difference from zero: 1 where the
// error is not known, and never 0 for want of spread.
func (e Estimate) P() float64 {
	if !e.Known() || e.Mean == 0 {
		return 1
	}
	t := e.total()
	return min(1, 2*distuv.StudentsT{Mu: 0, Sigma: 1, Nu: t.DF}.Survival(math.Abs(e.Mean)/math.Sqrt(t.Value)))
}

// Mean is the mean of runs of one mixture, or strategy, with several seeds. Runs
// in several groups are as many independent runs as there are groups: the
// variance is that of a cluster sample (Cochran 1977, section 9A),
// sum_g (n_g (mean_g - mean))^2 / n^2 times G/(G-1), with G-1 degrees of freedom.
func Mean(runs []Run) Estimate {
	e := Estimate{Mean: math.NaN()}
	if len(runs) == 0 {
		return e
	}
	e.Mean, e.Runs = grouped(runs)
	e.items(len(runs), runs, nil)
	return e
}

// grouped is the mean of the runs' scores and its variance.
func grouped(runs []Run) (mean float64, v Variance) {
	n := float64(len(runs))
	order, sums, sizes := []int(nil), map[int]float64{}, map[int]float64{}
	for _, r := range runs {
		mean += r.Score / n
		if sizes[r.Group] == 0 {
			order = append(order, r.Group)
		}
		sums[r.Group] += r.Score
		sizes[r.Group]++
	}
	if len(order) == 1 { // one by one
		x := make([]float64, len(runs))
		for i, r := range runs {
			x[i] = r.Score
		}
		m, stderr := meanStdErr(x)
		if len(x) < 2 {
			stderr = 0
		}
		return m, Variance{stderr * stderr, n - 1}
	}
	var ss float64
	for _, g := range order {
		d := sums[g] - sizes[g]*mean
		ss += d * d
	}
	groups := float64(len(order))
	return mean, Variance{ss / (n * n) * groups / (groups - 1), groups - 1}
}

// Paired is the mean of a[i]-b[i]: the same seeds under two mixtures. It panics
// if the lengths differ.
func Paired(a, b []Run) Estimate {
	if len(a) != len(b) {
		panic("eval: pairs of unequally many runs")
	}
	d := make([]Run, len(a))
	for i := range a {
		d[i] = Run{Score: a[i].Score - b[i].Score, Group: a[i].Group<<16 + b[i].Group}
	}
	e := Estimate{Mean: math.NaN()}
	if len(a) == 0 {
		return e
	}
	e.Mean, e.Runs = grouped(d)
	e.items(len(a), a, b)
	return e
}

// Welch is mean(a)-mean(b) of runs that are not paired: the variances by the
// runs may differ (Welch 1947, Biometrika 34).
func Welch(a, b []Run) Estimate {
	ma, va := grouped(a)
	mb, vb := grouped(b)
	e := Estimate{Mean: ma - mb}
	if va.DF > 0 && vb.DF > 0 {
		v := va.Value + vb.Value
		e.Runs = Variance{v, va.DF + vb.DF}
		if v > 0 {
			e.Runs.DF = v * v / (va.Value*va.Value/va.DF + vb.Value*vb.Value/vb.DF)
		}
	}
	e.items(0, a, b)
	if none := 1e-24 * e.scale * e.scale; e.Unknown && min(va.Value, vb.Value) <= none {
		e.Runs.DF = 0 // the spread of one says nothing of the other
	}
	return e
}

// Block is the mean of x[a]-x[b] with the noise of the runs pooled over all
// mixtures: a randomised complete block design (Montgomery, "Design and Analysis
// of Experiments", section 4.1). x is mixtures by seeds. With score = mixture +
// seed + noise, the residual variance is
//
//	s^2 = sum_ij (x_ij - mean_i. - mean_.j + mean_..)^2 / ((t-1)(n-1))
//
// and the difference has the variance 2 s^2/n by the runs. It equals Paired for
// two mixtures; with more, the few seeds of each tell the noise of all, provided
// that it is the same for all. The error by the items comes from the two alone.
func Block(x [][]Run, a, b int) Estimate {
	t, n := len(x), len(x[a])
	rows, cols := make([]float64, t), make([]float64, n)
	var grand float64
	for i := range x {
		for j, r := range x[i] {
			rows[i] += r.Score / float64(n)
			cols[j] += r.Score / float64(t)
			grand += r.Score / float64(n*t)
		}
	}
	var sum float64
	for i := range x {
		for j, r := range x[i] {
			d := r.Score - rows[i] - cols[j] + grand
			sum += d * d
		}
	}
	df := float64((t - 1) * (n - 1))
	e := Estimate{Mean: rows[a] - rows[b]}
	if df > 0 {
		e.Runs = Variance{sum / df * 2 / float64(n), df}
	}
	e.items(n, x[a], x[b])
	return e
}
