package cluster

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/vec"
)

// contingency counts the pairs of labels: a value for each row and column in
// order of first appearance, and the margins.
func contingency(a, b []int) (cells [][]float64, rows, cols []float64) {
	if len(a) != len(b) {
		panic(fmt.Sprintf("cluster: compare %d labels with %d", len(a), len(b)))
	}
	a, b = renumber(a), renumber(b)
	for i := range a {
		for a[i] >= len(rows) {
			rows, cells = append(rows, 0), append(cells, nil)
		}
		for b[i] >= len(cols) {
			cols = append(cols, 0)
		}
		for b[i] >= len(cells[a[i]]) {
			cells[a[i]] = append(cells[a[i]], 0)
		}
		rows[a[i]]++
		cols[b[i]]++
		cells[a[i]][b[i]]++
	}
	return cells, rows, cols
}

// NMI is the mutual information of two labelings of the same points, divided
// by the mean of their entropies: 1 for equal partitions, 0 for independent
// ones (and 1 if both have one group).
func NMI(a, b []int) float64 {
	cells, rows, cols := contingency(a, b)
	n := float64(len(a))
	var mi, ha, hb float64
	for i, row := range cells {
		for j, c := range row {
			if c > 0 {
				mi += c / n * math.Log(c*n/(rows[i]*cols[j]))
			}
		}
	}
	for _, r := range rows {
		ha -= r / n * math.Log(r/n)
	}
	for _, c := range cols {
		hb -= c / n * math.Log(c/n)
	}
	if ha+hb == 0 {
		return 1
	}
	return max(0, mi/((ha+hb)/2))
}

// ARI is the Rand index of two labelings of the same points, adjusted for
// chance (Hubert, Arabie 1985): 1 for equal partitions, 0 on average for
// random ones.
func ARI(a, b []int) float64 {
	cells, rows, cols := contingency(a, b)
	pairs := func(x float64) float64 { return x * (x - 1) / 2 }
	var both, ra, rb float64
	for _, row := range cells {
		for _, c := range row {
			both += pairs(c)
		}
	}
	for _, r := range rows {
		ra += pairs(r)
	}
	for _, c := range cols {
		rb += pairs(c)
	}
	expected, most := 0.0, (ra+rb)/2
	if all := pairs(float64(len(a))); all > 0 {
		expected = ra * rb / all
	}
	if most == expected {
		return 1
	}
	return (both - expected) / (most - expected)
}

// Purity is the share of points whose true label is the commonest one in
// their group.
func Purity(group, truth []int) float64 {
	cells, _, _ := contingency(group, truth)
	var sum float64
	for _, row := range cells {
		best := 0.0
		for _, c := range row {
			best = max(best, c)
		}
		sum += best
	}
	if len(group) == 0 {
		return 0
	}
	return sum / float64(len(group))
}

// Silhouette is the mean silhouette (Rousseeuw 1987) of the n rows of x
// (n x d) in their groups by Euclidean distance, in [-1, 1]. A point alone in
// its group counts 0. It costs n^2 distances: give it a sample.
func Silhouette(x []float32, n, d int, group []int, workers int) float64 {
	group = renumber(group)
	var size []float64
	for _, g := range group {
		for g >= len(size) {
			size = append(size, 0)
		}
		size[g]++
	}
	if len(size) < 2 {
		return 0
	}
	score := make([]float64, n)
	vec.ForEach(workers, n, func(_, i int) {
		sum := make([]float64, len(size))
		for j := range n {
			sum[group[j]] += math.Sqrt(float64(vec.SquaredDistance(x[i*d:(i+1)*d], x[j*d:(j+1)*d])))
		}
		own := group[i]
		if size[own] == 1 {
			return
		}
		a, b := sum[own]/(size[own]-1), math.Inf(1)
		for g, s := range sum {
			if g != own {
				b = min(b, s/size[g])
			}
		}
		if m := max(a, b); m > 0 {
			score[i] = (b - a) / m
		}
	})
	var total float64
	for _, s := range score {
		total += s
	}
	return total / float64(n)
}
