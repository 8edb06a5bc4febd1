package embed

import (
	"math"
	"strings"
	"testing"

	"github.com/climb-go/climb/vec"
)

func TestImportRow(t *testing.T) {
	inf := float32(math.Inf(1))
	for name, c := range map[string]struct {
		x    []float32
		want []float32
		err  string
	}{
		"any length": {[]float32{3, -4}, []float32{0.6, -0.8}, ""},
		"huge":       {[]float32{-3e38, 3e38}, []float32{-math.Sqrt2 / 2, math.Sqrt2 / 2}, ""},
		"tiny":       {[]float32{0, -1e-38}, []float32{0, -1}, ""},
		"zeros":      {[]float32{0, 0}, []float32{1, 0}, ""},
		"NaN":        {[]float32{1, float32(math.NaN())}, nil, "number 1 of the vector is NaN"},
		"Inf":        {[]float32{inf, 1}, nil, "number 0 of the vector is +Inf"},
		"dimension":  {[]float32{1, 2, 3}, nil, "3 numbers, and those before it 2"},
	} {
		dst := make([]float32, 2)
		err := Import{}.Row(dst, c.x)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || vec.SquaredDistance(dst, c.want) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", name, dst, err, c.want)
		}
	}
}
