package nn

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Score says how much a weight of a Subspace is worth keeping.
type Score uint8

// The scores of w ~ N(mu, sigma^2): the mean of |w| over its deviation, |mu|,
// |mu| over sigma, the mean of |w|, the mean of e^|w|, and that over its deviation.
const (
	AbsSNR Score = iota
	Mean
	SNR
	Abs
	Exp
	ExpSNR
)

// Of returns the score.
func (s Score) Of(mu, sigma float64) float64 {
	switch s {
	case Mean:
		return math.Abs(mu)
	case SNR:
		return math.Abs(mu) / sigma
	case Abs:
		return absMean(mu, sigma)
	case Exp:
		return expMean(mu, sigma, 1)
	case ExpSNR:
		m := expMean(mu, sigma, 1)
		return m / math.Sqrt(max(0, expMean(mu, sigma, 2)-m*m))
	}
	m := absMean(mu, sigma)
	return m / math.Sqrt(max(0, sigma*sigma+mu*mu-m*m))
}

// absMean is E|w| = mu erf(mu/(sigma sqrt 2)) + 2 sigma phi(mu/sigma).
func absMean(mu, sigma float64) float64 {
	z := mu / sigma
	return mu*math.Erf(z/math.Sqrt2) + 2*sigma*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)
}

// expMean is E e^(l|w|).
func expMean(mu, sigma, l float64) float64 {
	normal := distuv.UnitNormal
	return math.Exp(l*l*sigma*sigma/2+l*mu)*normal.CDF(mu/sigma+l*sigma) + math.Exp(l*l*sigma*sigma/2-l*mu)*normal.CDF(-mu/sigma+l*sigma)
}

// Subspace trains a Bayesian network of which only a share of the weights is there
// at any time (SSVI: Li, Miao, Qiu and Zhang, 2024, ICLR, arXiv 2402.11025). An
// active weight is N(mu, sigma^2), sigma = softplus(rho), the others are 0; biases
// are plain. Pre-activations are drawn by local reparametrisation. The loss is
//
//	mean of -log likelihood + Kappa/n min(2 t/Steps, 1) KL(q || N(0, Prior^2/fan-in))
//
// over the active weights. Every Every steps, until End of them, the share
// Swap/2 (1 + cos(pi t/(End Steps))) of the active weights, those with the lowest
// score, is removed, and as many inactive ones with the largest gradient by mu are
// added, with mu = 0 and the mean rho of their layer.
//
// The authors train ResNets by SGD (prior deviation 0.005, kappa 0.01, first layer
// dense). For small networks: Adam with a cosine schedule, a prior of 1/sqrt
// fan-in, deviations that start at a tenth of it, kappa 1, every layer sparse.
type Subspace struct {
	Sizes   []int
	Act     Activation
	Classes int     // of the softmax of the outputs; 0 = a number with normal noise, whose deviation is learned
	Density float64 // share of the weights that is active; 1 = all
	Score   Score
	Static  bool // the active weights stay those of the start
	Kappa   float64
	Steps   int
	Rate    float64 // of Adam
	Batch   int     // rows of a step; 0 = all
	Seed    uint64
}

// What the paper's code has, and for small networks.
const (
	subspaceEvery = 100
	subspaceEnd   = 0.75
	subspaceSwap  = 0.3
	subspaceStart = 0.1  // sigma over the prior's
	leastNoise    = 1e-8 // added to the variance of a pre-activation
	noiseLow      = -6.0 // bounds of the logarithm of the noise's deviation
	noiseHigh     = 3.0
)

// NoiseBounds are the least and the largest deviation of the noise that is learned.
func NoiseBounds() (low, high float64) { return math.Exp(noiseLow), math.Exp(noiseHigh) }

// A Posterior is a network of independent normal weights.
type Posterior[F Float] struct {
	Net      MLP[F]
	Mu, Rho  []F    // weights of all layers, out x in each
	Active   []bool // those that are there
	Bias     []F    // of all layers
	LogNoise float64
}

// softplus and its inverse.
func softplus(x float64) float64 {
	if x > 30 {
		return x
	}
	return math.Log1p(math.Exp(x))
}
func unsoftplus(y float64) float64 { return y + math.Log(-math.Expm1(-y)) }

