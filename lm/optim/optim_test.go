package optim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/climb-go/climb/option"
)

// references are the optimizers written out in float64, as their papers have
// them: the parameters after a step for each row of gradients, all at learning
// rate lr; gain[i] is true where parameter i is of a tensor of one dimension.
// A new optimizer adds a line.
var references = map[string]func(params []float64, gain []bool, grads [][]float64, lr float64){
	"adamw": func(p []float64, gain []bool, grads [][]float64, lr float64) {
		m, v := make([]float64, len(p)), make([]float64, len(p))
		for t, g := range grads {
			for i := range p {
				m[i] = 0.9*m[i] + 0.1*g[i]
				v[i] = 0.95*v[i] + 0.05*g[i]*g[i]
				if !gain[i] {
					p[i] -= lr * 0.1 * p[i]
				}
				mh, vh := m[i]/(1-math.Pow(0.9, float64(t+1))), v[i]/(1-math.Pow(0.95, float64(t+1)))
				p[i] -= lr * mh / (math.Sqrt(vh) + 1e-8)
			}
		}
	},
}

// each runs a test for every optimizer of the table, with its defaults.
func each(t *testing.T, f func(t *testing.T, name string, start func([]Tensor) Optimizer)) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			f(t, m.Name, func(tensors []Tensor) Optimizer {
				o, err := Methods.New(m.Name)
				if err != nil {
					t.Fatal(err)
				}
				o.Start(tensors)
				return o
			})
		})
	}
}

// layout has matrices and gains, in the order of a model.
var layout = []Tensor{{"model.embed_tokens.weight", []int{11, 6}}, {"model.layers.0.input_layernorm.weight", []int{6}},
	{"model.layers.0.self_attn.q_proj.weight", []int{6, 6}}, {"model.layers.0.mlp.down_proj.weight", []int{6, 16}}, {"model.norm.weight", []int{6}}}

func size(tensors []Tensor) (n int) {
	for _, t := range tensors {
		n += t.Len()
	}
	return n
}

