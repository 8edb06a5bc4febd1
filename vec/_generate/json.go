package main

import (
	"bytes"
	"fmt"
)

// shortEscapes are the escapes of JSON that have two characters, without the
// backslash, and what they stand for.
var shortEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escapeTable writes what a backslash and the byte i stand for at i, 0 for all
// that is not an escape of two characters.
func escapeTable(w *bytes.Buffer) {
	fmt.Fprintln(w)
	for i := range 32 {
		var word uint64
		for j := range 8 {
			word |= uint64(shortEscapes[byte(8*i+j)]) << (8 * j)
		}
		fmt.Fprintf(w, "DATA escapes<>+%d(SB)/8, $0x%016x\n", 8*i, word)
	}
	fmt.Fprintln(w, "GLOBL escapes<>(SB), RODATA|NOPTR, $256")
}

// escape goes to the first byte of the mask AX. If it starts an escape of two
// characters, BX is what that stands for, and SI is behind it; anything else ends
// at done.
func (g *gen) escape() {
	g.in("TZCNTL AX, AX")
	g.in("ADDQ AX, SI")
	g.in("CMPB (SI), $0x5c")
	g.in("JNE done")
	g.in("LEAQ 1(SI), AX")
	g.in("CMPQ AX, R9")
	g.in("JAE done")
	g.in("MOVBLZX (AX), AX")
	g.in("MOVBLZX (R10)(AX*1), BX")
	g.in("TESTL BX, BX")
	g.in("JZ done")
	g.in("ADDQ $2, SI")
}

// beginText loads src, of n bytes, at least a register: R9 is its end, DX the last
// place where a whole register can be read.
func (g *gen) beginText(src, n string) {
	g.in("MOVQ %s, SI", src)
	g.in("MOVQ %s, R9", n)
	g.in("ADDQ SI, R9")
	g.in("LEAQ -%d(R9), DX", g.bytes)
	g.in("LEAQ escapes<>(SB), R10")
	g.in("MOVL $0x5c, AX")
	g.in("MOVQ AX, X4")
	g.in("VPBROADCASTB X4, Y4")
}

// skipText passes bytes of a JSON string and its escapes of two characters, while
// a whole register is left. It stops at a quote, a control character or another
// backslash, and counts the escapes.
func (g *gen) skipText() {
	g.text("skipText", "src *byte, n int, escapes *int) int")
	g.beginText("src+0(FP)", "n+8(FP)")
	for i, c := range []int{0x22, 0x1f} {
		g.in("MOVL $%#x, AX", c)
		g.in("MOVQ AX, X%d", 5+i)
		g.in("VPBROADCASTB X%d, Y%d", 5+i, 5+i)
	}
	g.in("XORL R11, R11")
	g.label("block")
	g.in("CMPQ SI, DX")
	g.in("JHI done")
	g.in("VMOVDQU (SI), Y0")
	g.in("VPCMPEQB Y0, Y4, Y1")
	g.in("VPCMPEQB Y0, Y5, Y2")
	g.in("VPMINUB Y0, Y6, Y3")
	g.in("VPCMPEQB Y0, Y3, Y3")
	g.in("VPOR Y1, Y2, Y1")
	g.in("VPOR Y1, Y3, Y1")
	g.in("VPMOVMSKB Y1, AX")
	g.in("TESTL AX, AX")
	g.in("JNZ found")
	g.in("ADDQ $%d, SI", g.bytes)
	g.in("JMP block")
	g.label("found")
	g.escape()
	g.in("INCQ R11")
	g.in("JMP block")
	g.label("done")
	g.in("MOVQ escapes+16(FP), AX")
	g.in("MOVQ R11, (AX)")
	g.in("SUBQ src+0(FP), SI")
	g.in("MOVQ SI, ret+24(FP)")
	g.ret()
}

// unescape copies bytes of a JSON string and what its escapes of two characters
// stand for, while a whole register is left. It stops at another backslash.
func (g *gen) unescape() {
	g.text("unescape", "dst, src *byte, n int, written *int) int")
	g.beginText("src+8(FP)", "n+16(FP)")
	g.in("MOVQ dst+0(FP), DI")
	g.label("block")
	g.in("CMPQ SI, DX")
	g.in("JHI done")
	g.in("VMOVDQU (SI), Y0")
	g.in("VMOVDQU Y0, (DI)")
	g.in("VPCMPEQB Y0, Y4, Y1")
	g.in("VPMOVMSKB Y1, AX")
	g.in("TESTL AX, AX")
	g.in("JNZ found")
	g.in("ADDQ $%d, SI", g.bytes)
	g.in("ADDQ $%d, DI", g.bytes)
	g.in("JMP block")
	g.label("found")
	g.in("TZCNTL AX, BX")
	g.in("ADDQ BX, DI")
	g.escape()
	g.in("MOVB BX, (DI)")
	g.in("INCQ DI")
	g.in("JMP block")
	g.label("done")
	g.in("SUBQ dst+0(FP), DI")
	g.in("MOVQ written+24(FP), AX")
	g.in("MOVQ DI, (AX)")
	g.in("SUBQ src+8(FP), SI")
	g.in("MOVQ SI, ret+32(FP)")
	g.ret()
}
