package predict

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// A heldOut predictor can say, after Fit, what it would have predicted of each
// row, with what deviation, had it not been fitted to that row. For ridge and
// the laws that is leave-one-out in closed form, their penalty being that of
// all rows; for gbdt the inner folds that chose the number of trees; for gp
// see heldOut there.
type heldOut interface {
	heldOut() (predicted, std []float64)
}

// stackNames are the predictors that blend and auto fit, in order.
var stackNames = []string{"ridge", "gp", "explaw", "powerlaw", "gbdt"}

// stackFolds is the number of folds over which the error of the weights
// themselves is estimated.
const stackFolds = 10

// A stack is the five predictors fitted side by side, and a convex combination
// of them. Slices are by predictor.
type stack struct {
	models  []Predictor
	held    [][]float64 // held-out predictions, by row
	stds    [][]float64 // and their deviations
	rmse    []float64   // held out
	weights []float64
	cross   []float64 // predictions, by row, of blends whose weights have not seen the row
	blended float64   // their error
	ratio   []float64 // |error|/deviation of the rows, held out, ascending
	unit    float64   // root mean square of ratio
}

// A Member is one of the predictors that blend and auto fit.
type Member struct {
	Name   string    `json:"name"`
	Weight float64   `json:"weight"` // in the combination
	RMSE   float64   `json:"rmse"`   // of held-out predictions, in units of the score
	Model  Predictor `json:"-"`      // fitted to all rows
}

func (s *stack) members() []Member {
	var out []Member
	for m, p := range s.models {
		out = append(out, Member{stackNames[m], s.weights[m], s.rmse[m], p})
	}
	return out
}

