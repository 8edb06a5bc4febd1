package label

import (
	"cmp"
	"math"
	"slices"
)

// Reliability says how far probabilities can be believed, over all pairs of a
// text and a label: a label of probability p should be right p of the time.
type Reliability struct {
	Accuracy float64        `json:"accuracy"` // of the most probable label
	LogLoss  float64        `json:"log_loss"` // nats a text
	Brier    float64        `json:"brier"`    // mean of (probability - right)^2
	ECE      float64        `json:"ece"`      // mean of |probability - share that is right|, over the bins
	Bins     [10]Confidence `json:"bins"`     // of probability [0, 0.1), [0.1, 0.2), ...
}

// Confidence is one bin of Reliability.
type Confidence struct {
	Pairs       int     `json:"pairs"`
	Probability float64 `json:"probability"` // mean
	Right       float64 `json:"right"`       // share
}

// reliability measures probabilities p, len(labels) x k.
func reliability(p []float64, k int, labels []int) (r Reliability) {
	for i, label := range labels {
		row := p[i*k : (i+1)*k]
		best := 0
		for j, x := range row {
			right := 0.0
			if j == label {
				right = 1
			}
			if x > row[best] {
				best = j
			}
			r.Brier += (x - right) * (x - right) / float64(len(p))
			bin := &r.Bins[min(9, max(0, int(x*10)))]
			bin.Pairs++
			bin.Probability += x
			bin.Right += right
		}
		if best == label {
			r.Accuracy += 1 / float64(len(labels))
		}
		r.LogLoss -= math.Log(max(row[label], 1e-12)) / float64(len(labels))
	}
	for i := range r.Bins {
		b := &r.Bins[i]
		if b.Pairs > 0 {
			r.ECE += math.Abs(b.Probability-b.Right) / float64(len(p))
			b.Probability /= float64(b.Pairs)
			b.Right /= float64(b.Pairs)
		}
	}
	return r
}

// tempered raises probabilities to the power 1/temperature and normalises each
// row of k: what dividing the scores before the softmax would give.
func tempered(p []float64, k int, temperature float64) []float64 {
	out := make([]float64, len(p))
	for at := 0; at < len(p); at += k {
		sum := 0.0
		for j := at; j < at+k; j++ {
			out[j] = math.Pow(max(p[j], 1e-30), 1/temperature)
			sum += out[j]
		}
		for j := at; j < at+k; j++ {
			out[j] /= sum
		}
	}
	return out
}

// fitTemperature finds the temperature of the least log loss by golden section,
// between 1/20 and 20. Guo et al. 2017, arXiv 1706.04599, section 4.2.
func fitTemperature(p []float64, k int, labels []int) float64 {
	loss := func(log float64) float64 { return reliability(tempered(p, k, math.Exp(log)), k, labels).LogLoss }
	const ratio = 0.6180339887498949
	lo, hi := -math.Log(20), math.Log(20)
	a, b := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
	fa, fb := loss(a), loss(b)
	for hi-lo > 1e-3 {
		if fa <= fb {
			hi, b, fb = b, a, fa
			a = hi - ratio*(hi-lo)
			fa = loss(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + ratio*(hi-lo)
			fb = loss(b)
		}
	}
	return math.Exp((lo + hi) / 2)
}

// fitIsotonic finds the rising steps nearest to the truth in squares, by pooling
// neighbours that violate the order (Zadrozny and Elkan 2002), and gives the
// middle of each step: probability before, share that is right. Each step has a
// pseudo-count of half a text of either kind, so that none is certain.
func fitIsotonic(p []float64, right []bool) [][2]float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	type step struct{ n, p, right float64 }
	var steps []step
	for _, i := range order {
		s := step{n: 1, p: p[i]}
		if right[i] {
			s.right = 1
		}
		for len(steps) > 0 {
			last := steps[len(steps)-1]
			if last.right/last.n < s.right/s.n && last.p/last.n < s.p/s.n {
				break
			}
			s = step{last.n + s.n, last.p + s.p, last.right + s.right}
			steps = steps[:len(steps)-1]
		}
		steps = append(steps, s)
	}
	curve := make([][2]float64, len(steps))
	for i, s := range steps {
		curve[i] = [2]float64{s.p / s.n, (s.right + 0.5) / (s.n + 1)}
		if i > 0 { // the pseudo-count may turn the order of two small steps
			curve[i][1] = max(curve[i][1], curve[i-1][1])
		}
	}
	return curve
}

// interpolate reads a curve of rising points between them; outside it is level.
func interpolate(curve [][2]float64, x float64) float64 {
	i, _ := slices.BinarySearchFunc(curve, x, func(point [2]float64, x float64) int { return cmp.Compare(point[0], x) })
	switch {
	case i == 0:
		return curve[0][1]
	case i == len(curve):
		return curve[i-1][1]
	}
	a, b := curve[i-1], curve[i]
	return a[1] + (b[1]-a[1])*(x-a[0])/(b[0]-a[0])
}
