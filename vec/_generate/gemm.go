package main

import "fmt"

// tile writes the kernel at the heart of Gemm: a rows x 2-vector block of C is
// kept in registers while k goes by; each step loads two vectors of B and
// broadcasts one element of A per row.
//
// The rows of A are reached from one pointer by index registers that hold 1, 3,
// 5 and 7 times the row stride, so any stride along the rows and along k will do:
// a packed panel, A as it lies, and A transposed are the same to the kernel. It
// goes down one panel of B with as many panels of A as it is told, each next
// elements after the one before. On its way it brings two lines of the cache
// nearer for every four steps along k, from ahead on: step elements further each
// time, skip elements further for the next panel. AVX2 leaves out multiplying by
// an alpha of 1, which does not change a bit.
//
// With pairs, an element of A or B is two of bfloat16, one after the other along
// k, and both are packed.
func (g *gen) tile(name string, rows int, pairs bool) {
	acc := func(r, half int) string { return g.reg(2*r + half) }
	b0, b1 := g.reg(2*rows), g.reg(2*rows+1)
	address := []string{"(AX)", "(AX)(R8*1)", "(AX)(R8*2)", "(AX)(R9*1)", "(AX)(R8*4)", "(AX)(R10*1)", "(AX)(R9*2)", "(AX)(R11*1)"}

	multiply := func(a, b, c int) { g.in("VFMADD231PS %s, %s, %s", g.reg(a), g.reg(b), g.reg(c)) }
	if pairs {
		multiply = g.dotPairs
	}
	g.text(name, "panels, next, k int, a *float32, ars, aks int, b *float32, bks int, c *float32, ldc int, alpha, beta float32, ahead *float32, step, skip int)")
	g.in("MOVQ ars+32(FP), R8")
	g.in("MOVQ aks+40(FP), R12")
	g.in("MOVQ bks+56(FP), R13")
	g.in("MOVQ c+64(FP), DI")
	g.in("MOVQ ldc+72(FP), SI")
	for _, r := range []string{"R8", "R12", "R13", "SI"} {
		g.in("SHLQ $2, %s", r)
	}
	g.in("SHLQ $2, next+8(FP)")
	g.in("LEAQ (R8)(R8*2), R9")
	g.in("LEAQ (R8)(R8*4), R10")
	g.in("LEAQ (R9)(R8*4), R11")
	g.in("MOVQ step+96(FP), R14")
	g.in("SHLQ $2, R14")
	g.in("SHLQ $2, skip+104(FP)")
	g.label("panel")
	g.in("MOVQ ahead+88(FP), R15")
	g.in("MOVQ k+16(FP), CX")
	g.in("MOVQ a+24(FP), AX")
	g.in("MOVQ b+48(FP), BX")
	g.in("MOVQ DI, DX")
	for r := range rows {
		g.in("PREFETCHT0 (DX)")
		g.in("PREFETCHT0 %d(DX)", 2*g.bytes-4)
		if r < rows-1 {
			g.in("ADDQ SI, DX")
		}
	}
	for i := range 2 * rows {
		g.in("VXORPS %s, %s, %s", g.narrow(i), g.narrow(i), g.narrow(i))
	}

	step := func() {
		g.in("VMOVUPS (BX), %s", b0)
		g.in("VMOVUPS %d(BX), %s", g.bytes, b1)
		g.in("ADDQ R13, BX")
		for r := range rows {
			a := 2*rows + 2 + r%2
			g.in("VBROADCASTSS %s, %s", address[r], g.reg(a))
			multiply(a, 2*rows, 2*r)
			multiply(a, 2*rows+1, 2*r+1)
		}
		g.in("ADDQ R12, AX")
	}
	g.in("SUBQ $4, CX")
	g.in("JLT rest")
	g.in("PCALIGN $32")
	g.label("four")
	g.in("PREFETCHT1 (R15)")
	g.in("PREFETCHT1 64(R15)")
	g.in("ADDQ R14, R15")
	for range 4 {
		step()
	}
	g.in("SUBQ $4, CX")
	g.in("JGE four")
	g.label("rest")
	g.in("ADDQ $4, CX")
	g.in("JZ store")
	g.label("one")
	step()
	g.in("DECQ CX")
	g.in("JNZ one")

	g.label("store")
	alpha, beta := b0, b1
	if g.isa == "AVX2" {
		g.in("CMPL alpha+80(FP), $0x3f800000") // 1
		g.in("JEQ scaled")
	}
	g.in("VBROADCASTSS alpha+80(FP), %s", alpha)
	for i := range 2 * rows {
		g.in("VMULPS %s, %s, %s", alpha, g.reg(i), g.reg(i))
	}
	if g.isa == "AVX2" {
		g.label("scaled")
	}
	g.in("MOVL beta+84(FP), CX")
	g.in("SHLL $1, CX")
	g.in("JZ write")
	g.in("VBROADCASTSS beta+84(FP), %s", beta)
	g.in("MOVQ DI, DX")
	for r := range rows {
		g.in("VFMADD231PS (DX), %s, %s", beta, acc(r, 0))
		g.in("VFMADD231PS %d(DX), %s, %s", g.bytes, beta, acc(r, 1))
		if r < rows-1 {
			g.in("ADDQ SI, DX")
		}
	}
	g.label("write")
	for r := range rows {
		g.in("VMOVUPS %s, (DI)", acc(r, 0))
		g.in("VMOVUPS %s, %d(DI)", acc(r, 1), g.bytes)
		g.in("ADDQ SI, DI")
	}
	g.in("MOVQ next+8(FP), AX")
	g.in("ADDQ AX, a+24(FP)")
	g.in("MOVQ skip+104(FP), AX")
	g.in("ADDQ AX, ahead+88(FP)")
	g.in("DECQ panels+0(FP)")
	g.in("JNZ panel")
	g.ret()
}