// noise fills x with what a generator gives.
func noise(rng *rand.Rand, x []float32) []float32 {
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// TestTables: every row is filled in, the defaults are legal, every option has
// a sentence.
func TestTables(t *testing.T) {
	for _, m := range slices.Concat(Methods.Rows(), Schedules.Rows()) {
		if m.Name == "" || m.Summary == "" || m.Paper == "" && m.Name != "constant" {
			t.Errorf("incomplete row %+v", m)
		}
		for _, f := range option.Fields(m.Options) {
			if f.Doc == "" {
				t.Errorf("%s.%s has no doc", m.Name, f.Name)
			}
		}
		option.Fill(m.Options)
		if err := option.Check(m.Name, m.Options); err != nil {
			t.Error(err)
		}
	}
}

// An optimizer follows its paper: some steps of a small model, written out.
func TestOptimizersFollowTheirPaper(t *testing.T) {
	n := size(layout)
	var gain []bool
	for _, l := range layout {
		gain = append(gain, slices.Repeat([]bool{len(l.Shape) == 1}, l.Len())...)
	}
	each(t, func(t *testing.T, name string, start func([]Tensor) Optimizer) {
		if references[name] == nil {
			t.Fatal("no reference")
		}
		rng := rand.New(rand.NewPCG(1, 1))
		params := noise(rng, make([]float32, n))
		want := make([]float64, n)
		for i, x := range params {
			want[i] = float64(x)
		}
		o := start(layout)
		var grads [][]float64
		for range 30 {
			g, row := noise(rng, make([]float32, n)), make([]float64, n)
			for i, x := range g {
				row[i] = float64(x)
			}
			grads = append(grads, row)
			o.Step(params, g, 0.01, 1)
		}
		references[name](want, gain, grads, 0.01)
		for i, x := range params {
			if math.Abs(float64(x)-want[i]) > 1e-5 {
				t.Errorf("parameter %d is %v, want %v", i, x, want[i])
			}
		}
	})
}

// A thousand steps come near the bottom of a narrow valley.
func TestOptimizersDescend(t *testing.T) {
	const n, steps = 24, 1000
	each(t, func(t *testing.T, name string, start func([]Tensor) Optimizer) {
		o := start([]Tensor{{"gains", []int{n}}}) // without decay
		p, g := make([]float32, n), make([]float32, n)
		bend := func(i int) float32 { return float32(math.Pow(30, float64(i)/(n-1))) } // 1 to 30
		height := func() (h float64) {
			for i, x := range p {
				h += 0.5 * float64(bend(i)) * float64((x-1)*(x-1))
			}
			return h
		}
		before := height()
		for step := range steps {
			for i, x := range p {
				g[i] = bend(i) * (x - 1)
			}
			o.Step(p, g, 0.03*(1-float64(step)/steps), 1)
		}
		if after := height(); !(after < 1e-3*before) {
			t.Errorf("the height went from %g to %g", before, after)
		}
	})
}

// A state that was put back goes on with the same bits, and so does a started
// optimizer that had been used before.
func TestOptimizersResume(t *testing.T) {
	n := size(layout)
	each(t, func(t *testing.T, name string, start func([]Tensor) Optimizer) {
		rng := rand.New(rand.NewPCG(2, 2))
		first := noise(rng, make([]float32, n))
		var grads [][]float32
		for range 12 {
			grads = append(grads, noise(rng, make([]float32, n)))
		}
		run := func(o Optimizer, p []float32, from, to int) []float32 {
			for _, g := range grads[from:to] {
				o.Step(p, slices.Clone(g), 0.01, 1)
			}
			return p
		}
		a := start(layout)
		half := run(a, slices.Clone(first), 0, 5)
		saved := State{Steps: a.State().Steps}
		for _, s := range a.State().Slots {
			saved.Slots = append(saved.Slots, slices.Clone(s))
		}
		want := run(a, slices.Clone(half), 5, 12)
		if saved.Steps != 5 {
			t.Errorf("%d steps after 5", saved.Steps)
		}

		b := start(layout)
		b.State().Steps = saved.Steps
		for i, s := range saved.Slots {
			if copy(b.State().Slots[i], s) != len(b.State().Slots[i]) {
				t.Errorf("slot %d has another length", i)
			}
		}
		if !slices.Equal(run(b, slices.Clone(half), 5, 12), want) {
			t.Error("a state that was put back gives other bits")
		}
		b.Start(layout)
		if !slices.Equal(run(b, slices.Clone(first), 0, 12), want) {
			t.Error("started again, it gives other bits than at first")
		}
	})
}

// The bits do not depend on the number of goroutines, which may change.
func TestOptimizersWorkers(t *testing.T) {
	large := []Tensor{{"gains", []int{5}}, {"matrix", []int{600, 500}}, {"more", []int{7}}, {"square", []int{300, 300}}}
	n := size(large)
	each(t, func(t *testing.T, name string, start func([]Tensor) Optimizer) {
		run := func(workers ...int) []float32 {
			rng := rand.New(rand.NewPCG(3, 3))
			o, p, g := start(large), make([]float32, n), make([]float32, n)
			for _, w := range workers {
				o.Step(p, noise(rng, g), 0.01, w)
			}
			return p
		}
		want := run(1, 1, 1)
		for _, workers := range [][]int{{2, 2, 2}, {3, 3, 3}, {7, 7, 7}, {1, 5, 2}} {
			if !slices.Equal(run(workers...), want) {
				t.Errorf("%v goroutines give other bits than one", workers)
			}
		}
	})
}

// Gains get no decay, a step allocates nothing, and arenas of another size are a
// programmer's error.
func TestOptimizersKeepTheirWord(t *testing.T) {
	n := size(layout)
	each(t, func(t *testing.T, name string, start func([]Tensor) Optimizer) {
		o, p, g := start(layout), slices.Repeat([]float32{2}, n), make([]float32, n)
		o.Step(p, g, 0.1, 1)
		at := 0
		for _, l := range layout {
			if x := p[at]; len(l.Shape) == 1 && x != 2 {
				t.Errorf("%s went from 2 to %v without a gradient", l.Name, x)
			}
			at += l.Len()
		}
		if times := testing.AllocsPerRun(5, func() { o.Step(p, g, 0.1, 1) }); times != 0 {
			t.Errorf("a step allocates %v times", times)
		}
		for what, f := range map[string]func(){
			"too few parameters": func() { o.Step(p[1:], g, 0.1, 1) },
			"too few gradients":  func() { o.Step(p, g[1:], 0.1, 1) },
		} {
			if !panics(f) {
				t.Errorf("%s: no panic", what)
			}
		}
	})
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func TestAdamWOptions(t *testing.T) {
	o := &AdamW{DisableDecay: true}
	o.Start([]Tensor{{"matrix", []int{1, 1}}})
	p := []float32{2}
	o.Step(p, []float32{0}, 0.1, 1)
	if p[0] != 2 {
		t.Errorf("without decay and gradient the parameter moved to %v", p[0])
	}
	o.Start([]Tensor{{"matrix", []int{2, 1}}})
	q := []float32{1, 2}
	o.Step(q, []float32{1, -1}, 0.1, 1) // the first step of Adam is lr in size
	if math.Abs(float64(q[0])-0.9) > 1e-6 || math.Abs(float64(q[1])-2.1) > 1e-6 {
		t.Errorf("first step: %v, want 0.9 and 2.1", q)
	}
	if !panics(func() { (&AdamW{}).Step(p, p, 0.1, 1) }) {
		t.Error("a step without a start does not panic")
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

// What every schedule promises, for each part of a run and odd lengths.
func TestSchedules(t *testing.T) {
	for _, m := range Schedules {
		for part, name := range []string{"whole", "base", "continued"} {
			for _, r := range []Run{{Steps: 100, Warmup: 10}, {Steps: 100}, {Steps: 1}, {Steps: 3, Warmup: 3}, {Steps: 2, Warmup: 1}, {Steps: 1001, Warmup: 50}} {
				for _, least := range []float64{0, 0.01, 0.5} {
					s, err := Schedules.New(m.Name)
					if err != nil {
						t.Fatal(err)
					}
					r.Peak, r.Min, r.Part = 0.5, least, Part(part)
					t.Run(fmt.Sprint(m.Name, " ", name, " ", r), func(t *testing.T) { checkSchedule(t, s.Schedule(r), r, m.Name != "constant") })
				}
			}
		}
	}
}

func checkSchedule(t *testing.T, at Schedule, r Run, decays bool) {
	for i := range r.Warmup {
		if want := r.Peak * float64(i+1) / float64(r.Warmup); at(i) != want {
			t.Errorf("step %d of the warm-up: %v, want %v", i, at(i), want)
		}
	}
	last, constant := r.Peak, true
	for i := r.Warmup; i < r.Steps; i++ {
		x := at(i)
		if !(x <= last) || x < r.Min {
			t.Errorf("step %d: %v after %v, the least being %v", i, x, last, r.Min)
		}
		constant = constant && x == r.Peak
		last = x
	}
	switch left := r.Steps - r.Warmup; {
	case (r.Part == Base || !decays) && !constant:
		t.Error("the rate does not stay at the peak")
	case r.Part == Base || !decays || left == 0 || r.Steps == 1: // half of one step is none
	case last != r.Min:
		t.Errorf("the last step is at %v, want %v", last, r.Min)
	case r.Part == Continued && r.Min < r.Peak && at(r.Warmup) == r.Peak:
		t.Error("a run that continues a base model has a stable phase")
	}
}

// The schedules at single steps: 4 of warm-up in 11, a peak of 8, 2 at the end.
func TestScheduleShapes(t *testing.T) {
	wsd := func(shape string) Scheduler { return &WSD{Decay: 4. / 11, Shape: shape} }
	half := math.Sqrt(0.5)
	for name, c := range map[string]struct {
		s    Scheduler
		want []float64
	}{
		"linear":      {wsd("linear"), []float64{2, 4, 6, 8, 8, 8, 8, 6.5, 5, 3.5, 2, 2}},
		"sqrt":        {wsd("sqrt"), []float64{2, 4, 6, 8, 8, 8, 8, 5, 8 - 6*half, 8 - 6*math.Sqrt(0.75), 2, 2}},
		"cosine":      {wsd("cosine"), []float64{2, 4, 6, 8, 8, 8, 8, 5 + 3*half, 5, 5 - 3*half, 2, 2}},
		"exponential": {wsd("exponential"), []float64{2, 4, 6, 8, 8, 8, 8, 8 / math.Sqrt2, 4, 4 / math.Sqrt2, 2, 2}},
		"Cosine":      {&Cosine{}, []float64{2, 4, 6, 8, 5 + 3*math.Cos(math.Pi/7), 5 + 3*math.Cos(math.Pi*2/7), 5 + 3*math.Cos(math.Pi*3/7), 5 + 3*math.Cos(math.Pi*4/7)}},
		"Linear":      {&Linear{}, []float64{2, 4, 6, 8, 8 - 6./7, 8 - 12./7, 8 - 18./7, 8 - 24./7, 8 - 30./7, 8 - 36./7, 2, 2}},
		"Constant":    {&Constant{}, []float64{2, 4, 6, 8, 8, 8, 8, 8, 8, 8, 8}},
	} {
		at := c.s.Schedule(Run{Steps: 11, Warmup: 4, Peak: 8, Min: 2})
		for step, want := range c.want {
			if got := at(step); math.Abs(got-want) > 1e-9 {
				t.Errorf("%s: learning rate %v at step %d, want %v", name, got, step, want)
			}
		}
	}
	if got := (Phases{Peak: 8, Min: 1}).At(0); got != 1 {
		t.Errorf("no phases: %v", got)
	}
}