// layers calls f with the place of each layer's weights and biases, and its shape.
func (p *Posterior[F]) layers(f func(l, weight, bias, in, out int)) {
	weight, bias := 0, 0
	for l := 1; l < len(p.Net.Sizes); l++ {
		in, out := p.Net.Sizes[l-1], p.Net.Sizes[l]
		f(l, weight, bias, in, out)
		weight, bias = weight+in*out, bias+out
	}
}

// Weights are the parameters of a network of p.Net: the means or, with a generator,
// a draw.
func (p *Posterior[F]) Weights(rng *rand.Rand) []F {
	w := make([]F, 0, p.Net.Len())
	p.layers(func(_, weight, bias, in, out int) {
		for i := weight; i < weight+in*out; i++ {
			v := p.Mu[i]
			if rng != nil && p.Active[i] {
				v += F(softplus(float64(p.Rho[i])) * rng.NormFloat64())
			}
			w = append(w, v)
		}
		w = append(w, p.Bias[bias:bias+out]...)
	})
	return w
}

// Count is the number of active weights.
func (p *Posterior[F]) Count() (n int) {
	for _, a := range p.Active {
		if a {
			n++
		}
	}
	return n
}

// subspace is a training.
type subspace[F Float] struct {
	Subspace
	p      *Posterior[F]
	n      int       // rows
	prior  []float64 // deviation of each weight's prior
	sigma2 []F
	grad   []F // mu, rho, biases, log noise
	flat   []F
	noise  [][]F // of each layer's pre-activations
	layer  [][]F // activations
	square [][]F
	slope  [][]F
	root   [][]F // deviation of the pre-activations
}

// start returns the posterior that training begins with.
func start[F Float](o Subspace, rng *rand.Rand) (*Posterior[F], []float64) {
	p := &Posterior[F]{Net: MLP[F]{Sizes: o.Sizes, Act: o.Act}}
	var prior []float64
	p.layers(func(_, _, _, in, out int) {
		s := 1 / math.Sqrt(float64(in))
		rho := unsoftplus(subspaceStart * s)
		from := len(p.Mu)
		for range in * out {
			p.Mu, p.Rho, prior = append(p.Mu, F(s*rng.NormFloat64())), append(p.Rho, F(rho)), append(prior, s)
		}
		p.Bias = append(p.Bias, make([]F, out)...)
		p.Active = append(p.Active, make([]bool, in*out)...)
		for _, i := range rng.Perm(in * out)[:max(1, int(math.Round(o.Density*float64(in*out))))] {
			p.Active[from+i] = true
		}
	})
	for i, a := range p.Active {
		if !a {
			p.Mu[i] = 0
		}
	}
	return p, prior
}

// FitSubspace trains on n rows of inputs, n x Sizes[0], and targets: a number, or a
// class from 0.
func FitSubspace[F Float](o Subspace, x []F, y []float64) *Posterior[F] {
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	n := len(y)
	s := &subspace[F]{Subspace: o, n: n}
	s.p, s.prior = start[F](o, rng)
	s.room()
	p, in, batch := s.p, o.Sizes[0], o.Batch
	if batch == 0 || batch > n {
		batch = n
	}
	order, at := rng.Perm(n), 0
	bx, by := x, y
	adam := Adam[F]{}
	weights := len(p.Mu)
	for step := range o.Steps {
		if batch < n {
			bx, by = bx[:0:0], by[:0:0]
			for range batch {
				if at == n {
					order, at = rng.Perm(n), 0
				}
				bx, by = append(bx, x[order[at]*in:][:in]...), append(by, y[order[at]])
				at++
			}
		}
		s.gradient(bx, by, o.Kappa*min(2*float64(step)/float64(o.Steps), 1), rng)
		end := subspaceEnd * float64(o.Steps)
		if step > 0 && step%subspaceEvery == 0 && float64(step) < end && !o.Static && o.Density < 1 {
			s.swap(subspaceSwap/2*(1+math.Cos(math.Pi*float64(step)/end)), &adam)
			continue
		}
		for i, a := range p.Active {
			if !a {
				s.grad[i], s.grad[weights+i] = 0, 0
			}
		}
		adam.Rate = o.Rate / 2 * (1 + math.Cos(math.Pi*float64(step)/float64(o.Steps)))
		adam.Step(s.flat, s.grad)
		last := len(s.flat) - 1
		s.flat[last] = min(max(s.flat[last], noiseLow), noiseHigh)
	}
	p.LogNoise = float64(s.flat[len(s.flat)-1])
	return p
}

