package eval

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// StdCI is the chi-squared interval of a level around a standard deviation that
// was estimated with df degrees of freedom: [std sqrt(df/q1), std sqrt(df/q2)],
// q1 and q2 being the upper and lower quantiles, for normal values. Without
// degrees of freedom it is [0, +Inf).
func StdCI(std float64, df int, level float64) (lo, hi float64) {
	if df < 1 {
		return 0, math.Inf(1)
	}
	chi := distuv.ChiSquared{K: float64(df)}
	return std * math.Sqrt(float64(df)/chi.Quantile((1+level)/2)), std * math.Sqrt(float64(df)/chi.Quantile((1-level)/2))
}
