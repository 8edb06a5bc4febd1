package predict

import "math"

// SpearmanInterval is the interval of a level around a rank correlation r of n
// pairs: Fisher's z with the variance (1 + r^2/2) / (n - 3), tanh(atanh(r) ± q
// sqrt(variance)) (Bonett and Wright, 2000, Psychometrika 65(1), 23-28). It is
// that of pairs drawn anew with the predictor as it is; another draw of the runs
// that the predictor was fitted to is not in it, so that it is rather too
// narrow. Fewer than four pairs say nothing: [-1, 1].
func SpearmanInterval(r float64, n int, level float64) (lo, hi float64) {
	if n < 4 || math.IsNaN(r) {
		return -1, 1
	}
	r = min(max(r, -1+1e-9), 1-1e-9) // equal ranks are not certainty
	half := math.Sqrt2 * math.Erfinv(level) * math.Sqrt((1+r*r/2)/float64(n-3))
	return math.Tanh(math.Atanh(r) - half), math.Tanh(math.Atanh(r) + half)
}
