package cluster

import (
	"context"
	"math"
	"slices"

	"github.com/climb-go/climb/vec"
)

// A Tally is what one pass over some rows tells of the clusters: the map step of
// a round of k-means. Tallies of parts of the rows, added in order, are the
// tally of all; Centroids.Move is the reduce step.
type Tally struct {
	K, D    int
	Sum     []float64 // K x D: sums of the rows of each cluster
	Count   []int64   // rows of each cluster
	Inertia float64   // sum of squared distances
	Far     []Far     // rows far from their centroids, at most farRows
}

// Far is a row that was drawn with a probability proportional to its squared
// distance from the nearest centroid, so that it is likely far, and the rows
// are spread out: the rows with the least keys (Efraimidis, Spirakis 2006).
type Far struct {
	Key      float64   `json:"key"`      // exponentially distributed with rate Distance
	Distance float32   `json:"distance"` // squared
	X        []float32 `json:"x"`
}

// farRows is how many empty clusters can be given a row in one round.
const farRows = 64

// Tally assigns rows [lo, hi) to the nearest centroids and adds them up. Memory
// does not depend on their number.
func (c *Centroids) Tally(ctx context.Context, rows Rows, lo, hi, workers int) (*Tally, error) {
	return newScanner(rows, c.mean(), workers).tally(ctx, c, lo, hi)
}

func (s *scanner) tally(ctx context.Context, c *Centroids, lo, hi int) (*Tally, error) {
	t := &Tally{K: c.K, D: c.D, Sum: make([]float64, c.K*c.D), Count: make([]int64, c.K)}
	return t, s.scan(ctx, c, lo, hi, func(ch *chunk) error {
		t.addChunk(ch, s.workers)
		return nil
	})
}

// addChunk adds assigned rows, each cluster's rows in their order, so that the sums
// do not depend on the workers.
func (t *Tally) addChunk(ch *chunk, workers int) {
	next := make([]int, t.K+1)
	for _, j := range ch.label {
		next[j+1]++
	}
	for j := range t.K {
		t.Count[j] += int64(next[j+1])
		next[j+1] += next[j]
	}
	first := slices.Clone(next)
	for i, j := range ch.label {
		ch.order[next[j]] = int32(i)
		next[j]++
	}
	part := make([][]float32, max(1, workers))
	vec.ForEach(workers, t.K, func(w, j int) {
		if part[w] == nil {
			part[w] = make([]float32, t.D)
		}
		t.addRows(j, ch, ch.order[first[j]:first[j+1]], part[w])
	})
	for i, v := range ch.dist {
		t.Inertia += float64(v)
		if v > 0 {
			key := -math.Log1p(-uniform(0, 0, ch.at+i)) / float64(v)
			if len(t.Far) < farRows || key < t.Far[farRows-1].Key {
				t.addFar(Far{key, v, slices.Clone(ch.x[i*t.D : (i+1)*t.D])})
			}
		}
	}
}

// addRows adds rows to the sum of cluster j: 32 at a time in float32, those
// sums in float64.
func (t *Tally) addRows(j int, ch *chunk, rows []int32, part []float32) {
	sum := t.Sum[j*t.D : (j+1)*t.D]
	for len(rows) > 0 {
		m := min(32, len(rows))
		clear(part)
		for _, i := range rows[:m] {
			vec.Add(part, part, ch.x[int(i)*t.D:int(i+1)*t.D])
		}
		for i, p := range part {
			sum[i] += float64(p)
		}
		rows = rows[m:]
	}
}

// addFar keeps the list sorted by key, then by order of arrival.
func (t *Tally) addFar(f Far) {
	at := len(t.Far)
	for at > 0 && t.Far[at-1].Key > f.Key {
		at--
	}
	t.Far = slices.Insert(t.Far, at, f)
	t.Far = t.Far[:min(len(t.Far), farRows)]
}

// Add adds the tally of the rows that follow.
func (t *Tally) Add(o *Tally) {
	for i, v := range o.Sum {
		t.Sum[i] += v
	}
	for j, n := range o.Count {
		t.Count[j] += n
	}
	t.Inertia += o.Inertia
	for _, f := range o.Far {
		if len(t.Far) < farRows || f.Key < t.Far[farRows-1].Key {
			t.addFar(f)
		}
	}
}

// Move makes each centroid the mean of its rows, of unit length if spherical is
// set, and returns the sum of the squared moves. An empty cluster is given the
// row of Far furthest from all centroids, each that is taken counting as one for
// the next; then the moves sum to +Inf, as the round has settled nothing. Where
// no row is left it stays as it is.
func (c *Centroids) Move(t *Tally, spherical bool) (moved float64) {
	row, far := make([]float32, c.D), slices.Clone(t.Far)
	for j, n := range t.Count {
		if n == 0 {
			if x := furthest(far); x != nil {
				copy(c.row(j), x)
				moved = math.Inf(1)
			}
			continue
		}
		for i, s := range t.Sum[j*c.D : (j+1)*c.D] {
			row[i] = float32(s / float64(n))
		}
		if s := vec.SumSquares(row); spherical && s > 0 {
			vec.Scale(float32(1/math.Sqrt(s)), row)
		}
		moved += float64(vec.SquaredDistance(row, c.row(j)))
		copy(c.row(j), row)
	}
	return moved
}

// furthest takes the row of greatest distance, and brings the others' distances
// up to date; nil if none is left.
func furthest(far []Far) []float32 {
	best := -1
	for i, f := range far {
		if f.Distance > 0 && (best < 0 || f.Distance > far[best].Distance) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	x := far[best].X
	for i := range far {
		far[i].Distance = min(far[i].Distance, vec.SquaredDistance(far[i].X, x))
	}
	return x
}
