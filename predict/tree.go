package predict

import (
	"math"
	"slices"
)

// A tree is its nodes; the root is the first.
type tree []node

// A node sends x left if x[feature] <= edge. A leaf has the feature -1.
type node struct {
	edge        float64 // of a leaf: its value
	feature     int32
	left, right int32 // indices of nodes
	bin         int32 // the last bin that goes left
}

// A grower adds trees to a model, one after the other. Instead of building a
// histogram per leaf it keeps the rows of each leaf sorted by bin, feature by
// feature: the same splits, and with a few hundred rows, where most bins of a
// leaf are empty, several times faster.
type grower struct {
	o         *GBDT
	b         *binned
	target    []float64 // by row of b, as the next two
	predicted []float64
	gradient  []float64 // predicted - target
	train     []int32   // rows, in the order of the last tree's leaves
	held      []int32   // rows that are only predicted
	sorted    []uint32  // features x len(train): bin<<24 | row, ascending
	order     []uint32  // the same within the leaves of the tree that grows
	scratch   []uint32
	goesRight []uint8   // by row
	inverse   []float64 // 1/(n+L2), by n
	above     []float64 // inverse from the last to 1
	start     float64   // mean target of the training rows
	trees     []tree
	heldError []float64 // summed squared error on held, by number of trees from 0
}

const rowMask = 1<<24 - 1

// A leaf that may still be split.
type leaf struct {
	node, depth int
	lo, hi      int // rows train[lo:hi]; the same range of each feature's order
	sum         float64
	best        split
}

type split struct {
	gain         float64 // 0: none
	feature, bin int
	sum          float64 // of the left side
}

func newGrower(o *GBDT, b *binned, target []float64, train, held []int32) *grower {
	n := len(train)
	g := &grower{o: o, b: b, target: target, train: train, held: held,
		predicted: make([]float64, b.rows), gradient: make([]float64, b.rows), goesRight: make([]uint8, b.rows),
		sorted: make([]uint32, b.features*n), order: make([]uint32, b.features*n), scratch: make([]uint32, n),
		inverse: make([]float64, n+1), above: make([]float64, n)}
	for i := range n {
		g.start += target[train[i]] / float64(n)
		g.inverse[i+1] = 1 / (float64(i+1) + o.L2)
		g.above[n-1-i] = g.inverse[i+1]
	}
	for i := range g.predicted {
		g.predicted[i] = g.start
	}
	for j := range b.features {
		column := g.sorted[j*n:][:n]
		for i, row := range train {
			column[i] = uint32(b.code[j*b.rows+int(row)])<<24 | uint32(row)
		}
		slices.Sort(column)
	}
	g.record()
	return g
}

func (g *grower) record() {
	sum := 0.0
	for _, i := range g.held {
		e := g.predicted[i] - g.target[i]
		sum += e * e
	}
	g.heldError = append(g.heldError, sum)
}

// grow adds n trees, or fewer if no split has a gain any more. heldError
// always grows by n.
func (g *grower) grow(n int) {
	for range n {
		for _, i := range g.train {
			g.gradient[i] = g.predicted[i] - g.target[i]
		}
		if t := g.one(); len(t) > 1 {
			g.trees = append(g.trees, t)
		}
		g.record()
	}
}

// one grows a tree, best leaf first, and adds it to the predictions.
func (g *grower) one() tree {
	copy(g.order, g.sorted)
	slices.Sort(g.train) // so that the sum does not depend on earlier trees
	root := leaf{hi: len(g.train)}
	for _, i := range g.train {
		root.sum += g.gradient[i]
	}
	if g.splittable(&root) {
		g.search(&root)
	}
	t, leaves := tree{{feature: -1}}, []leaf{root}
	for len(leaves) < g.o.Leaves {
		best := 0
		for i := range leaves {
			if leaves[i].best.gain > leaves[best].best.gain {
				best = i
			}
		}
		if leaves[best].best.gain <= 0 {
			break
		}
		var left, right leaf
		t, left, right = g.split(t, &leaves[best])
		leaves[best] = left
		leaves = append(leaves, right)
	}
	for _, l := range leaves {
		value := -g.o.Rate * soft(l.sum, g.o.L1) * g.inverse[l.hi-l.lo]
		t[l.node] = node{edge: value, feature: -1}
		for _, i := range g.train[l.lo:l.hi] {
			g.predicted[i] += value
		}
	}
	for _, i := range g.held {
		g.predicted[i] += t.coded(g.b, int(i))
	}
	return t
}

