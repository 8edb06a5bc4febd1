package main

// screen writes the kernel of Codebook.Nearest: dot products of rows of signed
// bytes with two vectors of columns of unsigned bytes, four bytes a step, and
// from them bounds of the distances. The steps, quads, are a multiple of four.
// Rows lie at (AX) as in tile; a panel of columns is 2 vectors wide. For a row
// with the constants start, scale, a, b and columns with norm, scale, error, size
//
//	value = norm - row.scale*scale*(start+dot);  width = a*error + b*size
//
// goes to low as value - width, and into the row's running minimum of value +
// width in least.
func (g *gen) screen() {
	rows := map[string]int{"AVX512": 8, "AVX2": 4}[g.isa]
	acc := func(r, half int) string { return g.reg(2*r + half) }
	c0, c1, a := g.reg(2*rows), g.reg(2*rows+1), g.reg(2*rows+2)
	address := []string{"(AX)", "(AX)(R8*1)", "(AX)(R8*2)", "(AX)(R9*1)", "(AX)(R8*4)", "(AX)(R10*1)", "(AX)(R9*2)", "(AX)(R11*1)"}

	g.text("screen", "low *float32, ld, panels, quads int, rows *int8, stride int, cols *uint8, columns, row, least *float32)")
	g.in("MOVQ low+0(FP), DI")
	g.in("MOVQ ld+8(FP), SI")
	g.in("MOVQ stride+40(FP), R8")
	g.in("MOVQ cols+48(FP), BX")
	g.in("MOVQ columns+56(FP), R12")
	g.in("SHLQ $2, SI")
	g.in("LEAQ (R8)(R8*2), R9")
	g.in("LEAQ (R8)(R8*4), R10")
	g.in("LEAQ (R9)(R8*4), R11")
	if g.isa == "AVX2" {
		g.in("VPBROADCASTD oneWords<>(SB), %s", g.reg(2*rows+7))
	}
	g.label("panel")
	g.in("MOVQ quads+24(FP), CX")
	g.in("MOVQ rows+32(FP), AX")
	g.in("MOVQ row+64(FP), R13")
	for r := range rows {
		g.in("VPBROADCASTD %d(R13), %s", 16*r, acc(r, 0))
		g.in("VMOVAPS %s, %s", acc(r, 0), acc(r, 1))
	}
	g.in("PCALIGN $32")
	g.label("quad")
	if g.isa == "AVX2" {
		g.fourQuads(rows, address)
	} else {
		g.in("VMOVUPS (BX), %s", c0)
		g.in("VMOVUPS %d(BX), %s", g.bytes, c1)
		g.in("ADDQ $%d, BX", 2*g.bytes)
		for r := range rows {
			g.in("VPBROADCASTD %s, %s", address[r], a)
			g.in("VPDPBUSD %s, %s, %s", a, c0, acc(r, 0))
			g.in("VPDPBUSD %s, %s, %s", a, c1, acc(r, 1))
		}
		g.in("ADDQ $4, AX")
		g.in("DECQ CX")
	}
	g.in("JNZ quad")
	g.bounds(rows)
	g.in("ADDQ $%d, R12", 8*g.bytes)
	g.in("ADDQ $%d, DI", 2*g.bytes)
	g.in("DECQ panels+16(FP)")
	g.in("JNZ panel")
	g.ret()
}

