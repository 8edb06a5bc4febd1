package bilevel

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/climb-go/climb/solve"
)

// MAID is the method of adaptive inexact descent (Salehi, Mukherjee, Roberts and
// Ehrhardt, 2025, SIAM J. Math. Data Sci., arXiv 2308.10098, algorithm 3.1):
// gradient descent on F(theta) = g(x*(theta)) with lower problems that are solved
// no better than a step needs. The lower solver stops at a distance of at most
// epsilon from the minimum, the linear system of the gradient at a residual of
// delta, and
//
//	z = -C' q,  H q = grad g,  |z - grad F| <= omega
//	omega = |C| (delta/mu + (L_inv |grad g| + L_g/mu) epsilon) + L_C/mu (|grad g| + L_g epsilon) epsilon
//
// with C and H the cross and the second derivatives of h, L the Lipschitz constants
// of grad g, of C and of the inverse of H. Both accuracies shrink until omega is
// below (1-Eta)|z|, and when no step lowers an upper bound of F by enough; they
// grow after a step that does. So F itself falls with every step.
//
// The constants are estimated as in the authors' program, by a random perturbation
// of length epsilon each, largest so far; |C| by five power iterations with
// differences of the gradient, where the program takes its largest element. The
// last term of omega is derived with the factor L_g, which the program leaves out.
// A step grows by 1/Shrink after a success (10/9 there, which is the same for its
// 0.9). Parameters stay within Low and High by projection.
type MAID struct {
	Accuracy float64 // epsilon and delta at the start; 0 = 0.1
	Step     float64 // at the start; 0 = 0.01
	Shrink   float64 // rho, of a step that is refused; 0 = 0.5
	Eta      float64 // of the bound and of the decrease; 0 = 1e-4
	Down, Up float64 // nu: factors of the accuracies; 0 = 0.5 and 1.25
	Low      float64 // least parameter, and the largest; both 0 = -18 and 7
	High     float64
	Steps    int // at most; 0 = 200
	Work     int // steps of lower solver and linear solver at most; 0 = 100000
	// Attempts are the steps that a search tries; 0 = 10. It starts anew with better
	// accuracy, one more step each time; the program gives up after three times.
	Attempts int
	// Gain ends the descent when its last five steps lowered g by less than this
	// share each, or when no step helps and accuracy is not why; 0 = never.
	Gain float64
	// Fixed keeps the accuracy of the start: the rival that MAID is compared with.
	Fixed bool
	// Watch, if there is one, sees every accepted step.
	Watch func(Iterate)
}

// An Iterate is a step of MAID: what it was at, before it moved.
type Iterate struct {
	Theta, X, Gradient []float64 // not to be kept
	Bound              float64   // omega: of the error of Gradient
	Accuracy           float64   // epsilon
	Work               int       // so far
}

// A Result is what a bilevel method found.
type Result struct {
	Theta, X []float64
	Value    float64 // g at X
	Steps    int     // that were accepted
	Work     int     // steps of the lower and of the linear solver
	Settled  bool    // no step helps, or little; otherwise the budget was spent
}

// least is where accuracy ends.
const least = 1e-12

// Minimize runs the method from theta and a guess x of the lower solution, which it
// leaves alone. A canceled context ends it with the best so far and its error.
func (o MAID) Minimize(ctx context.Context, p Problem, x, theta []float64) (*Result, error) {
	o = o.filled()
	r := &descent{o: o, p: p, epsilon: o.Accuracy, delta: o.Accuracy, beta: o.Step,
		x: append([]float64(nil), x...), theta: append([]float64(nil), theta...), rng: rand.New(rand.NewPCG(1, 1))}
	r.clip(r.theta)
	r.gradG, r.q, r.z = make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(theta))
	out := &Result{}
	var recent []float64 // g before every step
	for out.Steps < o.Steps && r.work < o.Work && !out.Settled {
		if err := ctx.Err(); err != nil {
			return r.result(out), err
		}
		if err := r.lower(r.x, r.theta); err != nil {
			return nil, err
		}
		moved, err := r.step()
		if err != nil {
			return nil, err
		}
		if moved {
			out.Steps++
			recent = append(recent, r.value)
		}
		n := len(recent)
		slow := n > 5 && recent[n-6]-recent[n-1] < 5*o.Gain*math.Abs(recent[n-1])
		out.Settled = (!moved || slow) && r.work < o.Work
	}
	return r.result(out), nil
}

