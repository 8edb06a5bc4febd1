package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/vec"
)

// A Merge joins the groups A < B of a Tree. Groups below N are the leaves,
// group N+i is what merge i made.
type Merge struct {
	A, B     int
	Distance float64
	Leaves   int // in the new group
}

// Tree is an agglomerative clustering of N leaves: N-1 merges by ascending
// distance, as in the matrix Z of scipy.cluster.hierarchy.linkage.
type Tree struct {
	N      int
	Merges []Merge
}

// Cut returns the group of each leaf when every merge up to and including
// distance t is done, as scipy's fcluster(t, criterion="distance"); groups are
// numbered by their first leaf.
func (t *Tree) Cut(distance float64) []int {
	n := 0
	for n < len(t.Merges) && t.Merges[n].Distance <= distance {
		n++
	}
	return t.CutCount(t.N - n)
}

// CutCount returns the group of each leaf when merges are done until groups
// are left, at least 1 and at most N.
func (t *Tree) CutCount(groups int) []int {
	merges := t.Merges[:min(len(t.Merges), max(0, t.N-groups))]
	top := make([]int, t.N+len(merges)) // the highest group that holds a group
	for i := range top {
		top[i] = i
	}
	for i := len(merges) - 1; i >= 0; i-- {
		top[merges[i].A], top[merges[i].B] = top[t.N+i], top[t.N+i]
	}
	return renumber(top[:t.N])
}

// renumber returns group numbers 0, 1, ... in order of first appearance.
func renumber(group []int) []int {
	number := map[int]int{}
	out := make([]int, len(group))
	for i, g := range group {
		if _, ok := number[g]; !ok {
			number[g] = len(number)
		}
		out[i] = number[g]
	}
	return out
}

// pairwise holds a symmetric n x n matrix, both halves, so that a row is read
// in one go: 4 n^2 bytes, 100 MB for 5,000 groups.
type pairwise struct {
	n int
	v []float32
}

func (p *pairwise) row(i int) []float32 { return p.v[i*p.n : (i+1)*p.n] }

func (p *pairwise) at(i, j int) float64 { return float64(p.v[i*p.n+j]) }

func (p *pairwise) set(i, j int, v float64) {
	p.v[i*p.n+j], p.v[j*p.n+i] = float32(v), float32(v)
}

// distances returns scale(i, j) times the Euclidean distances between the
// rows of x (k x d).
func distances(x []float32, k, d int, scale func(i, j int) float64) *pairwise {
	p := &pairwise{n: k, v: make([]float32, k*k)}
	for i := range k {
		for j := i + 1; j < k; j++ {
			sq := float64(vec.SquaredDistance(x[i*d:(i+1)*d], x[j*d:(j+1)*d]))
			p.set(i, j, scale(i, j)*math.Sqrt(sq))
		}
	}
	return p
}

// An update is a Lance-Williams formula: the distance from group k to the
// union of i and j, given the three distances and the groups' weights.
type update func(ik, jk, ij, wi, wj, wk float64) float64

func wardUpdate(ik, jk, ij, wi, wj, wk float64) float64 {
	sq := ((wi+wk)*ik*ik + (wj+wk)*jk*jk - wk*ij*ij) / (wi + wj + wk)
	return math.Sqrt(max(0, sq))
}

func averageUpdate(ik, jk, _, wi, wj, _ float64) float64 { return (wi*ik + wj*jk) / (wi + wj) }

// chain builds the tree by following nearest neighbours until two groups are
// each other's (Murtagh 1983): O(n^2) time, exact for reducible updates such
// as the two above. It uses up dist and weight. Ties go to the group before
// in the chain, then to the lowest leaf.
func chain(dist *pairwise, weight []float64, f update) *Tree {
	n := dist.n
	gone := make([]bool, n)
	var path []int
	merges := make([]Merge, 0, max(0, n-1))
	for low := 0; len(merges) < n-1; {
		if len(path) == 0 {
			for gone[low] {
				low++
			}
			path = append(path, low)
		}
		i := path[len(path)-1]
		j, d := -1, math.Inf(1)
		if len(path) > 1 {
			j = path[len(path)-2]
			d = dist.at(i, j)
		}
		for k, v := range dist.row(i) {
			if v := float64(v); (v < d || j < 0) && k != i && !gone[k] {
				j, d = k, v
			}
		}
		if len(path) < 2 || j != path[len(path)-2] {
			path = append(path, j)
			continue
		}
		path = path[:len(path)-2]
		a, b := min(i, j), max(i, j)
		merges = append(merges, Merge{A: a, B: b, Distance: d})
		gone[a] = true
		for k := range n {
			if k != b && !gone[k] {
				dist.set(b, k, f(dist.at(a, k), dist.at(b, k), d, weight[a], weight[b], weight[k]))
			}
		}
		weight[b] += weight[a]
	}
	return inOrder(n, merges)
}

// inOrder sorts merges of representative leaves by distance and renames them
// to groups.
func inOrder(n int, merges []Merge) *Tree {
	slices.SortStableFunc(merges, func(a, b Merge) int { return cmp.Compare(a.Distance, b.Distance) })
	parent, leaves := make([]int, 2*n-1), make([]int, 2*n-1)
	for i := range parent {
		parent[i], leaves[i] = i, 1
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for i := range merges {
		m := &merges[i]
		a, b := find(m.A), find(m.B)
		m.A, m.B, m.Leaves = min(a, b), max(a, b), leaves[a]+leaves[b]
		parent[a], parent[b], leaves[n+i] = n+i, n+i, m.Leaves
	}
	return &Tree{N: n, Merges: merges}
}

// checkMerge checks what every Merger is given.
func checkMerge(x []float32, k, d int, weight []float64) error {
	if k < 1 || len(x) != k*d || len(weight) != k {
		return fmt.Errorf("merge clusters: %d numbers and %d weights are not %d clusters of dimension %d, with at least one", len(x), len(weight), k, d)
	}
	for i, w := range weight {
		if !(w >= 0) || math.IsInf(w, 1) {
			return fmt.Errorf("merge clusters: weight %v of cluster %d is not a size", w, i)
		}
	}
	if err := checkFinite(x, k, d, 1); err != nil {
		return fmt.Errorf("merge clusters: %w", err)
	}
	return nil
}
