package main

// A constant is replicated over 32 bytes: AVX-512 broadcasts it from there, AVX2
// reads it whole.
var constants = []struct {
	name string
	bits uint32
}{
	{"zero", 0},
	{"one", 0x3f800000},
	{"infinity", 0x7f800000},
	{"minusInfinity", 0xff800000},
	{"oneWords", 0x00010001},
	{"lowByte", 0x000000ff},
	{"signBit", 0x80000000},
	{"expLow", 0xc2d00000},  // -104: e^x rounds to 0
	{"expHigh", 0x42b20000}, // 89: e^x overflows
	{"log2e", 0x3fb8aa3b},
	{"ln2High", 0x3f317218},
	{"ln2Low", 0xb102e308},
	{"magic", 0x4b400000}, // 1.5*2^23: adding it rounds to an integer
	{"bias", 127},
	{"exp6", 0x3ab5121a}, // e^r = 1 + r + exp2*r^2 + ... for |r| <= ln(2)/2,
	{"exp5", 0x3c091cf1}, // minimax in relative error: 3.8e-9
	{"exp4", 0x3d2aac79},
	{"exp3", 0x3e2aaa49},
	{"exp2", 0x3efffffe},
}

// exp replaces x by e^x: e^x = 2^n * e^r with n = round(x/ln 2), r = x - n*ln 2.
// NaN stays NaN: the maximum and minimum of NaN and a number are the operand
// that is written first.
func (l *loop) exp(x string) string {
	first := l.next
	t, n, p := l.tmp(), l.tmp(), l.tmp()
	l.in("VBROADCASTSS expLow<>(SB), %s", t)
	l.op("VMAXPS", x, t, x)
	l.in("VBROADCASTSS expHigh<>(SB), %s", t)
	l.op("VMINPS", x, t, x)
	l.in("VBROADCASTSS magic<>(SB), %s", t)
	l.with("VFMADD231PS", "log2e", x, t)
	l.with("VSUBPS", "magic", t, n)
	l.with("VFNMADD231PS", "ln2High", n, x)
	l.with("VFNMADD231PS", "ln2Low", n, x)
	l.in("VBROADCASTSS exp6<>(SB), %s", p)
	for _, c := range []string{"exp5", "exp4", "exp3", "exp2", "one", "one"} {
		l.with("VFMADD213PS", c, x, p)
	}
	l.next = first
	if l.isa == "AVX512" {
		return l.op("VSCALEFPS", n, p, x)
	}
	// 2^n in two factors, so that it can underflow gradually. t holds n in its
	// low bits.
	l.with("VPSUBD", "magic", t, t)
	l.op("VPSRAD", "$1", t, n)
	l.op("VPSUBD", n, t, t)
	for _, h := range []string{n, t} {
		l.with("VPADDD", "bias", h, h)
		l.op("VPSLLD", "$23", h, h)
	}
	l.op("VMULPS", n, p, p)
	return l.op("VMULPS", t, p, x)
}

// onePlusExpMinus gives 1 + e^-x, which x is divided by for silu.
func (l *loop) onePlusExpMinus(x string) string {
	t := l.tmp()
	l.with("VPXOR"+l.suffix("D"), "signBit", x, t)
	l.exp(t)
	l.with("VADDPS", "one", t, t)
	return t
}

// A kernel is an element-wise kernel or reduction of package vec.
type kernel struct {
	name, signature string
	write           func(l *loop)
}

