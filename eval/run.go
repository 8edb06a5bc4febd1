package eval

import (
	"math"
	"slices"
)

// A Run is what one trained model scored on an objective, and where the score
// comes from: Score is the sum of the means of the Parts.
type Run struct {
	Score float64
	Parts []Part // the same ones in every run that it is compared with; none: nothing is known of the items
	// Group is common to runs that share more than others do, such as the search
	// that found their mixture. Runs that are all of one group count one by one.
	Group int
}

// A Part is a file's share in an objective, its weight multiplied in, oriented
// so that higher is better. Items of different parts are other items.
type Part struct {
	Items  int       // scored; 0 is unknown
	Scores []float64 // of the items, in file order; nil is unknown
	StdErr float64   // of their mean; NaN is unknown
	// Span is how far apart the scores of two items can be, of accuracies and
	// other shares; 0 where they have no bounds.
	Span float64
}

// IsShare tells whether the items of a metric score 0 or 1, so that it is a share
// of them.
func IsShare(metric string) bool {
	switch metric {
	case "acc", "acc_token", "acc_norm", "acc_bytes", "acc_mutual_info", "greedy", "exact_match":
		return true
	}
	return false
}

// NewRun takes a score apart by the results of the objective's terms;
// results[i] belongs to terms[i], and nil is one that is not known. Terms of one
// result have the same items: they make one part.
func NewRun(score float64, terms []Term, results []*TaskResult) Run {
	r := Run{Score: score}
	var weights float64
	for _, t := range terms {
		weights += t.Weight
	}
	at := map[*TaskResult]int{}
	for i, t := range terms {
		if t.Weight == 0 {
			continue
		}
		next := newPart(t, results[i], t.Weight/weights)
		k, ok := at[results[i]]
		if !ok || results[i] == nil {
			at[results[i]] = len(r.Parts)
			r.Parts = append(r.Parts, next)
			continue
		}
		r.Parts[k] = r.Parts[k].plus(next)
	}
	return r
}

func newPart(t Term, result *TaskResult, weight float64) Part {
	p := Part{StdErr: math.NaN()}
	if result == nil {
		return p
	}
	p.Items = result.Items
	share := IsShare(t.Metric)
	if share {
		p.Span = weight
	}
	if x := result.Scores[t.Metric]; len(x) > 0 && len(x) == result.Items && meanIs(x, result.Metrics[t.Metric]) {
		p.Scores = make([]float64, len(x))
		for i, v := range x {
			p.Scores[i] = weight * Oriented(t.Metric, v)
		}
	}
	if se, ok := result.StdErr[t.Metric]; ok {
		p.StdErr = weight * se
	}
	if v, ok := result.Metrics[t.Metric]; ok && share && p.Items > 1 && p.Scores == nil {
		// A share tells its standard error, or at least that of 0 and 1 (see spread).
		n := float64(p.Items)
		if _, given := result.StdErr[t.Metric]; !given {
			p.StdErr = weight * math.Sqrt(max(0, v*(1-v))/(n-1))
		}
		p.StdErr = max(p.StdErr, weight*math.Sqrt(variance(n+2, n*v+1, n*v+1)))
	}
	return p
}

// meanIs tells whether items' scores are those of a metric: they may come from a
// trainer of the user's.
func meanIs(x []float64, metric float64) bool {
	mean, _ := meanStdErr(x)
	return math.Abs(mean-metric) <= 1e-6*max(1, math.Abs(metric))
}

// plus adds another term on the same items.
func (p Part) plus(q Part) Part {
	out := Part{Items: p.Items, StdErr: p.StdErr + q.StdErr} // as if the two were fully dependent
	if p.Span > 0 && q.Span > 0 {
		out.Span = p.Span + q.Span
	}
	if p.Scores != nil && q.Scores != nil {
		out.Scores = slices.Clone(p.Scores)
		for i, v := range q.Scores {
			out.Scores[i] += v
		}
	}
	return out
}

// Average is the run whose scores, down to the items, are the means over runs
// of one group.
func Average(runs []Run) Run {
	n := float64(len(runs))
	out := Run{Group: runs[0].Group}
	for _, r := range runs {
		out.Score += r.Score / n
	}
	if !alike(runs) {
		return out
	}
	for p := range runs[0].Parts {
		mean := Part{Items: runs[0].Parts[p].Items, Span: runs[0].Parts[p].Span}
		var square float64
		for _, r := range runs {
			square += r.Parts[p].StdErr * r.Parts[p].StdErr / n
		}
		mean.StdErr = math.Sqrt(square)
		if x := itemTable(runs, p); x != nil {
			mean.Scores = itemMeans(x)
		}
		out.Parts = append(out.Parts, mean)
	}
	return out
}

// alike tells whether runs have the same parts, with as many items.
func alike(runs []Run) bool {
	for _, r := range runs {
		if len(r.Parts) != len(runs[0].Parts) {
			return false
		}
		for p, part := range r.Parts {
			if part.Items != runs[0].Parts[p].Items {
				return false
			}
		}
	}
	return true
}

// itemTable is the scores of a part's items, runs by items; nil if a run has none.
func itemTable(runs []Run, part int) [][]float64 {
	var out [][]float64
	for _, r := range runs {
		if r.Parts[part].Scores == nil {
			return nil
		}
		out = append(out, r.Parts[part].Scores)
	}
	return out
}

// itemMeans averages a table over its runs.
func itemMeans(x [][]float64) []float64 {
	out := make([]float64, len(x[0]))
	for _, row := range x {
		for i, v := range row {
			out[i] += v / float64(len(x))
		}
	}
	return out
}
