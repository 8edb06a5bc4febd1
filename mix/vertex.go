package mix

import "slices"

// Vertex returns the mixture within the bounds that maximises gain.w: every
// domain at its lower bound, then what is left to the domains in the order of
// their gain, each up to its upper bound; ties go to the lesser index. Bounds
// that are not Feasible are the caller's mistake and panic.
func (b Bounds) Vertex(gain []float64) Mixture {
	if err := b.Feasible(len(gain)); err != nil {
		panic("mix: vertex: " + err.Error())
	}
	order, left := make([]int, len(gain)), 1.0
	m := make(Mixture, len(gain))
	for i := range order {
		order[i] = i
		m[i], _ = b.At(i)
		left -= m[i]
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case gain[i] > gain[j]:
			return -1
		case gain[i] < gain[j]:
			return 1
		}
		return 0
	})
	for _, i := range order {
		_, hi := b.At(i)
		more := max(0, min(hi-m[i], left))
		m[i] += more
		left -= more
	}
	return m
}