// fourQuads does the work of four steps without VNNI, for one vector of columns
// after the other: the sums of pairs of products stay in 16 bits over the four,
// which Codes.Set has seen to, and are widened once.
func (g *gen) fourQuads(rows int, address []string) {
	a, t, u, ones := g.reg(2*rows+4), g.reg(2*rows+5), g.reg(2*rows+6), g.reg(2*rows+7)
	for half := range 2 {
		for q := range 4 {
			g.in("VMOVUPS %d(BX), %s", (2*q+half)*g.bytes, g.reg(2*rows+q))
		}
		for r := range rows {
			for q := range 4 {
				to := u
				if q == 0 {
					to = t
				}
				g.in("VPBROADCASTD %d%s, %s", 4*q, address[r], a)
				g.in("VPMADDUBSW %s, %s, %s", a, g.reg(2*rows+q), to)
				if q > 0 {
					g.in("VPADDW %s, %s, %s", u, t, t)
				}
			}
			g.in("VPMADDWD %s, %s, %s", ones, t, t)
			g.in("VPADDD %s, %s, %s", t, g.reg(2*r+half), g.reg(2*r+half))
		}
	}
	g.in("ADDQ $%d, BX", 8*g.bytes)
	g.in("ADDQ $16, AX")
	g.in("SUBQ $4, CX")
}

// bounds turns the dot products of a panel into bounds.
func (g *gen) bounds(rows int) {
	c, width, value, least := g.reg(2*rows), g.reg(2*rows+1), g.reg(2*rows+2), g.reg(2*rows+3)
	g.in("MOVQ least+72(FP), AX")
	g.in("MOVQ DI, DX")
	for r := range rows {
		g.in("VMOVUPS %d(AX), %s", r*g.bytes, least)
		for half := range 2 {
			dot, at := g.reg(2*r+half), half*g.bytes
			g.in("VCVTDQ2PS %s, %s", dot, dot)
			g.in("VMULPS %d(R12), %s, %s", 2*g.bytes+at, dot, dot)
			g.in("VBROADCASTSS %d(R13), %s", 16*r+4, c)
			g.in("VMOVUPS %d(R12), %s", at, value)
			g.in("VFNMADD231PS %s, %s, %s", c, dot, value)
			g.in("VBROADCASTSS %d(R13), %s", 16*r+8, c)
			g.in("VMULPS %d(R12), %s, %s", 4*g.bytes+at, c, width)
			g.in("VBROADCASTSS %d(R13), %s", 16*r+12, c)
			g.in("VFMADD231PS %d(R12), %s, %s", 6*g.bytes+at, c, width)
			g.in("VSUBPS %s, %s, %s", width, value, dot)
			g.in("VMOVUPS %s, %d(DX)", dot, at)
			g.in("VADDPS %s, %s, %s", width, value, value)
			g.in("VMINPS %s, %s, %s", least, value, least) // a NaN loses
		}
		g.in("VMOVUPS %s, %d(AX)", least, r*g.bytes)
		if r < rows-1 {
			g.in("ADDQ SI, DX")
		}
	}
}

// peaks writes the largest absolute value of x, and to group the largest sum of
// absolute values over the places that fourQuads adds up in 16 bits: of each 16
// numbers, those at 0, 1, 4, 5, ..., and those at 2, 3, 6, 7, ... len(x) is a
// multiple of 32.
func (g *gen) peaks() {
	l := g.loop("peaks", "x []float32, group *float32) float32")
	sign, sum, pair := l.reg(8), l.reg(9), l.reg(10)
	g.in("VBROADCASTSS signBit<>(SB), %s", sign)
	for i := range 8 {
		g.in("VXORPS %s, %s, %s", g.narrow(i), g.narrow(i), g.narrow(i))
	}
	g.label("block")
	for half := range 2 {
		for i := range 2 {
			x := l.reg(11 + i)
			g.in("VANDNPS %d(SI)(DX*4), %s, %s", (2*half+i)*g.bytes, sign, x)
			l.op("VMAXPS", x, l.reg(2*half+i), l.reg(2*half+i))
		}
		l.op("VADDPS", l.reg(11), l.reg(12), sum)
		l.op("VPERMILPS", "$0xb1", sum, pair)
		l.op("VADDPS", pair, sum, sum)
		g.in("VEXTRACTF128 $1, %s, X10", sum)
		g.in("VADDPS X10, X9, X9")
		g.in("VMAXPS X9, X%d, X%d", 4+half, 4+half)
	}
	g.in("ADDQ $32, DX")
	g.in("SUBQ $32, CX")
	g.in("JNZ block")
	g.in("MOVQ group+24(FP), DI")
	l.foldTo(4, "VMAXPS", "(DI)")
	l.fold("VMAXPS")
}

