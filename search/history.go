package search

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// Measured returns one trial per mixture of the history that has a score, in
// the order of their hashes: its Score and Scores are the means over the
// mixture's successful runs, the rest is that of the run with the least seed.
// It does not depend on the order of the history.
func Measured(history []Trial) []Trial {
	runs := slices.Clone(history)
	slices.SortStableFunc(runs, func(a, b Trial) int {
		return cmp.Or(cmp.Compare(a.Mixture.Hash(), b.Mixture.Hash()), cmp.Compare(a.Seed, b.Seed), cmp.Compare(a.Score, b.Score))
	})
	var out []Trial
	for lo := 0; lo < len(runs); {
		hi := lo
		var same []Trial
		for hash := runs[lo].Mixture.Hash(); hi < len(runs) && runs[hi].Mixture.Hash() == hash; hi++ {
			if runs[hi].Failed == "" {
				same = append(same, runs[hi])
			}
		}
		if len(same) > 0 {
			out = append(out, average(same))
		}
		lo = hi
	}
	return out
}

// average merges the runs of one mixture. A metric is averaged over the runs
// that have it.
func average(runs []Trial) Trial {
	out, n := runs[0], map[string]float64{}
	out.Score, out.Scores = 0, nil
	for _, r := range runs {
		out.Score += r.Score / float64(len(runs))
		for name, v := range r.Scores {
			if out.Scores == nil {
				out.Scores = map[string]float64{}
			}
			out.Scores[name] += v
			n[name]++
		}
	}
	for name := range out.Scores {
		out.Scores[name] /= n[name]
	}
	return out
}

// TopMeasured returns the k mixtures of the history with the best mean score,
// best first, each as one trial as in Measured; ties go to the lesser hash.
func TopMeasured(history []Trial, k int) []Trial {
	runs := Measured(history)
	slices.SortStableFunc(runs, func(a, b Trial) int { return cmp.Compare(b.Score, a.Score) })
	return runs[:min(k, len(runs))]
}

// noScores is the error of a history in which too few trials succeeded.
func noScores(history []Trial) error {
	for _, t := range history {
		if t.Failed != "" {
			return fmt.Errorf("none of the %d trials has a score; trial %s failed: %s", len(history), t.Mixture.Hash(), t.Failed)
		}
	}
	return fmt.Errorf("no trial has been measured yet")
}

// fit returns the predictor fitted to the scores of runs.
func fit(c predict.Choice, runs []Trial) (predict.Predictor, error) {
	x, y := make([][]float64, len(runs)), make([]float64, len(runs))
	for i, r := range runs {
		x[i], y[i] = r.Mixture, r.Score
	}
	return fitTo(c, x, y)
}

// sameMixture is the L1 distance below which two mixtures are one.
const sameMixture = 1e-5

// A picker collects mixtures that are not yet in the history.
type picker struct {
	seen   []mix.Mixture // of the history, then picked
	hashes map[string]bool
	picked []mix.Mixture
}

func newPicker(history []Trial) *picker {
	k := &picker{hashes: map[string]bool{}}
	for _, t := range history {
		if hash := t.Mixture.Hash(); !k.hashes[hash] {
			k.hashes[hash] = true
			k.seen = append(k.seen, t.Mixture)
		}
	}
	return k
}

// fresh reports whether m is neither in the history nor picked.
func (k *picker) fresh(m mix.Mixture) bool {
	for _, s := range k.seen {
		if len(s) == len(m) && mix.L1(s, m) < sameMixture {
			return false
		}
	}
	return !k.hashes[m.Hash()]
}

// add picks m unless it is a duplicate.
func (k *picker) add(m mix.Mixture) {
	if k.fresh(m) {
		k.hashes[m.Hash()] = true
		k.seen = append(k.seen, m)
		k.picked = append(k.picked, m)
	}
}

// unmeasured returns p with what is left of its pool, without the history and
// what is picked; false if nothing is. A shortlist of the best candidates would
// else be full of mixtures that cannot be proposed again.
func (k *picker) unmeasured(p Problem) (Problem, bool) {
	if len(p.Pool) == 0 {
		return p, true
	}
	p.Pool = slices.DeleteFunc(slices.Clone(p.Pool), func(m mix.Mixture) bool { return !k.fresh(m) })
	return p, len(p.Pool) > 0
}
