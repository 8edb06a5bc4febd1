// Package optim has what moves the parameters of a language model: optimizers,
// learning-rate schedules and gradient clipping. Parameters and gradients are
// flat arenas; see lm.
package optim

import (
	"math"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// An Optimizer moves parameters by their gradients. The zero value of its struct
// is the published setting. The same gradients give the same bits, whatever the
// number of workers.
type Optimizer interface {
	// Start forgets everything and prepares for an arena that holds these
	// tensors, one behind the other. Tensors of one dimension, the gains of
	// norms, get no weight decay.
	Start(tensors []Tensor)
	// Step updates params, in place, by their gradients at learning rate lr. It
	// does not allocate with one worker, and panics if the arenas are not as
	// Start was told.
	Step(params, grads []float32, lr float64, workers int)
	// State is what is remembered between steps. Who stores a copy, and copies
	// it back into the State of an optimizer that has just been started, goes on
	// with the same bits.
	State() *State
}

// A Tensor is a part of an arena.
type Tensor struct {
	Name  string // as Hugging Face names it in LlamaForCausalLM
	Shape []int  // row-major; matrices are output x input
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// A State is what an optimizer remembers between steps.
type State struct {
	Steps int         // done
	Slots [][]float32 // running means and the like; of AdamW the two moments, each as long as the parameters
}

// Methods lists the optimizers.
var Methods = option.Family[Optimizer]{
	{Name: "adamw", Summary: "Adam with decoupled weight decay.", Paper: "Loshchilov and Hutter, 2019, arXiv:1711.05101", New: func() Optimizer { return &AdamW{} }},
}

type table struct{}

func (table) Family() option.Family[Optimizer] { return Methods }

// A Choice is an optimizer with its options, as a configuration names it.
type Choice = option.Choice[Optimizer, table]

// Choose returns the choice of o, such as &AdamW{}.
func Choose(o Optimizer) Choice { return option.Choose[Optimizer, table](o) }

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
