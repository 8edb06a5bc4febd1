package predict

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Tasks predicts the weighted sum of several scores of a mixture by a
// predictor for each: fit per task, then combine. A law holds of one task; of
// a sum of tasks it holds only about.
type Tasks struct {
	New     func() Predictor
	Weights []float64 // one per task; negative where less is better
	// Low, if it is not empty, has a predictor for each task that was fitted to
	// the runs of a smaller model, whose mixtures are LowSeen; see Transfer.
	Low     []Predictor
	LowSeen [][]float64

	models  []Predictor
	held    []float64     // weighted sum of the held-out predictions
	related *mat.SymDense // correlations of held-out errors between tasks
}

// fresh returns an unfitted predictor of task i.
func (t *Tasks) fresh(i int) Predictor {
	if len(t.Low) > 0 {
		return &Transfer{Low: t.Low[i], Seen: t.LowSeen, Rest: t.New}
	}
	return t.New()
}

// Fit fits one predictor per task to rows x and y[task][row].
func (t *Tasks) Fit(x [][]float64, y [][]float64) error {
	if len(y) != len(t.Weights) || len(y) == 0 || len(t.Low) > 0 && len(t.Low) != len(y) {
		return fmt.Errorf("scores of %d tasks for %d weights and %d predictors of a smaller model", len(y), len(t.Weights), len(t.Low))
	}
	models, errs := make([]Predictor, len(y)), make([]error, len(y))
	var wg sync.WaitGroup
	for i := range y {
		wg.Go(func() {
			models[i] = t.fresh(i)
			errs[i] = models[i].Fit(x, y[i])
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("task %d: %w", i, err)
		}
	}
	t.models = models
	t.relate(x, y)
	return nil
}

// relate computes how the errors of the tasks go together, 1 for all pairs
// where a predictor has no held-out errors.
func (t *Tasks) relate(x, y [][]float64) {
	k := len(t.models)
	t.related = mat.NewSymDense(k, nil)
	errors := make([][]float64, k)
	t.held = make([]float64, len(y[0]))
	for i, m := range t.models {
		if h, ok := m.(heldOut); ok {
			errors[i], _ = h.heldOut()
			floats.AddScaled(t.held, t.Weights[i], errors[i])
			floats.Sub(errors[i], drawnIn(x, y[i]))
		}
	}
	for i := range k {
		for j := i; j < k; j++ {
			t.related.SetSym(i, j, correlation(errors[i], errors[j]))
		}
		t.related.SetSym(i, i, 1)
	}
}

// correlation is the correlation of two lists of errors around 0; 1 if either is
// all zeros.
func correlation(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	if aa == 0 || bb == 0 {
		return 1
	}
	return ab / math.Sqrt(aa*bb)
}

// Models returns the fitted predictors, one per task.
func (t *Tasks) Models() []Predictor { return t.models }

// HeldOut returns, by row, the weighted sum of what each task's predictor says
// of a run that it was not fitted to, without another fit. All predictors of
// Methods can; of others the task is left out.
func (t *Tasks) HeldOut() []float64 { return t.held }

// Predict returns the weighted sum of the tasks' predictions.
func (t *Tasks) Predict(x []float64) float64 {
	sum := 0.0
	for i, m := range t.models {
		sum += t.Weights[i] * m.Predict(x)
	}
	return sum
}

// combine returns the root of v' R v, R being the correlations.
func (t *Tasks) combine(v []float64) float64 {
	s := mat.NewVecDense(len(v), v)
	return math.Sqrt(max(0, mat.Inner(s, t.related, s)))
}

// Std implements Uncertain. It panics if the predictors do not.
func (t *Tasks) Std(x []float64) float64 {
	v := slices.Clone(t.Weights)
	for i, m := range t.models {
		v[i] *= m.(Uncertain).Std(x)
	}
	return t.combine(v)
}

// HalfWidth implements Calibrated.
func (t *Tasks) HalfWidth(x []float64, level float64) float64 {
	v := slices.Clone(t.Weights)
	for i, m := range t.models {
		v[i] *= HalfWidth(m, x, level)
	}
	return t.combine(v)
}

// CrossValidate returns out-of-fold predictions of the weighted sum: as the
// function of that name, with scores y[task][row].
func (t *Tasks) CrossValidate(x [][]float64, y [][]float64, folds int, seed uint64) (CVResult, error) {
	out := CVResult{Predicted: make([]float64, len(x))}
	sum := make([]float64, len(x))
	for i, scores := range y {
		one, err := CrossValidate(func() Predictor { return t.fresh(i) }, x, scores, folds, seed)
		if err != nil {
			return CVResult{}, fmt.Errorf("task %d: %w", i, err)
		}
		floats.AddScaled(out.Predicted, t.Weights[i], one.Predicted)
		floats.AddScaled(sum, t.Weights[i], scores)
	}
	out.RMSE, out.Spearman = RMSE(out.Predicted, sum), Spearman(out.Predicted, sum)
	return out, nil
}
