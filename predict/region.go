package predict

import "math"

// A region is a set of training rows that trees split off, kept from tree to
// tree, because with a small rate the next tree mostly splits as the last one
// did. Instead of a histogram it keeps its rows sorted by bin, feature by
// feature: the same splits, and with a few hundred rows, where most bins are
// empty, several times faster.
//
// And it keeps, by feature, a bound on the best score. The score of a split is
// the squared length of the vector v = (T(G_L)/a_L, T(G_R)/a_R), where
// a = sqrt(n+L2). If the gradients of the rows move by their mean c and by a
// rest whose length is e, no component of v grows beyond that of v + c w + u,
// w = (n_L/a_L, n_R/a_R), |u| <= e (Cauchy-Schwarz), and
//
//	|v + c w|^2 <= score + 2 c G + 2 |c| (2 L1 + L2 sqrt(2 score/(MinLeaf+L2))) + n c^2
//
// because v.w is G up to what the penalties take. So a feature is looked at
// again only when that could be more than the best score: hardly any is.
type region struct {
	rows  []int32    // ascending
	order [][]uint32 // by feature: bin<<24 | row, ascending; nil until it is needed
	bound []float64  // by feature
	then  []float64  // gradients of the rows when the bounds were set
	whole *region    // that a border cut it from; nil for all rows
	border
	right bool // the side of the border
	parts map[border][2]*region
}

// A border sends rows up to a bin of a feature left.
type border struct{ feature, bin int }

const rowMask = 1<<24 - 1

func newRegion(rows []int32, features int) *region {
	r := &region{rows: rows, bound: make([]float64, features), then: make([]float64, len(rows))}
	for j := range r.bound {
		r.bound[j] = math.Inf(1)
	}
	return r
}

// storedNumbers is how many bounds and gradients the regions of a grower hold
// before they are forgotten: 8 MiB. Their orders have at most half as much.
const storedNumbers = 1 << 20

// A slab is where a grower's regions keep their orders.
type slab struct{ free, whole []uint32 }

