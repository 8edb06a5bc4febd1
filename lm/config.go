package lm

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/option"
)

// Config is the shape of a model. Hidden, RopeTheta and NormEps have defaults;
// the rest must be given (Sizes holds presets).
type Config struct {
	Vocab     int     `json:"vocab" min:"2" max:"4194304" doc:"vocabulary size"`
	Width     int     `json:"width" min:"2" max:"65536" doc:"model dimension (width of the residual stream); a multiple of 2 x heads"`
	Layers    int     `json:"layers" min:"1" max:"1024" doc:"number of transformer blocks"`
	Heads     int     `json:"heads" min:"1" max:"1024" doc:"number of attention heads"`
	Hidden    int     `json:"hidden" min:"0" max:"262144" doc:"feed-forward dimension; 0 = 8/3 x width, rounded up to a multiple of 32"`
	Context   int     `json:"context" min:"1" max:"1048576" doc:"context length, in tokens"`
	RopeTheta float64 `json:"rope_theta" default:"10000" min:"1" doc:"RoPE theta: base of the rotary frequencies"`
	NormEps   float64 `json:"norm_eps" default:"1e-5" min:"1e-12" max:"0.1" doc:"RMSNorm epsilon: added to the mean square"`
}

// filled returns c with its defaults in place. Hidden is 8/3 of Width, which
// gives the three matrices of SwiGLU the parameters of a plain feed-forward
// layer four times as wide as the model (Shazeer, 2020, arXiv:2002.05202, §2).
func (c Config) filled() Config {
	option.Fill(&c)
	if c.Hidden == 0 {
		c.Hidden = (8*c.Width/3 + 31) / 32 * 32
	}
	return c
}

// Check reports the first field that makes the shape impossible.
func (c Config) Check() error {
	c = c.filled()
	if err := option.Check("model", c); err != nil {
		return err
	}
	if c.Width%(2*c.Heads) != 0 {
		return fmt.Errorf("model.width: %d is not a multiple of 2 x heads = %d: every head needs a whole, even number of columns", c.Width, 2*c.Heads)
	}
	if n := c.count(); n > math.MaxInt32*64 {
		return fmt.Errorf("model: %.3g parameters are more than this package addresses", n)
	}
	return nil
}

// NumParams is the number of parameters of a model of this shape. The
// embedding is counted once: it is also the output layer.
func (c Config) NumParams() int { return int(c.filled().count()) }

// count is NumParams without the risk of overflow.
func (c Config) count() float64 {
	v, w, h, l := float64(c.Vocab), float64(c.Width), float64(c.Hidden), float64(c.Layers)
	return v*w + l*(4*w*w+3*w*h+2*w) + w
}

// FlopsPerToken is the floating-point work of one training step per token,
// forward and backward, with causal attention at sequence length t counted at
// half the full square: 6 per matrix parameter plus 6 x layers x width x t
// (Kaplan et al., 2020, arXiv:2001.08361, table 1, halved for causality).
func (c Config) FlopsPerToken(t int) float64 {
	c = c.filled()
	v, w, h, l := float64(c.Vocab), float64(c.Width), float64(c.Hidden), float64(c.Layers)
	return 6*(v*w+l*(4*w*w+3*w*h)) + 6*l*w*float64(t)
}
