package lm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/vec"
)

var tiny = Config{Vocab: 13, Width: 12, Layers: 2, Heads: 2, Hidden: 20, Context: 80}

// The two shapes of proxy that speed is reported for.
var (
	small  = Config{Vocab: 2048, Width: 128, Layers: 3, Heads: 4, Context: 128}
	medium = Config{Vocab: 8192, Width: 256, Layers: 4, Heads: 4, Context: 256}
)

// spread is New with weights so large that every part of the model matters.
func spread(t testing.TB, c Config, seed uint64) *Model {
	t.Helper()
	m, err := New(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, ts := range m.Tensors() {
		for i := range ts.Data {
			ts.Data[i] = float32(0.25 * rng.NormFloat64())
			if len(ts.Shape) == 1 {
				ts.Data[i]++
			}
		}
	}
	return m
}

func randomTokens(n, vocab int, seed uint64) []uint32 {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := make([]uint32, n)
	for i := range x {
		x[i] = uint32(rng.IntN(vocab))
	}
	return x
}

// TestGradient compares LossGrad with finite differences of Loss in every
// tensor: the largest gradients and some at random. The sequences are longer
// than a block of queries, the batch takes two passes and the head several
// chunks, the last of each incomplete.
func TestGradient(t *testing.T) {
	for _, c := range []struct{ batch, seqlen, headRows, places int }{{2, 5, 3, 5}, {3, 70, 100, 5}, {15, 70, 1000, 1}} {
		t.Run(fmt.Sprintf("%dx%d", c.batch, c.seqlen), func(t *testing.T) {
			m := spread(t, tiny, 1)
			ws := NewWorkspace(m, c.batch, c.seqlen)
			ws.headRows = min(ws.headRows, c.headRows)
			tokens := randomTokens(c.batch*(c.seqlen+1), tiny.Vocab, 3)
			grad := make([]float32, m.NumParams())
			loss := m.LossGrad(ws, tokens, grad)
			if only := m.Loss(ws, tokens); only != loss {
				t.Fatalf("LossGrad says %v, Loss %v", loss, only)
			}
			rng := rand.New(rand.NewPCG(4, 4))
			gs := m.Config.tensors(grad)
			for i, ts := range m.Tensors() {
				for _, k := range worthChecking(gs[i].Data, rng)[:c.places] {
					got, want := float64(gs[i].Data[k]), derivative(ts.Data, k, func() float64 { return m.Loss(ws, tokens) })
					if math.Abs(got-want) > 5e-5+2e-3*math.Abs(want) {
						t.Errorf("%s[%d]: gradient %.7f, finite difference %.7f", ts.Name, k, got, want)
					}
				}
			}
		})
	}
}

// worthChecking picks the places of the three largest elements of g and two
// more.
func worthChecking(g []float32, rng *rand.Rand) []int {
	order := make([]int, len(g))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return int(math.Copysign(1, math.Abs(float64(g[b]))-math.Abs(float64(g[a]))))
	})
	return append(order[:3:3], rng.IntN(len(g)), rng.IntN(len(g)))
}

// derivative is the five-point central difference of f by x[i]. Its error is
// the rounding of f over h, about 1e-6, plus terms in h^4.
func derivative(x []float32, i int, f func() float64) float64 {
	const h = 1.0 / 128 // exact in float32
	at := x[i]
	defer func() { x[i] = at }()
	move := func(d float32) float64 {
		x[i] = at + d
		return f()
	}
	return (8*(move(h)-move(-h)) - (move(2*h) - move(-2*h))) / (12 * h)
}

