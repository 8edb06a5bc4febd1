package cluster

import (
	"context"
	"fmt"
	"math"

	"github.com/climb-go/climb/vec"
)

// Rows are points that need not be in memory, such as float16 vectors on disk.
type Rows interface {
	Len() int
	Dim() int
	// Read writes the rows from at on to dst, as many as it holds. Calls overlap.
	Read(dst []float32, at int) error
}

// A Matrix is Rows in memory: X is row-major, rows of D.
type Matrix struct {
	X []float32
	D int
}

// Len implements Rows.
func (m Matrix) Len() int { return len(m.X) / m.D }

// Dim implements Rows.
func (m Matrix) Dim() int { return m.D }

// Read implements Rows.
func (m Matrix) Read(dst []float32, at int) error {
	copy(dst, m.X[at*m.D:])
	return nil
}

// Rows are read, assigned and added up chunkRows at a time, in parallel by
// blocks of blockRows.
const (
	chunkRows = 1 << 15
	blockRows = 512
)

// A chunk is a run of rows with what is known of them.
type chunk struct {
	at     int
	x      []float32
	codes  *vec.Codes
	label  []int32
	dist   []float32 // squared, to the centroid of label
	second []float32 // lower bounds of the distance to all other centroids, not squared
	order  []int32   // rows of the chunk by label, then by number
}

// A scanner passes over rows, chunk by chunk. Rows in memory keep their codes
// and bounds from one pass to the next.
type scanner struct {
	rows    Rows
	center  []float32
	workers int
	kept    []*chunk // of rows in memory, filled by the first pass
	drift   *drift   // how far centroids have moved since the last pass over kept rows
	spare   *chunk   // for rows that are read again each pass
}

func newScanner(rows Rows, center []float32, workers int) *scanner {
	s := &scanner{rows: rows, center: center, workers: max(1, workers)}
	if _, ok := rows.(Matrix); ok {
		s.kept = make([]*chunk, (rows.Len()+chunkRows-1)/chunkRows)
	}
	return s
}

// load gives the chunk of rows [lo, hi), at most chunkRows; lo is a multiple of
// chunkRows where rows are kept.
func (s *scanner) load(lo, hi int) (*chunk, error) {
	n, d := hi-lo, s.rows.Dim()
	m, inMemory := s.rows.(Matrix)
	if inMemory && s.kept[lo/chunkRows] != nil {
		return s.kept[lo/chunkRows], nil
	}
	c := s.spare
	if c == nil || len(c.label) != n {
		c = &chunk{codes: vec.NewCodes(n, s.center), label: make([]int32, n), dist: make([]float32, n), order: make([]int32, n)}
	}
	c.at = lo
	if inMemory {
		c.x, c.second = m.X[lo*d:hi*d], make([]float32, n)
		s.kept[lo/chunkRows] = c
	} else {
		s.spare = c
		if c.x == nil {
			c.x = make([]float32, n*d)
		}
	}
	scratch := make([][]float32, s.workers)
	errs := make([]error, (n+blockRows-1)/blockRows)
	vec.ForEach(s.workers, len(errs), func(w, b int) {
		from, to := b*blockRows, min(n, (b+1)*blockRows)
		if !inMemory {
			errs[b] = s.rows.Read(c.x[from*d:to*d], lo+from)
		}
		scratch[w] = c.codes.Set(from, c.x[from*d:to*d], scratch[w])
	})
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("read vectors from row %d on: %w", lo, err)
		}
	}
	return c, nil
}

// scan assigns rows [lo, hi) to the nearest of c's centroids and hands each
// chunk to use, in order.
func (s *scanner) scan(ctx context.Context, c *Centroids, lo, hi int, use func(*chunk) error) error {
	book := vec.NewCodebook(c.X, c.K, s.center)
	for ; lo < hi; lo += chunkRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		ch, err := s.load(lo, min(hi, lo+chunkRows))
		if err != nil {
			return err
		}
		n := len(ch.label)
		vec.ForEach(s.workers, (n+blockRows-1)/blockRows, func(_, b int) {
			s.assign(ch, c, book, b*blockRows, min(n, (b+1)*blockRows))
		})
		for i, j := range ch.label {
			if j < 0 {
				return fmt.Errorf("the vector of row %d holds NaN, Inf or a number too large to square; embed its text again or leave it out", ch.at+i)
			}
		}
		if err := use(ch); err != nil {
			return err
		}
	}
	return nil
}

// assign finds the nearest centroids of rows [lo, hi) of a chunk. Rows in
// memory whose bounds tell that their centroid is still the nearest are passed
// over (Hamerly 2010, "Making k-means even faster").
func (s *scanner) assign(ch *chunk, c *Centroids, book *vec.Codebook, lo, hi int) {
	open := make([]int32, 0, blockRows)
	for i := lo; i < hi; i++ {
		if s.drift != nil {
			j := ch.label[i]
			ch.second[i] -= s.drift.others(j)
			ch.dist[i] = vec.SquaredDistance(ch.x[i*c.D:(i+1)*c.D], c.row(int(j)))
			if float32(math.Sqrt(float64(ch.dist[i])))*(1+boundSlack) < ch.second[i] {
				continue
			}
		}
		open = append(open, int32(i))
	}
	book.Nearest(ch.codes, ch.x, open, ch.label, ch.dist, ch.second)
	if ch.second != nil {
		for _, i := range open {
			ch.second[i] = float32(math.Sqrt(float64(ch.second[i]))) * (1 - boundSlack)
		}
	}
}

// boundSlack covers the rounding of distances and of what is taken off bounds.
const boundSlack = 1e-4

// drift is how far centroids have moved: the two that moved most.
type drift struct {
	most         int32
	first, other float32 // distance moved by most, and the most by any other
}

// others bounds how far any centroid but j has moved.
func (d *drift) others(j int32) float32 {
	if j == d.most {
		return d.other
	}
	return d.first
}

func newDrift(before, after []float32, k, d int) *drift {
	f := &drift{most: -1}
	for j := range k {
		m := float32(math.Sqrt(float64(vec.SquaredDistance(before[j*d:(j+1)*d], after[j*d:(j+1)*d])))) * (1 + boundSlack)
		if m > f.first {
			f.most, f.first, f.other = int32(j), m, f.first
		} else {
			f.other = max(f.other, m)
		}
	}
	return f
}
