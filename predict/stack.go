package predict

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/climb-go/climb/option"
)

// A heldOut predictor can say, after Fit, what it would have predicted of each
// row, with what deviation, had it not been fitted to that row. For ridge that
// are fits to other folds up to refitRows rows, and beyond leave-one-out in closed
// form, with the penalty chosen on all rows; for gbdt the inner folds that chose
// the number of trees; for gp and the laws see heldOut there.
type heldOut interface {
	heldOut() (predicted, std []float64)
}

// stackNames are the predictors that blend and auto fit, in order.
var stackNames = []string{"ridge", "gp", "explaw", "powerlaw", "gbdt"}

// models returns the five, unfitted, in that order.
func (o Learners) models() []Predictor {
	return []Predictor{&o.Ridge, &o.GP, &o.ExpLaw, &o.PowerLaw, &o.GBDT}
}

// anchor is gp among them, towards which auto shrinks the weights.
const anchor = 1

// stackFolds is the number of folds over which the error of the weights
// themselves is estimated.
const stackFolds = 10

// A stack is the five predictors fitted side by side, and a convex combination
// of them. Its deviation is gp's, which rows that were held out know too, times
// the root mean square of the combination's held-out errors in that unit; its
// intervals are conformal, by the same errors. Slices are by predictor.
type stack struct {
	models  []Predictor
	trust   float64     // pseudo-rows that speak for the anchor alone
	lo, hi  float64     // the range that members may predict
	held    [][]float64 // held-out predictions, by row
	std     []float64   // and gp's deviations of them
	rmse    []float64   // held out
	weights []float64
	cross   []float64 // predictions, by row, of blends whose weights have not seen the row
	blended float64   // their error
	conformal
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
// features unless its options say something else than the default; so does gbdt
// steps of 0.05 where there are many rows, which takes a fifth of the trees and
// does no worse: fitted to 384 of RegMix's training runs, two random choices and
// four losses, and judged on the other 128, the rank correlation is 98.63 (98.61
// by steps of 0.02) and auto's 99.20 either way.
func (s *stack) fit(o Learners, x [][]float64, y []float64) error {
	if o.Ridge.Features == "" {
		o.Ridge.Features = "both"
	}
	var usual GBDT
	option.Fill(&usual)
	if len(x) > manyRows && (o.GBDT.Rate == 0 || o.GBDT.Rate == usual.Rate) && (o.GBDT.Trees == 0 || o.GBDT.Trees == usual.Trees) {
		o.GBDT.Rate, o.GBDT.Trees = 0.05, 200
	}
	k := len(stackNames)
	s.models, s.held, s.rmse = o.models(), make([][]float64, k), make([]float64, k)
	stds, errs := make([][]float64, k), make([]error, k)
	var wg sync.WaitGroup
	for i := range s.models {
		wg.Go(func() {
			if errs[i] = s.models[i].Fit(x, y); errs[i] == nil {
				s.held[i], stds[i] = s.models[i].(heldOut).heldOut()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	s.std = stds[anchor]
	half := (slices.Max(y) - slices.Min(y)) / 2
	s.lo, s.hi = slices.Min(y)-half, slices.Max(y)+half
	for i, held := range s.held {
		for r, v := range held {
			held[r] = min(max(v, s.lo), s.hi)
		}
		s.rmse[i] = RMSE(held, y)
	}
	s.weigh(x, y)
	return nil
}

// weigh computes the weights and what follows from them.
func (s *stack) weigh(x [][]float64, y []float64) {
	s.weights = stackWeights(s.held, y, s.trust, anchor, nil)
	s.cross = crossBlend(x, y, s.held, s.trust, anchor)
	if s.trust > 0 {
		lean(s.weights, s.cross, s.held, s.rmse, y)
	}
	s.blended = RMSE(s.cross, y)
	s.conformal = newConformal(x, s.cross, s.std, y, true)
}

// crossBlend returns blends of the held-out predictions of each row by weights
// that were fitted to the other folds' rows.
func crossBlend(x [][]float64, y []float64, held [][]float64, trust float64, anchor int) []float64 {
	fold := deal(x, stackFolds, 1)
	out := make([]float64, len(y))
	for f := range stackFolds {
		weights := stackWeights(held, y, trust, anchor, func(i int) bool { return fold[i] == f })
		for i := range y {
			if fold[i] == f {
				for m, w := range weights {
					out[i] += w * held[m][i]
				}
			}
		}
	}
	return out
}

// lean moves weights, and the cross-fitted predictions of their combination,
// towards the best predictor, where the combination's held-out error is larger than
// that one's: by the least share s at which it no longer is. The mean square of
// (1-s) a + s b, a and b being the errors of both, is that of b at s = 1 and at
// s = (aa - bb)/(aa + bb - 2ab). What it costs: fitted to 28, 56 and 112 runs of
// RegMix's tables (6 random choices of each, 5 losses), it moves the weights of 55,
// 30 and 24 % of the combinations; the geometric mean of their errors on other rows
// grows by 0.3, 0.7 and 0.2 %. The best predictor alone in their place: 0.3, 1.8
// and 0.9 %.
func lean(weights, cross []float64, held [][]float64, rmse, y []float64) {
	best := ascending(rmse)[0]
	if RMSE(cross, y) <= rmse[best] {
		return
	}
	var aa, ab, bb float64
	for i, v := range y {
		a, b := cross[i]-v, held[best][i]-v
		aa, ab, bb = aa+a*a, ab+a*b, bb+b*b
	}
	share := 1.0
	if d := aa + bb - 2*ab; d > aa-bb {
		share = (aa - bb) / d
	}
	for m := range weights {
		weights[m] *= 1 - share
	}
	weights[best] += share
	for i := range cross {
		cross[i] += share * (held[best][i] - cross[i])
	}
}

// stackWeights returns the convex weights with the least squared error of the
// held-out predictions, rows that skip names left out, and with trust rows more
// on which the distance of the weights from the anchor's costs what the best
// predictor errs in a row. It solves for every set of predictors with positive
// weights, of which there are 2^5 - 1 (Breiman, 1996, Stacked Regressions, who
// asks for positive weights only).
func stackWeights(held [][]float64, y []float64, trust float64, anchor int, skip func(int) bool) []float64 {
	k, rows := len(held), 0
	for i := range y {
		if skip == nil || !skip(i) {
			rows++
		}
	}
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
	least := math.Inf(1)
	for m := range k {
		least = min(least, gram.At(m, m))
	}
	pull := trust * least / float64(max(rows, 1))
	ridge := 1e-6*mat.Trace(gram)/float64(k) + 1e-300 + pull
	best, loss := slices.Repeat([]float64{1 / float64(k)}, k), math.Inf(1)
	for set := 1; set < 1<<k; set++ {
		w := onSimplex(gram, set, ridge, pull, anchor)
		if w == nil || floats.Min(w) < 0 {
			continue
		}
		v := mat.NewVecDense(k, w)
		if e := mat.Inner(v, gram, v) + ridge*floats.Dot(w, w) - 2*pull*w[anchor]; e < loss {
			best, loss = w, e
		}
	}
	return best
}

// onSimplex minimises w'Gw + ridge |w|^2 - 2 pull w[anchor] over weights of the
// set that sum to 1.
func onSimplex(gram *mat.SymDense, set int, ridge, pull float64, anchor int) []float64 {
	var of []int
	for m := range gram.SymmetricDim() {
		if set>>m&1 == 1 {
			of = append(of, m)
		}
	}
	a, sides := mat.NewSymDense(len(of), nil), mat.NewDense(len(of), 2, nil) // ones, and the pull
	for i, p := range of {
		sides.Set(i, 0, 1)
		if p == anchor {
			sides.Set(i, 1, pull)
		}
		for j := i; j < len(of); j++ {
			a.SetSym(i, j, gram.At(p, of[j]))
		}
		a.SetSym(i, i, a.At(i, i)+ridge)
	}
	var chol mat.Cholesky
	var v mat.Dense
	if !chol.Factorize(a) || solved(chol.SolveTo(&v, sides)) != nil {
		return nil
	}
	out := make([]float64, gram.SymmetricDim())
	level := (1 - mat.Sum(v.ColView(1))) / mat.Sum(v.ColView(0))
	for i, p := range of {
		out[p] = v.At(i, 1) + level*v.At(i, 0)
	}
	return out
}

// heldOut implements heldOut.
func (s *stack) heldOut() (predicted, std []float64) {
	for i, v := range s.cross {
		predicted, std = append(predicted, v), append(std, s.unit*s.std[i])
	}
	return predicted, std
}

func (s *stack) predict(x []float64) float64 {
	sum := 0.0
	for m, w := range s.weights {
		if w > 0 {
			sum += w * min(max(s.models[m].Predict(x), s.lo), s.hi)
		}
	}
	return sum
}

// claimed is the deviation before calibration.
func (s *stack) claimed(x []float64) float64 { return s.models[anchor].(Uncertain).Std(x) }

// gradient sums the gradients of the smooth predictors within their range. Trees
// have the gradient 0 almost everywhere.
func (s *stack) gradient(dst, x []float64) {
	clear(dst)
	one := make([]float64, len(x))
	for m, w := range s.weights {
		g, ok := s.models[m].(Smooth)
		if !ok || w == 0 {
			continue
		}
		if v := s.models[m].Predict(x); v > s.lo && v < s.hi {
			g.Gradient(one, x)
			floats.AddScaled(dst, w, one)
		}
	}
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

// RMSE is the root of the mean squared difference of a and b, which have the
// same length.
func RMSE(a, b []float64) float64 {
	return floats.Distance(a, b, 2) / math.Sqrt(float64(len(a)))
}
