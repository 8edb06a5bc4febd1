package eval

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// PairedP is the two-sided p-value of Student's paired t-test: how often pairs
// without a difference would give means as far apart as those of a and b. It is
// 1 for fewer than two pairs, and for pairs that are all equal.
func PairedP(a, b []float64) float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	mean, stderr := meanStdErr(d)
	switch {
	case len(d) < 2 || mean == 0:
		return 1
	case stderr == 0:
		return 0
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(len(d) - 1)}
	return min(1, 2*t.Survival(math.Abs(mean/stderr)))
}

// Holm corrects p-values for their number, so that those below alpha are all
// true with probability 1-alpha, whatever their dependence (Holm 1979,
// Scandinavian Journal of Statistics 6): the i-th smallest of m becomes the
// largest of (m-j+1) p_j over j <= i, at most 1.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case p[i] < p[j]:
			return -1
		case p[i] > p[j]:
			return 1
		}
		return 0
	})
	out, most := make([]float64, len(p)), 0.0
	for rank, i := range order {
		most = max(most, min(1, float64(len(p)-rank)*p[i]))
		out[i] = most
	}
	return out
}