func (o MAID) filled() MAID {
	for _, f := range []struct {
		field *float64
		value float64
	}{{&o.Accuracy, 0.1}, {&o.Step, 0.01}, {&o.Shrink, 0.5}, {&o.Eta, 1e-4}, {&o.Down, 0.5}, {&o.Up, 1.25}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if o.Low == 0 && o.High == 0 {
		o.Low, o.High = -18, 7
	}
	for _, f := range []struct {
		field *int
		value int
	}{{&o.Steps, 200}, {&o.Work, 100000}, {&o.Attempts, 10}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return o
}

// descent is a run of MAID.
type descent struct {
	o                    MAID
	p                    Problem
	x, theta             []float64
	epsilon, delta, beta float64
	value                float64   // g at x
	gradG, q, z          []float64 // grad g, H^-1 grad g, and the gradient by theta
	norm                 float64   // |z| of what may move
	bound                float64   // omega
	lipschitz            [3]float64
	ahead, along         []float64 // vectors of the power iterations: of grad g, of C
	work                 int
	rng                  *rand.Rand
}

// Places in descent.lipschitz.
const (
	ofGradient = iota
	ofCross
	ofInverse
)

func (r *descent) result(out *Result) *Result {
	out.Theta, out.X, out.Work = r.theta, r.x, r.work
	out.Value = r.p.Upper(r.x, r.gradG)
	return out
}

func (r *descent) clip(theta []float64) {
	for i, v := range theta {
		theta[i] = min(max(v, r.o.Low), r.o.High)
	}
}

// lower moves x to within epsilon of the lower minimum.
func (r *descent) lower(x, theta []float64) error {
	mu, l := r.p.Bounds(x, theta)
	if !(mu > 0) || !(l >= mu) || math.IsInf(l, 1) {
		return fmt.Errorf("the lower problem is not strongly convex: its Hessian is bounded by %g and %g", mu, l)
	}
	r.work += solve.FISTA{Mu: mu, L: l, Most: max(1, r.o.Work-r.work)}.Minimize(func(x, g []float64) float64 {
		return r.p.Lower(x, theta, g)
	}, x, r.epsilon*mu)
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("the lower problem's solution is not finite")
		}
	}
	return nil
}

// step moves theta once. It tells whether it did.
func (r *descent) step() (bool, error) {
	next, x := make([]float64, len(r.theta)), make([]float64, len(r.x))
	grad := make([]float64, len(r.x))
	for failed := 0; ; failed++ {
		if ok, err := r.sharpen(); !ok || err != nil {
			return false, err
		}
		size := floats.Norm(r.gradG, 2)
		for i := range r.o.Attempts + failed {
			floats.AddScaledTo(next, r.theta, -r.beta*math.Pow(r.o.Shrink, float64(i)), r.z)
			r.clip(next)
			copy(x, r.x)
			if err := r.lower(x, next); err != nil {
				return false, err
			}
			if r.work >= r.o.Work { // x may be anywhere
				return false, nil
			}
			fall := 0.0
			for j, v := range next {
				fall += r.z[j] * (r.theta[j] - v)
			}
			value := r.p.Upper(x, grad)
			e := r.epsilon
			if value+floats.Norm(grad, 2)*e+r.lipschitz[ofGradient]*e*e/2-r.value+size*e <= -r.o.Eta*r.o.Eta*fall && fall > 0 {
				if r.o.Watch != nil {
					r.o.Watch(Iterate{r.theta, r.x, r.z, r.bound, e, r.work})
				}
				copy(r.theta, next)
				copy(r.x, x)
				r.beta *= math.Pow(r.o.Shrink, float64(i)-1)
				r.scale(r.o.Up)
				return true, nil
			}
		}
		if r.o.Fixed || 4*size*r.epsilon < r.o.Gain*math.Abs(r.value) {
			return false, nil
		}
		r.scale(r.o.Down)
		if err := r.lower(r.x, r.theta); err != nil {
			return false, err
		}
	}
}

func (r *descent) scale(by float64) {
	if !r.o.Fixed {
		r.epsilon, r.delta = r.epsilon*by, r.delta*by
	}
}

// sharpen makes the gradient at x, and solves better until its error is bounded
// by its length. It tells whether there is a direction to go.
func (r *descent) sharpen() (bool, error) {
	for {
		r.gradient()
		if r.norm == 0 || r.work >= r.o.Work {
			return false, nil
		}
		if r.o.Fixed || r.bound <= (1-r.o.Eta)*r.norm {
			return true, nil
		}
		if r.epsilon < least {
			return false, nil
		}
		r.scale(r.o.Down)
		if err := r.lower(r.x, r.theta); err != nil {
			return false, err
		}
	}
}

