package lm_test

import (
	"fmt"
	"log"

	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
)

// Train a small language model, here on the tokens 0, 1, 2, ... over and over.
func Example() {
	m, err := lm.New(lm.Config{Vocab: 16, Width: 16, Layers: 1, Heads: 2, Context: 8}, 1)
	if err != nil {
		log.Fatal(err)
	}
	const steps, batch, length = 60, 4, 8
	ws := lm.NewWorkspace(m, batch, length)
	grad := m.NewGrad()
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	rate := (&optim.WSD{Decay: 0.5}).Schedule(optim.Run{Steps: steps, Warmup: 5, Peak: 0.02})
	tokens := make([]uint32, batch*(length+1)) // rows of one token more than is read
	for i := range tokens {
		tokens[i] = uint32(i % 16)
	}
	var first, last float64
	for step := range steps {
		clear(grad)
		last = m.LossGrad(ws, tokens, grad) // nats per token
		if step == 0 {
			first = last
		}
		optim.ClipNorm(grad, 1)
		opt.Step(m.Params(), grad, rate(step), 1)
	}
	fmt.Println("the loss is below a tenth of what it was:", last < first/10)
	// Output: the loss is below a tenth of what it was: true
}
