package predict

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/bilevel"
)

// ridgeGroupFolds judge the penalties of Ridge.Groups.
const ridgeGroupFolds = 8

// groupRatio learns a penalty for the shares and one for the logarithms, and returns
// the factor that the scale of the shares, and the inverse of which that of the
// logarithms, is to be multiplied by: a penalty on a feature is another one on a
// multiple of it.
func (f *ridgeFit) groupRatio(z *mat.Dense, y []float64, fold []int) (float64, error) {
	t, _, _ := standard(y)
	round(t)
	for _, v := range t { // the sign of the scores must not matter
		if v != 0 {
			floats.Scale(math.Copysign(1, v), t)
			break
		}
	}
	p := newFoldRidge(z, t, fold)
	start := []float64{math.Log(f.lambda), math.Log(f.lambda)}
	r, err := bilevel.MAID{Accuracy: 0.01, Step: 1, Low: math.Log(1e-6), High: 7, Work: 5000, Gain: 1e-4}.Minimize(context.Background(), p, make([]float64, p.folds*p.d), start)
	if err != nil {
		return 0, err
	}
	return math.Exp((r.Theta[1] - r.Theta[0]) / 4), nil
}

// rescale multiplies the scales by a ratio, in z too.
func (f *ridgeFit) rescale(z *mat.Dense, ratio float64) {
	n, d := z.Dims()
	for j := range d {
		by := ratio
		if 2*j >= d {
			by = 1 / ratio
		}
		f.scale[j] *= by
		for i := range n {
			z.Set(i, j, z.At(i, j)*by)
		}
	}
}

// foldRidge is the bilevel problem of two penalties: x holds the coefficients of the
// fits without each fold, folds x d, and the upper value is half the mean squared
// error of the folds.
type foldRidge struct {
	folds, d int
	gram     []*mat.SymDense // of the rows that a fold is fitted to, over their number
	cross    [][]float64     // Z'y of these
	rows     [][][]float64   // of each fold
	target   [][]float64
	n        int
	most     float64 // largest eigenvalue of the grams
}

func newFoldRidge(z *mat.Dense, y []float64, fold []int) *foldRidge {
	n, d := z.Dims()
	p := &foldRidge{folds: ridgeGroupFolds, d: d, n: n, rows: make([][][]float64, ridgeGroupFolds), target: make([][]float64, ridgeGroupFolds)}
	for k := range p.folds {
		gram, cross, count := mat.NewSymDense(d, nil), make([]float64, d), 0.0
		for i, v := range y {
			row := z.RawRowView(i)
			if fold[i] == k {
				p.rows[k], p.target[k] = append(p.rows[k], append([]float64(nil), row...)), append(p.target[k], v)
				continue
			}
			gram.SymRankOne(gram, 1, mat.NewVecDense(d, row))
			floats.AddScaled(cross, v, row)
			count++
		}
		gram.ScaleSym(1/count, gram)
		floats.Scale(1/count, cross)
		p.gram, p.cross = append(p.gram, gram), append(p.cross, cross)
		p.most = max(p.most, mat.Norm(gram, 1))
	}
	return p
}

func (p *foldRidge) group(j int) int { return 2 * j / p.d }

// Lower implements bilevel.Problem.
func (p *foldRidge) Lower(x, theta, g []float64) (sum float64) {
	p.Hessian(g, x, theta, x)
	for k := range p.folds {
		b, to := x[k*p.d:][:p.d], g[k*p.d:][:p.d]
		sum += floats.Dot(b, to)/2 - floats.Dot(b, p.cross[k])
		floats.Sub(to, p.cross[k])
	}
	return sum
}

// Hessian implements bilevel.Problem.
func (p *foldRidge) Hessian(dst, _, theta, v []float64) {
	for k := range p.folds {
		to, from := dst[k*p.d:][:p.d], v[k*p.d:][:p.d]
		mat.NewVecDense(p.d, to).MulVec(p.gram[k], mat.NewVecDense(p.d, append([]float64(nil), from...)))
		for j, w := range from {
			to[j] += math.Exp(theta[p.group(j)]) * w
		}
	}
}

// Cross implements bilevel.Problem.
func (p *foldRidge) Cross(dst, x, theta, q []float64) {
	clear(dst)
	for i, v := range x {
		g := p.group(i % p.d)
		dst[g] += math.Exp(theta[g]) * v * q[i]
	}
}

// Upper implements bilevel.Problem.
func (p *foldRidge) Upper(x, g []float64) (sum float64) {
	clear(g)
	for k, rows := range p.rows {
		b, to := x[k*p.d:][:p.d], g[k*p.d:][:p.d]
		for i, row := range rows {
			e := floats.Dot(row, b) - p.target[k][i]
			sum += e * e / 2 / float64(p.n)
			floats.AddScaled(to, e/float64(p.n), row)
		}
	}
	return sum
}

// Bounds implements bilevel.Problem.
func (p *foldRidge) Bounds(_, theta []float64) (mu, l float64) {
	return math.Exp(floats.Min(theta)), p.most + math.Exp(floats.Max(theta))
}