// gradient sets z, its length without what the bounds of theta hold, and the bound
// of its error.
func (r *descent) gradient() {
	r.value = r.p.Upper(r.x, r.gradG)
	r.solve(r.q, r.x)
	r.p.Cross(r.z, r.x, r.theta, r.q)
	r.norm = 0
	for j, v := range r.z {
		if r.z[j] = -v; v > 0 && r.theta[j] >= r.o.High || v < 0 && r.theta[j] <= r.o.Low {
			r.z[j] = 0
		}
		r.norm += r.z[j] * r.z[j]
	}
	r.norm = math.Sqrt(r.norm)
	if r.o.Fixed {
		return
	}
	mu, _ := r.p.Bounds(r.x, r.theta)
	r.estimate()
	size, c, e := floats.Norm(r.gradG, 2), r.cross(), r.epsilon
	l := r.lipschitz
	r.bound = c*(r.delta/mu+(l[ofInverse]*size+l[ofGradient]/mu)*e) + l[ofCross]/mu*(size+l[ofGradient]*e)*e
}

// solve improves q until H q = grad g to a residual of delta.
func (r *descent) solve(q, x []float64) {
	n, _ := solve.CG(func(dst, v []float64) { r.p.Hessian(dst, x, r.theta, v) }, nil, q, r.gradG, r.delta, max(1, r.o.Work-r.work))
	r.work += n
}

// estimate looks at what changes over a random step of length epsilon.
func (r *descent) estimate() {
	n := len(r.x)
	there := make([]float64, n)
	for i := range there {
		there[i] = r.rng.NormFloat64()
	}
	if r.ahead == nil {
		r.ahead = append([]float64(nil), there...)
	}
	floats.Scale(r.epsilon/floats.Norm(there, 2), there)
	floats.Add(there, r.x)
	q := append([]float64(nil), r.q...)
	r.solve(q, there)
	moved := floats.Distance(q, r.q, 2)
	if size := floats.Norm(r.gradG, 2); size > 0 {
		r.lipschitz[ofInverse] = max(r.lipschitz[ofInverse], moved/r.epsilon/size)
	}
	here, turned := make([]float64, len(r.z)), make([]float64, len(r.z))
	r.p.Cross(here, r.x, r.theta, r.q)
	r.p.Cross(turned, there, r.theta, r.q)
	if size := floats.Norm(r.q, 2); size > 0 {
		r.lipschitz[ofCross] = max(r.lipschitz[ofCross], floats.Distance(here, turned, 2)/r.epsilon/size)
	}
	slope := make([]float64, n)
	for range 5 {
		length := floats.Norm(r.ahead, 2)
		if !(length > 0) {
			break
		}
		t := 1e-4 * (1 + floats.Norm(r.x, 2)) / length
		floats.AddScaledTo(there, r.x, t, r.ahead)
		r.p.Upper(there, slope)
		floats.Sub(slope, r.gradG)
		floats.Scale(1/t/length, slope)
		copy(r.ahead, slope)
		r.lipschitz[ofGradient] = max(r.lipschitz[ofGradient], floats.Norm(slope, 2))
	}
}

// cross returns an estimate of |C|, by power iterations on C'C. C times a vector is
// a difference of the gradient of h along theta.
func (r *descent) cross() (size float64) {
	m, n := len(r.theta), len(r.x)
	if r.along == nil {
		r.along = make([]float64, m)
		for j := range r.along {
			r.along[j] = r.rng.NormFloat64()
		}
	}
	theta, up, down := make([]float64, m), make([]float64, n), make([]float64, n)
	for range 5 {
		length := floats.Norm(r.along, 2)
		if !(length > 0) {
			return size
		}
		const t = 1e-4
		floats.AddScaledTo(theta, r.theta, t/length, r.along)
		r.p.Lower(r.x, theta, up)
		floats.AddScaledTo(theta, r.theta, -t/length, r.along)
		r.p.Lower(r.x, theta, down)
		floats.Sub(up, down)
		floats.Scale(1/(2*t), up)
		size = max(size, floats.Norm(up, 2))
		r.p.Cross(r.along, r.x, r.theta, up)
	}
	return size
}
