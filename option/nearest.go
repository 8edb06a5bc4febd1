package option

// Nearest returns the name that was probably meant by a misspelt one: the first
// with the fewest letters put in, left out, changed or swapped with their
// neighbour (optimal string alignment distance), at most a third of the letters of
// the longer.
// It is "" where there is none.
func Nearest(misspelt string, names []string) string {
	best, least := "", 0
	for _, name := range names {
		if d := distance(misspelt, name); 3*d <= max(len(misspelt), len(name))+1 && (best == "" || d < least) {
			best, least = name, d
		}
	}
	return best
}

// distance is the optimal string alignment distance of two names, in bytes.
func distance(a, b string) int {
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
