package main

// sumRows writes the kernel, of AVX2 for all, that adds rows of x, times weights,
// to n elements of dst: eight vectors of dst are kept in registers while all rows go by, then one
// vector, then what is left under a mask.
func (g *gen) sumRows() {
	const strip = 8
	l := &loop{gen: g}
	w := g.reg(strip)
	g.text("sumRows", "dst *float32, n int, x *float32, rows *int32, weights *float32, count int)")
	for i, r := range []string{"DI", "CX", "SI", "R8", "R10", "R9"} { // in the order of the signature
		g.in("MOVQ %s+%d(FP), %s", []string{"dst", "n", "x", "rows", "weights", "count"}[i], 8*i, r)
	}
	g.in("MOVQ CX, R11")
	g.in("SHLQ $2, R11")
	part := func(name, next string, vectors int) {
		g.label(name)
		if vectors > 0 {
			g.in("CMPQ CX, $%d", vectors*g.lanes())
			g.in("JLT %s", next)
		} else {
			g.in("TESTQ CX, CX")
			g.in("JLE %s", next)
			l.mask()
		}
		for v := range max(1, vectors) {
			if vectors > 0 {
				g.in("VMOVUPS %d(DI), %s", v*g.bytes, g.reg(v))
			} else {
				g.in("VMASKMOVPS (DI), Y15, %s", g.reg(v))
			}
		}
		g.in("XORL DX, DX")
		g.label(name + "Row")
		g.in("MOVLQSX (R8)(DX*4), BX")
		g.in("IMULQ R11, BX")
		g.in("VBROADCASTSS (R10)(DX*4), %s", w)
		for v := range vectors {
			g.in("VFMADD231PS %d(SI)(BX*1), %s, %s", v*g.bytes, w, g.reg(v))
		}
		if vectors == 0 {
			g.in("VMASKMOVPS (SI)(BX*1), Y15, %s", g.reg(strip+1))
			g.in("VFMADD231PS %s, %s, %s", g.reg(strip+1), w, g.reg(0))
		}
		g.in("INCQ DX")
		g.in("CMPQ DX, R9")
		g.in("JLT %sRow", name)
		for v := range max(1, vectors) {
			if vectors > 0 {
				g.in("VMOVUPS %s, %d(DI)", g.reg(v), v*g.bytes)
			} else {
				g.in("VMASKMOVPS %s, Y15, (DI)", g.reg(v))
			}
		}
		if vectors > 0 {
			g.in("ADDQ $%d, DI", vectors*g.bytes)
			g.in("ADDQ $%d, SI", vectors*g.bytes)
			g.in("SUBQ $%d, CX", vectors*g.lanes())
			g.in("JMP %s", name)
		}
	}
	part("strip", "vector", strip)
	part("vector", "rest", 1)
	part("rest", "done", 0)
	g.label("done")
	g.ret()
}
