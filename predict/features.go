package predict

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// An expansion turns shares into standardised features: the shares, their
// logarithms, or both.
type expansion struct {
	features    string // weights, log or both
	epsilon     float64
	mean, scale []float64 // by feature; 0 scales a group of constants
}

// expand returns the features of shares x.
func (f *expansion) expand(x []float64) ([]float64, error) {
	z := make([]float64, 0, 2*len(x))
	if f.features != "log" {
		z = append(z, x...)
	}
	if f.features == "weights" {
		return z, nil
	}
	for i, w := range x {
		if w < 0 {
			return nil, fmt.Errorf("share of domain %d is %v: log features need shares of at least 0", i, w)
		}
		z = append(z, math.Log(w+f.epsilon))
	}
	return z, nil
}

// standardise records the mean of each feature and the scale of each group
// (the shares, the logarithms), which makes the mean variance of the group 1,
// and returns the standardised features of x, one row per row.
func (f *expansion) standardise(x [][]float64) (*mat.Dense, error) {
	rows := make([][]float64, len(x))
	for i := range x {
		z, err := f.expand(x[i])
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		rows[i] = z
	}
	n, p, domains := len(rows), len(rows[0]), len(x[0])
	f.mean, f.scale = make([]float64, p), make([]float64, p)
	for _, row := range rows {
		for j, v := range row {
			f.mean[j] += v / float64(n)
		}
	}
	for lo := 0; lo < p; lo += domains {
		variance, largest := 0.0, 0.0
		for _, row := range rows {
			for j := lo; j < lo+domains; j++ {
				variance += (row[j] - f.mean[j]) * (row[j] - f.mean[j])
				largest = max(largest, math.Abs(row[j]))
			}
		}
		sd := math.Sqrt(variance / float64(n) / float64(domains))
		for j := lo; j < lo+domains && sd > 1e-12*largest; j++ {
			f.scale[j] = 1 / sd
		}
	}
	out := mat.NewDense(n, p, nil)
	for i, row := range rows {
		for j, v := range row {
			out.Set(i, j, (v-f.mean[j])*f.scale[j])
		}
	}
	return out, nil
}

// row returns the standardised features of x.
func (f *expansion) row(x []float64) []float64 {
	z, err := f.expand(x)
	if err != nil || len(z) != len(f.mean) {
		panic(fmt.Sprintf("predict: a model of %d features was given %v", len(f.mean), x))
	}
	for j := range z {
		z[j] = (z[j] - f.mean[j]) * f.scale[j]
	}
	return z
}

// slopes turns the gradient by standardised features z(x) into one by shares.
func (f *expansion) slopes(dst, x, byFeature []float64) {
	clear(dst)
	logs := byFeature
	if f.features != "log" {
		for j := range x {
			dst[j] = byFeature[j] * f.scale[j]
		}
		logs = byFeature[len(x):]
	}
	if f.features != "weights" {
		scale := f.scale[len(f.scale)-len(x):]
		for j, w := range x {
			dst[j] += logs[j] * scale[j] / (w + f.epsilon)
		}
	}
}

// standard returns the targets y less their mean in units of their standard
// deviation, or of 1 if y is constant.
func standard(y []float64) (t []float64, centre, scale float64) {
	centre, scale = mean(y), 1
	if sd := math.Sqrt(meanSquare(y, centre)); sd > 1e-12*math.Abs(centre) {
		scale = sd
	}
	t = make([]float64, len(y))
	for i, v := range y {
		t[i] = (v - centre) / scale
	}
	return t, centre, scale
}

// round rounds standardised targets to 2^-32, so that the unit of the scores
// does not show in the last digits, which a search for a minimum blows up.
func round(t []float64) {
	for i, v := range t {
		t[i] = math.RoundToEven(v*(1<<32)) / (1 << 32)
	}
}
