package predict

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Fitted to 112 of RegMix's training runs with its defaults, the sparse network ranks
// the test runs; it keeps the share of weights that it was asked for, and says so.
func TestSparseBNN(t *testing.T) {
	x, y := regmix(t, "train")
	vx, vy := regmix(t, "test")
	var sx [][]float64
	var sy []float64
	for _, i := range rand.New(rand.NewPCG(1, 0)).Perm(len(x))[:112] {
		sx, sy = append(sx, x[i]), append(sy, y[i])
	}
	s := &SparseBNN{}
	if err := s.Fit(sx, sy); err != nil {
		t.Fatal(err)
	}
	if rank := Spearman(predictAll(s, vx), vy); rank < 0.96 {
		t.Errorf("rank correlation %.3f", rank)
	}
	if why := s.Why(); s.fit.active != 634 || s.fit.weights != 6336 || !strings.HasPrefix(why, "634 of 6336 weights") || strings.Contains(why, "bound") {
		t.Error(why)
	}
	s.fit.noise = 1e-9
	if !strings.Contains(s.Why(), "not to be trusted") {
		t.Errorf("noise at its bound: %s", s.Why())
	}
}
