package lm

import "math"

// A Size is a named shape with the learning rate to start from.
type Size struct {
	Name         string
	Config       Config
	LearningRate float64 // peak, for AdamW: LearningRate(Config.Width)
	Batch        int     // sequences: BatchTokens for a run of 20 tokens a parameter (Hoffmann et al., 2022, arXiv:2203.15556, table 3)
}

// Sizes are the presets, smallest first; the name is the number of parameters,
// embedding included. Heads are 32 wide up to width 256 and 64 after that, the
// feed-forward layer 8/3 as wide as the model. Depth grows slowly: loss depends
// little on the shape at a given count (Kaplan et al., 2020, arXiv:2001.08361,
// §3.1), and shallow models run faster. 60m and 350m are about the proxies of
// CLIMB (Diao et al., 2025, arXiv:2504.13161, §4); 350m has the width of GPT-3
// Medium.
var Sizes = []Size{
	size("100k", 2048, 32, 3, 1, 128),
	size("300k", 2048, 64, 3, 2, 128),
	size("1m", 2048, 128, 4, 4, 256),
	size("2m", 4096, 160, 4, 5, 256),
	size("5m", 8192, 256, 4, 8, 256),
	size("15m", 16384, 384, 5, 6, 512),
	size("60m", 32768, 640, 8, 10, 1024),
	size("150m", 32768, 768, 17, 12, 1024),
	size("350m", 32768, 1024, 25, 16, 2048),
}

func size(name string, vocab, width, layers, heads, context int) Size {
	c := Config{Vocab: vocab, Width: width, Layers: layers, Heads: heads, Context: context}.filled()
	n := float64(c.NumParams())
	return Size{name, c, LearningRate(width), max(1, int(math.Round(BatchTokens(n, 20*n)/float64(context))))}
}

// BatchTokens is the batch, in tokens, for a run of that many tokens. With c = 6 *
// params * tokens operations it is 0.292 * c^0.3271 from 1e17 on, the fit of
// DeepSeek (Bi et al., 2024, arXiv:2401.02954, eq. 1). Below, where they have no
// runs, it is the power law from there to what was measured here (docs/proxies.md):
// 724 tokens, between the two best batches, at 3.1e11.
func BatchTokens(params, tokens float64) float64 {
	const joint = 1e17
	c := 6 * params * tokens
	b := 0.292 * math.Pow(max(c, joint), 0.3271)
	return b * math.Pow(min(c, joint)/joint, 0.393)
}

// SizeByName returns the preset of that name.
func SizeByName(name string) (Size, bool) {
	for _, s := range Sizes {
		if s.Name == name {
			return s, true
		}
	}
	return Size{}, false
}

// LearningRate is the peak learning rate for AdamW at a width: 0.32 / width.
// Under Adam the best rate of the hidden matrices falls as 1 / width (Yang et
// al., 2022, arXiv:2203.03466, table 3); the constant is where this meets GPT-3
// of width 1024, 3e-4 (Brown et al., 2020, arXiv:2005.14165, table 2.1).
//
// Measured over 0.8M tokens in batches of 2048: validation loss at width 64 is
// 5.05, 4.82, 4.79, 5.01 with 2e-3, 4e-3, 6e-3, 1e-2; at width 128, over 0.6M,
// 4.90 and 5.22 with 2.5e-3 and 5e-3. docs/proxies.md has rates and batches
// together.
func LearningRate(width int) float64 { return 0.32 / float64(width) }
