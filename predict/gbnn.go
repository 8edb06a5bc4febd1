package predict

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/nn"
	"github.com/climb-go/climb/option"
)

// GBNN is a neural network that is trained unit by unit by gradient boosting (Emami
// and Martinez-Munoz, 2023, IEEE Access 11, arXiv 1909.12098; see nn.Boost). After
// the fit it is one ordinary network with a hidden layer, which has a gradient.
//
// It differs from the paper, whose networks see raw features and choose J, s and
// eta by 10-fold cross-validation, in what tens of runs ask for. Features are the
// shares and their logarithms, standardised as in Ridge, and so are the targets. The
// penalty, 1e-4 there, is chosen together with the number of networks by 5-fold
// cross-validation: an unpenalised unit saturates on 32 rows. The prediction is the
// mean of Restarts fits with other seeds, which are one network too. The deviation
// is the spread of these fits and the error of the held-out rows; intervals are
// conformal.
type GBNN struct {
	Units     int     `json:"units" default:"1" min:"1" max:"64" doc:"hidden units of each boosted network"`
	Networks  int     `json:"networks" default:"100" min:"1" max:"1000" doc:"maximum number of boosted networks"`
	Rate      float64 `json:"rate" default:"0.1" min:"1e-3" max:"1" doc:"learning rate (shrinkage) of a network"`
	Subsample float64 `json:"subsample" default:"0.5" min:"0.05" max:"1" doc:"share of the runs that each network is fitted to"`
	Restarts  int     `json:"restarts" default:"4" min:"1" max:"64" doc:"number of fits with other seeds whose mean is the prediction"`
	Alpha     float64 `json:"alpha" min:"0" doc:"L2 penalty on the weights; 0 = chosen from 0.0001, 0.01, 1 by cross-validation"`
	Epsilon   float64 `json:"epsilon" default:"0.01" min:"1e-12" doc:"added to a weight before its logarithm"`
	Seed      uint64  `json:"seed" default:"1" doc:"random seed of the starts, of the subsamples and of the folds"`

	fit gbnnFit
}

// gbnnSteps is how many steps of L-BFGS a network gets at most, as in the paper's
// code; gbnnFolds the folds that choose the penalty and the number of networks.
const (
	gbnnSteps = 200
	gbnnFolds = 5
)

// gbnnFit is what Fit learned. Networks predict standardised targets times sign.
type gbnnFit struct {
	expansion
	nets             []*nn.Net
	mean, unit, sign float64
	alpha            float64
	noise            float64 // mean squared held-out error, standardised
	left             []float64
	conformal        func() conformal
}

// Chosen returns the penalty and the number of networks of the last Fit.
func (g *GBNN) Chosen() (alpha float64, networks int) { return g.fit.alpha, g.fit.nets[0].Networks() }

// Net returns the last fit as one network of standardised features: weights of the
// hidden units, hidden x features, their biases, the weights of the output and its
// bias. The output is the standardised score.
func (g *GBNN) Net() (w1, b1, w2 []float64, b2 float64) {
	share := g.fit.sign / float64(len(g.fit.nets))
	for _, f := range g.fit.nets {
		w1, b1 = append(w1, f.W1...), append(b1, f.B1...)
		for _, v := range f.W2 {
			w2 = append(w2, share*v)
		}
		b2 += share * f.Bias()[0]
	}
	return w1, b1, w2, b2
}

// Fit implements Predictor.
func (g *GBNN) Fit(x [][]float64, y []float64) error {
	o := *g
	option.Fill(&o)
	o.fit = gbnnFit{}
	if err := option.Check("gbnn", o); err != nil {
		return err
	}
	if err := check(x, y); err != nil {
		return fmt.Errorf("gbnn: %w", err)
	}
	y = drawnIn(x, y)
	f := gbnnFit{expansion: expansion{features: "both", epsilon: o.Epsilon}, sign: 1}
	z, err := f.standardise(x)
	if err != nil {
		return fmt.Errorf("gbnn: %w", err)
	}
	var t []float64
	t, f.mean, f.unit = standard(y)
	round(t)
	if i := slices.IndexFunc(t, func(v float64) bool { return v != 0 }); i < 0 {
		o.Networks = 0 // the mean is all there is
	} else if t[i] < 0 { // the sign of the scores must not matter
		f.sign = -1
		floats.Scale(-1, t)
	}
	o.fitTo(&f, z.RawMatrix().Data, t, deal(x, max(2, min(gbnnFolds, len(x))), o.Seed))
	f.conformal = calibrated(f.heldOut, x, y, false)
	g.fit = f
	return nil
}