// coded returns the value of the tree at a row of b.
func (t tree) coded(b *binned, row int) float64 {
	n := &t[0]
	for n.feature >= 0 {
		if int32(b.code[int(n.feature)*b.rows+row]) <= n.bin {
			n = &t[n.left]
		} else {
			n = &t[n.right]
		}
	}
	return n.edge
}

func (g *grower) splittable(l *leaf) bool {
	return l.hi-l.lo >= 2*g.o.MinLeaf && l.depth < g.o.MaxDepth
}

// split carries out the best split of l.
func (g *grower) split(t tree, l *leaf) (_ tree, left, right leaf) {
	s := l.best
	code := g.b.code[s.feature*g.b.rows:][:g.b.rows]
	at, over := l.lo, 0
	for _, i := range g.train[l.lo:l.hi] {
		if int(code[i]) <= s.bin {
			g.goesRight[i] = 0
			g.train[at] = i
			at++
		} else {
			g.goesRight[i] = 1
			g.scratch[over] = uint32(i)
			over++
		}
	}
	for i, row := range g.scratch[:over] {
		g.train[at+i] = int32(row)
	}
	left = leaf{node: len(t), depth: l.depth + 1, lo: l.lo, hi: at, sum: s.sum}
	right = leaf{node: len(t) + 1, depth: l.depth + 1, lo: at, hi: l.hi, sum: l.sum - s.sum}
	t[l.node] = node{edge: g.b.upper[s.feature][s.bin], feature: int32(s.feature), bin: int32(s.bin),
		left: int32(left.node), right: int32(right.node)}
	t = append(t, node{feature: -1}, node{feature: -1})

	if g.splittable(&left) || g.splittable(&right) {
		for j := range g.b.features {
			g.partition(g.order[j*len(g.train):][l.lo:l.hi])
		}
	}
	if g.splittable(&left) {
		g.search(&left)
	}
	if g.splittable(&right) {
		g.search(&right)
	}
	return t, left, right
}

// partition moves the rows that go right behind the others, keeping order.
func (g *grower) partition(order []uint32) {
	right := g.scratch[:len(order)]
	at, over := 0, 0
	for _, v := range order {
		side := int(g.goesRight[v&rowMask])
		order[at], right[over] = v, v
		at += 1 - side
		over += side
	}
	copy(order[at:], right[:over])
}

// search finds the best split of l. Like LightGBM it walks each feature from
// its highest bin and takes a split only if it beats those before it, so ties
// go to the first feature and to its highest edge. The score without the
// penalty L1 is a bound of the score with it that costs no branch: hardly any
// row gets past it, whether or not it begins a bin.
func (g *grower) search(l *leaf) {
	n, least, l1 := l.hi-l.lo, g.o.MinLeaf, g.o.L1
	parent := square(l.sum, l1) * g.inverse[n]
	best, total, gradient := parent, l.sum, g.gradient
	below, above := g.inverse[:n], g.above[len(g.above)-n:] // of k rows, and of n-k
	for j := range g.b.features {
		order := g.order[j*len(g.train):][l.lo:l.hi]
		second := (order[0]>>24 + 1) << 24 // rows from here on are in a higher bin than the lowest
		right := 0.0
		for k := n - 1; k >= least && order[k] >= second; k-- {
			right += gradient[order[k]&rowMask]
			left := total - right
			if left*left*below[k]+right*right*above[k] <= best || order[k-1]>>24 == order[k]>>24 || n-k < least {
				continue
			}
			if score := square(left, l1)*below[k] + square(right, l1)*above[k]; score > best {
				best = score
				l.best = split{gain: score - parent, feature: j, bin: int(order[k]>>24) - 1, sum: left}
			}
		}
	}
}

// square returns the square of v moved towards 0 by t.
func square(v, t float64) float64 {
	if v = math.Abs(v) - t; v > 0 {
		return v * v
	}
	return 0
}

// soft moves v towards 0 by t.
func soft(v, t float64) float64 {
	return math.Copysign(max(0, math.Abs(v)-t), v)
}
