package vec

import (
	"fmt"
	"math"
	"math/bits"
	"sync"
)

// MaxCodeDim is the largest dimension of Codes and a Codebook: sums of products
// of bytes stay below 2^31.
const MaxCodeDim = 1 << 16

// codeAlign is the multiple that rows of codes, and their number in a codebook,
// are padded to.
const codeAlign = 32

// Codes are n rows of D numbers as signed bytes, relative to a center: row i is
// about center + step*bytes, and what is lost by rounding is known exactly. They
// are what a Codebook compares its points with.
type Codes struct {
	D      int
	center []float32
	stride int
	bytes  []int8
	row    []float32 // 4 a row, see screen: start (bits of an int32), scale, a, b
	norm   []float32 // squared length of each row less the center; NaN or Inf: unusable
}

// NewCodes returns room for n rows. All rows and the Codebook share the center,
// best the mean of the rows: distances do not depend on it, but the bytes tell
// more apart when the rows lie around it.
func NewCodes(n int, center []float32) *Codes {
	d := len(center)
	if d < 1 || d > MaxCodeDim {
		panic(fmt.Sprintf("vec: codes of dimension %d, want 1 to %d", d, MaxCodeDim))
	}
	stride := (d + codeAlign - 1) / codeAlign * codeAlign
	return &Codes{D: d, center: center, stride: stride, bytes: make([]int8, n*stride), row: make([]float32, 4*n), norm: make([]float32, n)}
}

// Set rounds the rows of x, row-major, to the rows from at on. scratch is grown
// as needed and returned, for the next call by the same goroutine.
func (c *Codes) Set(at int, x, scratch []float32) []float32 {
	scratch = grow(scratch, c.stride)
	widen := 1 + float32(c.D+64)/(1<<22) // for the rounding of lengths
	_, _, offset := screenTile()
	group := rowGroup()
	for i := at; i < at+len(x)/c.D; i++ {
		copy(scratch, x[(i-at)*c.D:(i-at+1)*c.D])
		row, code := c.row[4*i:4*i+4], c.bytes[i*c.stride:(i+1)*c.stride]
		n, step, lost, total := toBytes(code, scratch, c.center, 127, group)
		c.norm[i] = n
		row[0] = math.Float32frombits(uint32(-int32(offset) * int32(total)))
		row[1] = step
		row[2] = 2 * float32(math.Sqrt(float64(n))) * widen
		row[3] = 2 * lost * widen
	}
	return scratch
}

// groupLimit is what the absolute values of eight bytes of a row may add up to
// where their products with columns, of seven bits, are added in 16 bits:
// 127 x 258 < 2^15.
const groupLimit = 258

// rowGroup bounds what a group of a row adds up to before its eight numbers are
// rounded, each by a half at most.
func rowGroup() float32 {
	if _, _, offset := screenTile(); offset == 64 {
		return groupLimit - 4
	}
	return float32(math.Inf(1))
}

// toBytes rounds x less the center, x padded, to bytes of at most most, and groups
// (see peaks) of at most group before rounding. norm is the squared length of
// that, lost the length of what rounding leaves.
func toBytes(code []int8, x, center []float32, most, group float32) (norm, step, lost, total float32) {
	d := len(center)
	axpy(-1, center, x[:d])
	clear(x[d:])
	norm = dot(x[:d], x[:d])
	high, sum := peaks(x)
	if !(norm <= math.MaxFloat32) || high < 1e-30 {
		clear(code)
		return norm, 0, float32(math.Sqrt(float64(norm))), 0
	}
	step = max(high/most, sum/group)
	squared, total := quantize(x, code, 1/step*(1-1.0/(1<<22)), step)
	return norm, step, float32(math.Sqrt(float64(squared))), total
}

// A Codebook is k points of which it finds the nearest to a row. All k are
// compared as bytes, four times as fast as float32 where the processor has VNNI and three
// times with AVX2,
// with bounds of what that can be wrong by:
//
//	| |x-c|^2 - (|x|^2 + |c|^2 - 2 x'c') | <= 2 |x| |c-c'| + 2 |x-x'| |c'|
//
// where x', c' are x and c as bytes (Cauchy-Schwarz). Only points whose lower
// bound is not above the least upper bound are compared as float32: four of a
// thousand, typically. The result is exact: it is that of SquaredDistance with
// all points. No matrix of rows by points is stored.
type Codebook struct {
	k, d    int
	points  []float32 // k x d
	columns []float32 // panels x 4 x nr: norm, scale, error, size of each point
	bytes   []uint8   // panels x quads x nr x 4
	quads   int
	slack   float32 // for the rounding of norms and of SquaredDistance, relative
	largest float32 // squared length
}

