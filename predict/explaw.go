package predict

import (
	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/option"
)

// ExpLaw is the data mixing law of Ye et al. (arXiv 2403.16952, eq. 1),
//
//	y = c + s exp(a.w),  s = 1 or -1
//
// the amplitude being part of a, because shares sum to 1. The sign is fitted,
// so scores may be losses or accuracies.
//
// Fitting is Levenberg-Marquardt on standardised targets from four starts:
// either sign, with c a little or far beyond the largest score, and a from the
// linear regression of log |y - c|. Lambda holds the entries of a together; 0
// chooses it from 1, 0.1, ..., 1e-6 by the leave-one-out error of the
// linearised law, e_i/(1 - H_ii). The paper has no penalty and one start.
type ExpLaw struct {
	Lambda float64 `json:"lambda" min:"0" doc:"ridge penalty per run on the spread of the coefficients; 0 = chosen by leave-one-out cross-validation"`
	Steps  int     `json:"steps" default:"50" min:"1" doc:"maximum optimizer steps of a fit"`

	fit lawFit
}

type linearForm struct{}

func (linearForm) values(theta []float64) []float64 { return theta }
func (linearForm) exponent(theta, x, du []float64) float64 {
	copy(du, x)
	return floats.Dot(theta, x)
}
func (linearForm) start(slope []float64) []float64 { return slope }
func (linearForm) shared() int                     { return 0 }
func (linearForm) byShare(theta, _, dst []float64) { copy(dst, theta) }

// Fit implements Predictor.
func (l *ExpLaw) Fit(x [][]float64, y []float64) error {
	o := ExpLaw{Lambda: l.Lambda, Steps: l.Steps}
	option.Fill(&o)
	err := option.Check("explaw", o)
	if err == nil {
		l.fit, err = fitLaw("explaw", linearForm{}, x, y, o.Lambda, o.Steps)
	}
	return err
}

// Predict implements Predictor.
func (l *ExpLaw) Predict(x []float64) float64 { return l.fit.predict(x) }

// Std implements Uncertain.
func (l *ExpLaw) Std(x []float64) float64 { return l.fit.std(x) }

// Gradient implements Smooth.
func (l *ExpLaw) Gradient(dst, x []float64) { l.fit.gradient(dst, x) }

func (l *ExpLaw) heldOut() (predicted, std []float64) { return l.fit.held() }
