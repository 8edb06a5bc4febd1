package optim

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/climb-go/climb/option"
)

// TestMethods: every method has its row filled in, legal defaults and a
// documented field or more.
func TestMethods(t *testing.T) {
	for _, m := range append(Methods, Schedules...) {
		if m.Name == "" || m.Summary == "" || m.Paper == "" {
			t.Errorf("incomplete row %+v", m)
		}
		fields := option.Fields(m.Options)
		if len(fields) == 0 {
			t.Errorf("%s has no options", m.Name)
		}
		for _, f := range fields {
			if f.Doc == "" {
				t.Errorf("%s.%s has no doc", m.Name, f.Name)
			}
		}
	}
	var o AdamW
	option.Fill(&o)
	if err := option.Check("adamw", o); err != nil {
		t.Error(err)
	}
}

// TestAdamW compares with the update written out in float64.
func TestAdamW(t *testing.T) {
	const n = 67
	rng := rand.New(rand.NewPCG(1, 1))
	p, g := make([]float32, n), make([]float32, n)
	want, m, v := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range p {
		p[i] = float32(rng.NormFloat64())
		want[i] = float64(p[i])
	}
	o := AdamW{Beta1: 0.8, WeightDecay: 0.3, NoDecay: [][2]int{{0, 3}, {40, 41}, {60, 67}}}
	for step := 1; step <= 30; step++ {
		lr := 0.01 / float64(step)
		for i := range g {
			g[i] = float32(rng.NormFloat64())
			gi := float64(g[i])
			m[i] = 0.8*m[i] + 0.2*gi
			v[i] = 0.95*v[i] + 0.05*gi*gi
			if !(i < 3 || i == 40 || i >= 60) {
				want[i] -= lr * 0.3 * want[i]
			}
			mh, vh := m[i]/(1-math.Pow(0.8, float64(step))), v[i]/(1-math.Pow(0.95, float64(step)))
			want[i] -= lr * mh / (math.Sqrt(vh) + 1e-8)
		}
		o.Step(p, g, lr)
	}
	for i := range p {
		if math.Abs(float64(p[i])-want[i]) > 1e-5 {
			t.Errorf("parameter %d is %v, want %v", i, p[i], want[i])
		}
	}
}

// TestAdamWWorkers: the bits do not depend on the number of goroutines.
func TestAdamWWorkers(t *testing.T) {
	const n = 300_001
	run := func(workers int) []float32 {
		rng := rand.New(rand.NewPCG(3, 3))
		p, g := make([]float32, n), make([]float32, n)
		o := AdamW{NoDecay: [][2]int{{5, 70}}, Workers: workers}
		for range 3 {
			for i := range g {
				g[i] = float32(rng.NormFloat64())
			}
			o.Step(p, g, 0.01)
		}
		return p
	}
	want := run(1)
	for _, workers := range []int{2, 3, 7} {
		if !slices.Equal(run(workers), want) {
			t.Errorf("%d goroutines give other bits than one", workers)
		}
	}
}

func TestAdamWDisableDecayAndReset(t *testing.T) {
	o := AdamW{DisableDecay: true}
	p := []float32{2}
	o.Step(p, []float32{0}, 0.1)
	if p[0] != 2 {
		t.Errorf("without decay and gradient the parameter moved to %v", p[0])
	}
	o.Reset()
	q := []float32{1, 2}
	o.Step(q, []float32{1, -1}, 0.1) // the first step of Adam is lr in size
	if math.Abs(float64(q[0])-0.9) > 1e-6 || math.Abs(float64(q[1])-2.1) > 1e-6 {
		t.Errorf("first step after Reset: %v, want 0.9 and 2.1", q)
	}
}

func TestClipNorm(t *testing.T) {
	g := []float32{3, 4}
	if n := ClipNorm(g, 10); n != 5 || g[0] != 3 {
		t.Errorf("norm %v, gradient %v; want 5 and no change", n, g)
	}
	if n := ClipNorm(g, 1); n != 5 || math.Abs(float64(g[0])-0.6) > 1e-6 || math.Abs(float64(g[1])-0.8) > 1e-6 {
		t.Errorf("norm %v, gradient %v; want 5, [0.6 0.8]", n, g)
	}
	bad := []float32{1, float32(math.NaN())}
	if n := ClipNorm(bad, 0.1); !math.IsNaN(n) || bad[0] != 1 {
		t.Errorf("norm %v, gradient %v; want NaN and no change", n, bad)
	}
}

func TestSchedules(t *testing.T) {
	wsd := WSD{Peak: 8, Min: 2, Warmup: 4, Stable: 3, Decay: 4}
	shaped := func(s string) WSD { w := wsd; w.Shape = s; return w }
	for _, c := range []struct {
		name string
		at   func(int) float64
		want []float64
	}{
		{"linear", wsd.At, []float64{2, 4, 6, 8, 8, 8, 8, 6.5, 5, 3.5, 2, 2}},
		{"sqrt", shaped("sqrt").At, []float64{2, 4, 6, 8, 8, 8, 8, 5, 8 - 6*math.Sqrt(0.5), 8 - 6*math.Sqrt(0.75), 2, 2}},
		{"cosine", shaped("cosine").At, []float64{2, 4, 6, 8, 8, 8, 8, 5 + 3*math.Sqrt(0.5), 5, 5 - 3*math.Sqrt(0.5), 2, 2}},
		{"exponential", shaped("exponential").At, []float64{2, 4, 6, 8, 8, 8, 8, 8 / math.Sqrt2, 4, 4 / math.Sqrt2, 2, 2}},
		{"cosine schedule", Cosine{Peak: 8, Warmup: 2, Steps: 6}.At, []float64{4, 8, 4 + 4*math.Sqrt(0.5), 4, 4 - 4*math.Sqrt(0.5), 0, 0}},
		{"no phases", WSD{Peak: 8, Min: 1}.At, []float64{1, 1}},
		{"never decays", WSD{Peak: 8, Min: 1, Stable: 2}.At, []float64{8, 8, 1}},
	} {
		for step, want := range c.want {
			if got := c.at(step); math.Abs(got-want) > 1e-9 {
				t.Errorf("%s: learning rate %v at step %d, want %v", c.name, got, step, want)
			}
		}
	}
}
