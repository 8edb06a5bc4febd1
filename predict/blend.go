package predict

import "fmt"

// Blend is a convex combination of ridge (on shares and logarithms), gp,
// explaw, powerlaw and gbdt: stacking (Wolpert, 1992; Breiman, 1996). The
// weights minimise the squared error of held-out predictions. Each member has the
// hyper-parameters of its own section. No member is believed further
// beyond the measured scores than half their range: the laws are exponentials,
// and one that was fitted to few runs can run away.
//
// Its deviation is gp's times the root mean square of its own held-out errors
// in that unit; its intervals are conformal, by the same errors.
type Blend struct {
	Learners `yaml:",inline"`
	fit      stack
}

// Learners are the hyper-parameters of the predictors that blend and auto fit.
type Learners struct {
	Ridge    Ridge    `json:"ridge" doc:"ridge regression"`
	GBDT     GBDT     `json:"gbdt" doc:"gradient-boosted trees"`
	GP       GP       `json:"gp" doc:"Gaussian process"`
	ExpLaw   ExpLaw   `json:"explaw" doc:"exponential law"`
	PowerLaw PowerLaw `json:"powerlaw" doc:"power law in effective tokens"`
}

// learners are the defaults of a blend's members: ridge takes shares and
// logarithms.
func learners() Learners { return Learners{Ridge: Ridge{Features: "both"}} }

// Auto is Blend with weights shrunk towards gp alone, as if autoTrust runs more
// had been seen on which every departure from it cost what the best member errs,
// and then moved towards the best member as far as it takes for the combination's
// held-out error not to be the larger one (see lean).
// With few runs it is gp, which is the best single predictor then, with some of
// the others; with many the data decide. Why says what came of it. Only runs it
// is fitted to enter.
type Auto struct {
	Learners `yaml:",inline"`
	fit      stack
	blend    stack // the same without shrinking
}

// autoTrust and the rule itself were chosen on RegMix's training runs alone:
// members fitted to 32, 64 and 112 of the 512 (8, 8 and 4 random subsets, 13
// losses), each rule judged on the rest. The geometric mean, over the three, of
// its error as a share of gp's:
//
//	least held-out error takes all        0.998    stacking           0.923
//	gp unless 1 standard error worse      0.994    shrunk,  8 rows    0.920
//	lesser error of stacking and best     0.935    shrunk, 16 rows    0.923
//	weights by error^-2                   0.958    shrunk, 64 rows    0.946
//	weights by error^-4                   0.919
//
// On Pile-CC at 32 runs, where stacking and weights by error^-4 have the rank
// correlation 96.3 and gp 96.3, shrinking by 8 rows has 96.4.
const autoTrust = 8

// Fit implements Predictor.
func (b *Blend) Fit(x [][]float64, y []float64) error {
	var s stack
	if err := checkStack("blend", x, y); err != nil {
		return err
	}
	if err := s.fit(b.Learners, x, drawnIn(x, y)); err != nil {
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
func (b *Blend) HalfWidth(x []float64, level float64) float64 {
	return b.fit.halfWidth(x, b.fit.claimed(x), level)
}

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
	y = drawnIn(x, y)
	if err := s.fit(a.Learners, x, y); err != nil {
		return fmt.Errorf("auto: %w", err)
	}
	a.blend = s
	s.trust = autoTrust
	s.weigh(x, y)
	a.fit = s
	return nil
}

// Predict implements Predictor.
func (a *Auto) Predict(x []float64) float64 { return a.fit.predict(x) }

// Std implements Uncertain.
func (a *Auto) Std(x []float64) float64 { return a.fit.unit * a.fit.claimed(x) }

// HalfWidth implements Calibrated.
func (a *Auto) HalfWidth(x []float64, level float64) float64 {
	return a.fit.halfWidth(x, a.fit.claimed(x), level)
}

// Gradient implements Smooth.
func (a *Auto) Gradient(dst, x []float64) { a.fit.gradient(dst, x) }

// Why says what the last Fit weighed how, and by which errors.
func (a *Auto) Why() string {
	best := ascending(a.fit.rmse)[0]
	return fmt.Sprintf("%s: held-out error %.4g; %s alone has %.4g, gp %.4g", a.fit.describe(), a.fit.blended,
		stackNames[best], a.fit.rmse[best], a.fit.rmse[anchor])
}

func (a *Auto) heldOut() (predicted, std []float64) { return a.fit.heldOut() }

// Members returns the fitted predictors and their weights.
func (a *Auto) Members() []Member { return a.fit.members() }

// Blend returns the blend of the last Fit, without shrinking.
func (a *Auto) Blend() *Blend { return &Blend{Learners: a.Learners, fit: a.blend} }
