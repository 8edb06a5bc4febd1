package main

// minHash writes the kernel of minwise hashing: for each of units times 16
// elements i, dst[i] = min(dst[i], a[i]*x[j]+b[i]) over the n elements of x.
func (g *gen) minHash() {
	const lanes = 16
	g.text("minHash", "units, n int, dst, a, b, x *uint32)")
	g.in("MOVQ units+0(FP), R8")
	g.in("MOVQ n+8(FP), R9")
	g.in("MOVQ dst+16(FP), DI")
	g.in("MOVQ a+24(FP), SI")
	g.in("MOVQ b+32(FP), DX")
	g.in("MOVQ x+40(FP), R10")
	n := lanes / g.lanes()
	move := "VMOVDQU" + g.suffix("32")
	g.label("unit")
	for v := range n {
		g.in("%s %d(DI), %s", move, v*g.bytes, g.reg(v))
		g.in("%s %d(SI), %s", move, v*g.bytes, g.reg(n+v))
		g.in("%s %d(DX), %s", move, v*g.bytes, g.reg(2*n+v))
	}
	g.in("MOVQ R10, AX")
	g.in("MOVQ R9, CX")
	g.label("element")
	g.in("VPBROADCASTD (AX), %s", g.reg(3*n))
	for v := range n {
		t := g.reg(3*n + 1 + v)
		g.in("VPMULLD %s, %s, %s", g.reg(n+v), g.reg(3*n), t)
		g.in("VPADDD %s, %s, %s", g.reg(2*n+v), t, t)
		g.in("VPMINUD %s, %s, %s", t, g.reg(v), g.reg(v))
	}
	g.in("ADDQ $4, AX")
	g.in("DECQ CX")
	g.in("JNZ element")
	for v := range n {
		g.in("%s %s, %d(DI)", move, g.reg(v), v*g.bytes)
	}
	for _, p := range []string{"DI", "SI", "DX"} {
		g.in("ADDQ $%d, %s", 4*lanes, p)
	}
	g.in("DECQ R8")
	g.in("JNZ unit")
	g.ret()
}