// TestGradientAdds checks that grad is added to, and that the gradient of a
// batch is the mean of those of its rows.
func TestGradientAdds(t *testing.T) {
	m := spread(t, tiny, 5)
	ws := NewWorkspace(m, 4, 9)
	tokens := randomTokens(4*10, tiny.Vocab, 6)
	whole, rows := make([]float32, m.NumParams()), make([]float32, m.NumParams())
	loss := m.LossGrad(ws, tokens, whole)
	mean := 0.0
	for i := range 4 {
		mean += m.LossGrad(ws, tokens[i*10:(i+1)*10], rows) / 4
	}
	if math.Abs(loss-mean) > 1e-6 {
		t.Errorf("loss of the batch %v, mean of its rows %v", loss, mean)
	}
	for i := range whole {
		if d := math.Abs(float64(whole[i] - rows[i]/4)); d > 1e-6+1e-4*math.Abs(float64(whole[i])) {
			t.Fatalf("gradient %d of the batch %v, mean of its rows %v", i, whole[i], rows[i]/4)
		}
	}
}

// TestLossAtInit: an untrained model is near the uniform distribution.
func TestLossAtInit(t *testing.T) {
	m, err := New(Config{Vocab: 500, Width: 32, Layers: 2, Heads: 2, Context: 16}, 1)
	if err != nil {
		t.Fatal(err)
	}
	loss := m.Loss(NewWorkspace(m, 4, 16), randomTokens(4*17, 500, 1))
	if math.Abs(loss-math.Log(500)) > 0.4 {
		t.Errorf("loss %v nats per token, log(500) = %v", loss, math.Log(500))
	}
}

func train(t testing.TB, seed uint64, steps int) (*Model, float64) {
	m, err := New(tiny, seed)
	if err != nil {
		t.Fatal(err)
	}
	const batch, seqlen = 8, 16
	ws := NewWorkspace(m, batch, seqlen)
	grad := make([]float32, m.NumParams())
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	schedule := optim.Phases{Peak: 1e-2, Warmup: 10, Stable: steps / 2, Decay: steps/2 - 10}
	rng := rand.New(rand.NewPCG(seed, 9))
	tokens := make([]uint32, batch*(seqlen+1))
	loss := 0.0
	for step := range steps {
		for b := range batch { // arithmetic progressions: the next token follows from two
			at, by := rng.IntN(tiny.Vocab), 1+rng.IntN(3)
			for i := range seqlen + 1 {
				tokens[b*(seqlen+1)+i] = uint32((at + i*by) % tiny.Vocab)
			}
		}
		clear(grad)
		loss = m.LossGrad(ws, tokens, grad)
		optim.ClipNorm(grad, 1)
		opt.Step(m.Params(), grad, schedule.At(step), 1)
	}
	return m, loss
}

// TestLearns: the model learns sequences that need attention to the token
// before the last one. The first step of a sequence cannot be known: log(3)/16
// nats per token is the floor.
func TestLearns(t *testing.T) {
	_, loss := train(t, 1, 300)
	if loss > 0.12 {
		t.Errorf("loss %.3f nats per token after 300 steps, want about %.3f", loss, math.Log(3)/16)
	}
}

// TestDeterministic trains the same model in several goroutines at once.
func TestDeterministic(t *testing.T) {
	want, loss := train(t, 2, 20)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			m, l := train(t, 2, 20)
			if l != loss || !slices.Equal(m.Params(), want.Params()) {
				t.Errorf("the second run with seed 2 gave other bits: loss %v, %v", loss, l)
			}
		})
	}
	wg.Wait()
	if other, _ := train(t, 3, 20); slices.Equal(other.Params(), want.Params()) {
		t.Error("seeds 2 and 3 gave the same parameters")
	}
}

