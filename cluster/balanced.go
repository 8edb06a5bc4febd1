package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// Balanced puts clusters into Count groups, none of which holds more than
// MaxShare of the tokens, with low variance within the groups. In three steps:
//
//  1. Agglomeration: of all pairs of groups that fit together under the cap,
//     merge the one that adds least to the token-weighted variance (Ward).
//  2. If no pair fits and there are still too many groups, the lightest is
//     taken apart and its clusters go, heaviest first, to the nearest group
//     with room.
//  3. Local moves (Hartigan 1975): clusters change group while that lowers
//     the variance under the cap.
//
// A cluster that is heavier than the cap by itself cannot be split here: it
// makes a group of its own, above the cap. Fewer clusters than Count give as
// many groups as clusters.
type Balanced struct {
	Count    int     `json:"count" default:"20" min:"1" doc:"number of groups"`
	MaxShare float64 `json:"max_share" default:"0.15" min:"0.001" max:"1" doc:"capacity: largest share of the tokens in one group"`
	MaxMoves int     `json:"max_moves" default:"50" min:"1" doc:"maximum sweeps of local search"`
}

// Merge implements Merger.
func (o Balanced) Merge(x []float32, k, d int, weight []float64) ([]int, error) {
	option.Fill(&o)
	if err := option.Check("balanced", &o); err != nil {
		return nil, err
	}
	if err := checkMerge(x, k, d, weight); err != nil {
		return nil, err
	}
	if float64(o.Count)*o.MaxShare < 1 && k > o.Count {
		return nil, fmt.Errorf("balanced merge: %d groups of at most %v hold only %.3g of the tokens; raise max_share to %.4g or more, or count",
			o.Count, o.MaxShare, float64(o.Count)*o.MaxShare, 1.1/float64(o.Count))
	}
	p := &partition{x: x, k: k, d: d, weight: unitMean(weight), members: make([][]int, k)}
	for i, w := range p.weight {
		p.total += w
		p.members[i] = []int{i}
	}
	p.cap = o.MaxShare * p.total * (1 + 1e-9)
	p.agglomerate(o.Count)
	for p.groups() > o.Count {
		if err := p.dissolve(); err != nil {
			return nil, fmt.Errorf("balanced merge to %d groups of at most %v of the tokens: %w", o.Count, o.MaxShare, err)
		}
	}
	return renumber(p.improve(o.MaxMoves)), nil
}

// partition is a grouping of weighted points under a cap.
type partition struct {
	x          []float32 // k x d
	k, d       int
	weight     []float64
	cap, total float64
	members    [][]int // of each group; nil: no such group
}

func (p *partition) groups() (n int) {
	for _, m := range p.members {
		if m != nil {
			n++
		}
	}
	return n
}

func (p *partition) size(members []int) (w float64) {
	for _, i := range members {
		w += p.weight[i]
	}
	return w
}

// agglomerate merges pairs that fit until count groups are left or none fits.
// Each group remembers its best partner of higher number.
func (p *partition) agglomerate(count int) {
	w := slices.Clone(p.weight)
	dist := distances(p.x, p.k, p.d, func(i, j int) float64 { return math.Sqrt(2 * w[i] * w[j] / (w[i] + w[j])) })
	partner, cost := make([]int, p.k), make([]float64, p.k)
	search := func(i int) {
		partner[i], cost[i] = -1, math.Inf(1)
		for j := i + 1; j < p.k; j++ {
			if p.members[j] != nil && w[i]+w[j] <= p.cap {
				if v := dist.at(i, j); v < cost[i] {
					partner[i], cost[i] = j, v
				}
			}
		}
	}
	for i := range p.k {
		search(i)
	}
	for n := p.k; n > count; n-- {
		a := -1
		for i, m := range p.members {
			if m != nil && partner[i] >= 0 && (a < 0 || cost[i] < cost[a]) {
				a = i
			}
		}
		if a < 0 {
			return
		}
		b, ab := partner[a], cost[a]
		p.members[a], p.members[b] = append(p.members[a], p.members[b]...), nil
		for k, m := range p.members {
			if m != nil && k != a {
				dist.set(a, k, wardUpdate(dist.at(a, k), dist.at(b, k), ab, w[a], w[b], w[k]))
			}
		}
		w[a] += w[b]
		for k, m := range p.members {
			if m == nil {
				continue
			}
			if k == a || partner[k] == a || partner[k] == b {
				search(k)
			} else if k < a && w[k]+w[a] <= p.cap && dist.at(k, a) < cost[k] {
				partner[k], cost[k] = a, dist.at(k, a)
			}
		}
	}
}

