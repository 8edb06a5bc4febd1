package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/integrate/quad"
)

// Moments and divergence are those of quadrature.
func TestSubspaceMoments(t *testing.T) {
	for _, c := range [][2]float64{{0, 1}, {0.3, 0.2}, {-1.5, 0.7}, {2, 0.01}} {
		mu, sigma := c[0], c[1]
		density := func(w float64) float64 {
			z := (w - mu) / sigma
			return math.Exp(-z*z/2) / sigma / math.Sqrt(2*math.Pi)
		}
		integral := func(f func(w float64) float64) (sum float64) {
			low, high := mu-12*sigma, mu+12*sigma
			for _, part := range [][2]float64{{low, min(0, high)}, {max(0, low), high}} {
				for i := range 16 { // |w| bends at 0
					a, b := part[0]+(part[1]-part[0])*float64(i)/16, part[0]+(part[1]-part[0])*float64(i+1)/16
					if b > a {
						sum += quad.Fixed(func(w float64) float64 { return f(w) * density(w) }, a, b, 30, nil, 0)
					}
				}
			}
			return sum
		}
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-10*(1+math.Abs(want)) {
				t.Errorf("%s of N(%g, %g^2) is %.12g, by quadrature %.12g", what, mu, sigma, got, want)
			}
		}
		mean := integral(math.Abs)
		second := integral(func(w float64) float64 { return math.Exp(2 * math.Abs(w)) })
		grown := integral(func(w float64) float64 { return math.Exp(math.Abs(w)) })
		near("E|w|", Abs.Of(mu, sigma), mean)
		near("E e^|w|", Exp.Of(mu, sigma), grown)
		near("E e^2|w|", expMean(mu, sigma, 2), second)
		if got, want := AbsSNR.Of(mu, sigma), mean/math.Sqrt(sigma*sigma+mu*mu-mean*mean); math.Abs(got/want-1) > 1e-6 {
			t.Errorf("score of N(%g, %g^2) is %g, want %g", mu, sigma, got, want)
		}
		near("KL", KL(mu, sigma, 0.8), integral(func(w float64) float64 {
			z := (w - mu) / sigma
			return -z*z/2 - math.Log(sigma) + w*w/(2*0.8*0.8) + math.Log(0.8)
		}))
	}
}

// trained returns a training of a small network in the middle, and rows.
func trained(o Subspace, n int) (*subspace[float64], []float64, []float64) {
	rng := rand.New(rand.NewPCG(3, 1))
	s := &subspace[float64]{Subspace: o, n: n}
	s.p, s.prior = start[float64](o, rng)
	s.room()
	for i := range s.p.Rho {
		s.p.Rho[i] += rng.NormFloat64()
	}
	for i := range s.p.Bias {
		s.p.Bias[i] = 0.1 * rng.NormFloat64()
	}
	s.flat[len(s.flat)-1] = -0.3
	x, y := make([]float64, n*o.Sizes[0]), make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for i := range y {
		if y[i] = rng.NormFloat64(); o.Classes > 0 {
			y[i] = float64(i % o.Classes)
		}
	}
	return s, x, y
}

// The gradient of the loss, with its noise frozen, is that of differences, of means,
// deviations, biases and noise.
func TestSubspaceGradient(t *testing.T) {
	for _, classes := range []int{0, 3} {
		s, x, y := trained(Subspace{Sizes: []int{4, 6, 5, max(1, classes)}, Act: Softplus, Classes: classes, Density: 0.5}, 7)
		loss := func() float64 { return s.gradient(x, y, 0.7, rand.New(rand.NewPCG(9, 9))) }
		loss()
		got := append([]float64(nil), s.grad...)
		for i := range s.flat {
			if w := i % len(s.p.Mu); i < 2*len(s.p.Mu) && !s.p.Active[w] {
				continue
			}
			const h = 1e-6
			was := s.flat[i]
			s.flat[i] = was + h
			up := loss()
			s.flat[i] = was - h
			down := loss()
			s.flat[i] = was
			if want := (up - down) / (2 * h); math.Abs(got[i]-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("%d classes, parameter %d of %d: %g, by differences %g", classes, i, len(s.flat), got[i], want)
			}
		}
	}
}