// room lays the parameters out in one slice.
func (s *subspace[F]) room() {
	p := s.p
	s.flat = slices.Concat(p.Mu, p.Rho, p.Bias, []F{0})
	w, b := len(p.Mu), len(p.Bias)
	p.Mu, p.Rho, p.Bias = s.flat[:w:w], s.flat[w:2*w:2*w], s.flat[2*w:2*w+b:2*w+b]
	s.grad, s.sigma2 = make([]F, len(s.flat)), make([]F, w)
	depth := len(s.Sizes)
	s.noise, s.layer, s.square, s.slope, s.root = make([][]F, depth), make([][]F, depth), make([][]F, depth), make([][]F, depth), make([][]F, depth)
}

// gradient draws pre-activations and sets the gradient of the loss, which it returns.
func (s *subspace[F]) gradient(x []F, y []float64, kappa float64, rng *rand.Rand) float64 {
	out := s.forward(x, len(y), rng)
	delta := make([]F, len(out))
	loss := s.loss(delta, out, y)
	s.backward(delta, len(y))
	return loss + s.penalty(kappa/float64(s.n))
}

// forward returns the outputs of n rows.
func (s *subspace[F]) forward(x []F, n int, rng *rand.Rand) []F {
	p := s.p
	for i, a := range p.Active {
		s.sigma2[i] = 0
		if a {
			sigma := softplus(float64(p.Rho[i]))
			s.sigma2[i] = F(sigma * sigma)
		}
	}
	s.layer[0] = x
	p.layers(func(l, weight, bias, in, out int) {
		below := s.layer[l-1]
		s.square[l-1] = room(s.square[l-1], n*in)
		for i, v := range below[:n*in] {
			s.square[l-1][i] = v * v
		}
		s.layer[l], s.slope[l], s.root[l], s.noise[l] = room(s.layer[l], n*out), room(s.slope[l], n*out), room(s.root[l], n*out), room(s.noise[l], n*out)
		z, v := s.layer[l], s.root[l]
		for i := range n {
			copy(z[i*out:], p.Bias[bias:bias+out])
		}
		Gemm(false, true, n, out, in, 1, below, in, p.Mu[weight:], in, 1, z, out)
		for i := range v {
			v[i] = leastNoise
		}
		Gemm(false, true, n, out, in, 1, s.square[l-1], in, s.sigma2[weight:], in, 1, v, out)
		for i := range z {
			v[i] = F(math.Sqrt(float64(v[i])))
			s.noise[l][i] = F(rng.NormFloat64())
			z[i] += v[i] * s.noise[l][i]
			s.slope[l][i] = 1
			if l < len(s.Sizes)-1 {
				a, d := s.Act.apply(float64(z[i]))
				z[i], s.slope[l][i] = F(a), F(d)
			}
		}
	})
	return s.layer[len(s.Sizes)-1]
}

// loss returns the mean of -log likelihood, without constants, and sets its
// derivatives by the outputs and by the logarithm of the noise.
func (s *subspace[F]) loss(delta, out []F, y []float64) (sum float64) {
	each, last := 1/float64(len(y)), len(s.grad)-1
	s.grad[last] = 0
	if s.Classes == 0 {
		logs := float64(s.flat[last])
		precision, turned := math.Exp(-2*logs), 1.0
		for i, v := range out {
			e := float64(v) - y[i]
			delta[i] = F(e * precision * each)
			sum += e * e * precision / 2 * each
			turned -= e * e * precision * each
		}
		s.grad[last] = F(turned)
		return sum + logs
	}
	k := s.Classes
	p, z := make([]float64, k), make([]float64, k)
	for i, v := range y {
		for c := range k {
			z[c] = float64(out[i*k+c])
		}
		probabilities(p, z)
		sum -= math.Log(max(p[int(v)], 1e-300)) * each
		p[int(v)]--
		for c := range k {
			delta[i*k+c] = F(p[c] * each)
		}
	}
	return sum
}

