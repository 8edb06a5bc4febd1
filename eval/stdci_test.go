package eval

import (
	"math"
	"testing"
)

// Of 10 values the 95 % interval of a deviation of 1 is [0.688, 1.826] by the
// chi-squared quantiles 19.023 and 2.700.
func TestStdCI(t *testing.T) {
	if lo, hi := StdCI(1, 9, 0.95); math.Abs(lo-0.6878) > 1e-3 || math.Abs(hi-1.8256) > 1e-3 {
		t.Errorf("[%v, %v]", lo, hi)
	}
	if lo, hi := StdCI(1, 0, 0.95); lo != 0 || !math.IsInf(hi, 1) {
		t.Errorf("of one value: [%v, %v]", lo, hi)
	}
}