// below writes the search of the bounds: bit j of mask tells whether low[j] <=
// limit, and the result is the least of those that are not. len(low) is a
// multiple of 32.
func (g *gen) below() {
	l := g.loop("below", "low []float32, mask *byte, limit float32) float32")
	limit, x, rest, high := l.arg["limit"], l.reg(4), l.reg(0), l.reg(5)
	g.in("MOVQ mask+24(FP), DI")
	for i := range 4 {
		g.in("VBROADCASTSS infinity<>(SB), %s", l.reg(i))
	}
	g.label("vector")
	g.in("VMOVUPS (SI)(DX*4), %s", x)
	if g.isa == "AVX512" {
		g.in("VCMPPS $18, %s, %s, K2", limit, x)
		g.in("KNOTW K2, K3")
		g.in("KMOVW K2, AX")
		g.in("VMINPS %s, %s, K3, %s", rest, x, rest)
		g.in("MOVW AX, (DI)")
	} else {
		g.in("VCMPPS $18, %s, %s, %s", limit, x, high)
		g.in("VMOVMSKPS %s, AX", high)
		g.in("VBLENDVPS %s, %s, %s, %s", high, rest, x, x)
		g.in("VMINPS %s, %s, %s", rest, x, rest)
		g.in("MOVB AX, (DI)")
	}
	g.in("ADDQ $%d, DI", l.lanes()/8)
	g.in("ADDQ $%d, DX", l.lanes())
	g.in("SUBQ $%d, CX", l.lanes())
	g.in("JNZ vector")
	l.fold("VMINPS")
}

// quantize writes the rounding of x/step to bytes: the result is the squared
// error, and the sum of the bytes goes to total. len(x) is a multiple of 32.
func (g *gen) quantize() {
	l := g.loop("quantize", "x []float32, dst *int8, total *float32, inverse, step float32) float32")
	l.top--
	magic, err, q, code := l.reg(l.top), l.reg(8), l.reg(9), l.reg(10)
	g.in("MOVQ dst+24(FP), DI")
	g.in("VBROADCASTSS magic<>(SB), %s", magic)
	for i := range 8 {
		g.in("VXORPS %s, %s, %s", g.narrow(i), g.narrow(i), g.narrow(i))
	}
	g.label("vector")
	g.in("VMOVUPS (SI)(DX*4), %s", err)
	l.op("VMOVAPS", magic, q)
	l.op("VFMADD231PS", l.arg["inverse"], err, q)
	if g.isa == "AVX512" {
		g.in("VPMOVDB %s, (DI)(DX*1)", q)
	} else {
		g.in("VPAND lowByte<>(SB), %s, %s", q, code)
		g.in("VPACKUSDW %s, %s, %s", code, code, code)
		g.in("VPACKUSWB %s, %s, %s", code, code, code)
		g.in("VEXTRACTI128 $1, %s, X11", code)
		g.in("VPUNPCKLDQ X11, X10, X10")
		g.in("VMOVQ X10, (DI)(DX*1)")
	}
	l.op("VSUBPS", magic, q, q)
	l.op("VADDPS", q, l.reg(4), l.reg(4))
	l.op("VFNMADD231PS", l.arg["step"], q, err)
	l.op("VFMADD231PS", err, err, l.reg(0))
	g.in("ADDQ $%d, DX", l.lanes())
	g.in("SUBQ $%d, CX", l.lanes())
	g.in("JNZ vector")
	g.in("MOVQ total+32(FP), DI")
	l.foldTo(4, "VADDPS", "(DI)")
	l.fold("VADDPS")
}
