package solve_test

import (
	"fmt"
	"log"

	"github.com/climb-go/climb/solve"
)

// circle asks for the point of a circle that is farthest to the lower left.
type circle struct{}

func (circle) Objective(x, g []float64) float64 {
	g[0], g[1] = 1, 1
	return x[0] + x[1]
}

func (circle) Constraints(c, jacobian, x []float64) {
	c[0] = x[0]*x[0] + x[1]*x[1] - 2
	jacobian[0], jacobian[1] = 2*x[0], 2*x[1]
}

func (circle) Hessian(h, _, lambda []float64) {
	h[0], h[1], h[2], h[3] = 2*lambda[0], 0, 0, 2*lambda[0]
}

// Minimise under an equation.
func ExampleAdaSketch() {
	x, lambda, _, err := solve.AdaSketch{Tolerance: 1e-8}.Minimize(circle{}, []float64{-2, -0.5}, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.4f, multiplier %.4f\n", x, lambda)
	// Output: [-1.0000 -1.0000], multiplier [0.5000]
}
