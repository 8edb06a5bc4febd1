// Package lm trains small decoder-only language models on the CPU: the proxies
// that tell one data mixture from another.
//
// The model is Llama's (Touvron et al., 2023, arXiv:2302.13971): token
// embeddings tied to the output, blocks of x += Attention(RMSNorm(x)) and
// x += SwiGLU(RMSNorm(x)), rotary positions, no biases. Forward and backward
// passes are written by hand over vec.Gemm; there is no graph and no autograd.
//
// One goroutine runs one model. Parameters are one flat arena, activations live
// in a Workspace made once, and a training step allocates nothing, so several
// proxies run side by side without disturbing each other:
//
//	m, err := lm.New(lm.Config{Vocab: 4096, Width: 128, Layers: 3, Heads: 4, Context: 256}, seed)
//	ws := lm.NewWorkspace(m, batch, 256)
//	grad := m.NewGrad()
//	opt := &optim.AdamW{}
//	opt.Start(m.Layout())
//	for step := range steps {
//		clear(grad)
//		loss := m.LossGrad(ws, tokens(step), grad) // mean nats per token
//		optim.ClipNorm(grad, 1)
//		opt.Step(m.Params(), grad, schedule(step), 1)
//	}
//
// Checkpoints are what Hugging Face transformers reads as LlamaForCausalLM.
package lm
