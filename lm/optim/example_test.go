package optim_test

import (
	"fmt"

	"github.com/climb-go/climb/lm/optim"
)

// The first step of Adam is the learning rate in size, whatever the gradient.
func ExampleAdamW() {
	o := &optim.AdamW{DisableDecay: true}
	o.Start([]optim.Tensor{{Name: "weight", Shape: []int{2, 1}}})
	params := []float32{1, 2}
	o.Step(params, []float32{30, -0.5}, 0.1, 1)
	fmt.Printf("%.2f after %d step\n", params, o.State().Steps)
	// Output: [0.90 2.10] after 1 step
}

// A run of ten steps: two of warm-up, and the rate falls in the last five.
func ExampleWSD() {
	rate := (&optim.WSD{Decay: 0.5}).Schedule(optim.Run{Steps: 10, Warmup: 2, Peak: 1})
	for step := range 10 {
		fmt.Printf("%.1f ", rate(step))
	}
	// Output: 0.5 1.0 1.0 1.0 1.0 0.8 0.6 0.4 0.2 0.0
}
