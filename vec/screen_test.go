package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// nearestByDefinition compares a row with every point; second is the least
// squared distance to another point than the nearest.
func nearestByDefinition(x, points []float32, k, d int) (label int32, best, second float32) {
	label, best, second = -1, float32(math.Inf(1)), float32(math.Inf(1))
	for j := range k {
		s := SquaredDistance(x, points[j*d:(j+1)*d])
		if s < best {
			label, best, s = int32(j), s, best
		}
		second = min(second, s)
	}
	return label, best, second
}

func checkNearest(t *testing.T, x, points, center []float32, rows []int32) {
	t.Helper()
	d := len(center)
	n, k := len(x)/d, len(points)/d
	codes := NewCodes(n, center)
	codes.Set(0, x, nil)
	label, dist, second := make([]int32, n), make([]float32, n), make([]float32, n)
	for i := range label {
		label[i] = -2
	}
	NewCodebook(points, k, center).Nearest(codes, x, rows, label, dist, second)
	for i := range n {
		if rows != nil && !slices.Contains(rows, int32(i)) {
			if label[i] != -2 {
				t.Fatalf("row %d of %dx%dx%d was not asked for and has %d", i, n, k, d, label[i])
			}
			continue
		}
		want, best, other := nearestByDefinition(x[i*d:(i+1)*d], points, k, d)
		if label[i] != want || dist[i] != best {
			t.Fatalf("row %d of %dx%dx%d: %d at %g, want %d at %g", i, n, k, d, label[i], dist[i], want, best)
		}
		if second[i] > other || second[i] < 0 {
			t.Fatalf("row %d of %dx%dx%d: bound %g of the others, which begin at %g", i, n, k, d, second[i], other)
		}
	}
}

// TestCodebook compares the screened search with the definition, for all small
// sizes and for data that is hard on it: ties, an offset, outliers, tiny and
// large numbers.
func TestCodebook(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for d := 1; d <= 40; d++ {
			for _, nk := range [][2]int{{1, 1}, {3, 2}, {7, 15}, {8, 16}, {9, 17}, {17, 33}, {5, 1 + d}} {
				checkNearest(t, random(rng, nk[0]*d), random(rng, nk[1]*d), random(rng, d), nil)
			}
		}
		for name, value := range map[string]func() float32{
			"ties":     func() float32 { return float32(rng.IntN(3)) },
			"offset":   func() float32 { return 1000 + float32(rng.NormFloat64()) },
			"outliers": func() float32 { return float32(math.Pow(rng.NormFloat64(), 9)) },
			"tiny":     func() float32 { return float32(rng.NormFloat64()) * 1e-18 },
			"denormal": func() float32 { return float32(rng.NormFloat64()) * 1e-38 },
			"large":    func() float32 { return float32(rng.NormFloat64()) * 1e17 },
			"constant": func() float32 { return 3 },
		} {
			for _, s := range [][3]int{{50, 70, 3}, {21, 1100, 20}, {33, 2100, 65}} {
				t.Run(fmt.Sprint(name, s), func(t *testing.T) {
					x, points := make([]float32, s[0]*s[2]), make([]float32, s[1]*s[2])
					for _, m := range [][]float32{x, points} {
						for i := range m {
							m[i] = value()
						}
					}
					checkNearest(t, x, points, make([]float32, s[2]), nil)
					checkNearest(t, x, points, x[:s[2]], []int32{1, 0, 5, 17, 19, 2, 3, 4, 9, 10})
				})
			}
		}
	})
}

func TestCodebookRefusesWhatHasNoDistance(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		const d = 37
		x := random(rand.New(rand.NewPCG(1, 9)), 4*d)
		x[3], x[d+36], x[2*d] = float32(math.NaN()), float32(math.Inf(-1)), 1e30
		codes, label, dist := NewCodes(4, make([]float32, d)), make([]int32, 4), make([]float32, 4)
		codes.Set(0, x, nil)
		NewCodebook(x[3*d:], 1, make([]float32, d)).Nearest(codes, x, nil, label, dist, nil)
		if !slices.Equal(label, []int32{-1, -1, -1, 0}) || dist[3] != 0 || dist[0] == dist[0] || dist[1] == dist[1] || dist[2] == dist[2] {
			t.Fatalf("labels %v at %v", label, dist)
		}
	})
}

// TestScreenKernels holds the three implementations against each other: the
// bytes are the same, what is made of them agrees to rounding.
func TestScreenKernels(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for n := 32; n <= 256; n += 32 {
			x, want, got := random(rng, n), make([]int8, n), make([]int8, n)
			err, total := quantizeGo(x, want, 100, 0.01)
			e, s := quantize(x, got, 100, 0.01)
			if !slices.Equal(got, want) || s != total || math.Abs(float64(e-err)) > 1e-4*float64(err) {
				t.Fatalf("quantize %d: sum %g, want %g; error %g, want %g", n, s, total, e, err)
			}
			high, group := peaks(x)
			if h, g := peaksGo(x); high != h || math.Abs(float64(group-g)) > 1e-6*float64(g) {
				t.Fatalf("peaks %d: %g and %g, want %g and %g", n, high, group, h, g)
			}
			low := random(rng, n)
			low[3], low[n-1] = float32(math.NaN()), low[0]
			mask, wantMask := make([]byte, n/8), make([]byte, n/8)
			if rest, wantRest := below(low, mask, low[0]), belowGo(low, wantMask, low[0]); rest != wantRest || !slices.Equal(mask, wantMask) {
				t.Fatalf("below %d: %g %x, want %g %x", n, rest, mask, wantRest, wantMask)
			}
		}
		mr, nr, offset := screenTile()
		for quads := 4; quads < 40; quads += 4 {
			for panels := 1; panels < 4; panels++ {
				ld, stride := panels*nr+3, 4*quads+5
				rows, cols := make([]int8, mr*stride), make([]uint8, panels*quads*nr*4)
				for i := range rows {
					rows[i] = int8(rng.IntN(255) - 127)
					if offset == 64 { // a group is of eight
						rows[i] = int8((rng.IntN(2)*2 - 1) * groupLimit / 8)
					}
				}
				for i := range cols {
					cols[i] = uint8(rng.IntN(2 * offset))
				}
				columns, row := random(rng, panels*4*nr), random(rng, 4*mr)
				for r := range mr {
					row[4*r] = math.Float32frombits(uint32(rng.IntN(1000)))
				}
				low, wantLow := make([]float32, mr*ld), make([]float32, mr*ld)
				least, wantLeast := make([]float32, mr*nr/2), make([]float32, mr*nr/2)
				screen(low, ld, panels, quads, rows, stride, cols, columns, row, least)
				screenGo(wantLow, ld, panels, quads, rows, stride, cols, columns, row, wantLeast)
				for i := range low {
					if math.Abs(float64(low[i]-wantLow[i])) > 1e-6*math.Abs(float64(wantLow[i]))+0.1 {
						t.Fatalf("screen %d quads, %d panels: low[%d] = %g, want %g", quads, panels, i, low[i], wantLow[i])
					}
				}
				for i := range least {
					if math.Abs(float64(least[i]-wantLeast[i])) > 1e-6*math.Abs(float64(wantLeast[i]))+0.1 {
						t.Fatalf("screen %d quads, %d panels: least[%d] = %g, want %g", quads, panels, i, least[i], wantLeast[i])
					}
				}
			}
		}
	})
}
