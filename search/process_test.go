package search

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/mix"
)

func noisyRuns(domains, n int, noise float64, seed uint64) (w world, x [][]float64, y []float64) {
	w = newWorld(domains, 4, 0, seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range n {
		alpha := make([]float64, domains)
		for j := range alpha {
			alpha[j] = 1
		}
		m := mix.Dirichlet(rng, alpha)
		x, y = append(x, m), append(y, w.score(m)+noise*rng.NormFloat64())
	}
	return w, x, y
}

// The gradient of the posterior is that of finite differences.
func TestProcessGradient(t *testing.T) {
	_, x, y := noisyRuns(5, 14, 0.01, 1)
	g, err := newProcess(x, y)
	if err != nil {
		t.Fatal(err)
	}
	target := g.standardise(y)
	rng := rand.New(rand.NewPCG(4, 4))
	for range 4 {
		theta := g.start()
		for i := range theta {
			theta[i] += rng.NormFloat64()
		}
		grad := make([]float64, len(theta))
		g.posterior(theta, target, grad)
		for i := range theta {
			was := theta[i]
			theta[i] = was + 1e-5
			up := g.posterior(theta, target, nil)
			theta[i] = was - 1e-5
			down := g.posterior(theta, target, nil)
			theta[i] = was
			if want := (up - down) / 2e-5; math.Abs(grad[i]-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("parameter %d: %v, want %v", i, grad[i], want)
			}
		}
	}
}

// The posterior is the textbook's: k'K^-1 y and k(x,x) - k'K^-1 k, computed
// here from the covariance of everything at once.
func TestProcessPosterior(t *testing.T) {
	_, x, y := noisyRuns(4, 10, 0.01, 2)
	g, err := newProcess(x, y)
	if err != nil {
		t.Fatal(err)
	}
	list := []mix.Mixture{{0.1, 0.2, 0.3, 0.4}, {0.25, 0.25, 0.25, 0.25}, x[3]}
	k := mat.NewSymDense(len(x), nil)
	for i := range x {
		for j := range i + 1 {
			k.SetSym(i, j, g.between(g.place(x[i]), g.place(x[j])))
		}
		k.SetSym(i, i, k.At(i, i)+g.vary+1e-9)
	}
	var inverse mat.Dense
	if err := inverse.Inverse(k); err != nil {
		t.Fatal(err)
	}
	cross := func(m mix.Mixture) *mat.VecDense {
		v := mat.NewVecDense(len(x), nil)
		for i := range x {
			v.SetVec(i, g.between(g.place(m), g.place(x[i])))
		}
		return v
	}
	cov := g.covariances(list)
	for a, p := range list {
		want := mat.Inner(cross(p), &inverse, g.standardise(y))*g.scale + g.mean
		if got := g.predict(p); math.Abs(got-want) > 1e-6 {
			t.Errorf("mean %v, want %v", got, want)
		}
		for b, q := range list {
			want := (g.between(g.place(p), g.place(q)) - mat.Inner(cross(p), &inverse, cross(q))) * g.scale * g.scale
			if math.Abs(cov.At(a, b)-want) > 1e-6*g.scale*g.scale {
				t.Errorf("covariance %d, %d: %v, want %v", a, b, cov.At(a, b), want)
			}
		}
	}
}

// It learns the noise, says how wrong it is, and predicts better than the mean.
func TestProcessOnAWorld(t *testing.T) {
	w, x, y := noisyRuns(6, 60, 0.03, 3)
	g, err := newProcess(x, y)
	if err != nil {
		t.Fatal(err)
	}
	if n := g.noise(); n < 0.015 || n > 0.06 {
		t.Errorf("noise %v, want 0.03", n)
	}
	_, fresh, truth := noisyRuns(6, 300, 0, 3)
	fresh, truth = fresh[60:], truth[60:]
	inside, square := 0.0, 0.0
	for i, m := range fresh {
		e := truth[i] - g.predict(m)
		square += e * e / float64(len(fresh))
		if math.Abs(e) < 1.96*g.std(m) {
			inside += 1 / float64(len(fresh))
		}
	}
	_, sd := moments(truth)
	if r := math.Sqrt(square) / sd; r > 0.25 {
		t.Errorf("error is %.2f of the spread", r)
	}
	if inside < 0.85 {
		t.Errorf("%.2f of the scores are within 1.96 standard deviations", inside)
	}
	_ = w
}
