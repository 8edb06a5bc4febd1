package cluster

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Rules say which clusters are good enough.
type Rules struct {
	Floors map[string]float64 `json:"floors" doc:"floors of clusters, as score: minimum mean; 'mean' is the average of all scores"`
	All    bool               `json:"all" doc:"prune only clusters below all floors; otherwise those below any"`
}

// A Verdict is what became of one cluster and the reasons: one for every
// floor that it is below, which a kept one may be if Rules.All is set.
type Verdict struct {
	Cluster int      `json:"cluster"`
	Kept    bool     `json:"kept"`
	Reasons []string `json:"reasons,omitempty"`
}

// Prune judges clusters by their mean scores, all of which are oriented so
// that higher is better. means is K x len(names), row-major. The paper keeps
// clusters of mean >= 3.0 on a scale of 1 to 5; its recipe has a floor for
// each score. A mean equal to its floor is kept; one that is NaN (no document
// was scored) is below every floor.
func Prune(means []float64, names []string, r Rules) ([]Verdict, error) {
	if len(names) == 0 || len(means)%len(names) != 0 {
		return nil, fmt.Errorf("prune clusters: %d means are not rows of %d scores", len(means), len(names))
	}
	if slices.Contains(names, "mean") {
		return nil, fmt.Errorf(`prune clusters: a score is named "mean", which stands for the average of all; rename it`)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Floors)) {
		if name != "mean" && !slices.Contains(names, name) {
			return nil, fmt.Errorf("prune clusters: floor for %q, which is no score; there are %s", name, strings.Join(names, ", "))
		}
		if math.IsNaN(r.Floors[name]) {
			return nil, fmt.Errorf("prune clusters: the floor of %q is NaN", name)
		}
	}
	out := make([]Verdict, len(means)/len(names))
	for c := range out {
		row := means[c*len(names) : (c+1)*len(names)]
		out[c] = Verdict{Cluster: c, Reasons: r.reasons(row, names)}
		n := len(out[c].Reasons)
		out[c].Kept = n == 0 || r.All && n < len(r.Floors)
	}
	return out, nil
}

// reasons lists the floors that one cluster's mean scores are below.
func (r Rules) reasons(row []float64, names []string) (out []string) {
	var sum float64
	for i, v := range row {
		sum += v
		out = r.judge(out, names[i], v)
	}
	return r.judge(out, "mean", sum/float64(len(row)))
}

func (r Rules) judge(out []string, name string, v float64) []string {
	floor, ok := r.Floors[name]
	switch {
	case !ok || v >= floor:
		return out
	case math.IsNaN(v):
		return append(out, fmt.Sprintf("%s: no document has a score", name))
	}
	return append(out, fmt.Sprintf("%s %.3f is below %.3f", name, v, floor))
}
