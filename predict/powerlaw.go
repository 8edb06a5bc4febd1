package predict

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/option"
)

// PowerLaw is a power law in effective tokens,
//
//	y = c + s (sum_j exp(b_j) w_j)^-alpha,  s = 1 or -1,  alpha > 0
//
// where exp(b_j) says what a token of domain j is worth to the score: the form
// of scaling laws in data (Kaplan et al., 2020, arXiv 2001.08361, eq. 1.2) with
// the budget replaced by its useful part. It is fitted as ExpLaw is, alpha
// starting from 0.5 and the b_j from that law's coefficients.
type PowerLaw struct {
	Lambda float64 `json:"lambda" min:"0" doc:"ridge penalty per run on the spread of the log token values; 0 = chosen by leave-one-out cross-validation"`
	Steps  int     `json:"steps" default:"50" min:"1" doc:"maximum optimizer steps of a fit"`

	fit lawFit
}

// effectiveForm has the parameters log alpha, b, and their exponentials as
// values.
type effectiveForm struct{}

func (effectiveForm) values(theta []float64) []float64 {
	out := make([]float64, len(theta))
	for i, v := range theta {
		out[i] = math.Exp(v)
	}
	return out
}

func (effectiveForm) exponent(values, x, du []float64) float64 {
	alpha, sum := values[0], 1e-300
	for j, w := range x {
		sum += w * values[1+j]
	}
	u := -alpha * math.Log(sum)
	if du != nil {
		du[0] = u
		for j, w := range x {
			du[1+j] = -alpha / sum * (w * values[1+j])
		}
	}
	return u
}

func (effectiveForm) start(slope []float64) []float64 {
	out := []float64{math.Log(0.5)}
	for _, v := range slope {
		out = append(out, -v/0.5)
	}
	return out
}

func (effectiveForm) shared() int { return 1 }

func (effectiveForm) byShare(values, x, dst []float64) {
	alpha, sum := values[0], 1e-300
	for j, w := range x {
		dst[j] = values[1+j]
		sum += w * dst[j]
	}
	floats.Scale(-alpha/sum, dst)
}

// Fit implements Predictor.
func (l *PowerLaw) Fit(x [][]float64, y []float64) error {
	o := PowerLaw{Lambda: l.Lambda, Steps: l.Steps}
	option.Fill(&o)
	err := option.Check("powerlaw", o)
	if err == nil {
		l.fit, err = fitLaw("powerlaw", effectiveForm{}, x, y, o.Lambda, o.Steps)
	}
	return err
}

// Predict implements Predictor.
func (l *PowerLaw) Predict(x []float64) float64 { return l.fit.predict(x) }

// Std implements Uncertain.
func (l *PowerLaw) Std(x []float64) float64 { return l.fit.std(x) }

// Gradient implements Smooth.
func (l *PowerLaw) Gradient(dst, x []float64) { l.fit.gradient(dst, x) }

func (l *PowerLaw) heldOut() (predicted, std []float64) { return l.fit.held() }
