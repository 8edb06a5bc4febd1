package predict

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// CVResult says how well a predictor does on runs that it has not seen.
type CVResult struct {
	Spearman  float64   `json:"spearman"`  // rank correlation of Predicted with the scores
	RMSE      float64   `json:"rmse"`      // in units of the score
	Predicted []float64 `json:"predicted"` // out of fold, one per row
}

// CrossValidate fits a fresh predictor per fold on the other folds and
// predicts the fold. The rows are dealt to the folds in an order shuffled by
// seed; there are at most as many folds as rows. Equal rows, seeds of one
// mixture, go to one fold, or they would leak.
func CrossValidate(new func() Predictor, x [][]float64, y []float64, folds int, seed uint64) (CVResult, error) {
	if err := check(x, y); err != nil {
		return CVResult{}, fmt.Errorf("cross-validate: %w", err)
	}
	if folds < 2 {
		return CVResult{}, fmt.Errorf("cross-validate: %d folds: at least 2 are needed", folds)
	}
	if len(x) < 3 {
		return CVResult{}, fmt.Errorf("cross-validate: %d measured mixtures: at least 3 are needed", len(x))
	}
	fold := deal(x, folds, seed)
	out := CVResult{Predicted: make([]float64, len(x))}
	for f := range min(folds, len(x)) {
		p := new()
		trainX, trainY := without(x, fold, f), without(y, fold, f)
		if err := p.Fit(trainX, trainY); err != nil {
			return CVResult{}, fmt.Errorf("cross-validate fold %d: %w", f, err)
		}
		for i, row := range x {
			if fold[i] == f {
				out.Predicted[i] = p.Predict(row)
				out.RMSE += (out.Predicted[i] - y[i]) * (out.Predicted[i] - y[i])
			}
		}
	}
	out.RMSE = math.Sqrt(out.RMSE / float64(len(x)))
	out.Spearman = Spearman(out.Predicted, y)
	return out, nil
}

// deal gives each row of x a fold: a shuffle by seed, dealt like cards, equal
// rows together.
func deal(x [][]float64, folds int, seed uint64) []int {
	fold, first := make([]int, len(x)), map[string]int{}
	dealt := 0
	for _, row := range rand.New(rand.NewPCG(seed, uint64(len(x)))).Perm(len(x)) {
		key := fmt.Sprint(x[row])
		f, seen := first[key]
		if !seen {
			f = dealt % folds
			first[key] = f
			dealt++
		}
		fold[row] = f
	}
	return fold
}

// without returns the elements of v that are not in fold f.
func without[T any](v []T, fold []int, f int) []T {
	var out []T
	for i := range v {
		if fold[i] != f {
			out = append(out, v[i])
		}
	}
	return out
}

// Spearman returns the rank correlation of a and b, between -1 and 1. Equal
// values share the mean of their ranks. It is 0 if either is constant: there
// is no order to agree with. a and b must have the same length.
func Spearman(a, b []float64) float64 {
	ra, rb := Ranks(a), Ranks(b)
	mean := float64(len(a)-1) / 2
	var ab, aa, bb float64
	for i := range ra {
		da, db := ra[i]-mean, rb[i]-mean
		ab, aa, bb = ab+da*db, aa+da*da, bb+db*db
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// Ranks returns the 0-based rank of each value in ascending order; equal
// values share the mean of their ranks.
func Ranks(v []float64) []float64 {
	order := ascending(v)
	ranks := make([]float64, len(v))
	for lo := 0; lo < len(v); {
		hi := lo + 1
		for hi < len(v) && v[order[hi]] == v[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			ranks[i] = float64(lo+hi-1) / 2
		}
		lo = hi
	}
	return ranks
}

// ascending returns the indices of v in the order of its values, ties by index.
func ascending(v []float64) []int {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(v[i], v[j]) })
	return order
}
