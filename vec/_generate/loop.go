package main

import (
	"fmt"
	"strings"
)

// A loop writes one element-wise kernel or reduction. The body is written once
// and emitted for whole vectors and for the masked rest; within it, load, store,
// scalar and tmp give it its operands. Element DX of slice s is at (ptr[s])(DX*4).
type loop struct {
	*gen
	sig    signature
	ptr    map[string]string
	arg    map[string]string // scalar arguments, broadcast
	next   int               // next free register
	top    int               // registers from here up are taken
	at     int               // byte offset of this vector in an unrolled block
	acc    int               // index of this vector's accumulator
	masked bool
}

var pointers = []string{"SI", "DI", "R8", "R9", "R10", "R11"}

func (g *gen) loop(name, signature string) *loop {
	l := &loop{gen: g, sig: g.text(name, signature), ptr: map[string]string{}, arg: map[string]string{}, top: g.registers()}
	if g.isa == "AVX2" {
		l.top-- // the mask
	}
	for _, p := range l.sig.params {
		switch {
		case strings.HasPrefix(p.typ, "[]"):
			l.ptr[p.name] = pointers[len(l.ptr)]
			g.in("MOVQ %s_base+%d(FP), %s", p.name, p.offset, l.ptr[p.name])
			if len(l.ptr) == 1 {
				g.in("MOVQ %s_len+%d(FP), CX", p.name, p.offset+8)
			}
		case p.typ == "float32" && p.name != "ret":
			l.top--
			l.arg[p.name] = g.reg(l.top)
			g.in("VBROADCASTSS %s+%d(FP), %s", p.name, p.offset, l.arg[p.name])
		}
	}
	g.in("XORL DX, DX")
	return l
}

// each does body for every element: blocks of four vectors, single vectors, and
// the rest under a mask.
func (l *loop) each(body func()) {
	l.blocks(4, body)
	l.label("vector")
	l.in("CMPQ CX, $%d", l.lanes())
	l.in("JLT rest")
	l.emit(0, body)
	l.in("ADDQ $%d, DX", l.lanes())
	l.in("SUBQ $%d, CX", l.lanes())
	l.in("JMP vector")
	l.label("rest")
	l.in("TESTQ CX, CX")
	l.in("JZ done")
	l.mask()
	l.masked = true
	l.emit(0, body)
	l.label("done")
	l.ret()
}

// reduceLanes is the number of partial sums: element i goes to sum i mod 32 in
// every instruction set, so that all give the same bits.
const reduceLanes = 32

// reduce does body for every element, with one set of n accumulators per vector
// of a block, starting at the named constants; then finish.
func (l *loop) reduce(start []string, body, finish func()) {
	vectors := reduceLanes / l.lanes()
	for v := range vectors {
		for i, c := range start {
			l.in("VBROADCASTSS %s<>(SB), %s", c, l.reg(v*len(start)+i))
		}
	}
	l.next = max(l.next, vectors*len(start))
	l.blocks(vectors, body)
	l.masked = true
	for v := range vectors {
		l.in("TESTQ CX, CX")
		l.in("JLE done")
		l.mask()
		l.acc = v
		l.emit(0, body)
		l.in("ADDQ $%d, DX", l.lanes())
		l.in("SUBQ $%d, CX", l.lanes())
	}
	l.label("done")
	finish()
}

// blocks emits the main loop, over blocks of several whole vectors.
func (l *loop) blocks(vectors int, body func()) {
	n := vectors * l.lanes()
	l.in("SUBQ $%d, CX", n)
	l.in("JLT last")
	l.in("PCALIGN $32")
	l.label("block")
	for v := range vectors {
		l.acc = v
		l.emit(v*l.bytes, body)
	}
	l.in("ADDQ $%d, DX", n)
	l.in("SUBQ $%d, CX", n)
	l.in("JGE block")
	l.label("last")
	l.in("ADDQ $%d, CX", n)
}

func (l *loop) emit(at int, body func()) {
	first := l.next
	l.at = at
	body()
	l.next = first
}

// mask lets through the first CX lanes.
func (l *loop) mask() {
	if l.isa == "AVX512" {
		l.in("MOVL $-1, AX")
		l.in("BZHIL CX, AX, AX")
		l.in("KMOVW AX, K1")
		return
	}
	l.in("VMOVD CX, X15")
	l.in("VPBROADCASTD X15, Y15")
	l.in("VPCMPGTD iota<>(SB), Y15, Y15")
}

