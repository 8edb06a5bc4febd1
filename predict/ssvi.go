package predict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/nn"
	"github.com/climb-go/climb/option"
)

// SparseBNN is a small Bayesian network that is sparse throughout its training: sparse
// subspace variational inference (SSVI: Li, Miao, Qiu and Zhang, 2024, ICLR, arXiv
// 2402.11025; see nn.Subspace). Which weights are there is learned with them.
//
// It differs from the paper, which classifies images, in the network: two hidden
// layers, smooth units (softplus of 10 times the input, over 10) so that there is a
// gradient, a normal likelihood with learned noise, all rows in every step, Adam.
// Kappa was chosen on RegMix's training runs (0.3 and 0.1 are alike, with 1 the network
// falls back to the mean where there are 32 runs).
// Features are the shares and their logarithms, standardised as in Ridge, and so are
// the targets. The prediction is the mean over Draws networks that are drawn once, at
// the fit; the deviation is their spread and the noise; intervals are conformal.
type SparseBNN struct {
	Hidden  int     `json:"hidden" default:"64" min:"1" max:"1024" doc:"units of each of the two hidden layers"`
	Density float64 `json:"density" default:"0.1" min:"1e-3" max:"1" doc:"share of the weights that is active (1 - sparsity)"`
	Score   string  `json:"score" default:"abs_snr" choices:"abs_snr,mean,snr,abs,exp,exp_snr" doc:"criterion by which weights are pruned: mean of |w| over its deviation, |mu|, |mu|/sigma, mean of |w|, mean of exp|w|, and that over its deviation"`
	Steps   int     `json:"steps" default:"2000" min:"1" max:"100000" doc:"training steps, each over all runs"`
	Rate    float64 `json:"rate" default:"0.005" min:"1e-6" max:"1" doc:"learning rate of Adam, with a cosine schedule"`
	Kappa   float64 `json:"kappa" default:"0.3" min:"0" doc:"weight of the KL divergence from the prior"`
	Draws   int     `json:"draws" default:"32" min:"1" max:"1024" doc:"networks drawn from the posterior whose mean is the prediction"`
	Epsilon float64 `json:"epsilon" default:"0.01" min:"1e-12" doc:"added to a weight before its logarithm"`
	Seed    uint64  `json:"seed" default:"1" doc:"random seed of the start, of training and of the draws"`

	fit sparseFit
}

// sparseFolds give the held-out predictions.
const sparseFolds = 8

var sparseScores = map[string]nn.Score{"abs_snr": nn.AbsSNR, "mean": nn.Mean, "snr": nn.SNR, "abs": nn.Abs, "exp": nn.Exp, "exp_snr": nn.ExpSNR}

// sparseFit is what Fit learned. Networks predict standardised targets times sign.
type sparseFit struct {
	expansion
	net              nn.MLP[float64]
	draws            [][]float64
	mean, unit, sign float64
	noise            float64 // deviation, standardised
	active, weights  int
	held             func() (predicted, std []float64)
	conformal        func() conformal
}

// Fit implements Predictor.
func (s *SparseBNN) Fit(x [][]float64, y []float64) error {
	o := *s
	option.Fill(&o)
	o.fit = sparseFit{}
	if err := option.Check("sparsebnn", o); err != nil {
		return err
	}
	if err := check(x, y); err != nil {
		return fmt.Errorf("sparsebnn: %w", err)
	}
	y = drawnIn(x, y)
	f := sparseFit{expansion: expansion{features: "both", epsilon: o.Epsilon}, sign: 1}
	z, err := f.standardise(x)
	if err != nil {
		return fmt.Errorf("sparsebnn: %w", err)
	}
	var t []float64
	t, f.mean, f.unit = standard(y)
	round(t)
	if i := slices.IndexFunc(t, func(v float64) bool { return v != 0 }); i >= 0 { // otherwise the mean is all there is
		f.sign = math.Copysign(1, t[i]) // the sign of the scores must not matter
		floats.Scale(f.sign, t)
		o.train(&f, z.RawMatrix().Data, t)
	}
	x = slices.Clone(x)
	f.held = once(func() (predicted, std []float64) {
		predicted, std = make([]float64, len(y)), make([]float64, len(y))
		for i := range y {
			predicted[i], std[i] = f.mean, f.unit
		}
		refit(predicted, std, x, y, min(sparseFolds, len(x)), func() Predictor { p := o; return &p })
		return predicted, std
	})
	f.conformal = calibrated(f.held, x, y, false)
	s.fit = f
	return nil
}

