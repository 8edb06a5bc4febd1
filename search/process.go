package search

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/predict"
)

// A Process is the Gaussian process on the combined score of a problem's runs.
// Where the problem has runs of a smaller model, the expected score comes from both
// models, and the process knows how uncertain it is; see predict.Transfer.
type Process struct {
	*predict.GP
	transfer *predict.Transfer // nil without a smaller model
}

// NewProcess fits a process to the runs of the history that have a score, which
// are at least two.
func NewProcess(p Problem, history []Trial, o predict.GP) (*Process, error) {
	x, y := rows(scored(p.Rescore(history)))
	if len(p.Smaller) == 0 {
		g := o
		return &Process{GP: &g}, g.Fit(x, y)
	}
	low, lowScores := rows(scored(p.Rescore(p.Smaller)))
	smaller := o
	if err := smaller.Fit(low, lowScores); err != nil {
		return nil, fmt.Errorf("runs of the smaller model: %w", err)
	}
	t := &predict.Transfer{Low: &smaller, Seen: low, Delta: o, Rest: func() predict.Predictor { g := o; return &g }}
	if err := t.Fit(x, y); err != nil {
		return nil, err
	}
	return &Process{t.Process(), t}, nil
}

// rows are the mixtures and the scores of runs.
func rows(runs []Trial) (x [][]float64, y []float64) {
	for _, r := range runs {
		x, y = append(x, r.Mixture), append(y, r.Score)
	}
	return x, y
}

// Predict is the expected score at x.
func (s *Process) Predict(x []float64) float64 {
	if s.transfer == nil {
		return s.GP.Predict(x)
	}
	return s.transfer.Predict(x)
}

// Upper is predict.GP's.
func (s *Process) Upper(x []float64, times, floor float64) float64 {
	lifted := s.lifted(x)
	return s.GP.Upper(x, times, below(floor, lifted)) + lifted
}

// lifted is by how much the expected score at x exceeds what the process says.
func (s *Process) lifted(x []float64) float64 {
	if s.transfer == nil {
		return 0
	}
	return s.transfer.Predict(x) - s.GP.Predict(x)
}

// below is a floor less what is added to a value later, and less the rounding of
// that.
func below(floor, added float64) float64 {
	return floor - added - 1e-12*(math.Abs(floor)+math.Abs(added))
}

// Why says what the smaller model's runs were worth; nothing if there are none.
func (s *Process) Why() string {
	if s.transfer == nil {
		return ""
	}
	return s.transfer.Why()
}
