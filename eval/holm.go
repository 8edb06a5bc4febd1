package eval

import "slices"

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
