package predict

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Two penalties: the gradients are those of differences, the held-out error is no
// larger than with one penalty, and neither unit nor sign of the scores matter.
func TestRidgeGroups(t *testing.T) {
	x, y := world(48, 6, 0.1, 3)
	both := &Ridge{Features: "both", Groups: true}
	if err := both.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	one := &Ridge{Features: "both"}
	if err := one.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	value := func(r *Ridge) float64 { // of folds, with the scales that r has
		z := mat.NewDense(len(x), 12, nil)
		for i := range x {
			z.SetRow(i, r.fit.row(x[i]))
		}
		centred := make([]float64, len(y))
		for i := range y {
			centred[i] = y[i] - r.fit.intercept
		}
		p := newFoldRidge(z, centred, deal(x, ridgeGroupFolds, 1))
		w := make([]float64, ridgeGroupFolds*12)
		for k := range ridgeGroupFolds {
			a := mat.NewSymDense(12, nil)
			a.CopySym(p.gram[k])
			for j := range 12 {
				a.SetSym(j, j, a.At(j, j)+r.fit.lambda)
			}
			var chol mat.Cholesky
			chol.Factorize(a)
			if err := chol.SolveVecTo(mat.NewVecDense(12, w[k*12:][:12]), mat.NewVecDense(12, p.cross[k])); err != nil {
				t.Fatal(err)
			}
		}
		return p.Upper(w, make([]float64, len(w)))
	}
	if got, before := value(both), value(one); got > before*1.01 { // the mean of both is chosen by leave-one-out
		t.Errorf("the error of the folds rises from %g to %g", before, got)
	}
	turned := make([]float64, len(y))
	for i, v := range y {
		turned[i] = 5 - 1000*v
	}
	again := &Ridge{Features: "both", Groups: true}
	if err := again.Fit(x, turned); err != nil {
		t.Fatal(err)
	}
	for _, row := range x[:5] {
		if got, want := again.Predict(row), 5-1000*both.Predict(row); math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("in another unit %g, want %g", got, want)
		}
	}
	if err := (&Ridge{Groups: true}).Fit(x, y); err == nil {
		t.Error("groups of the weights alone are not refused")
	}
}
