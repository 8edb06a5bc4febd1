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
	Beta1        float64 `json:"beta1" default:"0.9" min:"0" max:"0.9999" doc:"decay of the mean gradient"`
	Beta2        float64 `json:"beta2" default:"0.95" min:"0" max:"0.999999" doc:"decay of the mean squared gradient"`
	Eps          float64 `json:"eps" default:"1e-8" min:"1e-30" doc:"added to the root of the mean square"`
	WeightDecay  float64 `json:"weight_decay" default:"0.1" min:"0" max:"10" doc:"times the learning rate, the share of every matrix element lost a step"`
	DisableDecay bool    `json:"disable_decay" doc:"no weight decay at all"`

	NoDecay [][2]int `json:"-"` // ascending half-open ranges of parameters without decay: norm gains
	Workers int      `json:"-"` // goroutines; the result does not depend on them

	steps int
	m, v  []float32
}

// Step updates params, in place, by their gradients at learning rate lr. The
// first call fixes the number of parameters and allocates the two moments;
// later ones allocate nothing.
func (o *AdamW) Step(params, grads []float32, lr float64) {
	if o.m == nil {
		option.Fill(o)
		o.m, o.v = vec.Make(len(params)), vec.Make(len(params))
	}
	if len(params) != len(o.m) || len(grads) != len(o.m) {
		panic(fmt.Sprintf("optim: %d parameters and %d gradients in an optimizer of %d", len(params), len(grads), len(o.m)))
	}
	o.steps++
	decay := o.WeightDecay
	if o.DisableDecay {
		decay = 0
	}
	at := 0
	for _, s := range o.NoDecay {
		o.update(params, grads, at, s[0], lr, decay)
		o.update(params, grads, s[0], s[1], lr, 0)
		at = s[1]
	}
	o.update(params, grads, at, len(params), lr, decay)
}

// update steps the parameters from lo to hi.
func (o *AdamW) update(params, grads []float32, lo, hi int, lr, decay float64) {
	const least = 1 << 16 // parameters that are worth a goroutine
	parts := min(o.Workers, (hi-lo)/least)
	if parts > 1 {
		vec.ForEach(parts, parts, func(_, i int) {
			o.part(params, grads, lo+i*(hi-lo)/parts, lo+(i+1)*(hi-lo)/parts, lr, decay)
		})
		return
	}
	o.part(params, grads, lo, hi, lr, decay)
}

func (o *AdamW) part(params, grads []float32, lo, hi int, lr, decay float64) {
	c1, c2 := 1-math.Pow(o.Beta1, float64(o.steps)), 1-math.Pow(o.Beta2, float64(o.steps))
	vec.AdamW(params[lo:hi], grads[lo:hi], o.m[lo:hi], o.v[lo:hi], float32(lr),
		float32(o.Beta1), float32(o.Beta2), float32(o.Eps), float32(decay), float32(c1), float32(c2))
}

// Reset forgets the moments and the step count.
func (o *AdamW) Reset() { o.m, o.v, o.steps = nil, nil, 0 }

// ClipNorm scales grads down to Euclidean norm max if theirs is above it
// (Pascanu et al., 2013, arXiv:1211.5063, algorithm 1) and returns the norm
// they had. A norm that is not finite leaves them as they are: the caller
// should stop.
func ClipNorm(grads []float32, max float64) float64 {
	norm := math.Sqrt(vec.SumSquares(grads))
	if norm > max && !math.IsInf(norm, 1) {
		vec.Scale(float32(max/norm), grads)
	}
	return norm
}
