package label

import "math"

// Agreement says how far two judges agree on one grade of the same texts.
type Agreement struct {
	Name        string  `json:"name"`
	Texts       int     `json:"texts"`
	Same        float64 `json:"same"`        // share with the same grade
	Kappa       float64 `json:"kappa"`       // quadratically weighted; 0 is chance, 1 is perfect
	Correlation float64 `json:"correlation"` // Pearson's; 0 where a judge always gives the same grade
}

// Agree compares grades of the same texts, in the same order. Kappa is Cohen's
// with quadratic weights (Cohen 1968, "Weighted kappa", eq. 7):
//
//	1 - mean((a-b)^2) / mean over all pairs of texts i, j of (a_i - b_j)^2
//
// Where neither judge ever varies and they agree, it is 1.
func Agree(name string, a, b []int) Agreement {
	out := Agreement{Name: name, Texts: len(a)}
	if len(a) == 0 {
		return out
	}
	n := float64(len(a))
	var same, apart, ma, mb float64
	for i := range a {
		d := float64(a[i] - b[i])
		apart += d * d / n
		ma, mb = ma+float64(a[i])/n, mb+float64(b[i])/n
		if d == 0 {
			same++
		}
	}
	var va, vb, cov float64
	for i := range a {
		da, db := float64(a[i])-ma, float64(b[i])-mb
		va, vb, cov = va+da*da/n, vb+db*db/n, cov+da*db/n
	}
	out.Same = same / n
	if chance := va + vb + (ma-mb)*(ma-mb); chance > 1e-12 {
		out.Kappa = 1 - apart/chance
	} else {
		out.Kappa = 1
	}
	if va > 1e-12 && vb > 1e-12 {
		out.Correlation = cov / math.Sqrt(va*vb)
	}
	return out
}