// dissolve spreads the clusters of the lightest group over the others.
func (p *partition) dissolve() error {
	light := -1
	for g, m := range p.members {
		if m != nil && (light < 0 || p.size(m) < p.size(p.members[light])) {
			light = g
		}
	}
	loose := p.members[light]
	p.members[light] = nil
	slices.SortStableFunc(loose, func(a, b int) int { return cmp.Compare(p.weight[b], p.weight[a]) })
	for _, i := range loose {
		best, least := -1, math.Inf(1)
		for g, m := range p.members {
			if m == nil || p.size(m)+p.weight[i] > p.cap {
				continue
			}
			if v := p.gap(i, p.mean(m)); v < least {
				best, least = g, v
			}
		}
		if best < 0 {
			return fmt.Errorf("cluster %d with %.3g of the tokens fits nowhere; raise max_share or count", i, p.weight[i]/p.total)
		}
		p.members[best] = append(p.members[best], i)
	}
	return nil
}

func (p *partition) mean(members []int) []float32 {
	sum, size := make([]float64, p.d), p.size(members)
	for _, i := range members {
		for j, v := range p.x[i*p.d : (i+1)*p.d] {
			sum[j] += p.weight[i] * float64(v)
		}
	}
	mean := make([]float32, p.d)
	for j, s := range sum {
		mean[j] = float32(s / size)
	}
	return mean
}

func (p *partition) gap(i int, mean []float32) float64 {
	return float64(vec.SquaredDistance(p.x[i*p.d:(i+1)*p.d], mean))
}

// improve moves clusters between groups while that lowers the variance by more
// than rounding, and returns the group of each.
func (p *partition) improve(sweeps int) []int {
	group := make([]int, p.k)
	size, mean := make([]float64, p.k), make([][]float32, p.k)
	for g, m := range p.members {
		for _, i := range m {
			group[i] = g
		}
		if m != nil {
			size[g], mean[g] = p.size(m), p.mean(m)
		}
	}
	for range sweeps {
		moved := false
		for i, w := range p.weight {
			from := group[i]
			if len(p.members[from]) == 1 {
				continue
			}
			gain := w * size[from] / (size[from] - w) * p.gap(i, mean[from])
			to, least := -1, gain*(1-1e-5)
			for g, m := range p.members {
				if m == nil || g == from || size[g]+w > p.cap {
					continue
				}
				if v := w * size[g] / (size[g] + w) * p.gap(i, mean[g]); v < least {
					to, least = g, v
				}
			}
			if to < 0 {
				continue
			}
			at := slices.Index(p.members[from], i)
			p.members[from] = slices.Delete(p.members[from], at, at+1)
			p.members[to] = append(p.members[to], i)
			for _, g := range []int{from, to} {
				size[g], mean[g] = p.size(p.members[g]), p.mean(p.members[g])
			}
			group[i], moved = to, true
		}
		if !moved {
			break
		}
	}
	return group
}

// Collapsed returns the group with the largest share of the weight, and
// whether that is more than half: then a mixture over the groups has little
// left to choose.
func Collapsed(weight []float64) (group int, share float64, alarm bool) {
	var total float64
	for g, w := range weight {
		total += w
		if w > weight[group] {
			group = g
		}
	}
	if total > 0 {
		share = weight[group] / total
	}
	return group, share, share > 0.5
}
