package report

import (
	"math"
	"slices"
)

var nan = math.NaN()

// round sums up one iteration of the search.
type round struct {
	Round  int     `json:"round"`
	Trials int     `json:"trials"`
	Failed int     `json:"failed"`
	Mean   float64 `json:"mean"`
	Best   float64 `json:"best"`
	SoFar  float64 `json:"best_so_far"` // best of this round and those before
}

// rounds sums up the iterations of a search, in order. Trials that failed or have no score count as failed.
func rounds(trials []Trial) []round {
	byRound := map[int]*round{}
	var order []int
	for _, t := range trials {
		r := byRound[t.Round]
		if r == nil {
			r = &round{Round: t.Round, Best: nan}
			byRound[t.Round] = r
			order = append(order, t.Round)
		}
		r.Trials++
		if !t.scored() {
			r.Failed++
			continue
		}
		r.Mean += t.Score
		r.Best = better(r.Best, t.Score)
	}
	slices.Sort(order)
	var out []round
	soFar := nan
	for _, n := range order {
		r := byRound[n]
		r.Mean /= float64(r.Trials - r.Failed) // NaN if all failed
		soFar = better(soFar, r.Best)
		r.SoFar = soFar
		out = append(out, *r)
	}
	return out
}

// better is the larger of two scores, the known one if only one is.
func better(a, b float64) float64 {
	if math.IsNaN(a) || b > a {
		return b
	}
	return a
}

func (t Trial) scored() bool { return t.Failed == "" && finite(t.Score) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// chosen is the recommended candidate, or nil.
func (c *Confirmation) chosen() *Candidate {
	for i := range c.Candidates {
		if c.Candidates[i].Name == c.Chosen {
			return &c.Candidates[i]
		}
	}
	return nil
}

// level is the level of the intervals.
func (c *Confirmation) level() float64 {
	if c.Level == 0 {
		return 0.95
	}
	return c.Level
}

// baselines are the differences of the recommendation to what it has to beat.
func (c *Confirmation) baselines() []Difference {
	best := c.chosen()
	if best == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(best.Differences), func(d Difference) bool {
		return slices.ContainsFunc(c.Candidates, func(x Candidate) bool { return x.Name == d.To && !x.Baseline })
	})
}

// tone sums up the differences to the baselines: "good" if all are beaten, "bad" if one is better, "even" if neither is certain, ""
// if nothing was confirmed.
func (c *Confirmation) tone() string {
	tone := ""
	for _, d := range c.baselines() {
		switch {
		case d.Significant && d.Mean < 0:
			return "bad"
		case !d.Significant:
			tone = "even"
		case tone == "":
			tone = "good"
		}
	}
	return tone
}

// total is the work and the bytes written of all stages.
func (d *Data) total() (seconds float64, bytes int64) {
	for _, s := range d.Cost {
		seconds += s.Seconds
		bytes += s.Bytes
	}
	return seconds, bytes
}
