package predict

import "fmt"

// Blend is a convex combination of ridge (on shares and logarithms), gp,
// explaw, powerlaw and gbdt: stacking (Wolpert, 1992; Breiman, 1996). The
// weights minimise the squared error of held-out predictions. The hyper-parameters
// of the members are those of their own sections.
//
// Deviations are the root of the weighted mean variance, multiplied by the root
// mean square of held-out errors in that unit. Intervals use the quantiles of
// these errors themselves.
type Blend struct {
	fit     stack
	members *Options // as New was given them
}

// Auto is Blend or, where it has the smaller held-out error, the best of its
// members alone. The error of the blend is that of a second level of
// cross-validation, by weights that have not seen the row, so that it does not
// win by having more to choose from. Why says what was chosen. Only runs it is
// fitted to enter the choice.
type Auto struct {
	fit     stack
	blend   stack // what it would be if it were not the best alone
	why     string
	members *Options
}

func members(o *Options) Options {
	if o == nil {
		return Options{}
	}
	return *o
}

// Fit implements Predictor.
func (b *Blend) Fit(x [][]float64, y []float64) error {
	var s stack
	if err := checkStack("blend", x, y); err != nil {
		return err
	}
	if err := s.fit(members(b.members), x, y); err != nil {
		return fmt.Errorf("blend: %w", err)
	}
	b.fit = s
	return nil
}

// checkStack refuses what any member would refuse, under the stack's name.
func checkStack(name string, x [][]float64, y []float64) error {
	if err := check(x, y); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Predict implements Predictor.
func (b *Blend) Predict(x []float64) float64 { return b.fit.predict(x) }

// Std implements Uncertain.
func (b *Blend) Std(x []float64) float64 { return b.fit.unit * b.fit.claimed(x) }

// HalfWidth implements Calibrated.
func (b *Blend) HalfWidth(x []float64, level float64) float64 { return b.fit.halfWidth(x, level) }

// Gradient implements Smooth.
func (b *Blend) Gradient(dst, x []float64) { b.fit.gradient(dst, x) }

func (b *Blend) heldOut() (predicted, std []float64) { return b.fit.heldOut() }

// Members returns the fitted predictors and their weights.
func (b *Blend) Members() []Member { return b.fit.members() }

// Why lists the weights of the last Fit.
func (b *Blend) Why() string { return b.fit.describe() }

// Fit implements Predictor.
func (a *Auto) Fit(x [][]float64, y []float64) error {
	var s stack
	if err := checkStack("auto", x, y); err != nil {
		return err
	}
	if err := s.fit(members(a.members), x, y); err != nil {
		return fmt.Errorf("auto: %w", err)
	}
	a.blend = s
	best := ascending(s.rmse)[0]
	single := fmt.Sprintf("%s alone has the held-out error %.4g", stackNames[best], s.rmse[best])
	if s.blended <= s.rmse[best] {
		a.why = fmt.Sprintf("blend (%s): held-out error %.4g; %s", s.describe(), s.blended, single)
	} else {
		a.why = fmt.Sprintf("%s, the blend %.4g", single, s.blended)
		s.weights = make([]float64, len(s.weights))
		s.weights[best] = 1
		s.cross = s.held[best]
		s.calibrate(y)
	}
	a.fit = s
	return nil
}

// Predict implements Predictor.
func (a *Auto) Predict(x []float64) float64 { return a.fit.predict(x) }

// Std implements Uncertain.
func (a *Auto) Std(x []float64) float64 { return a.fit.unit * a.fit.claimed(x) }

// HalfWidth implements Calibrated.
func (a *Auto) HalfWidth(x []float64, level float64) float64 { return a.fit.halfWidth(x, level) }

// Gradient implements Smooth.
func (a *Auto) Gradient(dst, x []float64) { a.fit.gradient(dst, x) }

// Why says what the last Fit chose and by which errors.
func (a *Auto) Why() string { return a.why }

func (a *Auto) heldOut() (predicted, std []float64) { return a.fit.heldOut() }

// Members returns the fitted predictors and their weights.
func (a *Auto) Members() []Member { return a.fit.members() }

// Blend returns the blend of the last Fit, chosen or not.
func (a *Auto) Blend() *Blend { return &Blend{fit: a.blend, members: a.members} }
