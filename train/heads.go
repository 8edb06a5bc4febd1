package train

import "slices"

const (
	leastHead   = 64  // tokens of a head that is worth it
	rowsPerHead = 128 // rows that are evaluated together after one head
)

// headed are rows that begin with the same head tokens.
type headed struct {
	rows []window
	head int
}

// heads takes out the rows that are better evaluated after a head that they
// share than after contexts that some of them share: the examples before all
// questions of a task. The others stay in order.
func (s *Scorer) heads(rows []window) (out []headed, rest []window) {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(rows[a].context(), rows[b].context()) })
	taken := make([]bool, len(rows))
	for i := 0; i < len(order); {
		h := headed{rows: []window{rows[order[i]]}, head: len(rows[order[i]].context())}
		choices := 0 // tokens that sharing whole contexts would save
		j := i + 1
		for ; j < len(order); j++ {
			a, b := rows[order[j-1]].context(), rows[order[j]].context()
			n := common(a, b)
			if n < leastHead {
				break
			}
			if n == len(a) && n == len(b) {
				choices += n
			}
			h.rows, h.head = append(h.rows, rows[order[j]]), min(h.head, n)
		}
		if passes := (len(h.rows) + rowsPerHead - 1) / rowsPerHead; h.head*(len(h.rows)-passes) > choices {
			out = append(out, h)
			for _, k := range order[i:j] {
				taken[k] = true
			}
		}
		i = j
	}
	for i, w := range rows {
		if !taken[i] {
			rest = append(rest, w)
		}
	}
	return out, rest
}

// common is the number of tokens that a and b both begin with.
func common(a, b []uint32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
