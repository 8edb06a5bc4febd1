package search

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/predict"
)

// Every strategy that expects scores says how well, of runs that its predictor
// was not fitted to; grouped domains, tasks and the order of the trials make no
// difference to whether it can.
func TestCrossValidate(t *testing.T) {
	w := newWorld(6, 3, 0.01, 4)
	known := map[string]string{"climb": "gbdt", "regmix": "gbdt", "climb-auto": "gp", "bayes": "gp", "olmix": "log-linear law", "climb-recipe": "ridge"}
	each(t, func(t *testing.T, s Strategy) {
		p := w.problem([]int{40}, 3)
		runs := Measured(run(t, p, Random{}, w.eval(0)))
		want := known[strings.TrimPrefix(t.Name(), "TestCrossValidate/")]
		for _, s := range []Strategy{s, Grouped{s}} {
			name, cv, err := CrossValidate(s, p, runs, 5)
			if err != nil || name != want {
				t.Fatalf("%T: predictor %q, want %q; %v", s, name, want, err)
			}
			if want != "" && (len(cv.Predicted) != len(runs) || !(cv.Spearman > 0.5) || !(cv.RMSE > 0)) {
				t.Errorf("%T: rank correlation %v, error %v of %d runs", s, cv.Spearman, cv.RMSE, len(cv.Predicted))
			}
			if name, _, err := CrossValidate(s, p, runs[:4], 5); name != "" || err != nil {
				t.Errorf("%T: four runs: %q, %v", s, name, err)
			}
		}
	})
}

// With tasks the predictions are combined as the problem combines the scores.
func TestCrossValidateTasks(t *testing.T) {
	w := newWorld(6, 3, 0.01, 4)
	p := w.problem([]int{40}, 3)
	runs := Measured(run(t, p, Random{}, w.eval(0)))
	for i := range runs {
		runs[i].Scores = map[string]float64{"a": runs[i].Score, "b": 10 * runs[i].Mixture[0]}
	}
	p.Tasks = []Task{{Name: "a", Weight: 1}, {Name: "b", Weight: 3}}
	for _, s := range []Strategy{Olmix{}, Auto{Predictor: predict.Choose(&predict.Ridge{})}} {
		_, cv, err := CrossValidate(s, p, runs, 5)
		if err != nil {
			t.Fatal(err)
		}
		if cv.Spearman < 0.9 { // the share itself is most of the score
			t.Errorf("%T: rank correlation %v", s, cv.Spearman)
		}
		shuffled := slices.Clone(runs)
		slices.Reverse(shuffled)
		if _, other, err := CrossValidate(s, p, shuffled, 5); err != nil || math.Abs(other.Spearman-cv.Spearman) > 0.1 {
			t.Errorf("%T: %v in another order, %v before; %v", s, other.Spearman, cv.Spearman, err)
		}
	}
}
