package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval"
)

// TargetRun takes the score apart into what the items of the target add to it.
func (r *Result) TargetRun(terms []eval.Term) eval.Run { return runOf(r.Score, terms, r.Validate) }

// TestRun is TargetRun of the test files; those that were not measured have no
// part in the mean.
func (r *Result) TestRun(terms []eval.Term) eval.Run {
	results := resultsOf(terms, r.Test)
	measured := slices.DeleteFunc(slices.Clone(terms), func(t eval.Term) bool { return results[slices.Index(terms, t)] == nil })
	return runOf(r.TestMean, measured, r.Test)
}

// runOf is a run whose items are not known if the score is something else than
// the objective on the results: a trainer may score as it likes.
func runOf(score float64, terms []eval.Term, files []*eval.TaskResult) eval.Run {
	results := resultsOf(terms, files)
	if len(terms) == 0 || slices.Contains(results, nil) {
		return eval.Run{Score: score}
	}
	if mean, err := eval.Objective(terms, results); err != nil || math.Abs(mean-score) > 1e-6*max(1, math.Abs(score)) {
		return eval.Run{Score: score}
	}
	return eval.NewRun(score, terms, results)
}

// resultsOf finds the result of each term by its name, nil where there is none.
// Of several files with one name the second is NAME#2, as evaluate calls it.
func resultsOf(terms []eval.Term, files []*eval.TaskResult) []*eval.TaskResult {
	type key struct {
		file  string
		limit int
	}
	labels, names := map[key]string{}, map[string]int{}
	find := func(name string) *eval.TaskResult {
		if i := slices.IndexFunc(files, func(r *eval.TaskResult) bool { return r != nil && r.Task == name }); i >= 0 {
			return files[i]
		}
		return nil
	}
	out := make([]*eval.TaskResult, len(terms))
	for i, t := range terms {
		k := key{t.File, t.Limit}
		if t.Task != "" {
			out[i] = find(t.Task)
			continue
		}
		if labels[k] == "" {
			labels[k] = t.Name()
			if names[t.Name()]++; names[t.Name()] > 1 {
				labels[k] = fmt.Sprintf("%s#%d", t.Name(), names[t.Name()])
			}
		}
		if out[i] = find(labels[k]); out[i] == nil {
			out[i] = find(t.Name())
		}
	}
	return out
}

// A Series is a mixture's runs with different seeds.
type Series struct {
	Name    string
	Runs    []eval.Run
	Results []*Result
}

// tied tells whether several seeds gave one score.
func (s Series) tied() bool {
	return len(s.Runs) > 1 && !slices.ContainsFunc(s.Runs, func(r eval.Run) bool { return r.Score != s.Runs[0].Score })
}

// repeats tells whether the runs are one run made again, by what they report that
// is finer than a share of right answers; known is false if that is nothing.
func (s Series) repeats() (same, known bool) {
	same = true
	a := s.Results[0]
	for _, b := range s.Results[1:] {
		known = known || a.Loss != 0
		same = same && a.Loss == b.Loss
		for i := range min(len(a.Validate), len(b.Validate)) {
			x, y := a.Validate[i], b.Validate[i]
			known = known || len(x.LogProbs) > 0
			same = same && slices.Equal(x.LogProbs, y.LogProbs)
			for metric, v := range x.Metrics {
				known = known || !eval.IsShare(metric)
				same = same && v == y.Metrics[metric]
			}
		}
	}
	return same, known
}

// Ties says which mixtures have the same score with every seed, and the likely
// cause, as a sentence; "" if there are none. Such scores have no spread, which
// says nothing about how sure they are.
func Ties(series []Series, terms []eval.Term) string {
	var names []string
	all, ignored, coarse := true, false, false
	for _, s := range series {
		if !s.tied() {
			all = all && len(s.Runs) < 2
			continue
		}
		names = append(names, s.Name)
		same, known := s.repeats()
		ignored, coarse = ignored || known && same, coarse || known && !same
	}
	if len(names) == 0 {
		return ""
	}
	text := fmt.Sprintf("The score is the same with every seed: %s. ", strings.Join(names, ", "))
	const seed, small = "the trainer ignores the seed of its job", "the target is too small to tell runs apart"
	switch {
	case ignored:
		text += "Likely cause: " + seed + ", since all else that the runs report is the same too; let the seed set the initial weights and the order of the data"
	case coarse:
		text += "Likely cause: " + small + size(series, terms) + ", since the runs differ in what else they report; use more items, or bpb in place of an accuracy"
	case all:
		text += "Likely cause: " + seed + ", since it is so with every mixture; or " + small + size(series, terms)
	default:
		text += "Likely cause: " + small + size(series, terms) + ", since other mixtures differ from seed to seed; use more items, or bpb in place of an accuracy"
	}
	return text + ". How much a score varies from run to run is not known from these."
}

// size tells the items of a target that is measured by shares alone, where they
// are known.
func size(series []Series, terms []eval.Term) string {
	items := 0
	for _, p := range series[0].Runs[0].Parts {
		items += p.Items
	}
	if items == 0 || slices.ContainsFunc(terms, func(t eval.Term) bool { return !eval.IsShare(t.Metric) }) {
		return ""
	}
	return fmt.Sprintf(" (%d items, each right or wrong)", items)
}
