package predict_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// measured are random mixtures of three domains and what they score, 1 at the
// best, which is 60 % of the first and 40 % of the second.
func measured(runs int) (mixtures [][]float64, scores []float64) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range runs {
		w := mix.Dirichlet(rng, []float64{1, 1, 1})
		mixtures = append(mixtures, w)
		d := mix.L1(w, mix.Mixture{0.6, 0.4, 0})
		scores = append(scores, 1-d*d)
	}
	return mixtures, scores
}

// Fit a Gaussian process to measured mixtures, and ask it for others: what they
// would score, and within which bounds one run of four in five would be.
func Example() {
	mixtures, scores := measured(60)
	var p predict.GP
	if err := p.Fit(mixtures, scores); err != nil {
		log.Fatal(err)
	}
	for _, w := range [][]float64{{0.5, 0.4, 0.1}, {0.2, 0.1, 0.7}} {
		fmt.Printf("%.1f scores about %.0f, give or take less than 0.2: %t\n", w, p.Predict(w), predict.HalfWidth(&p, w, 0.8) < 0.2)
	}
	// Output:
	// [0.5 0.4 0.1] scores about 1, give or take less than 0.2: true
	// [0.2 0.1 0.7] scores about -1, give or take less than 0.2: true
}

// How well does a predictor rank mixtures that it has not seen?
func ExampleCrossValidate() {
	mixtures, scores := measured(60)
	cv, err := predict.CrossValidate(func() predict.Predictor { return &predict.Ridge{Features: "both"} }, mixtures, scores, 5, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("rank correlation %.1f\n", cv.Spearman)
	// Output: rank correlation 0.9
}

// Predictors can be chosen by name, with the published settings.
func ExampleMethods() {
	p, err := predict.Methods.New("gbdt")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.(*predict.GBDT).Trees, "trees")
	_, err = predict.Methods.New("magic")
	fmt.Println(err)
	// Output:
	// 1000 trees
	// "magic" is not one of ridge, gbdt, gp, explaw, powerlaw, gbnn, sparsebnn, blend, auto
}
