package solve

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The probabilities sum to 1, and are those of the regularised leader: the sum of
// p loss - 4/eta sum sqrt p over the simplex is at its least.
func TestTsallis(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		n := 1 + rng.IntN(30)
		loss, p := make([]float64, n), make([]float64, n)
		for i := range loss {
			loss[i] = math.Exp(8*rng.Float64()) * rng.Float64()
		}
		eta := 2 / math.Sqrt(1+5000*rng.Float64())
		tsallis(p, loss, eta)
		sum, level := 0.0, 0.0
		for i, v := range p {
			sum += v
			slope := loss[i] - 2/(eta*math.Sqrt(v)) // the same for every arm
			if i == 0 {
				level = slope
			}
			if math.Abs(slope-level) > 1e-7*(1+math.Abs(level)+math.Abs(loss[i])) {
				t.Fatalf("slopes %g and %g", slope, level)
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("sum %g", sum)
		}
	}
}

// The better of two arms gets nearly all rounds.
func TestBandit(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	b, worse := Bandit{Arms: 2}, 0
	for range 5000 {
		arm := b.Pick(rng)
		if arm == 1 {
			worse++
		}
		b.Update(arm, 100*(0.3+0.4*float64(arm))+30*rng.Float64())
	}
	if worse > 500 || worse < 10 {
		t.Errorf("the worse arm was drawn %d times of 5000", worse)
	}
}

// Where the best arm depends on the context, who looks at it does better than the
// best single arm, and who does not is not far behind that one.
func TestRelaxers(t *testing.T) {
	cost := func(omega, context float64) int { return 1 + int(400*math.Abs(omega-1-0.95*context)) }
	total := func(r Relaxer) (sum int) {
		rng := rand.New(rand.NewPCG(3, 1))
		for range 4000 {
			context := rng.Float64()
			n := cost(r.Omega(context), context)
			r.Observe(n)
			sum += n
		}
		return sum
	}
	best := math.MaxInt
	for _, omega := range Grid(5) {
		best = min(best, total(constant(omega)))
	}
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(4, 1)) }
	blind, binned, cheb := total(&Blind{Grid: Grid(5), Rng: rng()}), total(&Binned{Grid: Grid(5), High: 1, Bins: 5, Rng: rng()}), total(&Chebyshev{Grid: Grid(5), High: 1, Rng: rng()})
	if float64(blind) > 1.2*float64(best) || float64(binned) > 0.8*float64(best) || float64(cheb) > 0.7*float64(best) {
		t.Errorf("best fixed %d, blind %d, binned %d, chebyshev %d", best, blind, binned, cheb)
	}
	if again := total(&Chebyshev{Grid: Grid(5), High: 1, Rng: rng()}); again != cheb {
		t.Errorf("%d the second time, %d the first", again, cheb)
	}
}

type constant float64

func (c constant) Omega(float64) float64 { return float64(c) }
func (constant) Observe(int)             {}

// The bounded least squares of an arm are those of a fine search.
func TestChebyshevFit(t *testing.T) {
	r := Chebyshev{unit: 10, bound: 2}
	a := chebArm{c: 50, b: [chebSize]float64{30, 8, 1}}
	for i := range chebSize {
		a.a[i][i] = 1e-3
	}
	a.a[0][0], a.a[1][1], a.a[0][1], a.a[1][0] = 10, 4, 2, 2
	r.fit(&a, 4, 1)
	value := func(x, y float64) float64 {
		return 10*x*x + 4*y*y + 4*x*y - 2*(3*x+0.8*y)
	}
	got := value(a.theta[0], a.theta[1])
	for x := -0.25; x <= 0.25; x += 0.005 {
		for y := -0.4; y <= 0.4; y += 0.005 {
			if v := value(x, y); v < got-1e-9 {
				t.Fatalf("theta %v has %g, (%g, %g) has %g", a.theta, got, x, y, v)
			}
		}
	}
	if math.Abs(a.theta[0]) > 0.25+1e-12 || math.Abs(a.theta[2]) > 0.2+1e-12 {
		t.Errorf("out of bounds: %v", a.theta)
	}
}
