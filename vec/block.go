package vec

import "sync"

// Block sizes, after Goto and van de Geijn 2008, "Anatomy of High-Performance
// Matrix Multiplication": a panel of B (blockK x 32) stays in the first-level
// cache, a block of A (blockM x blockK) in the second, packed B (blockK x blockN)
// in the third.
const (
	blockK = 256 // part of the result: it sets the order of the sums
	blockN = 1024
	// directB is the number of rows of C up to which packing B does not pay.
	directB = 64
	// packA is the number of columns of C from which packing pays for an A whose
	// elements along k, where tiles go down them, meet in the same lines of a
	// cache because they are a multiple of aliased elements apart. The small
	// tiles of AVX2 ask for new lines of A more often: for them packing pays for
	// any A that is transposed, and where rows meet.
	packA       = 512
	packAAVX2   = 128
	aliased     = 1024
	aliasedAVX2 = 512
)

// blockM is a multiple of the tiles' rows. With AVX-512 its 32 tiles bring the
// next panel of B nearer; those of AVX2 leave it as small as older caches are.
func blockM() int {
	if level == avx512 {
		return 256
	}
	return 192
}

// A product is one call of Gemm with the transposes turned into strides: element
// (i, p) of op(A) is a[i*ars+p*aks], element (p, j) of op(B) b[p*bks+j*bcs].
type product struct {
	bf16        bool
	m, n, k     int
	alpha, beta float32
	a           []float32
	ars, aks    int
	b           []float32
	bks, bcs    int
	c           []float32
	ldc         int
}

// A workspace holds packed panels of A and B and one tile of C. They are pooled,
// so that Gemm does not allocate.
type workspace struct {
	a, b []float32
	edge []float32
	next ahead     // what tiles bring nearer
	turn []float32 // rows in bfloat16 on their way to columns
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// grow returns buf with n elements, which hold anything.
func grow(buf []float32, n int) []float32 {
	if cap(buf) < n {
		return make([]float32, n)
	}
	return buf[:n]
}

// run cuts k into equal parts of at most blockK, twice that in bfloat16. Each is summed by itself, in
// order, and added to C; nothing else sets the order of the sums.
func (p product) run() {
	w := workspaces.Get().(*workspace)
	limit := blockK
	if p.bf16 {
		limit = 2 * blockK
	}
	parts := (p.k + limit - 1) / limit
	for i := range parts {
		from, to := i*p.k/parts, (i+1)*p.k/parts
		part := p
		part.a, part.b, part.k = p.a[from*p.aks:], p.b[from*p.bks:], to-from
		if i > 0 {
			part.beta = 1
		}
		for j := 0; j < p.n; j += blockN {
			block := part
			block.n, block.b, block.c = min(blockN, p.n-j), part.b[j*p.bcs:], p.c[j:]
			w.multiply(block)
		}
	}
	w.next = ahead{} // keeps nobody's memory alive
	workspaces.Put(w)
}

// multiply does a product of up to blockK x blockN elements of op(B): for each
// block of rows, for each panel of B, every panel of A.
func (w *workspace) multiply(p product) {
	mr, nr := tileSize()
	b := side{x: p.b, across: p.bcs, along: p.bks, n: p.n, k: p.k, bf16: p.bf16, width: nr, once: p.m <= blockM(), turn: &w.turn}
	if level != portable && !p.bf16 && p.bcs == 1 && p.m <= directB {
		b.placed = p.n / nr
	}
	w.b = b.room(w.b)
	for i0 := 0; i0 < p.m; i0 += blockM() {
		a := side{x: p.a[i0*p.ars:], across: p.ars, along: p.aks, n: min(blockM(), p.m-i0), k: p.k, bf16: p.bf16, width: mr, turn: &w.turn}
		if p.inPlace() {
			a.placed = a.n / mr
		}
		w.a = a.room(w.a)
		for q := a.placed; q < a.panels(); {
			q += a.pack(q)
		}
		for q := range b.panels() {
			if i0 == 0 {
				b.pack(q)
			}
			bx, _, bks := b.panel(q)
			w.next = ahead{at: &bx[0]}
			if i0 == 0 && q+1 < b.panels() {
				w.next = b.ahead(q + 1)
			}
			w.column(&p, &a, bx, bks, p.c[i0*p.ldc+q*nr:], min(nr, p.n-q*nr))
		}
	}
}

// inPlace tells whether the kernel reads A where it lies.
func (p *product) inPlace() bool {
	if p.bf16 {
		return false
	}
	switch level {
	case avx512:
		return p.n < packA || p.aks%aliased != 0
	case avx2:
		return p.n < packAAVX2 || p.aks == 1 && (p.n < packA || p.ars%aliasedAVX2 != 0)
	}
	return false
}

// column adds the panels of A times a panel of B to a.n x cols elements of C.
// Whole tiles go together: those placed, then those packed.
func (w *workspace) column(p *product, a *side, b []float32, bks int, c []float32, cols int) {
	mr, nr := tileSize()
	whole := 0
	if cols == nr {
		whole = a.n / mr
	}
	for r := 0; r < whole; {
		x, ars, aks := a.panel(r)
		end, next := min(whole, a.placed), mr*ars
		if r >= a.placed {
			end, next = whole, mr*a.depth()
		}
		tiles(p.bf16, end-r, next, a.depth(), x, ars, aks, b, bks, c[r*mr*p.ldc:], p.ldc, p.alpha, p.beta, w.next)
		r = end
	}
	for r := whole; r < a.panels(); r++ {
		w.edgeTile(p, a, r, b, bks, c[r*mr*p.ldc:], cols)
	}
}

// edgeTile does panel r of A where C ends, by way of a whole tile, so that those
// elements get the same arithmetic as all others.
func (w *workspace) edgeTile(p *product, a *side, r int, b []float32, bks int, c []float32, cols int) {
	mr, nr := tileSize()
	rows := min(mr, a.n-r*mr)
	x, ars, aks := a.panel(r)
	w.edge = grow(w.edge, mr*nr)
	for i := 0; i < rows && p.beta != 0; i++ {
		copy(w.edge[i*nr:][:cols], c[i*p.ldc:])
	}
	tiles(p.bf16, 1, 0, a.depth(), x, ars, aks, b, bks, w.edge, nr, p.alpha, p.beta, w.next)
	for i := range rows {
		copy(c[i*p.ldc:][:cols], w.edge[i*nr:])
	}
}
