// Package optim has what moves the parameters of a language model: optimizers,
// learning-rate schedules and gradient clipping. Parameters and gradients are
// flat arenas; see lm.
package optim

import "github.com/climb-go/climb/option"

// Methods are the optimizers.
var Methods = []option.Row{
	{Name: "adamw", Summary: "Adam with decoupled weight decay", Paper: "Loshchilov and Hutter, 2019, arXiv:1711.05101", Options: AdamW{}},
}

// Schedules are the learning-rate schedules.
var Schedules = []option.Row{
	{Name: "wsd", Summary: "warm-up, a stable phase, decay", Paper: "Hu et al., 2024, arXiv:2404.06395", Options: WSD{}},
	{Name: "cosine", Summary: "warm-up, then half a cosine", Paper: "Loshchilov and Hutter, 2017, arXiv:1608.03983", Options: Cosine{}},
}
