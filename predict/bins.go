package predict

import (
	"math"
	"slices"
	"sort"
)

// binned holds the rows of a fit with every feature cut into bins.
type binned struct {
	rows, features int
	code           []uint8     // features x rows: the bin of each value
	upper          [][]float64 // by feature: the largest value of each bin but the last
}

const (
	binRows  = 3     // LightGBM's min_data_in_bin
	zeroEdge = 1e-35 // LightGBM's kZeroThreshold: values up to it are zero
)

// newBinned cuts the features of x into at most most bins each.
func newBinned(x [][]float64, most int) *binned {
	b := &binned{rows: len(x), features: len(x[0])}
	b.code = make([]uint8, b.features*b.rows)
	values := make([]float64, b.rows)
	for j := range b.features {
		for i, row := range x {
			values[i] = row[j]
		}
		upper := binEdges(values, most)
		for i, v := range values {
			b.code[j*b.rows+i] = uint8(sort.SearchFloat64s(upper, v))
		}
		b.upper = append(b.upper, upper)
	}
	return b
}

// binEdges returns the upper edges of all bins but the last. As in LightGBM,
// zeros have a bin to themselves and the values on either side of it share
// the other bins in proportion to their number.
func binEdges(values []float64, most int) []float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	negative := sort.SearchFloat64s(sorted, -zeroEdge)
	positive := sort.Search(len(sorted), func(i int) bool { return sorted[i] > zeroEdge })
	if negative == 0 && positive == 0 || negative == len(sorted) {
		return cut(sorted, most)
	}
	var edges []float64
	rest := most - 1
	if negative > 0 {
		share := max(1, rest*negative/(negative+len(sorted)-positive))
		edges = append(cut(sorted[:negative], share), -zeroEdge)
		rest -= share
	}
	if positive < len(sorted) && rest > 0 {
		edges = append(append(edges, zeroEdge), cut(sorted[positive:], rest)...)
	}
	return edges
}

// cut is LightGBM's GreedyFindBin on sorted values: edges half-way between
// neighbouring values such that bins hold at least binRows rows. Where that
// would make more than most bins, they hold rows/bins each, and a value that
// is as frequent as that has a bin to itself.
func cut(sorted []float64, most int) []float64 {
	values, counts := distinct(sorted)
	size, rows, bins := float64(binRows), len(sorted), most
	single := make([]bool, len(values))
	if len(values) > most {
		bins = max(1, min(most, rows/binRows))
		average := float64(rows) / float64(bins)
		for i, c := range counts {
			if float64(c) >= average {
				single[i] = true
				bins--
				rows -= c
			}
		}
		size = float64(rows) / float64(max(1, bins))
	}
	var edges []float64
	filled := 0
	for i := range len(values) - 1 {
		filled += counts[i]
		if !single[i] {
			rows -= counts[i]
		}
		full := float64(filled) >= size || single[i] || single[i+1] && float64(filled) >= max(1, size/2)
		if !full || len(edges) >= most-1 {
			continue
		}
		edges = append(edges, half(values[i], values[i+1]))
		filled = 0
		if len(values) > most && !single[i] {
			bins--
			size = float64(rows) / float64(max(1, bins))
		}
	}
	return edges
}

// half returns a number between a < b that is not b.
func half(a, b float64) float64 {
	if m := a + (b-a)/2; m < b {
		return m
	}
	return math.Nextafter(b, a)
}

// distinct returns the different values of a sorted slice and their counts.
func distinct(sorted []float64) (values []float64, counts []int) {
	for i, v := range sorted {
		if i == 0 || v != sorted[i-1] {
			values, counts = append(values, v), append(counts, 0)
		}
		counts[len(counts)-1]++
	}
	return values, counts
}
