package curate

import (
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/task"
)

// Tiers are the quantiles of a quality score: tier q of N, from 1, has the scores
// above cut q-1 up to cut q. Equal scores are in one tier, so that a score of few
// values leaves tiers empty.
type Tiers struct {
	Score string    `json:"score"`
	Over  string    `json:"over"` // what each has the same share of: text or documents
	Cuts  []float32 `json:"cuts"` // ascending, one fewer than tiers
}

// of is the tier of a score, from 0.
func (t *Tiers) of(x float32) int {
	n, _ := slices.BinarySearch(t.Cuts, x)
	return n
}

// A histogram counts weights by 16 bits of the keys of scores. Two of them find a
// quantile exactly, in memory that does not follow the corpus: by the upper bits,
// then by the lower ones.
type histogram [1 << 16]int64

// scoreKey orders floats as they are ordered.
func scoreKey(x float32) uint32 {
	b := math.Float32bits(x + 0) // -0 is 0
	if b>>31 == 1 {
		return ^b
	}
	return b | 1<<31
}

func keyScore(k uint32) float32 {
	if k>>31 == 1 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

// quantiles are the n-1 least scores that have i/n of the weight up to them. each
// is run twice, and gives the scores with their weights.
func quantiles(n int, each func(add func(score float32, weight int64)) error) ([]float32, error) {
	var upper histogram
	var total int64
	if err := each(func(x float32, w int64) {
		upper[scoreKey(x)>>16] += w
		total += w
	}); err != nil || total == 0 {
		return nil, err
	}
	// where is the bin of each cut, and the weight before it.
	where, before := make([]int, n-1), make([]int64, n-1)
	lower := map[int]*histogram{}
	bin, sum := 0, int64(0)
	for i := range where {
		for !reaches(sum+upper[bin], total, i+1, n) {
			sum += upper[bin]
			bin++
		}
		where[i], before[i] = bin, sum
		lower[bin] = &histogram{}
	}
	if err := each(func(x float32, w int64) {
		k := scoreKey(x)
		if h := lower[int(k>>16)]; h != nil {
			h[k&0xffff] += w
		}
	}); err != nil {
		return nil, err
	}
	cuts := make([]float32, n-1)
	for i, bin := range where {
		low, sum := 0, before[i]
		for h := lower[bin]; !reaches(sum+h[low], total, i+1, n); low++ {
			sum += h[low]
		}
		cuts[i] = keyScore(uint32(bin)<<16 | uint32(low))
	}
	return cuts, nil
}

// reaches tells whether sum is i/n of total or more.
func reaches(sum, total int64, i, n int) bool {
	return float64(sum) >= float64(total)/float64(n)*float64(i)*(1-1e-12) && sum > 0
}

// findTiers takes the quantiles over the documents that stay: neither their cluster
// nor they are pruned.
func (x *crossing) findTiers(o *domainsOptions, n, shards int) error {
	x.tiers = &Tiers{Score: o.Domains.Quality.Score, Over: o.Domains.Quality.Over}
	score := floor{column: slices.Index(o.Scores, x.tiers.Score)}
	cuts, err := quantiles(n, func(add func(float32, int64)) error {
		return x.kept(shards, func(g *grades, row int) {
			weight := int64(1)
			if x.tiers.Over == "text" {
				weight = int64(g.Bytes[row])
			}
			add(score.value(g.Row(row)), weight)
		})
	})
	if err == nil && cuts == nil {
		err = task.Permanent(fmt.Errorf("domains.by: quality: prune.documents leaves no document to take quantiles of; lower the floors"))
	}
	x.tiers.Cuts, x.score = cuts, score
	return err
}

// kept goes over the documents that stay.
func (x *crossing) kept(shards int, use func(g *grades, row int)) error {
	for n := range shards {
		g, err := ReadGrades(x.p, n)
		if err != nil {
			return err
		}
		for row, c := range g.Clusters {
			if x.group[c] >= 0 && x.rule.fails(g.Row(row)) == "" {
				use(g, row)
			}
		}
	}
	return nil
}

// A span is a run of tiers of one cell, from 0, and the bytes that stay in it.
type span struct {
	from, to int // both in it
	bytes    int64
}

// mergeSpans makes one of the lightest span and the lighter one beside it, the lower
// one of equals, for as long as one has fewer bytes than least.
func mergeSpans(s []span, least float64) []span {
	for len(s) > 1 {
		i := 0
		for k := range s {
			if s[k].bytes < s[i].bytes {
				i = k
			}
		}
		if float64(s[i].bytes) >= least && s[i].bytes > 0 {
			break
		}
		if i > 0 && (i == len(s)-1 || s[i-1].bytes <= s[i+1].bytes) {
			i--
		}
		s[i] = span{s[i].from, s[i+1].to, s[i].bytes + s[i+1].bytes}
		s = slices.Delete(s, i+1, i+2)
	}
	return s
}

// mergeTiers joins the tiers of a group and label that hold too little text: the
// column of each tier becomes that of the first one of its span.
func (x *crossing) mergeTiers(cells []map[int]*cell, minShare float64) {
	n := len(x.tiers.Cuts) + 1
	bytes, total := map[[2]int][]span{}, int64(0)
	for c, g := range x.group {
		for column, of := range cells[c] {
			if g < 0 {
				continue
			}
			at := [2]int{g, column / n}
			if bytes[at] == nil {
				for t := range n {
					bytes[at] = append(bytes[at], span{t, t, 0})
				}
			}
			bytes[at][column%n].bytes += of.kept
			total += of.kept
		}
	}
	x.spans = map[[2]int][]span{}
	for at, s := range bytes {
		x.spans[at] = mergeSpans(s, minShare*float64(total))
	}
}

// spanOf is the span of a group's column.
func (x *crossing) spanOf(group, column int) span {
	if x.tiers == nil {
		return span{}
	}
	n := len(x.tiers.Cuts) + 1
	for _, s := range x.spans[[2]int{group, column / n}] {
		if t := column % n; s.from <= t && t <= s.to {
			return s
		}
	}
	return span{column % n, column % n, 0}
}

// tiersText is how tiers are called: q5 is the best of five.
func tiersText(t [2]int) string {
	if t[0] == t[1] {
		return fmt.Sprintf("q%d", t[0])
	}
	return fmt.Sprintf("q%d-%d", t[0], t[1])
}