// train fits the posterior, in single precision, and draws the networks.
func (s *SparseBNN) train(f *sparseFit, z, t []float64) {
	rows := make([]float32, len(z))
	for i, v := range z {
		rows[i] = float32(v)
	}
	sizes := []int{len(z) / len(t), s.Hidden, s.Hidden, 1}
	p := nn.FitSubspace(nn.Subspace{Sizes: sizes, Act: nn.Softplus, Density: s.Density, Score: sparseScores[s.Score], Kappa: s.Kappa, Steps: s.Steps, Rate: s.Rate, Seed: s.Seed}, rows, t)
	f.net = nn.MLP[float64]{Sizes: sizes, Act: nn.Softplus}
	f.noise, f.active, f.weights = math.Exp(p.LogNoise), p.Count(), len(p.Mu)
	rng := rand.New(rand.NewPCG(s.Seed, 2))
	for range s.Draws {
		w := make([]float64, 0, f.net.Len())
		for _, v := range p.Weights(rng) {
			w = append(w, float64(v))
		}
		f.draws = append(f.draws, w)
	}
}

// moments returns the mean and the variance of what the networks say at x.
func (f *sparseFit) moments(x []float64) (mean, variance float64) {
	z := f.row(x)
	var trace nn.Trace[float64]
	n, squares := float64(len(f.draws)), 0.0
	for _, w := range f.draws {
		v := f.net.Forward(&trace, w, z, 1)[0]
		mean += v / n
		squares += v * v / n
	}
	return f.sign * mean, max(0, squares-mean*mean)
}

// Predict implements Predictor.
func (s *SparseBNN) Predict(x []float64) float64 {
	mean, _ := s.fit.moments(x)
	return s.fit.mean + s.fit.unit*mean
}

// Std implements Uncertain.
func (s *SparseBNN) Std(x []float64) float64 {
	_, variance := s.fit.moments(x)
	return s.fit.unit * math.Sqrt(variance+s.fit.noise*s.fit.noise)
}

// Gradient implements Smooth.
func (s *SparseBNN) Gradient(dst, x []float64) {
	f := &s.fit
	z := f.row(x)
	sum, one := make([]float64, len(z)), make([]float64, len(z))
	var trace nn.Trace[float64]
	for _, w := range f.draws {
		f.net.Forward(&trace, w, z, 1)
		f.net.Backward(&trace, w, []float64{1}, make([]float64, len(w)), one)
		floats.AddScaled(sum, f.sign*f.unit/float64(len(f.draws)), one)
	}
	f.slopes(dst, x, sum)
}

// heldOut implements heldOut.
func (s *SparseBNN) heldOut() (predicted, std []float64) { return s.fit.held() }

// HalfWidth implements Calibrated. The held-out predictions are made on the first
// call after Fit.
func (s *SparseBNN) HalfWidth(x []float64, level float64) float64 {
	return s.fit.conformal().halfWidth(x, s.Std(x), level)
}

// Why says how many weights the last Fit kept, and whether the noise ran to a bound.
func (s *SparseBNN) Why() string {
	f := &s.fit
	why := fmt.Sprintf("%d of %d weights, noise %.3g", f.active, f.weights, f.unit*f.noise)
	if low, high := nn.NoiseBounds(); f.noise > 0 && (f.noise <= low*1.01 || f.noise >= high*0.99) {
		why += ", at its bound: the fit is not to be trusted"
	}
	return why
}
