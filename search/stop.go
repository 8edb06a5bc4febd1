package search

import (
	"math"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// doubts is the number of processes that have to agree that nothing is left to
// gain.
const doubts = 8

// settled reports whether a search may end before its budget is spent: Least of
// the budget has been, and no candidate is expected to gain Stop times the noise
// of one run on the best measured mixture, neither by the fitted process nor by any
// one of several that are about as credible (predict.GP.Plausible). The fit alone
// is too sure: a law that it takes for scatter leaves a large noise, no uncertainty
// of the mean and so nothing to gain, when another fit of the same runs has much.
//
// That the search ends when what is left to gain is small beside the error of a
// measurement is the rule of Makarova et al. (2022, arXiv 2104.08166, section 4).
// It differs in three points. They bound the regret, by the difference of an upper
// and a lower confidence bound; here it is the expected gain, of a candidate and
// the best measured mixture together, whose errors go together. They take the
// error from cross-validation; here it is the noise that each process has learned.
// And their process has one set of hyper-parameters.
func (a Auto) settled(p Problem, s *surrogate, history []Trial, list []mix.Mixture) (bool, error) {
	if float64(len(Measured(history))) < a.Least*float64(oneRound(p)[0]) {
		return false, nil
	}
	measured, err := s.bestMeasured(history)
	if err != nil {
		return false, err
	}
	all := append([]mix.Mixture{measured}, list...)
	lift := make([]float64, len(all)) // what is expected beside the process
	for i, m := range all {
		lift[i] = s.mean(m) - s.process.GP.Predict(m)
	}
	if ends, err := a.satisfied(s.process.GP, all, lift); !ends || err != nil {
		return false, err
	}
	others, err := s.process.Plausible(p.rng(streamDoubt, len(history)), doubts)
	if err != nil {
		return false, err
	}
	for _, g := range others {
		if ends, err := a.satisfied(g, all, lift); !ends || err != nil {
			return false, err
		}
	}
	return true, nil
}

// satisfied reports whether by the process none of all is expected to gain Stop
// times the noise of a run on the first.
func (a Auto) satisfied(g *predict.GP, all []mix.Mixture, lift []float64) (bool, error) {
	x := make([][]float64, len(all))
	for i, m := range all {
		x[i] = m
	}
	mean, cov, err := g.Posterior(x)
	if err != nil {
		return false, err
	}
	for i := range x {
		std := math.Sqrt(max(0, cov.At(i, i)+cov.At(0, 0)-2*cov.At(0, i)))
		if expectedGain(mean[i]+lift[i], std, mean[0]+lift[0]) >= a.Stop*g.Noise() {
			return false, nil
		}
	}
	return true, nil
}
