package predict

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// The network that Net returns is the prediction.
func TestGBNNNet(t *testing.T) {
	x, y := world(40, 4, 0.05, 1)
	g := &GBNN{Units: 2, Networks: 20, Restarts: 2}
	if err := g.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	w1, b1, w2, b2 := g.Net()
	if len(b1) == 0 || len(b1)%2 != 0 || len(w1) != 8*len(b1) || len(w2) != len(b1) {
		t.Fatalf("%d weights, %d and %d hidden units", len(w1), len(b1), len(w2))
	}
	unseen, _ := world(20, 4, 0, 2)
	for _, row := range unseen {
		z, sum := g.fit.row(row), b2
		for h, b := range b1 {
			sum += w2[h] / (1 + math.Exp(-b-floats.Dot(w1[h*8:][:8], z)))
		}
		if want := g.Predict(row); math.Abs(g.fit.mean+g.fit.unit*sum-want) > 1e-9 {
			t.Fatalf("the network says %g, Predict %g", g.fit.mean+g.fit.unit*sum, want)
		}
	}
	if alpha, networks := g.Chosen(); alpha == 0 || networks == 0 || networks > 20 {
		t.Errorf("chosen: %g, %d", alpha, networks)
	}
}
