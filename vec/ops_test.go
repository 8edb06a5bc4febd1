package vec

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// An op is a kernel and its definition in float64. Both change the slices in
// place and return a number, 0 if there is none.
type op struct {
	name   string
	slices int
	run    func(s [][]float32) float32
	ref    func(s [][]float64) float64
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// sum adds up f(i).
func sum(n int, f func(i int) float64) (s float64) {
	for i := range n {
		s += f(i)
	}
	return s
}

// each makes a definition of a formula for s[to][i].
func each(to int, f func(s [][]float64, i int) float64) func(s [][]float64) float64 {
	return func(s [][]float64) float64 {
		for i := range s[to] {
			s[to][i] = f(s, i)
		}
		return 0
	}
}

// floatBytes writes x as little-endian bytes that begin at an odd address.
func floatBytes(x []float32) []byte {
	b := make([]byte, 1, 1+4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b[1:]
}

var ops = []op{
	{"Dot", 2, func(s [][]float32) float32 { return Dot(s[0], s[1]) },
		func(s [][]float64) float64 { return sum(len(s[0]), func(i int) float64 { return s[0][i] * s[1][i] }) }},
	{"DotBytes", 2, func(s [][]float32) float32 { return DotBytes(s[0], floatBytes(s[1])) },
		func(s [][]float64) float64 { return sum(len(s[0]), func(i int) float64 { return s[0][i] * s[1][i] }) }},
	{"AddBytes", 2, func(s [][]float32) float32 { AddBytes(s[0], floatBytes(s[1])); return 0 },
		each(0, func(s [][]float64, i int) float64 { return s[0][i] + s[1][i] })},
	{"SquaredDistance", 2, func(s [][]float32) float32 { return SquaredDistance(s[0], s[1]) },
		func(s [][]float64) float64 {
			return sum(len(s[0]), func(i int) float64 { d := s[0][i] - s[1][i]; return d * d })
		}},
	{"SumSquares", 1, func(s [][]float32) float32 { return float32(SumSquares(s[0])) },
		func(s [][]float64) float64 { return sum(len(s[0]), func(i int) float64 { return s[0][i] * s[0][i] }) }},
	{"Axpy", 2, func(s [][]float32) float32 { Axpy(0.75, s[0], s[1]); return 0 },
		each(1, func(s [][]float64, i int) float64 { return s[1][i] + 0.75*s[0][i] })},
	{"Scale", 1, func(s [][]float32) float32 { Scale(-1.25, s[0]); return 0 },
		each(0, func(s [][]float64, i int) float64 { return -1.25 * s[0][i] })},
	{"Add", 3, func(s [][]float32) float32 { Add(s[0], s[1], s[2]); return 0 },
		each(0, func(s [][]float64, i int) float64 { return s[1][i] + s[2][i] })},
	{"Add in place", 2, func(s [][]float32) float32 { Add(s[0], s[0], s[1]); return 0 },
		each(0, func(s [][]float64, i int) float64 { return s[0][i] + s[1][i] })},
	{"Exp", 2, func(s [][]float32) float32 { Exp(s[0], s[1]); return 0 },
		each(0, func(s [][]float64, i int) float64 { return math.Exp(s[1][i]) })},
	{"ExpSum", 2, func(s [][]float32) float32 { return ExpSum(s[0], s[1], 0.5) },
		func(s [][]float64) float64 {
			return sum(len(s[0]), func(i int) float64 { s[0][i] = math.Exp(s[1][i] - 0.5); return s[0][i] })
		}},
	{"Softmax", 1, func(s [][]float32) float32 { Softmax(s[0]); return 0 },
		func(s [][]float64) float64 {
			total := sum(len(s[0]), func(i int) float64 { return math.Exp(s[0][i]) })
			return each(0, func(s [][]float64, i int) float64 { return math.Exp(s[0][i]) / total })(s)
		}},
	{"SoftmaxBack", 2, func(s [][]float32) float32 { SoftmaxBack(s[0], s[1], 0.5, 0.25, 0.125); return 0 },
		func(s [][]float64) float64 {
			for i := range s[0] {
				s[0][i] = math.Exp(s[0][i] - 0.5)
				s[1][i] = 0.125 * s[0][i] * (s[1][i] - 0.25)
			}
			return 0
		}},
	{"SwiGLU", 3, func(s [][]float32) float32 { SwiGLU(s[0], s[1], s[2]); return 0 },
		each(0, func(s [][]float64, i int) float64 { return s[1][i] * sigmoid(s[1][i]) * s[2][i] })},
	{"SwiGLUBoth", 6, func(s [][]float32) float32 { SwiGLUBoth(s[0], s[1], s[2], s[3], s[4], s[5]); return 0 },
		func(s [][]float64) float64 {
			for i := range s[0] {
				g, u, d := s[3][i], s[4][i], s[5][i]
				s[0][i] = g * sigmoid(g) * u
				s[1][i] = d * u * sigmoid(g) * (1 + g*(1-sigmoid(g)))
				s[2][i] = d * g * sigmoid(g)
			}
			return 0
		}},
	{"Rotate", 4, func(s [][]float32) float32 { Rotate(s[0], s[1], s[2], s[3]); return 0 },
		func(s [][]float64) float64 {
			for i := range s[0] {
				x, y := s[0][i], s[1][i]
				s[0][i], s[1][i] = x*s[2][i]-y*s[3][i], y*s[2][i]+x*s[3][i]
			}
			return 0
		}},
	{"RotateBack", 4, func(s [][]float32) float32 { RotateBack(s[0], s[1], s[2], s[3]); return 0 },
		func(s [][]float64) float64 {
			for i := range s[0] {
				x, y := s[0][i], s[1][i]
				s[0][i], s[1][i] = x*s[2][i]+y*s[3][i], y*s[2][i]-x*s[3][i]
			}
			return 0
		}},
	{"RMSNorm", 3, func(s [][]float32) float32 { return RMSNorm(s[0], s[1], s[2], 1e-3) },
		func(s [][]float64) float64 {
			r := rms(s[1], 1e-3)
			each(0, func(s [][]float64, i int) float64 { return s[1][i] * r * s[2][i] })(s)
			return r
		}},
	{"RMSNormGrad", 5, func(s [][]float32) float32 { RMSNormGrad(s[0], s[1], s[2], s[3], s[4], 0.5); return 0 },
		func(s [][]float64) float64 {
			n, r := len(s[0]), 0.5
			mean := sum(n, func(i int) float64 { return s[4][i] * s[2][i] * s[3][i] }) / float64(n)
			for i := range n {
				s[0][i] += r*s[4][i]*s[2][i] - s[3][i]*r*r*r*mean
				s[1][i] += r * s[2][i] * s[3][i]
			}
			return 0
		}},
	{"AdamW", 4, func(s [][]float32) float32 {
		for i, v := range s[3] {
			s[3][i] = v * v
		}
		AdamW(s[0], s[1], s[2], s[3], 0.01, 0.9, 0.95, 1e-8, 0.1, 0.19, 0.0975)
		return 0
	}, func(s [][]float64) float64 {
		for i := range s[0] {
			g := s[1][i]
			m, v := 0.9*s[2][i]+(1-0.9)*g, 0.95*s[3][i]*s[3][i]+(1-0.95)*g*g
			s[2][i], s[3][i] = m, v
			s[0][i] -= 0.01 * (m/0.19/(math.Sqrt(v/0.0975)+1e-8) + 0.1*s[0][i])
		}
		return 0
	}},
}

func rms(x []float64, eps float64) float64 {
	return 1 / math.Sqrt(sum(len(x), func(i int) float64 { return x[i] * x[i] })/math.Max(float64(len(x)), 1)+eps)
}

// lengths are all small ones and some that fill several blocks.
func lengths() (all []int) {
	for n := range 70 {
		all = append(all, n)
	}
	return append(all, 127, 128, 1000, 2049)
}

// TestOps runs every kernel in every implementation against its definition, on
// unaligned slices between guards, and holds AVX2 and AVX-512 to the same bits.
func TestOps(t *testing.T) {
	seen := map[string][][]float32{}
	eachLevel(t, func(t *testing.T) {
		for _, o := range ops {
			for _, n := range lengths() {
				got := runOp(t, o, n)
				key := fmt.Sprint(o.name, " of ", n)
				if want, ok := seen[key]; ok && level == avx512 && !sameBits(got, want) {
					t.Fatalf("%s: avx2 gives %v, avx512 %v", key, want, got)
				} else if level == avx2 {
					seen[key] = got
				}
			}
		}
	})
}

func runOp(t *testing.T, o op, n int) [][]float32 {
	t.Helper()
	const guard = 123.5
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	x, d, whole := make([][]float32, o.slices), make([][]float64, o.slices), make([][]float32, o.slices)
	for k := range x {
		from := 1 + rng.IntN(16)
		whole[k] = slices.Repeat([]float32{guard}, from+n+16)
		x[k] = whole[k][from : from+n]
		copy(x[k], random(rng, n))
		for _, v := range x[k] {
			d[k] = append(d[k], float64(v))
		}
	}
	result, want := float64(o.run(x)), o.ref(d)
	if !near(result, want, n, 1) {
		t.Fatalf("%s of %d: %g, want %g", o.name, n, result, want)
	}
	x = append(x, []float32{float32(result)})
	for k, w := range whole {
		from := len(w) - 16 - n
		for i, v := range w {
			if i < from || i >= from+n {
				if v != guard {
					t.Fatalf("%s of %d: wrote slice %d at %d", o.name, n, k, i-from)
				}
			} else if want := d[k][i-from]; !near(float64(v), want, n, 0.2) {
				t.Fatalf("%s of %d: slice %d at %d is %g, want %g", o.name, n, k, i-from, v, want)
			}
		}
	}
	return x
}

// near says whether the error is what sums of n terms of this size leave.
func near(got, want float64, n int, size float64) bool {
	return got == want || math.Abs(got-want) <= 2e-6*math.Sqrt(float64(n+1))*(size+math.Abs(want))
}

func sameBits(a, b [][]float32) bool {
	return slices.EqualFunc(a, b, func(x, y []float32) bool {
		return slices.EqualFunc(x, y, func(v, w float32) bool { return math.Float32bits(v) == math.Float32bits(w) })
	})
}

// TestExpError walks over all of float32 in steps and holds Exp to its bound of 2
// units in the last place, or one subnormal step.
func TestExpError(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		var x, y [64]float32
		var bits uint32
		worst := 0.0
		for more := true; more; {
			for i := range x {
				x[i] = math.Float32frombits(bits)
				more = more && bits < math.MaxUint32-4099
				bits += 4099
			}
			Exp(y[:], x[:])
			for i, v := range x {
				want := math.Exp(float64(v))
				switch got := float64(y[i]); {
				case v != v:
					if got == got {
						t.Fatalf("Exp(NaN %#x) = %g", math.Float32bits(v), got)
					}
				case want > math.MaxFloat32:
					if !math.IsInf(got, 1) && float32(want) > math.MaxFloat32 {
						t.Fatalf("Exp(%g) = %g", v, got)
					}
				default:
					ulp := math.Max(math.Ldexp(1, -149), math.Abs(want)*math.Ldexp(1, -23))
					worst = math.Max(worst, math.Abs(got-want)/ulp)
				}
			}
		}
		t.Logf("worst error: %.3f of 2^-23 relative", worst)
		if worst > 1 { // 2^-23 relative is between 1 and 2 units in the last place
			t.Fatalf("worst error %.3f", worst)
		}
	})
}