// TestBFloat16: the gradient points where that of float32 does, the same on any
// number of workers, and training goes as low.
func TestBFloat16(t *testing.T) {
	c := Config{Vocab: 331, Width: 96, Layers: 2, Heads: 3, Context: 64}
	const batch, seqlen = 8, 64
	tokens := randomTokens(batch*(seqlen+1), c.Vocab, 4)
	model := func() *Model {
		m, err := New(c, 3)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := model()
	gradient := func(bf16 bool, workers int) (float64, []float32) {
		ws, grad := NewWorkspaceParallel(m, batch, seqlen, workers), make([]float32, m.NumParams())
		ws.SetBFloat16(bf16)
		return m.LossGrad(ws, tokens, grad), grad
	}
	exact, want := gradient(false, 1)
	loss, got := gradient(true, 1)
	cos := vec.Dot(want, got) / float32(math.Sqrt(vec.SumSquares(want)*vec.SumSquares(got)))
	if math.Abs(loss-exact) > 0.005*exact || cos < 0.999 || slices.Equal(want, got) {
		t.Errorf("loss %v, in float32 %v; cosine of the gradients %v", loss, exact, cos)
	}
	if l, g := gradient(true, 3); l != loss || !slices.Equal(g, got) {
		t.Error("three workers give other bits than one")
	}
	train := func(bf16 bool) (loss float64) {
		m := model()
		ws, grad := NewWorkspace(m, batch, seqlen), make([]float32, m.NumParams())
		ws.SetBFloat16(bf16)
		opt := &optim.AdamW{}
		opt.Start(m.Layout())
		for range 20 {
			clear(grad)
			loss = m.LossGrad(ws, tokens, grad)
			opt.Step(m.Params(), grad, 3e-3, 1)
		}
		return loss
	}
	if a, b := train(false), train(true); a > 0.7*exact || math.Abs(a-b) > 0.01*a {
		t.Errorf("after 20 steps the loss is %v, in bfloat16 %v; it was %v", a, b, exact)
	}
}

// TestWorkers: loss and gradient have the same bits for any number of workers
// and of processors, also when it changes between passes.
func TestWorkers(t *testing.T) {
	c := Config{Vocab: 331, Width: 96, Layers: 2, Heads: 3, Context: 150}
	m := spread(t, c, 3)
	const batch, seqlen = 9, 150
	tokens := randomTokens(batch*(seqlen+1), c.Vocab, 4)
	run := func(ws *Workspace) (float64, []float32) {
		grad := make([]float32, m.NumParams())
		return m.LossGrad(ws, tokens, grad), grad
	}
	one := NewWorkspace(m, batch, seqlen)
	one.headRows = 200
	loss, want := run(one)
	check := func(what string, ws *Workspace) {
		ws.headRows = 200
		if l, g := run(ws); l != loss || !slices.Equal(g, want) {
			t.Errorf("%s gives other bits than one worker: loss %v, %v", what, l, loss)
		}
	}
	for _, workers := range []int{2, 3, 8} {
		check(fmt.Sprint(workers, " workers"), NewWorkspaceParallel(m, batch, seqlen, workers))
	}
	many := NewWorkspaceParallel(m, batch, seqlen, 4)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	check("one processor", many)
	runtime.GOMAXPROCS(3)
	check("three processors", many)
	many.SetWorkers(2)
	check("two workers after four", many)
	if got := m.Loss(many, tokens); got != loss {
		t.Errorf("Loss on two workers %v, LossGrad on one %v", got, loss)
	}
}

// TestNoAllocation: a step of training and a batch of scores allocate nothing.
func TestNoAllocation(t *testing.T) {
	m := spread(t, tiny, 7)
	ws := NewWorkspace(m, 30, 70)
	tokens := randomTokens(30*71, tiny.Vocab, 8)
	grad := make([]float32, m.NumParams())
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	if n := testing.AllocsPerRun(5, func() {
		clear(grad)
		m.LossGrad(ws, tokens, grad)
		optim.ClipNorm(grad, 1)
		opt.Step(m.Params(), grad, 1e-3, 1)
	}); n != 0 {
		t.Errorf("a training step allocates %v times", n)
	}
	lens, dst, greedy := slices.Repeat([]int{70}, 30), make([]float32, len(tokens)), make([]bool, len(tokens))
	if n := testing.AllocsPerRun(5, func() { m.LogProbs(ws, tokens, lens, dst, greedy) }); n != 0 {
		t.Errorf("LogProbs allocates %v times", n)
	}
}

// TestWorkspaceBounded: memory depends on the shape, not on the batch.
func TestWorkspaceBounded(t *testing.T) {
	m := spread(t, tiny, 1)
	if a, b := NewWorkspace(m, 100, 64).capacity, NewWorkspace(m, 10000, 64).capacity; a != b {
		t.Errorf("passes of %d tokens for batch 100 and of %d for batch 10000", a, b)
	}
}

func TestClone(t *testing.T) {
	m := spread(t, tiny, 1)
	c := m.Clone()
	c.Params()[0]++
	if m.Params()[0] == c.Params()[0] || &c.w.embed[0] != &c.Params()[0] {
		t.Error("the clone shares memory with the model")
	}
}

func TestFinite(t *testing.T) {
	m := spread(t, tiny, 1)
	if err := m.Finite(m.Params()); err != nil {
		t.Errorf("finite parameters: %v", err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		c := m.Clone()
		c.w.blocks[1].qkv[tiny.Width*tiny.Width+2] = float32(bad)
		err := c.Finite(c.Params())
		if err == nil || !strings.Contains(err.Error(), "model.layers.1.self_attn.k_proj.weight[2] is") {
			t.Errorf("%v in k_proj[2] of layer 1: error %v", bad, err)
		}
	}
}

// TestNaNShows: one NaN or infinity in any tensor makes the loss NaN, never a
// plausible number.
func TestNaNShows(t *testing.T) {
	m := spread(t, tiny, 1)
	ws := NewWorkspace(m, 2, 70)
	tokens := randomTokens(2*71, tiny.Vocab, 1)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, ts := range m.Tensors() {
			at := ts.Data[5]
			ts.Data[5] = float32(bad)
			if loss := m.Loss(ws, tokens); !math.IsNaN(loss) {
				t.Errorf("%s[5] = %v gives loss %v", ts.Name, bad, loss)
			}
			ts.Data[5] = at
		}
	}
	if loss := m.Loss(ws, tokens); math.IsNaN(loss) {
		t.Error("the workspace remembers a NaN")
	}
}

func TestConfigCheck(t *testing.T) {
	for want, edit := range map[string]func(*Config){
		"model.vocab":  func(c *Config) { c.Vocab = 0 },
		"model.layers": func(c *Config) { c.Layers = -1 },
		"model.width: 12 is not a multiple of 2 x heads = 8": func(c *Config) { c.Heads = 4 },
		"model.norm_eps": func(c *Config) { c.NormEps = math.NaN() },
		"parameters are": func(c *Config) { c.Vocab, c.Width, c.Hidden, c.Layers = 1<<20, 1<<16, 1<<18, 1000 },
	} {
		c := tiny
		edit(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", c, err, want)
		}
	}
	if got := (Config{Vocab: 8, Width: 256, Layers: 1, Heads: 4, Context: 8}).filled().Hidden; got != 704 {
		t.Errorf("width 256 gives hidden %d, want 704", got)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "lm: ") {
			t.Errorf("%s: panic %v", what, r)
		}
	}()
	f()
}

func TestMisuse(t *testing.T) {
	m := spread(t, tiny, 1)
	ws := NewWorkspace(m, 2, 8)
	grad := make([]float32, m.NumParams())
	mustPanic(t, "sequence beyond the context", func() { NewWorkspace(m, 1, tiny.Context+1) })
	mustPanic(t, "ragged batch", func() { m.Loss(ws, make([]uint32, 10)) })
	mustPanic(t, "token beyond the vocabulary", func() { m.Loss(ws, []uint32{0, 0, 99, 0, 0, 0, 0, 0, 0}) })
	mustPanic(t, "target beyond the vocabulary", func() { m.Loss(ws, []uint32{0, 0, 0, 0, 0, 0, 0, 0, 13}) })
	mustPanic(t, "short gradient", func() { m.LossGrad(ws, make([]uint32, 18), grad[1:]) })
	mustPanic(t, "row too long", func() { m.LogProbs(ws, make([]uint32, 10), []int{10}, make([]float32, 10), nil) })
	big := tiny
	big.Layers++
	mustPanic(t, "workspace of another model", func() { spread(t, big, 1).Loss(ws, make([]uint32, 18)) })
}