// take returns n numbers.
func (s *slab) take(n int) []uint32 {
	if n > len(s.free) {
		return make([]uint32, n)
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

// newParts returns the sides of a border in r.
func (g *grower) newParts(r *region, at border) (parts [2]*region) {
	code := g.b.code[at.feature*g.b.rows:][:g.b.rows]
	var rows [2][]int32
	for _, i := range r.rows {
		side := 0
		if int(code[i]) > at.bin {
			side = 1
		}
		g.goesRight[i] = uint8(side)
		rows[side] = append(rows[side], i)
	}
	for side := range parts {
		p := newRegion(rows[side], g.b.features)
		p.whole, p.border, p.right = r, at, side == 1
		for i, row := range p.rows {
			p.then[i] = g.gradient[row]
		}
		parts[side] = p
		g.stored += len(p.bound) + len(p.then)
	}
	if r.parts == nil {
		r.parts = map[border][2]*region{}
	}
	r.parts[at] = parts
	return parts
}

// sorted returns the rows of r in the order of feature j.
func (g *grower) sorted(r *region, j int) []uint32 {
	if r.order == nil {
		r.order = make([][]uint32, g.b.features)
	}
	if r.order[j] != nil {
		return r.order[j]
	}
	code := g.b.code[r.feature*g.b.rows:][:g.b.rows]
	out, at := g.orders.take(len(r.rows)), 0
	for _, v := range g.sorted(r.whole, j) {
		if int(code[v&rowMask]) > r.bin == r.right {
			out[at] = v
			at++
		}
	}
	r.order[j] = out
	return out
}

// search finds the best split of l. As in LightGBM, ties go to the first
// feature and to its highest edge.
func (g *grower) search(l *leaf) {
	if !g.splittable(l) {
		return
	}
	r := l.rows
	g.age(r)
	first := 0
	for j, b := range r.bound {
		if b > r.bound[first] {
			first = j
		}
	}
	g.scan(l, first, g.sorted(r, first))
	for j, b := range r.bound {
		if j != first && b >= l.best.score {
			g.scan(l, j, g.sorted(r, j))
		}
	}
}

// age moves the bounds of r as far as the gradients have moved.
func (g *grower) age(r *region) {
	was, step, way, top := 0.0, 0.0, 0.0, 0.0
	for i, row := range r.rows {
		d := g.gradient[row] - r.then[i]
		was += r.then[i]
		step += d
		way += d * d
		r.then[i] = g.gradient[row]
	}
	for _, b := range r.bound {
		top = max(top, b)
	}
	n := float64(len(r.rows))
	c := step / n
	slack := 2*g.o.L1 + g.o.L2*math.Sqrt(2*top/(float64(g.o.MinLeaf)+g.o.L2))
	level := c * (2*was + step)
	if top < math.Inf(1) {
		level += 2 * math.Abs(c) * slack
	}
	rest := math.Sqrt(max(0, way-n*c*c))
	for j, b := range r.bound {
		v := math.Sqrt(max(0, b+level)) + rest
		r.bound[j] = v * v * (1 + 1e-9)
	}
}

// scan looks for a better split of l by feature j, from its highest bin down,
// and sets the feature's bound. The score without the penalty L1 is a bound of
// the score with it that costs no branch: hardly any row gets past it, whether
// or not it begins a bin.
func (g *grower) scan(l *leaf, j int, order []uint32) {
	n, least, l1 := len(order), g.o.MinLeaf, g.o.L1
	second := (order[0]>>24 + 1) << 24 // rows from here on are in a higher bin than the lowest
	right, top, total, gradient := 0.0, l.floor(), l.sum, g.gradient
	best := split{border: border{feature: j}}
	below, above := g.inverse[:n], g.above[len(g.above)-n:][:n] // of k rows, and of n-k
	for k := n - 1; k > 0; k-- {
		row := order[k]
		if row < second || k < least {
			break
		}
		right += gradient[row&rowMask]
		left := total - right
		a, b := math.Abs(left)-l1, math.Abs(right)-l1
		if a*a*below[k]+b*b*above[k] <= top || order[k-1]>>24 == row>>24 || n-k < least {
			continue
		}
		if score := square(left, l1)*below[k] + square(right, l1)*above[k]; score > top {
			top = score
			best.bin, best.sum = int(row>>24)-1, left
		}
	}
	l.rows.bound[j] = top
	l.take(best, top)
}

// floor is a score half-way from no split to the best one: below it the score
// of a split is of no interest.
func (l *leaf) floor() float64 { return l.parent + (l.best.score-l.parent)/2 }

// take makes s the best split if its score is higher, or as high and its
// feature the lesser.
func (l *leaf) take(s split, score float64) {
	if score > l.best.score || score == l.best.score && s.feature < l.best.feature {
		s.score, s.gain = score, score-l.parent
		l.best = s
	}
}

// divide searches two leaves that were one, feature by feature, and writes the
// orders of their rows down if keep is set.
func (g *grower) divide(whole *region, leaves [2]*leaf, keep bool) {
	n := len(leaves[0].rows.rows)
	if keep {
		leaves[0].rows.order, leaves[1].rows.order = make([][]uint32, g.b.features), make([][]uint32, g.b.features)
	}
	for j := range g.b.features {
		order := g.sorted(whole, j)
		both := g.spare[:len(order)]
		if keep {
			both = g.orders.take(len(order))
		}
		g.partition(both, order, n)
		for i, part := range [2][]uint32{both[:n], both[n:]} {
			l := leaves[i]
			if keep {
				l.rows.order[j] = part
			}
			if g.splittable(l) {
				g.scan(l, j, part)
			}
		}
	}
}

// partition sets dst to the n rows of order that go left and, after them,
// those that go right. It writes every row to both and moves on in one.
func (g *grower) partition(dst, order []uint32, n int) {
	side, right := g.goesRight, g.spare[len(order):][:len(order)]
	at, over := 0, 0
	dst, right = dst[:len(order)], right[:len(order)]
	for _, v := range order {
		s := int(side[v&rowMask])
		dst[at], right[over] = v, v
		at += 1 - s
		over += s
	}
	copy(dst[n:], right)
}
