package eval

import "math"

// items fills in the scale and the error by the items: of the mean of a, or, where b is not
// nil, of the difference of the means. With pairs > 0 the runs are paired, and
// the noise of single items in single runs is that of their differences.
func (e *Estimate) items(pairs int, a, b []Run) {
	all := append(append([]Run(nil), a...), b...)
	for _, r := range all {
		e.scale = max(e.scale, math.Abs(r.Score))
	}
	if !alike(all) || len(all) == 0 || len(all[0].Parts) == 0 {
		e.Unknown = true
		return
	}
	var sum, squares float64 // of the parts' variances, and of their squares over the degrees of freedom
	for p, part := range all[0].Parts {
		v, residual, ok := byItem(p, pairs, a, b)
		if !ok {
			v, ok = byStdErr(p, a, b)
			residual = 0
		}
		if !ok {
			e.Unknown = true
			continue
		}
		sum += v
		e.Residual += residual
		if part.Items > 0 { // else as of many
			squares += v * v / float64(max(1, part.Items-1))
		}
	}
	e.Items = Variance{Value: sum, DF: math.Inf(1)}
	if squares > 0 {
		e.Items.DF = sum * sum / squares
	}
}

// byItem is the variance of a part's mean, or of the difference of two, by the
// scores of its items, and the part of it that the runs' variance contains too.
func byItem(p, pairs int, a, b []Run) (v, residual float64, ok bool) {
	x, y := itemTable(a, p), itemTable(b, p)
	if x == nil || b != nil && y == nil || len(x[0]) < 2 {
		return 0, 0, false
	}
	d, span := itemMeans(x), a[0].Parts[p].Span
	switch {
	case b == nil:
		residual = interaction(x)
	case pairs > 0:
		for k := range x {
			row := make([]float64, len(x[k]))
			for i := range row {
				row[i] = x[k][i] - y[k][i]
			}
			x[k] = row
		}
		d, residual = itemMeans(x), interaction(x)
	default:
		for i, m := range itemMeans(y) {
			d[i] -= m
		}
		residual = interaction(x) + interaction(y)
	}
	return spread(d, span, b != nil), residual, true
}

// spread is the squared standard error of the mean of items' scores. Of 0 of 20
// right answers the standard deviation is 0, which is no certainty: where scores
// have bounds it is at least that with two more items, one at either end (Agresti
// & Caffo 2000, The American Statistician 54), of a difference with half of one
// at either end (Agresti & Min 2005, Statistics in Medicine 24).
func spread(d []float64, span float64, difference bool) float64 {
	n := float64(len(d))
	var sum, squares float64
	for _, v := range d {
		sum += v
		squares += v * v
	}
	mean := sum / n
	var ss float64
	for _, v := range d {
		ss += (v - mean) * (v - mean)
	}
	v := ss / (n - 1) / n
	switch {
	case span == 0:
		return v
	case difference:
		return max(v, variance(n+1, sum, squares+span*span))
	}
	return max(v, variance(n+2, sum+span, squares+span*span))
}

// variance is the squared standard error of a mean by the sums of n values and
// of their squares.
func variance(n, sum, squares float64) float64 {
	return max(0, squares-sum*sum/n) / (n - 1) / n
}

// interaction is MS_residual/(nN) of the two-way layout of n runs by N items.
func interaction(x [][]float64) float64 {
	n, N := len(x), len(x[0])
	if n < 2 {
		return 0
	}
	items := itemMeans(x)
	var grand, ss float64
	for _, v := range items {
		grand += v / float64(N)
	}
	for _, row := range x {
		var run float64
		for _, v := range row {
			run += v / float64(N)
		}
		for i, v := range row {
			r := v - items[i] - run + grand
			ss += r * r
		}
	}
	return ss / float64((n-1)*(N-1)) / float64(n*N)
}

// byStdErr is the variance of a part by the standard errors of the runs. Runs
// share their items, so it does not shrink with their number; two models mostly
// fail on the same items, so that without their scores the difference of the two
// varies less than the sum says.
func byStdErr(p int, a, b []Run) (v float64, ok bool) {
	for _, runs := range [][]Run{a, b} {
		for _, r := range runs {
			s := r.Parts[p].StdErr
			v += s * s / float64(len(runs))
		}
	}
	return v, !math.IsNaN(v)
}