// transpose8 writes the kernel that turns 8 rows of src into 8 columns of dst,
// in blocks of 8 x 8: unpack pairs, shuffle fours, exchange halves.
func (g *gen) transpose8() {
	g.text("transpose8", "dst *float32, dstStride int, src *float32, srcStride int, blocks int)")
	g.in("MOVQ dst+0(FP), DI")
	g.in("MOVQ dstStride+8(FP), SI")
	g.in("MOVQ src+16(FP), AX")
	g.in("MOVQ srcStride+24(FP), R8")
	g.in("MOVQ blocks+32(FP), CX")
	g.in("SHLQ $2, SI")
	g.in("SHLQ $2, R8")
	g.in("LEAQ (R8)(R8*2), R9")
	g.in("LEAQ (R8)(R8*4), R10")
	g.in("LEAQ (R9)(R8*4), R11")
	g.label("block")
	for r, a := range []string{"(AX)", "(AX)(R8*1)", "(AX)(R8*2)", "(AX)(R9*1)", "(AX)(R8*4)", "(AX)(R10*1)", "(AX)(R9*2)", "(AX)(R11*1)"} {
		g.in("VMOVUPS %s, %s", a, g.reg(r))
	}
	for i := 0; i < 8; i += 2 { // pairs of rows
		g.in("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		g.in("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for i := 0; i < 8; i += 4 { // fours: Yi..Yi+3 hold columns 0..3 of rows i..i+3, and 4..7 above
		for j := range 2 {
			g.in("VSHUFPS $0x44, Y%d, Y%d, Y%d", 10+i+j, 8+i+j, i+2*j)
			g.in("VSHUFPS $0xee, Y%d, Y%d, Y%d", 10+i+j, 8+i+j, i+2*j+1)
		}
	}
	for half := range 2 {
		for c := range 4 {
			g.in("VPERM2F128 $%#x, Y%d, Y%d, Y8", 0x20+0x11*half, 4+c, c)
			g.in("VMOVUPS Y8, (DI)")
			g.in("ADDQ SI, DI")
		}
	}
	g.in("ADDQ $32, AX")
	g.in("DECQ CX")
	g.in("JNZ block")
	g.ret()
}

// turn6 writes the kernel that turns 6 rows of src into a packed panel of six, in
// blocks of 8 columns. A column is stored with two elements more, which the next
// one overwrites: the panel needs room for them at its end.
func (g *gen) turn6() {
	g.text("turn6", "dst, src *float32, stride, blocks int)")
	g.in("MOVQ dst+0(FP), DI")
	g.in("MOVQ src+8(FP), AX")
	g.in("MOVQ stride+16(FP), R8")
	g.in("MOVQ blocks+24(FP), CX")
	g.in("SHLQ $2, R8")
	g.in("LEAQ (R8)(R8*2), R9")
	g.in("LEAQ (R8)(R8*4), R10")
	g.label("block")
	for r, a := range []string{"(AX)", "(AX)(R8*1)", "(AX)(R8*2)", "(AX)(R9*1)", "(AX)(R8*4)", "(AX)(R10*1)"} {
		g.in("VMOVUPS %s, %s", a, g.reg(r))
	}
	for i := 0; i < 6; i += 2 { // pairs of rows
		g.in("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		g.in("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	for j := range 2 { // four rows; the other two stay pairs: Y12 has columns 0, 1, 4, 5, Y13 the others
		g.in("VSHUFPS $0x44, Y%d, Y%d, Y%d", 10+j, 8+j, 2*j)
		g.in("VSHUFPS $0xee, Y%d, Y%d, Y%d", 10+j, 8+j, 2*j+1)
	}
	for j := range 2 {
		g.in("VPERMILPD $5, Y%d, Y%d", 12+j, 14+j)
	}
	for half := range 2 {
		for c, pair := range []string{"Y12", "Y14", "Y13", "Y15"} {
			g.in("VPERM2F128 $%#x, %s, Y%d, Y8", 0x20+0x11*half, pair, c)
			g.in("VMOVUPS Y8, %d(DI)", 24*(4*half+c))
		}
	}
	g.in("ADDQ $32, AX")
	g.in("ADDQ $192, DI")
	g.in("DECQ CX")
	g.in("JNZ block")
	g.ret()
}

// copy6 writes the kernel that packs rows of 24 into four panels of six, room
// elements apart. As in turn6 a row of a panel takes two elements more with it,
// from src as well.
func (g *gen) copy6() {
	g.text("copy6", "dst *float32, room int, src *float32, stride, k int)")
	g.in("MOVQ dst+0(FP), DI")
	g.in("MOVQ room+8(FP), R9")
	g.in("MOVQ src+16(FP), AX")
	g.in("MOVQ stride+24(FP), R8")
	g.in("MOVQ k+32(FP), CX")
	g.in("SHLQ $2, R8")
	g.in("SHLQ $2, R9")
	g.in("LEAQ (R9)(R9*2), R10")
	g.label("row")
	for i := range 4 {
		g.in("VMOVUPS %d(AX), Y%d", 24*i, i)
	}
	g.in("ADDQ R8, AX")
	for i, a := range []string{"(DI)", "(DI)(R9*1)", "(DI)(R9*2)", "(DI)(R10*1)"} {
		g.in("VMOVUPS Y%d, %s", i, a)
	}
	g.in("ADDQ $24, DI")
	g.in("DECQ CX")
	g.in("JNZ row")
	g.ret()
}

func (g *gen) narrow(i int) string { return fmt.Sprintf("X%d", i) }

// copyPanel writes the kernel that packs rows of one panel: for each of k rows of
// src, that many vectors go to dst, one row after the other.
func (g *gen) copyPanel(name string, vectors int) {
	g.text(name, "dst, src *float32, stride, k int)")
	g.in("MOVQ dst+0(FP), DI")
	g.in("MOVQ src+8(FP), AX")
	g.in("MOVQ stride+16(FP), R8")
	g.in("MOVQ k+24(FP), CX")
	g.in("SHLQ $2, R8")
	g.label("row")
	for v := range vectors {
		g.in("VMOVUPS %d(AX), %s", v*g.bytes, g.reg(v))
	}
	g.in("ADDQ R8, AX")
	for v := range vectors {
		g.in("VMOVUPS %s, %d(DI)", g.reg(v), v*g.bytes)
	}
	g.in("ADDQ $%d, DI", vectors*g.bytes)
	g.in("DECQ CX")
	g.in("JNZ row")
	g.ret()
}

// dotPairs writes VDPBF16PS c += a*b, which the assembler does not know: in each
// lane the products of two pairs.
func (g *gen) dotPairs(a, b, c int) { g.evex(0xf3, 0x52, a, b, c) }

// toPairs writes VCVTNE2PS2BF16: the lower half of dst becomes low in bfloat16,
// the upper half high.
func (g *gen) toPairs(low, high, dst int) { g.evex(0xf2, 0x72, low, high, dst) }

// evex writes a 512-bit instruction of the map 0F38 on three registers: dst is
// op of second and first, in Intel's order the last operand and the middle one.
func (g *gen) evex(prefix, op byte, first, second, dst int) {
	bit := func(x, i int) byte { return byte(^x >> i & 1) } // registers are stored inverted
	p0 := bit(dst, 3)<<7 | bit(first, 4)<<6 | bit(first, 3)<<5 | bit(dst, 4)<<4 | 2
	p1 := byte(^second&15)<<3 | 4 | map[byte]byte{0xf3: 2, 0xf2: 3}[prefix]
	p2 := 2<<5 | bit(second, 4)<<3
	modrm := byte(3<<6 | dst&7<<3 | first&7)
	for _, b := range []byte{0x62, p0, p1, p2, op, modrm} {
		g.in("BYTE $%#02x", b)
	}
}

// pairRows writes the kernel that packs rows of one panel in pairs: element i of
// rows 2p and 2p+1 of src to element i of row p of dst, in bfloat16.
func (g *gen) pairRows(name string, width int) {
	class, size := "Z", 64
	if width < 16 {
		class, size = "Y", 32
	}
	g.text(name, "dst, src *float32, stride, pairs int)")
	g.in("MOVQ dst+0(FP), DI")
	g.in("MOVQ src+8(FP), AX")
	g.in("MOVQ stride+16(FP), R8")
	g.in("MOVQ pairs+24(FP), CX")
	g.in("SHLQ $2, R8")
	g.in("VMOVDQU64 interleave<>(SB), Z31")
	g.label("pair")
	vectors := width * 4 / size
	for v := range vectors {
		g.in("VMOVUPS %d(AX), %s%d", v*size, class, v)
		g.in("VMOVUPS %d(AX)(R8*1), %s%d", v*size, class, v+2)
	}
	g.in("LEAQ (AX)(R8*2), AX")
	for v := range vectors {
		g.toPairs(v, v+2, v)
		g.in("VPERMW Z%d, Z31, Z%d", v, v)
		g.in("VMOVUPS %s%d, %d(DI)", class, v, v*size)
	}
	g.in("ADDQ $%d, DI", vectors*size)
	g.in("DECQ CX")
	g.in("JNZ pair")
	g.ret()
}

// pairs writes the conversion of blocks of 32 numbers to bfloat16.
func (g *gen) pairs() {
	g.text("pairs", "dst, src *float32, blocks int)")
	g.in("MOVQ dst+0(FP), DI")
	g.in("MOVQ src+8(FP), AX")
	g.in("MOVQ blocks+16(FP), CX")
	g.label("block")
	g.in("VMOVUPS (AX), Z0")
	g.in("VMOVUPS 64(AX), Z1")
	g.toPairs(0, 1, 0)
	g.in("VMOVUPS Z0, (DI)")
	g.in("ADDQ $128, AX")
	g.in("ADDQ $64, DI")
	g.in("DECQ CX")
	g.in("JNZ block")
	g.ret()
}