// With deviations of nearly 0 and no prior the gradient by the means is that of the
// plain network.
func TestSubspacePlain(t *testing.T) {
	s, x, y := trained(Subspace{Sizes: []int{4, 6, 1}, Act: Logistic, Density: 1}, 9)
	for i := range s.p.Rho {
		s.p.Rho[i] = -40
	}
	s.flat[len(s.flat)-1] = 0
	s.gradient(x, y, 0, rand.New(rand.NewPCG(1, 1)))
	var trace Trace[float64]
	w := s.p.Weights(nil)
	out := s.p.Net.Forward(&trace, w, x, 9)
	delta, grad := make([]float64, 9), make([]float64, len(w))
	for i := range out {
		delta[i] = (out[i] - y[i]) / 9
	}
	s.p.Net.Backward(&trace, w, delta, grad, nil)
	s.p.layers(func(l, weight, bias, in, out int) {
		for i := range in * out {
			if d := math.Abs(s.grad[weight+i] - grad[weight+bias+i]); d > 1e-3 { // 1e-8 is added to each variance
				t.Errorf("layer %d, weight %d: %g, plain %g", l, i, s.grad[weight+i], grad[weight+bias+i])
			}
		}
	})
}

// The number of active weights never changes, an inactive one is 0, and a static
// training keeps those of the start.
func TestSubspaceCount(t *testing.T) {
	o := Subspace{Sizes: []int{5, 20, 20, 1}, Act: Softplus, Density: 0.2, Kappa: 1, Steps: 450, Rate: 5e-3, Seed: 4}
	_, x, y := trained(o, 30)
	first, _ := start[float64](o, rand.New(rand.NewPCG(4, 1)))
	for _, static := range []bool{false, true} {
		o.Static = static
		p := FitSubspace(o, x, y)
		changed := 0
		for i, a := range p.Active {
			if a != first.Active[i] {
				changed++
			}
			if !a && p.Mu[i] != 0 {
				t.Errorf("inactive weight %d has the mean %g", i, p.Mu[i])
			}
		}
		if p.Count() != first.Count() || p.Count() != 104 || static != (changed == 0) {
			t.Errorf("static %t: %d active weights, %d at the start, %d changed", static, p.Count(), first.Count(), changed)
		}
	}
}

// Of a linear model with known noise the posterior is the closed form of mean field.
func TestSubspaceMeanField(t *testing.T) {
	const n, d = 40, 3
	rng := rand.New(rand.NewPCG(5, 1))
	x, y := make([]float64, n*d), make([]float64, n)
	for i := range n {
		for j := range d {
			x[i*d+j] = rng.NormFloat64() * float64(j+1)
		}
		y[i] = x[i*d] - 0.5*x[i*d+1] + 0.3*rng.NormFloat64()
	}
	p := FitSubspace(Subspace{Sizes: []int{d, 1}, Density: 1, Kappa: 1, Steps: 6000, Rate: 0.02, Seed: 1}, x, y)
	noise := math.Exp(2 * p.LogNoise)
	for j := range d {
		square := 0.0
		for i := range n {
			square += x[i*d+j] * x[i*d+j]
		}
		want := 1 / math.Sqrt(square/noise+d)
		if got := softplus(p.Rho[j]); math.Abs(got/want-1) > 0.05 {
			t.Errorf("deviation of weight %d is %g, the closed form %g", j, got, want)
		}
	}
	if math.Abs(p.Mu[0]-1) > 0.15 || math.Abs(p.Mu[1]+0.5) > 0.1 || math.Abs(math.Sqrt(noise)-0.3) > 0.1 {
		t.Errorf("means %v, noise %g", p.Mu, math.Sqrt(noise))
	}
}