func (l *loop) mem(slice string) string { return fmt.Sprintf("%d(%s)(DX*4)", l.at, l.ptr[slice]) }

func (l *loop) tmp() string {
	if l.next++; l.next > l.top {
		panic("out of registers")
	}
	return l.reg(l.next - 1)
}

// load gives a vector of slice, zero beyond the end.
func (l *loop) load(slice string) string {
	r := l.tmp()
	switch {
	case !l.masked:
		l.in("VMOVUPS %s, %s", l.mem(slice), r)
	case l.isa == "AVX512":
		l.in("VMOVUPS.Z %s, K1, %s", l.mem(slice), r)
	default:
		l.in("VMASKMOVPS %s, Y15, %s", l.mem(slice), r)
	}
	return r
}

// loadOr is load with the named constant beyond the end.
func (l *loop) loadOr(slice, constant string) string {
	if !l.masked {
		return l.load(slice)
	}
	r := l.constant(constant)
	if l.isa == "AVX512" {
		l.in("VMOVUPS %s, K1, %s", l.mem(slice), r)
		return r
	}
	x := l.load(slice)
	l.in("VBLENDVPS Y15, %s, %s, %s", x, r, r)
	return r
}

func (l *loop) store(r, slice string) {
	switch {
	case !l.masked:
		l.in("VMOVUPS %s, %s", r, l.mem(slice))
	case l.isa == "AVX512":
		l.in("VMOVUPS %s, K1, %s", r, l.mem(slice))
	default:
		l.in("VMASKMOVPS %s, Y15, %s", r, l.mem(slice))
	}
}

// zero clears r beyond the end.
func (l *loop) zero(r string) {
	switch {
	case !l.masked:
	case l.isa == "AVX512":
		l.in("VMOVAPS.Z %s, K1, %s", r, r)
	default:
		l.in("VANDPS %s, Y15, %s", r, r)
	}
}

// constant gives a register that holds the named constant.
func (l *loop) constant(name string) string {
	r := l.tmp()
	l.in("VBROADCASTSS %s<>(SB), %s", name, r)
	return r
}

// with does an instruction whose first operand is the named constant.
func (l *loop) with(op, constant string, operands ...string) {
	if l.isa == "AVX512" {
		op += ".BCST"
	}
	l.in("%s %s<>(SB), %s", op, constant, strings.Join(operands, ", "))
}

// op does an instruction; the destination comes last and is returned.
func (l *loop) op(op string, operands ...string) string {
	l.in("%s %s", op, strings.Join(operands, ", "))
	return operands[len(operands)-1]
}

// fold combines all lanes of the accumulators with op and returns the result.
func (l *loop) fold(op string) {
	l.foldTo(0, op, fmt.Sprintf("ret+%d(FP)", l.sig.size-4))
	l.ret()
}

// foldTo combines all lanes of the accumulators from register r on with op.
func (l *loop) foldTo(r int, op, to string) {
	x, y := func(i int) string { return fmt.Sprintf("X%d", r+i) }, func(i int) string { return fmt.Sprintf("Y%d", r+i) }
	if l.isa == "AVX512" {
		l.in("%s Z%d, Z%d, Z%d", op, r+1, r, r)
		l.in("VEXTRACTF64X4 $1, Z%d, %s", r, y(1))
	} else {
		l.in("%s %s, %s, %s", op, y(2), y(0), y(0))
		l.in("%s %s, %s, %s", op, y(3), y(1), y(1))
	}
	l.in("%s %s, %s, %s", op, y(1), y(0), y(0))
	l.in("VEXTRACTF128 $1, %s, %s", y(0), x(1))
	l.in("%s %s, %s, %s", op, x(1), x(0), x(0))
	l.in("VMOVHLPS %s, %s, %s", x(0), x(0), x(1))
	l.in("%s %s, %s, %s", op, x(1), x(0), x(0))
	l.in("VMOVSHDUP %s, %s", x(0), x(1))
	l.in("%s %s, %s, %s", op, x(1), x(0), x(0))
	l.in("VMOVSS %s, %s", x(0), to)
}

// sum reduces with op, starting at the named constant.
func (l *loop) sum(op, start string, body func()) {
	l.reduce([]string{start}, body, func() { l.fold(op) })
}
