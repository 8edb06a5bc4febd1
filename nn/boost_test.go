package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// data returns rows and targets of a loss.
func data(loss Loss, n, p int) (x, y []float64) {
	rng := rand.New(rand.NewPCG(7, 1))
	for range n {
		sum := 0.0
		for j := range p {
			x = append(x, rng.NormFloat64())
			sum += x[len(x)-1] * float64(j-1)
		}
		switch v := math.Tanh(sum) + 0.3*rng.NormFloat64(); {
		case loss == Squared:
			y = append(y, v)
		case loss == TwoClass:
			y = append(y, math.Copysign(1, v))
		default:
			y = append(y, float64(min(max(int(v+1.5), 0), 2)))
		}
	}
	return x, y
}

// mean is the loss of outputs.
func (o Boost) mean(out, y []float64, k int) (sum float64) {
	for i, v := range y {
		switch o.Loss {
		case Squared:
			sum += (v - out[i]) * (v - out[i]) / 2
		case TwoClass:
			sum += math.Log1p(math.Exp(-2 * v * out[i]))
		default:
			p := make([]float64, k)
			probabilities(p, out[i*k:][:k])
			sum -= math.Log(p[int(v)])
		}
	}
	return sum / float64(len(y))
}

var losses = map[string]Boost{"squared": {Loss: Squared}, "two classes": {Loss: TwoClass}, "softmax": {Loss: Softmax, Classes: 3}}

// The folded network is the sum that was boosted, of which a prefix is what fewer
// networks give; and the loss on the rows falls.
func TestFold(t *testing.T) {
	for name, o := range losses {
		for _, units := range []int{1, 3} {
			t.Run(fmt.Sprint(name, units), func(t *testing.T) {
				const n, p = 120, 4
				o.Units, o.Networks, o.Rate, o.Subsample, o.Alpha, o.Steps, o.Seed = units, 12, 0.5, 0.5, 1e-2, 100, 1
				x, y := data(o.Loss, n, p)
				f := o.Fit(x, y, p)
				k := f.Out
				fewer := o
				fewer.Networks = 5
				short := fewer.Fit(x, y, p)
				first, last := make([]float64, 0, n*k), make([]float64, 0, n*k)
				for i := range n {
					row := x[i*p:][:p]
					path, folded, prefix, alone := f.Path(row), make([]float64, k), make([]float64, k), make([]float64, k)
					f.Outputs(folded, row)
					f.Prefix(5).Outputs(prefix, row)
					short.Outputs(alone, row)
					for j := range k {
						if math.Abs(folded[j]-path[12*k+j]) > 1e-9 || math.Abs(prefix[j]-path[5*k+j]) > 1e-9 || math.Abs(alone[j]-prefix[j]) > 1e-9 {
							t.Fatalf("row %d: folded %v, prefix %v, alone %v, path %v", i, folded, prefix, alone, path)
						}
					}
					first, last = append(first, path[:k]...), append(last, folded...)
				}
				half := 1.0 // the output of two classes is twice F
				if o.Loss == TwoClass {
					half = 0.5
				}
				for i := range first {
					first[i], last[i] = half*first[i], half*last[i]
				}
				if a, b := o.mean(first, y, k), o.mean(last, y, k); !(b < 0.8*a) {
					t.Errorf("the loss went from %g to %g", a, b)
				}
			})
		}
	}
}

// The negative gradient is that of the loss, and the step along a network's outputs
// is where the second-order model of the loss is least.
func TestNegativeAndSteps(t *testing.T) {
	for name, o := range losses {
		t.Run(name, func(t *testing.T) {
			const n = 40
			_, y := data(o.Loss, n, 3)
			k := max(1, o.Classes)
			rng := rand.New(rand.NewPCG(3, 1))
			now, r, f := make([]float64, n*k), make([]float64, n*k), make([]float64, n*k)
			for i := range now {
				now[i], f[i] = rng.NormFloat64(), 1e-3*rng.NormFloat64()
			}
			o.negative(r, now, y, k)
			const h = 1e-4
			at := func(i int, d float64) float64 {
				old := now[i]
				now[i] += d
				v := o.mean(now, y, k) * n
				now[i] = old
				return v
			}
			for i := range now {
				if want := -(at(i, h) - at(i, -h)) / (2 * h); math.Abs(want-r[i]) > 1e-6 {
					t.Fatalf("output %d: %g, differences say %g", i, r[i], want)
				}
			}
			if o.Loss == Squared {
				return
			}
			for j, rho := range o.steps(f, r, y, k) {
				slope, curve := 0.0, 0.0 // of the loss along the outputs of class j
				for i := j; i < n*k; i += k {
					slope += f[i] * (at(i, h) - at(i, -h)) / (2 * h)
					curve += f[i] * f[i] * (at(i, h) - 2*at(i, 0) + at(i, -h)) / (h * h)
				}
				if want := -slope / curve; math.Abs(want-rho) > 1e-3*math.Abs(want) {
					t.Errorf("class %d: step %g, the model's least is at %g", j, rho, want)
				}
			}
		})
	}
}

// One network of many units without a penalty meets a function of its own kind.
func TestInTheSpan(t *testing.T) {
	const n, p = 200, 2
	x, _ := data(Squared, n, p)
	y := make([]float64, n)
	for i := range y {
		y[i] = 2*logistic(x[i*p]-x[i*p+1]) - logistic(0.5*x[i*p+1]) + 1
	}
	o := Boost{Units: 16, Networks: 1, Rate: 1, Subsample: 1, Steps: 5000, Tolerance: 1e-11, Seed: 1}
	f, sum := o.Fit(x, y, p), 0.0
	for i := range y {
		out := []float64{0}
		f.Outputs(out, x[i*p:][:p])
		sum += (out[0] - y[i]) * (out[0] - y[i]) / n
	}
	if sum > 1e-6 {
		t.Errorf("mean squared error %g", sum)
	}
}

// Gradient gives the differences of Outputs.
func TestNetGradient(t *testing.T) {
	x, y := data(Squared, 60, 3)
	f := Boost{Units: 2, Networks: 10, Rate: 0.3, Subsample: 0.5, Steps: 50, Seed: 1}.Fit(x, y, 3)
	got, up, down := make([]float64, 3), []float64{0}, []float64{0}
	for i := range 10 {
		row := x[i*3:][:3]
		f.Gradient(got, row)
		for j := range row {
			old := row[j]
			row[j] = old + 1e-6
			f.Outputs(up, row)
			row[j] = old - 1e-6
			f.Outputs(down, row)
			row[j] = old
			if want := (up[0] - down[0]) / 2e-6; math.Abs(want-got[j]) > 1e-6*(1+math.Abs(want)) {
				t.Fatalf("input %d: %g, differences say %g", j, got[j], want)
			}
		}
	}
}
