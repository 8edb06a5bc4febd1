package trial

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/option"
)

// A SizeSpeed is a preset of package lm with its speed on this machine.
type SizeSpeed struct {
	Name         string    `json:"name"`
	Model        lm.Config `json:"model"`
	Params       int       `json:"params"`
	LearningRate float64   `json:"learning_rate"`
	Batch        int       `json:"batch"`         // sequences, for that many tokens
	Measured     bool      `json:"measured"`      // or else from the rate of the last size that was
	OneCore      float64   `json:"one_core_tps"`  // training tokens per second of one proxy on one core
	AllCores     float64   `json:"all_cores_tps"` // of one proxy on all cores
	Tokens       float64   `json:"tokens"`        // of one proxy of a search
	Search       float64   `json:"search_seconds"`
}

// SizesOptions say what MeasureSizes does.
type SizesOptions struct {
	Tokens  float64 // training tokens of one proxy; 0 is the default of proxy.tokens
	Seconds float64 // for each measurement, after a step to warm up; 0 is 0.5
	Largest int     // parameters of the largest model that is measured; 0 is 20 million
	Rounds  []int   // proxies of each round of the search; none is 64, 32, 16
}

// MeasureSizes trains every preset for a moment. A search trains its proxies
// side by side, one a core, when that gives more tokens per second than one
// after the other on all cores; how many there are side by side counts as many
// times one.
func MeasureSizes(ctx context.Context, o SizesOptions, watch func(SizeSpeed)) ([]SizeSpeed, error) {
	if o.Tokens == 0 {
		var p ProxyConfig
		option.Fill(&p)
		o.Tokens = float64(p.Tokens)
	}
	if o.Seconds == 0 {
		o.Seconds = 0.5
	}
	if o.Largest == 0 {
		o.Largest = 20e6
	}
	if len(o.Rounds) == 0 {
		o.Rounds = []int{64, 32, 16}
	}
	cores := runtime.GOMAXPROCS(0)
	var out []SizeSpeed
	var one, all float64 // operations per second
	for _, s := range lm.Sizes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r := SizeSpeed{Name: s.Name, Model: s.Config, Params: s.Config.NumParams(), LearningRate: s.LearningRate,
			Tokens: o.Tokens, Measured: len(out) == 0 || s.Config.NumParams() <= o.Largest}
		r.Batch = max(1, int(math.Round(lm.BatchTokens(float64(r.Params), r.Tokens)/float64(s.Config.Context))))
		work := s.Config.FlopsPerToken(s.Config.Context)
		if r.Measured {
			speeds, err := stepSpeed(s, o.Seconds, 1, cores)
			if err != nil {
				return nil, err
			}
			one, all = speeds[0]*work, speeds[1]*work
		}
		r.OneCore, r.AllCores = one/work, all/work
		for _, n := range o.Rounds {
			sideBySide := math.Ceil(float64(n)/float64(cores)) * r.Tokens / r.OneCore
			r.Search += min(sideBySide, float64(n)*r.Tokens/r.AllCores)
		}
		out = append(out, r)
		watch(r)
	}
	return out, nil
}

// stepSpeed returns the training tokens per second, optimizer included, with
// each number of workers. A batch has about 2048 tokens.
func stepSpeed(s lm.Size, seconds float64, workers ...int) ([]float64, error) {
	m, err := lm.New(s.Config, 1)
	if err != nil {
		return nil, err
	}
	T := s.Config.Context
	batch := max(1, 2048/T)
	ws := lm.NewWorkspace(m, batch, T)
	grad := m.NewGrad()
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	rng := rand.New(rand.NewPCG(1, 1))
	tokens := make([]uint32, batch*(T+1))
	for i := range tokens {
		tokens[i] = uint32(rng.IntN(s.Config.Vocab))
	}
	var out []float64
	for _, n := range workers {
		ws.SetWorkers(n)
		step := func() {
			clear(grad)
			m.LossGrad(ws, tokens, grad)
			optim.ClipNorm(grad, 1)
			opt.Step(m.Params(), grad, s.LearningRate, n)
		}
		step()
		start, steps := time.Now(), 0
		for steps == 0 || time.Since(start).Seconds() < seconds {
			step()
			steps++
		}
		out = append(out, float64(steps*batch*T)/time.Since(start).Seconds())
	}
	return out, nil
}