// fitTo chooses the penalty and the number of networks by the folds, and fits all
// restarts.
func (g *GBNN) fitTo(f *gbnnFit, z, t []float64, fold []int) {
	grid := []float64{g.Alpha}
	if g.Alpha == 0 {
		grid = []float64{1, 1e-2, 1e-4}
	}
	p := len(z) / len(t)
	held := make([][]float64, len(grid)) // rows x networks+1
	var wg sync.WaitGroup
	for a := range grid {
		held[a] = make([]float64, len(t)*(g.Networks+1))
		for k := range gbnnFolds {
			wg.Go(func() { g.hold(held[a], z, t, fold, k, grid[a]) })
		}
	}
	wg.Wait()
	least, chosen := math.Inf(1), 0
	for a := range grid {
		for n := range g.Networks + 1 {
			sum := 0.0
			for i, v := range t {
				e := held[a][i*(g.Networks+1)+n] - v
				sum += e * e
			}
			if sum < least*(1-1e-9) {
				least, f.alpha, chosen = sum, grid[a], n
				f.left = f.left[:0]
				for i := range t {
					f.left = append(f.left, held[a][i*(g.Networks+1)+n])
				}
			}
		}
	}
	f.noise = least / float64(len(t))
	f.nets = make([]*nn.Net, g.Restarts)
	for r := range f.nets {
		wg.Go(func() { f.nets[r] = g.boost(f.alpha, chosen, uint64(r)).Fit(z, t, p) })
	}
	wg.Wait()
}

// hold predicts the rows of a fold by a fit to the others, after every network.
func (g *GBNN) hold(held, z, t []float64, fold []int, k int, alpha float64) {
	p, width := len(z)/len(t), g.Networks+1
	var x, y []float64
	for i, v := range t {
		if fold[i] != k {
			x, y = append(x, z[i*p:][:p]...), append(y, v)
		}
	}
	if len(y) == 0 || len(y) == len(t) {
		return
	}
	f := g.boost(alpha, g.Networks, uint64(gbnnFolds+k)).Fit(x, y, p)
	for i := range t {
		if fold[i] == k {
			copy(held[i*width:], f.Path(z[i*p:][:p]))
		}
	}
}

// boost is the training of one network, with a seed of its own.
func (g *GBNN) boost(alpha float64, networks int, stream uint64) nn.Boost {
	return nn.Boost{Units: g.Units, Networks: networks, Rate: g.Rate, Subsample: g.Subsample, Alpha: alpha, Steps: gbnnSteps, Tolerance: 1e-9, Seed: g.Seed<<8 + stream}
}

// moments returns the mean and the variance of what the restarts say at x.
func (f *gbnnFit) moments(x []float64) (mean, variance float64) {
	z, out := f.row(x), []float64{0}
	n, squares := float64(len(f.nets)), 0.0
	for _, net := range f.nets {
		net.Outputs(out, z)
		mean += out[0] / n
		squares += out[0] * out[0] / n
	}
	return f.sign * mean, max(0, squares-mean*mean)
}

// Predict implements Predictor.
func (g *GBNN) Predict(x []float64) float64 {
	mean, _ := g.fit.moments(x)
	return g.fit.mean + g.fit.unit*mean
}

// Std implements Uncertain.
func (g *GBNN) Std(x []float64) float64 {
	_, variance := g.fit.moments(x)
	return g.fit.unit * math.Sqrt(variance+g.fit.noise)
}

// Gradient implements Smooth.
func (g *GBNN) Gradient(dst, x []float64) {
	f := &g.fit
	z := f.row(x)
	sum, one := make([]float64, len(z)), make([]float64, len(z))
	for _, net := range f.nets {
		net.Gradient(one, z)
		floats.AddScaled(sum, f.sign*f.unit/float64(len(f.nets)), one)
	}
	f.slopes(dst, x, sum)
}

// heldOut implements heldOut by the folds that chose the penalty.
func (g *GBNN) heldOut() (predicted, std []float64) { return g.fit.heldOut() }

func (f *gbnnFit) heldOut() (predicted, std []float64) {
	for _, v := range f.left {
		predicted, std = append(predicted, f.mean+f.unit*f.sign*v), append(std, f.unit*math.Sqrt(f.noise))
	}
	return predicted, std
}

// HalfWidth implements Calibrated.
func (g *GBNN) HalfWidth(x []float64, level float64) float64 {
	return g.fit.conformal().halfWidth(x, g.Std(x), level)
}
