package eval

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// meanStdErr is the harness's mean_stderr: the standard deviation with n-1 in
// the denominator over the square root of n. The error of one value is NaN.
func meanStdErr(x []float64) (mean, stderr float64) {
	for _, v := range x {
		mean += v
	}
	n := float64(len(x))
	mean /= n
	var ss float64
	for _, v := range x {
		ss += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(ss / (n - 1) / n)
}

// ratioStdErr is sum(y)/sum(x) and its standard error by linearisation
// (Cochran, Sampling Techniques, 1977, eq. 6.13): s(y - r x) / (sqrt(n) mean(x)).
func ratioStdErr(y, x []float64) (ratio, stderr float64) {
	var sy, sx, ss float64
	for i := range x {
		sy, sx = sy+y[i], sx+x[i]
	}
	ratio = sy / sx
	for i := range x {
		d := y[i] - ratio*x[i]
		ss += d * d
	}
	n := float64(len(x))
	return ratio, math.Sqrt(ss/(n-1)*n) / sx
}

// linear are the values whose mean is sum(y)/sum(x) and whose standard error is
// that of ratioStdErr: r + (y_i - r x_i) / mean(x).
func linear(y, x []float64) []float64 {
	ratio, _ := ratioStdErr(y, x)
	var sx float64
	for _, v := range x {
		sx += v
	}
	out := make([]float64, len(x))
	for i := range x {
		out[i] = ratio + (y[i]-ratio*x[i])*float64(len(x))/sx
	}
	return out
}

// Interval is the confidence interval of a metric by its items: of a share
// Wilson's score interval, which is not empty at 0 and 1 (Wilson 1927; Brown, Cai
// & DasGupta 2001, Statistical Science 16), of others Student's t. It is not known
// without a standard error, as of a single item, or without their number.
func (r *TaskResult) Interval(metric string, level float64) (lo, hi float64, ok bool) {
	value, ok := r.Metrics[metric]
	n := float64(r.Items)
	if !ok || r.Items < 2 {
		return 0, 0, false
	}
	if IsShare(metric) {
		z := distuv.UnitNormal.Quantile(0.5 + level/2)
		mid, half := value+z*z/(2*n), z*math.Sqrt(max(0, value*(1-value))/n+z*z/(4*n*n))
		return max(0, (mid-half)/(1+z*z/n)), min(1, (mid+half)/(1+z*z/n)), true
	}
	se, ok := r.StdErr[metric]
	if !ok || se == 0 {
		return 0, 0, false
	}
	h := se * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.5+level/2)
	return value - h, value + h, true
}

// Bootstrap is the mean of x with its percentile interval from so many
// resamples (Efron 1979): the (1-level)/2 and (1+level)/2 quantiles of their
// means, each by linear interpolation between order statistics. What the values
// have in common is not seen in their spread: sd is the standard deviation of the
// mean by it, and every resampled mean gets a normal error of that size.
func Bootstrap(x []float64, sd, level float64, resamples int, seed uint64) (mean, lo, hi float64) {
	if len(x) == 0 || resamples < 1 {
		return math.NaN(), math.Inf(-1), math.Inf(1)
	}
	rng := rand.New(rand.NewPCG(seed, 0x626f6f74)) // "boot"
	means := make([]float64, resamples)
	for r := range means {
		for range x {
			means[r] += x[rng.IntN(len(x))]
		}
		means[r] /= float64(len(x))
		if sd > 0 {
			means[r] += sd * rng.NormFloat64()
		}
	}
	slices.Sort(means)
	mean, _ = meanStdErr(x)
	return mean, quantile(means, (1-level)/2), quantile(means, (1+level)/2)
}

// quantile of sorted values, Hyndman & Fan's type 7 (numpy's default).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[j]-sorted[i])
}