// backward sets the derivatives by means, deviations and biases.
func (s *subspace[F]) backward(delta []F, n int) {
	p := s.p
	w := len(p.Mu)
	type place struct{ l, weight, bias, in, out int }
	var places []place
	p.layers(func(l, weight, bias, in, out int) { places = append(places, place{l, weight, bias, in, out}) })
	for _, at := range slices.Backward(places) {
		in, out := at.in, at.out
		dv := make([]F, n*out) // by the variance of the pre-activation
		bias := s.grad[2*w+at.bias:][:out]
		clear(bias)
		for i, d := range delta {
			bias[i%out] += d
			dv[i] = d * s.noise[at.l][i] / (2 * s.root[at.l][i])
		}
		Gemm(true, false, out, in, n, 1, delta, out, s.layer[at.l-1], in, 0, s.grad[at.weight:], in)
		Gemm(true, false, out, in, n, 1, dv, out, s.square[at.l-1], in, 0, s.grad[w+at.weight:], in)
		if at.l > 1 {
			below, spread := make([]F, n*in), make([]F, n*in)
			Gemm(false, false, n, in, out, 1, delta, out, p.Mu[at.weight:], in, 0, below, in)
			Gemm(false, false, n, in, out, 1, dv, out, s.sigma2[at.weight:], in, 0, spread, in)
			for i := range below {
				below[i] = (below[i] + 2*s.layer[at.l-1][i]*spread[i]) * s.slope[at.l-1][i]
			}
			delta = below
		}
	}
	for i, rho := range p.Rho { // from the variance to rho
		r := float64(rho)
		s.grad[w+i] *= F(2 * softplus(r) / (1 + math.Exp(-r)))
	}
}

// penalty adds strength times the divergence from the prior.
func (s *subspace[F]) penalty(strength float64) (sum float64) {
	p := s.p
	w := len(p.Mu)
	for i, a := range p.Active {
		if !a {
			continue
		}
		mu, r := float64(p.Mu[i]), float64(p.Rho[i])
		sigma, v := softplus(r), s.prior[i]*s.prior[i]
		sum += KL(mu, sigma, s.prior[i])
		s.grad[i] += F(strength * mu / v)
		s.grad[w+i] += F(strength * (sigma/v - 1/sigma) / (1 + math.Exp(-r)))
	}
	return strength * sum
}

// KL is the divergence of N(mu, sigma^2) from N(0, prior^2).
func KL(mu, sigma, prior float64) float64 {
	return math.Log(prior/sigma) + (sigma*sigma+mu*mu)/(2*prior*prior) - 0.5
}

// swap removes the share of the active weights with the lowest score and adds as
// many with the largest gradient.
func (s *subspace[F]) swap(share float64, adam *Adam[F]) {
	p := s.p
	var active []int
	score := make([]float64, len(p.Mu))
	for i, a := range p.Active {
		if a {
			active = append(active, i)
			score[i] = s.Score.Of(float64(p.Mu[i]), softplus(float64(p.Rho[i])))
		}
	}
	n := int(share * float64(len(active)))
	slices.SortStableFunc(active, func(i, j int) int { return cmp.Compare(score[i], score[j]) })
	for _, i := range active[:n] {
		p.Active[i] = false
	}
	var rest []int
	for i, a := range p.Active {
		if !a {
			rest = append(rest, i)
		}
	}
	slices.SortStableFunc(rest, func(i, j int) int {
		return cmp.Compare(math.Abs(float64(s.grad[j])), math.Abs(float64(s.grad[i])))
	})
	mean := s.meanRho()
	for _, i := range active[:n] {
		p.Mu[i] = 0
		s.forget(i, adam)
	}
	for _, i := range rest[:n] {
		p.Active[i], p.Mu[i], p.Rho[i] = true, 0, mean[i]
		s.forget(i, adam)
	}
}

// forget clears the moments of a weight.
func (s *subspace[F]) forget(i int, adam *Adam[F]) {
	w := len(s.p.Mu)
	if adam.M != nil {
		adam.M[i], adam.V[i], adam.M[w+i], adam.V[w+i] = 0, 0, 0, 0
	}
}

// meanRho is that of the active weights of each weight's layer, or the start's.
func (s *subspace[F]) meanRho() []F {
	p := s.p
	mean := make([]F, len(p.Mu))
	p.layers(func(_, weight, _, in, out int) {
		sum, n := 0.0, 0
		for i := weight; i < weight+in*out; i++ {
			if p.Active[i] {
				sum, n = sum+float64(p.Rho[i]), n+1
			}
		}
		v := F(unsoftplus(subspaceStart * s.prior[weight]))
		if n > 0 {
			v = F(sum / float64(n))
		}
		for i := weight; i < weight+in*out; i++ {
			mean[i] = v
		}
	})
	return mean
}