func TestExtremes(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		for n := 1; n < 40; n++ {
			x := slices.Repeat([]float32{-inf}, n)
			if m := Max(x); m != -inf {
				t.Fatalf("Max of %d times -Inf = %g", n, m)
			}
			x[n-1] = 3e38
			Softmax(x)
			for i, v := range x {
				if last := i == n-1; last && v != 1 || !last && v != 0 {
					t.Fatalf("Softmax with one finite element, the last of %d: element %d is %g", n, i, v)
				}
			}
			x = slices.Repeat([]float32{-90}, n)
			x[n-1] = nan
			if m := Max(x); n > 1 && m != -90 {
				t.Fatalf("Max with a NaN last of %d = %g", n, m)
			}
			if s := ExpSum(x, x, -90); s == s {
				t.Fatalf("ExpSum with a NaN = %g", s)
			}
		}
		x := []float32{-200, 200}
		SwiGLU(x, x, []float32{1, 1})
		if x[0] != 0 || x[1] != 200 {
			t.Fatalf("SwiGLU of -200 and 200: %g, %g", x[0], x[1])
		}
	})
}

// TestHalf converts all 65536 half floats there and back, and rounds everything
// that lies between neighbours and just beside the middle.
func TestHalf(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		all := make([]uint16, 1<<16)
		for i := range all {
			all[i] = uint16(i)
		}
		f, back := make([]float32, 1<<16), make([]uint16, 1<<16)
		FloatFromHalf(f, all)
		HalfFromFloat(back, f)
		for h, v := range f {
			if want := halfByDefinition(uint16(h)); v == v && float64(v) != want || v == v != (want == want) {
				t.Fatalf("%#04x is %g, want %g", h, v, want)
			}
			if want := uint16(h); v == v && back[h] != want || v != v && back[h] != want|0x200 {
				t.Fatalf("%#04x -> %g -> %#04x", h, v, back[h])
			}
		}
		for h := range uint16(0x7c00) {
			low, high := halfByDefinition(h), halfByDefinition(h+1)
			if h == 0x7bff {
				high = 65536
			}
			mid := float32((low + high) / 2)
			even := h + h&1
			x := []float32{math.Nextafter32(mid, 0), mid, math.Nextafter32(mid, 1e9), -mid, mid, mid, mid, mid, mid}
			want := []uint16{h, even, h + 1, even | 0x8000, even, even, even, even, even}
			got := make([]uint16, len(x))
			if HalfFromFloat(got, x); !slices.Equal(got, want) {
				t.Fatalf("around %g: %#04x, want %#04x", mid, got, want)
			}
		}
	})
}

func halfByDefinition(h uint16) float64 {
	e, f := int(h>>10&31), float64(h&0x3ff)
	v := math.Ldexp(1+f/1024, e-15)
	switch {
	case e == 0:
		v = math.Ldexp(f, -24)
	case e == 31 && f == 0:
		v = math.Inf(1)
	case e == 31:
		v = math.NaN()
	}
	if h >= 0x8000 {
		return -v
	}
	return v
}

func TestLengthsMustAgree(t *testing.T) {
	for name, f := range map[string]func(){
		"DotBytes": func() { DotBytes(make([]float32, 2), make([]byte, 7)) },
		"AddBytes": func() { AddBytes(make([]float32, 2), make([]byte, 9)) },
		"Dot":      func() { Dot(make([]float32, 2), make([]float32, 3)) },
		"AdamW":    func() { x := make([]float32, 4); AdamW(x, x, x, x[:3], 1, 1, 1, 1, 1, 1, 1) },
		"Gemm":     func() { x := make([]float32, 3); Gemm(false, false, 2, 2, 1, 1, x, 1, x, 2, 0, x, 2) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of slices that do not agree did not panic", name)
				}
			}()
			f()
		}()
	}
}