// fit fits all predictors and the weights of the blend. Ridge takes both
// features unless its options say something else than the default.
func (s *stack) fit(o Options, x [][]float64, y []float64) error {
	if o.Ridge.Features == "" {
		o.Ridge.Features = "both"
	}
	k := len(stackNames)
	s.models, s.held, s.stds, s.rmse = make([]Predictor, k), make([][]float64, k), make([][]float64, k), make([]float64, k)
	errs := make([]error, k)
	var wg sync.WaitGroup
	for i, name := range stackNames {
		wg.Go(func() {
			if s.models[i], errs[i] = New(name, o); errs[i] != nil {
				return
			}
			if errs[i] = s.models[i].Fit(x, y); errs[i] == nil {
				s.held[i], s.stds[i] = s.models[i].(heldOut).heldOut()
				s.rmse[i] = rootMeanSquare(s.held[i], y)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	s.weights = stackWeights(s.held, y, nil)
	s.cross = s.crossBlend(x, y)
	s.blended = rootMeanSquare(s.cross, y)
	s.calibrate(y)
	return nil
}

// crossBlend returns blends of the held-out predictions of each row by weights
// that were fitted to the other folds' rows.
func (s *stack) crossBlend(x [][]float64, y []float64) []float64 {
	fold := deal(x, stackFolds, 1)
	out := make([]float64, len(y))
	for f := range stackFolds {
		weights := stackWeights(s.held, y, func(i int) bool { return fold[i] == f })
		for i := range y {
			if fold[i] == f {
				for m, w := range weights {
					out[i] += w * s.held[m][i]
				}
			}
		}
	}
	return out
}

// stackWeights returns the convex weights with the least squared error of the
// held-out predictions, rows that skip names left out. It solves for every set
// of predictors with positive weights, of which there are 2^5 - 1 (Breiman,
// 1996, Stacked Regressions, who asks for positive weights only).
func stackWeights(held [][]float64, y []float64, skip func(int) bool) []float64 {
	k := len(held)
	gram := mat.NewSymDense(k, nil)
	for a := range k {
		for b := a; b < k; b++ {
			sum := 0.0
			for i := range y {
				if skip == nil || !skip(i) {
					sum += (held[a][i] - y[i]) * (held[b][i] - y[i])
				}
			}
			gram.SetSym(a, b, sum)
		}
	}
	ridge := 1e-6*mat.Trace(gram)/float64(k) + 1e-300
	best, least := slices.Repeat([]float64{1 / float64(k)}, k), math.Inf(1)
	for set := 1; set < 1<<k; set++ {
		w := onSimplex(gram, set, ridge)
		if w == nil || floats.Min(w) < 0 {
			continue
		}
		v := mat.NewVecDense(k, w)
		if e := mat.Inner(v, gram, v) + ridge*floats.Dot(w, w); e < least {
			best, least = w, e
		}
	}
	return best
}

// onSimplex minimises w'Gw + ridge |w|^2 over weights of the set that sum to 1.
func onSimplex(gram *mat.SymDense, set int, ridge float64) []float64 {
	var of []int
	for m := range gram.SymmetricDim() {
		if set>>m&1 == 1 {
			of = append(of, m)
		}
	}
	a, one := mat.NewSymDense(len(of), nil), mat.NewVecDense(len(of), nil)
	for i, p := range of {
		one.SetVec(i, 1)
		for j := i; j < len(of); j++ {
			a.SetSym(i, j, gram.At(p, of[j]))
		}
		a.SetSym(i, i, a.At(i, i)+ridge)
	}
	var chol mat.Cholesky
	var v mat.VecDense
	if !chol.Factorize(a) || solved(chol.SolveVecTo(&v, one)) != nil {
		return nil
	}
	out, sum := make([]float64, gram.SymmetricDim()), mat.Sum(&v)
	for i, p := range of {
		out[p] = v.AtVec(i) / sum
	}
	return out
}

// calibrate compares the held-out errors with the deviations that the weighted
// predictors claim.
func (s *stack) calibrate(y []float64) {
	s.ratio, s.unit = make([]float64, len(y)), 0
	for i, v := range y {
		predicted, variance := 0.0, 0.0
		for m, w := range s.weights {
			predicted += w * s.held[m][i]
			if w > 0 {
				variance += w * s.stds[m][i] * s.stds[m][i]
			}
		}
		if e := math.Abs(predicted - v); e > 1e-12*math.Abs(v) {
			s.ratio[i] = min(e/math.Sqrt(variance+1e-300), 1e6)
		}
		s.unit += s.ratio[i] * s.ratio[i] / float64(len(y))
	}
	s.unit = math.Sqrt(s.unit)
	slices.Sort(s.ratio)
}

// heldOut implements heldOut.
func (s *stack) heldOut() (predicted, std []float64) {
	for i, v := range s.cross {
		variance := 0.0
		for m, w := range s.weights {
			if w > 0 {
				variance += w * s.stds[m][i] * s.stds[m][i]
			}
		}
		predicted, std = append(predicted, v), append(std, s.unit*math.Sqrt(variance))
	}
	return predicted, std
}

func (s *stack) predict(x []float64) float64 {
	sum := 0.0
	for m, w := range s.weights {
		if w > 0 {
			sum += w * s.models[m].Predict(x)
		}
	}
	return sum
}

// claimed is the deviation before calibration.
func (s *stack) claimed(x []float64) float64 {
	variance := 0.0
	for m, w := range s.weights {
		if w > 0 {
			std := s.models[m].(Uncertain).Std(x)
			variance += w * std * std
		}
	}
	return math.Sqrt(variance)
}

// gradient sums that of the smooth predictors; that of trees is 0 almost
// everywhere.
func (s *stack) gradient(dst, x []float64) {
	clear(dst)
	one := make([]float64, len(x))
	for m, w := range s.weights {
		if g, ok := s.models[m].(Smooth); ok && w > 0 {
			g.Gradient(one, x)
			floats.AddScaled(dst, w, one)
		}
	}
}

// halfWidth is that of the interval that holds a share level of runs at x: the
// conformal quantile of the held-out ratios times the claimed deviation
// (Lei et al., 2018, JASA 113, section 5.2, with leave-one-out for the split).
func (s *stack) halfWidth(x []float64, level float64) float64 {
	n := len(s.ratio)
	at := min(n-1, int(math.Ceil(level*float64(n+1)))-1)
	return s.ratio[max(0, at)] * s.claimed(x)
}

// describe lists the weights, largest first.
func (s *stack) describe() string {
	order := ascending(s.weights)
	slices.Reverse(order)
	var parts []string
	for _, m := range order {
		if s.weights[m] >= 0.005 {
			parts = append(parts, fmt.Sprintf("%s %.2f", stackNames[m], s.weights[m]))
		}
	}
	return strings.Join(parts, ", ")
}

func rootMeanSquare(a, b []float64) float64 {
	return floats.Distance(a, b, 2) / math.Sqrt(float64(len(a)))
}