// NewCodebook prepares k points of the same dimension and center as the Codes
// that they will be compared with. It keeps points, k x D row-major.
func NewCodebook(points []float32, k int, center []float32) *Codebook {
	d := len(center)
	same("codebook", k*d, len(points))
	_, nr, offset := screenTile()
	panels := (k + codeAlign - 1) / codeAlign * codeAlign / nr
	b := &Codebook{k: k, d: d, points: points, quads: (d + 15) / 16 * 4, slack: float32(d+64) / (1 << 22)}
	b.columns = make([]float32, panels*4*nr)
	b.bytes = make([]uint8, panels*b.quads*nr*4)
	stride := (d + codeAlign - 1) / codeAlign * codeAlign
	x, code := make([]float32, stride), make([]int8, stride)
	for j := range panels * nr {
		column := b.columns[j/nr*4*nr+j%nr:]
		if j >= k {
			column[0] = float32(math.Inf(1))
			continue
		}
		copy(x, points[j*d:(j+1)*d])
		norm, step, lost, _ := toBytes(code, x, center, float32(offset-1), float32(math.Inf(1)))
		b.largest = max(b.largest, norm)
		column[0], column[nr], column[2*nr] = norm, 2*step, lost
		column[3*nr] = float32(math.Sqrt(float64(norm))) + lost
		to := b.bytes[j/nr*b.quads*nr*4+j%nr*4:]
		for q := range b.quads {
			for i := range 4 {
				to[q*nr*4+i] = uint8(int(code[4*q+i]) + offset)
			}
		}
	}
	return b
}

// screenColumns is how many points are compared before their bounds are looked
// at: 8 rows of bounds stay in the first-level cache.
const screenColumns = 1024

type screenSpace struct {
	rows             []int8
	low, row, least  []float32
	mask             []byte
	best, rest, upto [8]float32
	label            [8]int32
}

var screenSpaces = sync.Pool{New: func() any { return new(screenSpace) }}

// Nearest writes the nearest point to each of the rows of codes named by rows
// (nil: all) to label, the lowest on a tie, and the squared distance to it to
// dist. A row that holds NaN, Inf, or numbers too large to square is given -1
// and NaN. Unless it is nil, second gets lower bounds of the squared distances
// to all other points, +Inf if there are none. x holds the rows, n x D; label,
// dist and second have n elements, of which those of rows are written.
func (b *Codebook) Nearest(codes *Codes, x []float32, rows, label []int32, dist, second []float32) {
	mr, _, _ := screenTile()
	n := len(codes.norm)
	if rows != nil {
		n = len(rows)
	}
	s := screenSpaces.Get().(*screenSpace)
	defer screenSpaces.Put(s)
	var at [8]int
	for i := 0; i < n; i += mr {
		m := min(mr, n-i)
		for r := range m {
			at[r] = i + r
			if rows != nil {
				at[r] = int(rows[i+r])
			}
		}
		b.tile(s, codes, x, at[:m], mr)
		for r, i := range at[:m] {
			label[i], dist[i] = s.label[r], s.best[r]
			if second != nil {
				second[i] = max(0, s.rest[r]-b.slack*(codes.norm[i]+b.largest))
			}
		}
	}
}

// tile finds the nearest points of up to mr rows.
func (b *Codebook) tile(s *screenSpace, codes *Codes, x []float32, at []int, mr int) {
	_, nr, _ := screenTile()
	s.rows, s.row = grow8(s.rows, mr*codes.stride), grow(s.row, 4*mr)
	s.low, s.least = grow(s.low, mr*screenColumns), grow(s.least, mr*nr/2)
	if s.mask == nil {
		s.mask = make([]byte, screenColumns/8)
	}
	for r, i := range at {
		copy(s.rows[r*codes.stride:], codes.bytes[i*codes.stride:(i+1)*codes.stride])
		copy(s.row[4*r:], codes.row[4*i:4*i+4])
		s.label[r], s.best[r], s.rest[r], s.upto[r] = -1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(1))
	}
	all := len(b.columns) / (4 * nr)
	for p := 0; p < all; p += screenColumns / nr {
		panels := min(screenColumns/nr, all-p)
		width := panels * nr
		for i := range s.least {
			s.least[i] = float32(math.Inf(1))
		}
		screen(s.low, width, panels, b.quads, s.rows, codes.stride, b.bytes[p*b.quads*nr*4:], b.columns[p*4*nr:], s.row, s.least)
		for r, i := range at {
			if n := codes.norm[i]; n <= math.MaxFloat32 {
				b.settle(s, r, p*nr, s.low[r*width:(r+1)*width], s.least[r*nr/2:(r+1)*nr/2], x[i*b.d:(i+1)*b.d], n)
			}
		}
	}
}

// settle compares row x, of squared length norm, with those points from first
// on whose bounds let them be the nearest.
func (b *Codebook) settle(s *screenSpace, r, first int, low, least, x []float32, norm float32) {
	for _, v := range least {
		s.upto[r] = min(s.upto[r], v)
	}
	limit := s.upto[r] + b.slack*(norm+b.largest)
	mask := s.mask[:len(low)/8]
	s.rest[r] = min(s.rest[r], below(low, mask, limit)+norm)
	for i, m := range mask {
		for ; m != 0; m &= m - 1 {
			j := first + 8*i + bits.TrailingZeros8(m)
			d := squaredDistance(x, b.points[j*b.d:(j+1)*b.d])
			if s.label[r] < 0 {
				s.label[r], s.best[r] = int32(j), d
				continue
			}
			if d < s.best[r] {
				s.label[r], s.best[r], d = int32(j), d, s.best[r]
			}
			s.rest[r] = min(s.rest[r], d)
		}
	}
}

func grow8(buf []int8, n int) []int8 {
	if cap(buf) < n {
		return make([]int8, n)
	}
	return buf[:n]
}