var kernels = []kernel{
	{"dot", "a, b []float32) float32", func(l *loop) {
		l.sum("VADDPS", "zero", func() {
			a, b := l.load("a"), l.load("b")
			l.op("VFMADD231PS", a, b, l.reg(l.acc))
		})
	}},
	{"dotBytes", "a []float32, b []byte) float32", func(l *loop) {
		l.sum("VADDPS", "zero", func() {
			a, b := l.load("a"), l.load("b")
			l.op("VFMADD231PS", a, b, l.reg(l.acc))
		})
	}},
	{"dot3", "a, b, c []float32) float32", func(l *loop) {
		l.sum("VADDPS", "zero", func() {
			a, b, c := l.load("a"), l.load("b"), l.load("c")
			l.op("VMULPS", a, b, a)
			l.op("VFMADD231PS", a, c, l.reg(l.acc))
		})
	}},
	{"squaredDistance", "a, b []float32) float32", func(l *loop) {
		l.sum("VADDPS", "zero", func() {
			a, b := l.load("a"), l.load("b")
			d := l.op("VSUBPS", b, a, a)
			l.op("VFMADD231PS", d, d, l.reg(l.acc))
		})
	}},
	{"maximum", "x []float32) float32", func(l *loop) {
		l.sum("VMAXPS", "minusInfinity", func() {
			x := l.loadOr("x", "minusInfinity")
			l.op("VMAXPS", l.reg(l.acc), x, l.reg(l.acc)) // a NaN in x loses
		})
	}},
	{"expSum", "dst, x []float32, shift float32) float32", func(l *loop) {
		l.sum("VADDPS", "zero", func() {
			x := l.load("x")
			l.op("VSUBPS", l.arg["shift"], x, x)
			l.exp(x)
			l.store(x, "dst")
			l.zero(x)
			l.op("VADDPS", x, l.reg(l.acc), l.reg(l.acc))
		})
	}},
	{"axpy", "alpha float32, x, y []float32)", func(l *loop) {
		l.each(func() {
			x, y := l.load("x"), l.load("y")
			l.store(l.op("VFMADD231PS", x, l.arg["alpha"], y), "y")
		})
	}},
	{"addBytes", "dst []float32, src []byte)", func(l *loop) {
		l.each(func() {
			dst, src := l.load("dst"), l.load("src")
			l.store(l.op("VADDPS", dst, src, dst), "dst")
		})
	}},
	{"scale", "alpha float32, x []float32)", func(l *loop) {
		l.each(func() {
			x := l.load("x")
			l.store(l.op("VMULPS", l.arg["alpha"], x, x), "x")
		})
	}},
	{"add", "dst, a, b []float32)", func(l *loop) {
		l.each(func() {
			a, b := l.load("a"), l.load("b")
			l.store(l.op("VADDPS", a, b, a), "dst")
		})
	}},
	{"mulScale", "dst, x, w []float32, alpha float32)", func(l *loop) {
		l.each(func() {
			x, w := l.load("x"), l.load("w")
			l.op("VMULPS", l.arg["alpha"], x, x)
			l.store(l.op("VMULPS", w, x, x), "dst")
		})
	}},
	{"exp", "dst, x []float32)", func(l *loop) {
		l.each(func() { l.store(l.exp(l.load("x")), "dst") })
	}},
	{"swiglu", "dst, gate, up []float32)", func(l *loop) {
		l.each(func() {
			g, u := l.load("gate"), l.load("up")
			l.op("VDIVPS", l.onePlusExpMinus(g), g, g)
			l.store(l.op("VMULPS", u, g, g), "dst")
		})
	}},
	{"swigluBoth", "act, dgate, dup, gate, up, dy []float32)", func(l *loop) {
		l.each(func() {
			g, u, d := l.load("gate"), l.load("up"), l.load("dy")
			s := l.onePlusExpMinus(g)
			one := l.constant("one")
			l.op("VDIVPS", s, one, s)
			l.op("VMULPS", s, g, g)
			a := l.tmp()
			l.op("VMULPS", u, g, a)
			l.store(a, "act")
			l.op("VMULPS", d, u, u)
			l.op("VMULPS", d, g, d)
			l.op("VSUBPS", s, one, one)
			l.op("VFMADD231PS", g, one, s)
			l.op("VMULPS", s, u, u)
			l.store(d, "dup")
			l.store(u, "dgate")
		})
	}},
	{"softmaxBack", "p, dp []float32, shift, mean, alpha float32)", func(l *loop) {
		l.each(func() {
			p, dp := l.load("p"), l.load("dp")
			l.op("VSUBPS", l.arg["shift"], p, p)
			l.exp(p)
			l.store(p, "p")
			l.op("VSUBPS", l.arg["mean"], dp, dp)
			l.op("VMULPS", l.arg["alpha"], p, p)
			l.store(l.op("VMULPS", p, dp, dp), "dp")
		})
	}},
	{"rotate", "x, y, cos, sin []float32)", func(l *loop) {
		l.each(func() {
			x, y, c, s, xs := l.load("x"), l.load("y"), l.load("cos"), l.load("sin"), l.tmp()
			l.op("VMULPS", x, s, xs)
			l.op("VMULPS", y, s, s)
			l.op("VFMSUB213PS", s, c, x)
			l.op("VFMADD213PS", xs, c, y)
			l.store(x, "x")
			l.store(y, "y")
		})
	}},
	{"rmsGrad", "dx, dw, dy, x, w []float32, r, beta float32)", func(l *loop) {
		l.each(func() {
			dx, dw, d, x, w := l.load("dx"), l.load("dw"), l.load("dy"), l.load("x"), l.load("w")
			l.op("VMULPS", l.arg["r"], d, d)
			l.op("VFMADD231PS", d, w, dx)
			l.op("VFMADD231PS", l.arg["beta"], x, dx)
			l.op("VFMADD231PS", d, x, dw)
			l.store(dx, "dx")
			l.store(dw, "dw")
		})
	}},
	{"adamw", "p, g, m, v []float32, beta1, alpha1, beta2, alpha2, keep, step, rscale, eps float32)", func(l *loop) {
		l.each(func() {
			p, g, m, v := l.load("p"), l.load("g"), l.load("m"), l.load("v")
			l.op("VMULPS", l.arg["beta1"], m, m)
			l.op("VFMADD231PS", l.arg["alpha1"], g, m)
			l.op("VMULPS", l.arg["beta2"], v, v)
			l.op("VMULPS", g, g, g)
			l.op("VFMADD231PS", l.arg["alpha2"], g, v)
			l.store(m, "m")
			l.store(v, "v")
			l.op("VSQRTPS", v, v)
			l.op("VFMADD213PS", l.arg["eps"], l.arg["rscale"], v)
			l.op("VMULPS", l.arg["step"], m, m)
			l.op("VDIVPS", v, m, m)
			l.op("VFMADD213PS", m, l.arg["keep"], p)
			l.store(p, "p")
		})
	}},
}

// halves writes the conversions from and to binary16, of len(dst) rounded down
// to 8 elements.
func (g *gen) halves() {
	for _, k := range []struct{ name, signature, step string }{
		{"halfFromFloat", "dst []uint16, src []float32)", "VMOVUPS (SI)(DX*4), Y0; VCVTPS2PH $0, Y0, (DI)(DX*2)"},
		{"floatFromHalf", "dst []float32, src []uint16)", "VCVTPH2PS (SI)(DX*2), Y0; VMOVUPS Y0, (DI)(DX*4)"},
	} {
		g.text(k.name, k.signature)
		g.in("MOVQ dst_base+0(FP), DI")
		g.in("MOVQ dst_len+8(FP), CX")
		g.in("MOVQ src_base+24(FP), SI")
		g.in("XORL DX, DX")
		g.in("SUBQ $8, CX")
		g.in("JLT done")
		g.label("eight")
		g.in("%s", k.step)
		g.in("ADDQ $8, DX")
		g.in("SUBQ $8, CX")
		g.in("JGE eight")
		g.label("done")
		g.ret()
	}
}
