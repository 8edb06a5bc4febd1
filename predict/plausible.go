package predict

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// Plausible returns k processes on the runs of the last Fit that are about as
// credible as the fit itself: their hyper-parameters are draws from the Laplace
// approximation of the posterior, a normal distribution around its maximum
// whose precision is the curvature there (MacKay, 1992, Neural Computation 4(3)).
// What they disagree on, the fit does not know, however sure it is of itself:
// with few runs a law and scatter are easily taken for each other.
//
// The curvature comes from differences of the gradient, on Subset runs where there
// are more. In every direction it is at least the curvature of the priors: less would
// mean to know less than before the first run.
func (g *GP) Plausible(rng *rand.Rand, k int) ([]*GP, error) {
	f := &g.fit
	theta := f.logarithms()
	e := newEvidence(f.z, f.t)
	if len(f.t) > f.options.Subset {
		e = newEvidence(spread(f.z, f.t, f.options.Subset))
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(e.curvature(theta), true) {
		return nil, errors.New("gp: the curvature of the posterior has no eigenvalues")
	}
	var axes mat.Dense
	eigen.VectorsTo(&axes)
	values, out := eigen.Values(nil), make([]*GP, k)
	for i := range out {
		at := append([]float64(nil), theta...)
		for j, v := range values {
			step := rng.NormFloat64() / math.Sqrt(max(1, v))
			for c := range at {
				_, sd := gpPrior(c, e.d)
				at[c] += sd * step * axes.At(c, j)
			}
		}
		own := *g
		own.fit.chol = mat.Cholesky{} // the storage is not shared
		own.fit.set(f.z, at)
		if err := own.fit.condition(); err != nil {
			return nil, fmt.Errorf("gp: plausible process %d: %w", i, err)
		}
		own.fit.held = once(own.fit.heldOut)
		own.fit.conformal = calibrated(own.fit.held, f.x, f.y, true)
		out[i] = &own
	}
	return out, nil
}

// logarithms is the inverse of set.
func (k *gpKernel) logarithms() []float64 {
	var theta []float64
	for _, v := range k.inverse {
		theta = append(theta, -math.Log(v))
	}
	return append(theta, math.Log(k.a), math.Log(k.b), math.Log(k.s), math.Log(k.noise))
}

// curvature is the second derivative of the negative log posterior at theta, each
// hyper-parameter in units of its prior's deviation.
func (e *evidence) curvature(theta []float64) *mat.SymDense {
	const step = 0.05
	p := len(theta)
	out, at := mat.NewSymDense(p, nil), append([]float64(nil), theta...)
	up, down := make([]float64, p), make([]float64, p)
	rows := mat.NewDense(p, p, nil)
	for i := range p {
		_, sd := gpPrior(i, e.d)
		at[i] = theta[i] + step*sd
		e.at(at, up)
		at[i] = theta[i] - step*sd
		e.at(at, down)
		at[i] = theta[i]
		for j := range p {
			_, other := gpPrior(j, e.d)
			rows.Set(i, j, other*(up[j]-down[j])/(2*step))
		}
	}
	for i := range p {
		for j := range i + 1 {
			out.SetSym(i, j, (rows.At(i, j)+rows.At(j, i))/2)
		}
	}
	return out
}
