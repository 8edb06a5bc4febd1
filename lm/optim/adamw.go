package optim

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter, 2019,
// arXiv:1711.05101, algorithm 2, with the decay multiplied by the learning
// rate as PyTorch does). The betas are those of GPT-3 (Brown et al., 2020,
// arXiv:2005.14165, appendix B), not the 0.9 and 0.999 of the Adam paper, and
// so is the decay.
type AdamW struct {
	Beta1        float64 `json:"beta1" default:"0.9" min:"0" max:"0.9999" doc:"first-moment decay rate (mean gradient)"`
	Beta2        float64 `json:"beta2" default:"0.95" min:"0" max:"0.999999" doc:"second-moment decay rate (mean squared gradient)"`
	Eps          float64 `json:"eps" default:"1e-8" min:"1e-30" doc:"epsilon: added to the root of the second moment"`
	WeightDecay  float64 `json:"weight_decay" default:"0.1" min:"0" max:"10" doc:"decoupled weight decay: each step shrinks matrix elements by lr x weight_decay"`
	DisableDecay bool    `json:"disable_decay" doc:"no weight decay at all"`

	state State    // the moments of the gradient and of its square
	gains [][2]int // ascending half-open ranges without decay
}

var _ Optimizer = (*AdamW)(nil)

// Start implements Optimizer.
func (o *AdamW) Start(tensors []Tensor) {
	option.Fill(o)
	o.gains = nil
	n := 0
	for _, t := range tensors {
		if len(t.Shape) == 1 {
			o.gains = append(o.gains, [2]int{n, n + t.Len()})
		}
		n += t.Len()
	}
	o.state = State{Slots: [][]float32{vec.Make(n), vec.Make(n)}}
}

// State implements Optimizer.
func (o *AdamW) State() *State { return &o.state }

// Step implements Optimizer.
func (o *AdamW) Step(params, grads []float32, lr float64, workers int) {
	if len(o.state.Slots) == 0 {
		panic("optim: a step of an optimizer that was not started")
	}
	if n := len(o.state.Slots[0]); len(params) != n || len(grads) != n {
		panic(fmt.Sprintf("optim: %d parameters and %d gradients in an optimizer of %d", len(params), len(grads), n))
	}
	o.state.Steps++
	decay := o.WeightDecay
	if o.DisableDecay {
		decay = 0
	}
	at := 0
	for _, s := range o.gains {
		o.update(params, grads, at, s[0], lr, decay, workers)
		o.update(params, grads, s[0], s[1], lr, 0, workers)
		at = s[1]
	}
	o.update(params, grads, at, len(params), lr, decay, workers)
}

// update steps the parameters from lo to hi.
func (o *AdamW) update(params, grads []float32, lo, hi int, lr, decay float64, workers int) {
	const least = 1 << 16 // parameters that are worth a goroutine
	parts := min(workers, (hi-lo)/least)
	if parts > 1 {
		vec.ForEach(parts, parts, func(_, i int) {
			o.part(params, grads, lo+i*(hi-lo)/parts, lo+(i+1)*(hi-lo)/parts, lr, decay)
		})
		return
	}
	o.part(params, grads, lo, hi, lr, decay)
}

func (o *AdamW) part(params, grads []float32, lo, hi int, lr, decay float64) {
	c1, c2 := 1-math.Pow(o.Beta1, float64(o.state.Steps)), 1-math.Pow(o.Beta2, float64(o.state.Steps))
	m, v := o.state.Slots[0], o.state.Slots[1]
	vec.AdamW(params[lo:hi], grads[lo:hi], m[lo:hi], v[lo:hi], float32(lr),
		float32(o.Beta1), float32(o.Beta2), float32(o.Eps), float32(decay), float32(c1), float32(c2))
}
