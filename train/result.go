package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/wire"
)

// maxResult bounds a result: one with the log-likelihoods of a million items is
// a tenth of it.
const maxResult = 256 << 20 // bytes

// maxFailed bounds the reason of a failed run.
const maxFailed = 1000 // bytes

// ParseResult reads the Result that a program left for the job. Metrics that are
// null, NaN or infinite count as not measured; a score that is NaN or infinite
// makes the run a failed one. Whatever could not be used later is an error now.
func ParseResult(data []byte, j *Job) (*Result, error) {
	r := &Result{Score: math.NaN()}
	if err := wire.JSON(data, r); err != nil {
		return nil, fmt.Errorf("its result: %w", err)
	}
	if r.Failed == "" && math.IsNaN(r.Score) {
		written := writtenScore(data)
		if written == "" {
			return nil, errors.New("its result has no score; give one, or say in failed why there is none")
		}
		r.Failed = fmt.Sprintf("the score is %s", written)
	}
	r.settle()
	if err := r.Check(j); err != nil {
		return nil, fmt.Errorf("its result: %w", err)
	}
	return r, nil
}

// writtenScore is the NaN or infinity that stands as the score, "" if none does.
func writtenScore(data []byte) string {
	quoted := map[string]string{"NaN": `"NaN"`, "-Infinity": `"-Infinity"`, "Infinity": `"Infinity"`}
	var probe struct{ Score any }
	text, err := wire.Text(data)
	if err != nil || json.Unmarshal(wire.Replace(text, quoted), &probe) != nil {
		return ""
	}
	word, _ := probe.Score.(string)
	if quoted[word] == "" {
		return ""
	}
	return word
}

// settle takes what is no number out of a result, so that it can be JSON, and
// all scores out of a failed one.
func (r *Result) settle() {
	if r.Failed == "" && !isFinite(r.Score, r.TestMean) {
		r.Failed = "the score is not a finite number"
	}
	if r.Failed != "" {
		r.Score, r.TestMean, r.Validate, r.Test = 0, 0, nil, nil
		if !isFinite(r.Loss) {
			r.Loss = 0
		}
		if r.Failed = escape.Secrets(r.Failed); len(r.Failed) > maxFailed {
			cut := maxFailed
			for cut > 0 && !utf8.RuneStart(r.Failed[cut]) {
				cut--
			}
			r.Failed = r.Failed[:cut] + " ..."
		}
	}
	r.Curve = slices.DeleteFunc(r.Curve, func(p Point) bool { return measured("score", p.Score) != nil })
	for _, p := range r.Curve {
		dropHuge(p.Validate)
	}
	dropHuge(r.Validate)
	dropHuge(r.Test)
}

// dropHuge leaves metrics out that overflowed, as a perplexity may: they count as
// not measured.
func dropHuge(tasks []*eval.TaskResult) {
	for _, t := range tasks {
		if t == nil {
			continue
		}
		for _, m := range []map[string]float64{t.Metrics, t.StdErr} {
			for name, x := range m {
				if measured(name, x) != nil {
					delete(m, name)
				}
			}
		}
		for name, x := range t.Scores {
			if slices.ContainsFunc(x, func(x float64) bool { return measured(name, x) != nil }) {
				delete(t.Scores, name)
			}
		}
	}
}

func isFinite(all ...float64) bool {
	for _, x := range all {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// mostMeasured is the magnitude up to which a measurement is believed, and
// computes without overflow in all that is made of it.
const mostMeasured = 1e30

// Check reports what in the result cannot be used, or cannot be that of the job:
// the hash of another mixture, a number that is not finite or beyond 1e30, counts
// below 0 or of another number of domains, entries that are missing or twice.
func (r *Result) Check(j *Job) error {
	if hash := j.Mixture.Hash(); r.Mixture != "" && r.Mixture != hash {
		return fmt.Errorf("is of mixture %s, and the job's is %s", r.Mixture, hash)
	}
	for name, x := range map[string]float64{"score": r.Score, "test_mean": r.TestMean, "loss": r.Loss} {
		if err := measured(name, x); err != nil {
			return err
		}
	}
	if len(r.Tokens) != 0 && len(r.Tokens) != len(j.Mixture) {
		return fmt.Errorf("tokens are of %d domains, not %d", len(r.Tokens), len(j.Mixture))
	}
	for d, n := range r.Tokens {
		if n < 0 || n > 1<<53 {
			return fmt.Errorf("tokens[%d] is %d", d, n)
		}
	}
	if r.Steps < 0 {
		return fmt.Errorf("steps is %d", r.Steps)
	}
	for i, p := range r.Curve {
		err := errors.Join(measured("score", p.Score), measured("lr", p.LR), checkTasks("validate", p.Validate))
		if p.Tokens < 0 {
			err = errors.Join(err, fmt.Errorf("tokens is %d", p.Tokens))
		}
		if err != nil {
			return fmt.Errorf("curve[%d]: %w", i, err)
		}
	}
	return errors.Join(checkTasks("validate", r.Validate), checkTasks("test", r.Test))
}

func measured(name string, x float64) error {
	if !(math.Abs(x) <= mostMeasured) {
		return fmt.Errorf("%s is %v; no measurement is beyond %g", name, x, mostMeasured)
	}
	return nil
}

// checkTasks checks the results of the files of one half.
func checkTasks(half string, tasks []*eval.TaskResult) error {
	seen := map[string]bool{}
	for i, t := range tasks {
		at := fmt.Sprintf("%s[%d]", half, i)
		switch {
		case t == nil:
			return fmt.Errorf("%s is null", at)
		case t.Task == "":
			return fmt.Errorf("%s has no task; give the name of its file", at)
		case seen[t.Task]:
			return fmt.Errorf("%s: task %q is there twice", at, t.Task)
		case t.Items < 0:
			return fmt.Errorf("%s.items is %d", at, t.Items)
		}
		seen[t.Task] = true
		for name, x := range t.Metrics {
			if err := measured(at+".metrics."+name, x); err != nil {
				return err
			}
		}
		for name, x := range t.StdErr {
			if !(x >= 0 && x <= mostMeasured) {
				return fmt.Errorf("%s.stderr.%s is %v", at, name, x)
			}
		}
		for name, x := range t.Scores {
			if t.Items > 0 && len(x) != t.Items {
				return fmt.Errorf("%s.item_scores.%s has %d numbers for %d items", at, name, len(x), t.Items)
			}
			for k, x := range x {
				if err := measured(fmt.Sprintf("%s.item_scores.%s[%d]", at, name, k), x); err != nil {
					return err
				}
			}
		}
		for k, x := range t.LogProbs {
			if err := measured(fmt.Sprintf("%s.log_probs[%d]", at, k), x); err != nil {
				return err
			}
		}
	}
	return nil
}
