package eval

import (
	"fmt"
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

// MeanCI is the mean of x with its Student-t interval at a level such as 0.95.
// One value has the interval (-Inf, +Inf); no value has the mean NaN too.
func MeanCI(x []float64, level float64) (mean, lo, hi float64) {
	mean, stderr := meanStdErr(x)
	return around(mean, stderr, float64(len(x)-1), level)
}

// PairedDiff is the mean of a[i]-b[i] with its Student-t interval: the same
// items, or the same seeds, under two models. It panics if the lengths differ.
func PairedDiff(a, b []float64, level float64) (diff, lo, hi float64) {
	if len(a) != len(b) {
		panic(fmt.Sprintf("eval: PairedDiff of %d and %d values", len(a), len(b)))
	}
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return MeanCI(d, level)
}

// WelchDiff is mean(a)-mean(b) of two independent samples with Welch's
// interval (Welch 1947, Biometrika 34; degrees of freedom by Satterthwaite
// 1946): variances may differ. A sample of one has an infinite interval.
func WelchDiff(a, b []float64, level float64) (diff, lo, hi float64) {
	ma, sa := meanStdErr(a)
	mb, sb := meanStdErr(b)
	va, vb := sa*sa, sb*sb
	df := (va + vb) * (va + vb) / (va*va/float64(len(a)-1) + vb*vb/float64(len(b)-1))
	if va+vb == 0 {
		df = float64(len(a) + len(b) - 2)
	}
	return around(ma-mb, math.Sqrt(va+vb), df, level)
}

func around(mid, stderr, df, level float64) (_, lo, hi float64) {
	if math.IsNaN(stderr) || df <= 0 {
		return mid, math.Inf(-1), math.Inf(1)
	}
	h := stderr * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(0.5+level/2)
	return mid, mid - h, mid + h
}

// Bootstrap is the mean of x with its percentile interval from so many
// resamples (Efron 1979): the (1-level)/2 and (1+level)/2 quantiles of their
// means, each by linear interpolation between order statistics.
func Bootstrap(x []float64, level float64, resamples int, seed uint64) (mean, lo, hi float64) {
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

// BlockDiff is the mean of x[a]-x[b] with its Student-t interval from the
// pooled residual of all treatments: a randomised complete block design
// (Montgomery, "Design and Analysis of Experiments", section 4.1). x is
// treatments by blocks (mixtures by seeds). With score = treatment + block +
// noise, the residual variance is
//
//	s^2 = sum_ij (x_ij - mean_i. - mean_.j + mean_..)^2 / ((t-1)(n-1))
//
// and the difference has the standard error s sqrt(2/n). It equals PairedDiff
// for two treatments; with more, the few seeds of each tell the noise of all,
// provided that it is the same for all.
func BlockDiff(x [][]float64, a, b int, level float64) (diff, lo, hi float64) {
	t, n := len(x), len(x[a])
	rows, cols := make([]float64, t), make([]float64, n)
	var grand float64
	for i := range x {
		for j, v := range x[i] {
			rows[i] += v / float64(n)
			cols[j] += v / float64(t)
			grand += v / float64(n*t)
		}
	}
	var sum float64
	for i := range x {
		for j, v := range x[i] {
			r := v - rows[i] - cols[j] + grand
			sum += r * r
		}
	}
	df := float64((t - 1) * (n - 1))
	return around(rows[a]-rows[b], math.Sqrt(sum/df*2/float64(n)), df, level)
}
