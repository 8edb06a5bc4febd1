package mix

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// weights draws n non-negative weights, not all 0, many of them 0 or tiny.
func weights(t *rapid.T, n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1), rapid.Float64Range(0, 1e-9)).Draw(t, "w")
	}
	w[rapid.IntRange(0, n-1).Draw(t, "sure")] += 0.5
	return w
}

func mixture(t *rapid.T, n int) Mixture {
	m, err := Normalize(weights(t, n))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNormalize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := weights(t, rapid.IntRange(1, 30).Draw(t, "n"))
		m, err := Normalize(w)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := range m {
			sum += m[i]
			if (m[i] == 0) != (w[i] == 0) && w[i] > 1e-300 {
				t.Fatalf("weight %v became %v", w[i], m[i])
			}
		}
		if math.Abs(sum-1) > 1e-12 || m.Check() != nil {
			t.Fatalf("sum %v, %v", sum, m.Check())
		}
	})
	for _, w := range [][]float64{{1e308, 1e308}, {5e-324, 5e-324}} {
		if m, err := Normalize(w); err != nil || math.Abs(m[0]-0.5) > 1e-12 {
			t.Errorf("Normalize(%v) = %v, %v", w, m, err)
		}
	}
	for _, w := range [][]float64{nil, {0, 0}, {1, -1}, {math.NaN(), 1}, {math.Inf(1), 1}} {
		if _, err := Normalize(w); err == nil {
			t.Errorf("Normalize(%v): no error", w)
		}
		if err := Mixture(w).Check(); err == nil {
			t.Errorf("Check(%v): no error", w)
		}
	}
}

func TestHashIsOfTheMixture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mixture(t, rapid.IntRange(1, 20).Draw(t, "n"))
		scale := rapid.Float64Range(1e-3, 1e3).Draw(t, "scale")
		scaled := make(Mixture, len(m))
		for i, w := range m {
			scaled[i] = w * scale
			if w == 0 {
				scaled[i] = math.Copysign(0, -1)
			}
		}
		if m.Hash() != scaled.Hash() {
			t.Fatalf("%v and %v times it differ", m, scale)
		}
	})
}

func TestHashTellsMixturesApart(t *testing.T) {
	a := Mixture{0.5, 0.25, 0.25}
	for _, b := range []Mixture{{0.25, 0.5, 0.25}, {0.5, 0.25, 0.25, 0}, {0.5 + 2e-9, 0.25 - 2e-9, 0.25}} {
		if a.Hash() == b.Hash() {
			t.Errorf("%v and %v have the hash %s", a, b, a.Hash())
		}
	}
	if b := (Mixture{0.5 + 1e-11, 0.25 - 1e-11, 0.25}); a.Hash() != b.Hash() {
		t.Error("a difference of 1e-11 shows in the hash")
	}
	// Shares half-way between two units must not depend on their last bit.
	half := Uniform(1024)
	for range 5 {
		next := append(Mixture(nil), half...)
		for i := range next {
			next[i] = math.Nextafter(next[i], float64(i%2))
		}
		if half.Hash() != next.Hash() {
			t.Error("the last bit of 1/1024 shows in the hash")
		}
		half = next
	}
}

// Other programs compute these with `printf 500000000,500000000 | sha256sum`.
func TestHashValue(t *testing.T) {
	for want, m := range map[string]Mixture{
		"7da0f61ad55697a7": {0.5, 0.5},
		"52a5d4a071d82cae": {1},
		"8ed4c59871b8d3c3": {1.0 / 3, 2.0 / 3, 0},
	} {
		if got := m.Hash(); got != want {
			t.Errorf("%v has the hash %s, want %s", m, got, want)
		}
	}
	if a, b := (Mixture{math.NaN(), 1}).Hash(), (Mixture{2, -1}).Hash(); len(a) != 16 || len(b) != 16 || a == b {
		t.Errorf("hashes %q and %q of what is no mixture", a, b)
	}
}

func TestDistances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		a, b, c := mixture(t, n), mixture(t, n), mixture(t, n)
		if L1(a, a) != 0 || L1(a, b) != L1(b, a) || L1(a, c) > L1(a, b)+L1(b, c)+1e-12 || L1(a, b) > 2+1e-12 {
			t.Fatal("L1 is not a distance")
		}
		if kl, d := KL(a, b), L1(a, b); KL(a, a) != 0 || kl < d*d/2-1e-9 {
			t.Fatalf("KL %v breaks Pinsker's inequality for L1 %v", kl, d)
		}
		uniform := Uniform(n)
		if h := a.Entropy(); h < 0 || h > math.Log(float64(n))+1e-12 || math.Abs(KL(a, uniform)+h-math.Log(float64(n))) > 1e-9 {
			t.Fatalf("entropy %v of %d domains", h, n)
		}
	})
	if kl := KL(Mixture{0.5, 0.5}, Mixture{1, 0}); !math.IsInf(kl, 1) {
		t.Errorf("KL from a mixture without a domain is %v", kl)
	}
}

// The first two moments of the Dirichlet distribution, in its usual range and
// where its variates are far below the smallest float64.
func TestDirichletMoments(t *testing.T) {
	for _, alpha := range [][]float64{{1, 1, 1}, {0.3, 2, 7.5, 0}, {40, 60}, {0.01, 0.03}, {1e-5, 2e-5, 1e-5}, {1e-310, 3e-310}} {
		rng := rand.New(rand.NewPCG(1, 2))
		const n = 20000
		total := 0.0
		for _, a := range alpha {
			total += a
		}
		mean, square := make([]float64, len(alpha)), make([]float64, len(alpha))
		for range n {
			m := Dirichlet(rng, alpha)
			if err := m.Check(); err != nil {
				t.Fatalf("%v: %v", alpha, err)
			}
			for i, w := range m {
				mean[i] += w / n
				square[i] += w * w / n
			}
		}
		for i, a := range alpha {
			want := a / total
			variance := want * (1 - want) / (total + 1)
			if d := math.Abs(mean[i] - want); d > 4*math.Sqrt(variance/n)+1e-15 {
				t.Errorf("%v: mean %d is %v, want %v", alpha, i, mean[i], want)
			}
			if got := square[i] - mean[i]*mean[i]; math.Abs(got-variance) > 0.05*variance+1e-15 {
				t.Errorf("%v: variance %d is %v, want %v", alpha, i, got, variance)
			}
		}
	}
}

// logGamma has the distribution function of the gamma distribution: for shape
// 1 that is 1-exp(-x), for 1/2 it is erf(sqrt x).
func TestGammaDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 0))
	const n = 20000
	for _, shape := range []float64{1, 0.5} {
		for _, at := range []float64{0.01, 0.1, 0.5, 1, 2, 4} {
			below := 0.0
			for range n {
				if math.Exp(logGamma(rng, shape)) < at {
					below++
				}
			}
			want := 1 - math.Exp(-at)
			if shape == 0.5 {
				want = math.Erf(math.Sqrt(at))
			}
			if d := math.Abs(below/n - want); d > 4*math.Sqrt(want*(1-want)/n) {
				t.Errorf("shape %v: %v of the draws are below %v, want %v", shape, below/n, at, want)
			}
		}
	}
}

func TestDirichletPanics(t *testing.T) {
	for _, alpha := range [][]float64{{0, 0}, {-1, 2}, {math.NaN()}, {math.Inf(1), 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Dirichlet(%v) did not panic", alpha)
				}
			}()
			Dirichlet(rand.New(rand.NewPCG(1, 1)), alpha)
		}()
	}
}
