package eval

import (
	"math"
	"testing"
)

// The p-value is that of SciPy 1.10, stats.ttest_rel.
func TestPairedP(t *testing.T) {
	a, b := []float64{1.1, 2.3, 2.9, 4.2, 5.1}, []float64{1, 2, 3, 4, 5}
	// mean 0.12, sd 0.1483240, t = 1.8091, 4 degrees of freedom
	if p := PairedP(a, b); math.Abs(p-0.14470) > 1e-4 {
		t.Errorf("p = %v, want 0.1447", p)
	}
	if p, q := PairedP(a, b), PairedP(b, a); p != q {
		t.Errorf("%v one way, %v the other", p, q)
	}
	if p := PairedP([]float64{1}, []float64{2}); p != 1 {
		t.Errorf("p = %v of one pair, want 1", p)
	}
}

// The interval of PairedDiff at level 1-p just touches zero.
func TestPairedPAgreesWithInterval(t *testing.T) {
	a, b := []float64{3, 5, 4, 6, 9, 2}, []float64{2, 5, 3, 6, 7, 1}
	_, lo, _ := PairedDiff(a, b, 1-PairedP(a, b))
	if math.Abs(lo) > 1e-9 {
		t.Errorf("the interval ends at %v, want 0", lo)
	}
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%d: %v, want %v", i, got[i], want)
		}
	}
}
