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

// A grower adds trees to a model, one after the other. Trees are LightGBM's,
// found without its histograms: see region.
type grower struct {
	o         *GBDT
	b         *binned
	target    []float64 // by row of b, as the next two
	predicted []float64
	gradient  []float64 // predicted - target
	held      []int32   // rows that are only predicted
	all       *region   // the training rows
	orders    slab      // of its parts
	stored    int       // bounds and gradients of its parts
	spare     []uint32
	goesRight []uint8   // by row
	inverse   []float64 // 1/(n+L2), by n
	above     []float64 // inverse from the last to 1
	start     float64   // mean target of the training rows
	trees     []tree
	heldError []float64 // summed squared error on held, by number of trees from 0
}

// A leaf that may still be split.
type leaf struct {
	node, depth int
	rows        *region
	sum, parent float64 // of the gradients, and the score of no split
	best        split
}

type split struct {
	border
	gain, score float64 // gain 0: none
	sum         float64 // of the left side
}

func newGrower(o *GBDT, b *binned, target []float64, train, held []int32) *grower {
	n := len(train)
	g := &grower{o: o, b: b, target: target, held: held, all: newRegion(train, b.features),
		predicted: make([]float64, b.rows), gradient: make([]float64, b.rows), goesRight: make([]uint8, b.rows),
		spare:   make([]uint32, 2*n),
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
		column := make([]uint32, n)
		for i, row := range train {
			column[i] = uint32(b.code[j*b.rows+int(row)])<<24 | uint32(row)
		}
		slices.Sort(column)
		g.all.order = append(g.all.order, column)
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
		for _, i := range g.all.rows {
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
	g.forget()
	sum := 0.0
	for _, i := range g.all.rows {
		sum += g.gradient[i]
	}
	root := g.leaf(g.all, 0, 0, sum)
	g.search(&root)
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
		value := -g.o.Rate * soft(l.sum, g.o.L1) * g.inverse[len(l.rows.rows)]
		t[l.node] = node{edge: value, feature: -1}
		for _, i := range l.rows.rows {
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

// leaf returns the leaf of a region.
func (g *grower) leaf(r *region, node, depth int, sum float64) leaf {
	parent := square(sum, g.o.L1) * g.inverse[len(r.rows)]
	return leaf{node: node, depth: depth, rows: r, sum: sum, parent: parent, best: split{score: parent}}
}

func (g *grower) splittable(l *leaf) bool {
	return len(l.rows.rows) >= 2*g.o.MinLeaf && l.depth < g.o.MaxDepth
}

// split carries out the best split of l.
func (g *grower) split(t tree, l *leaf) (_ tree, left, right leaf) {
	s, depth := l.best, l.depth+1
	parts, known := l.rows.parts[s.border]
	if !known {
		parts = g.newParts(l.rows, s.border)
	}
	left, right = g.leaf(parts[0], len(t), depth, s.sum), g.leaf(parts[1], len(t)+1, depth, l.sum-s.sum)
	t[l.node] = node{edge: g.b.upper[s.feature][s.bin], feature: int32(s.feature), bin: int32(s.bin),
		left: int32(left.node), right: int32(right.node)}
	t = append(t, node{feature: -1}, node{feature: -1})
	if known {
		g.search(&left)
		g.search(&right)
	} else if g.splittable(&left) || g.splittable(&right) {
		g.divide(l.rows, [2]*leaf{&left, &right}, depth+1 < g.o.MaxDepth)
	}
	return t, left, right
}

// forget drops the regions when there are too many.
func (g *grower) forget() {
	if len(g.orders.whole) == 0 {
		g.orders.whole = make([]uint32, min(32*g.b.features*len(g.all.rows), storedNumbers))
		g.orders.free = g.orders.whole
	}
	if 4*len(g.orders.free) < len(g.orders.whole) || g.stored > storedNumbers {
		g.all.parts, g.orders.free, g.stored = nil, g.orders.whole, 0
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
