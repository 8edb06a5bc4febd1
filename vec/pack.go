package vec

// A side is op(A) or op(B) cut into panels of width rows of op(A), or columns of
// op(B), by all of k. Element (i, p) is x[i*across+p*along]. The first placed
// panels are used where they lie; the others are packed: element (i, p) of panel
// q at buf[(q-placed)*width*k + p*width + i], zeros beyond the edge. With once
// set, all packed panels take turns in the place of the first. With bf16, all are
// packed and rounded, and where tiles take pairs an element of the panel is the
// two of p = 2r and 2r+1.
type side struct {
	x             []float32
	across, along int
	n, k, width   int
	bf16          bool
	placed        int
	once          bool
	buf           []float32
	turn          *[]float32
}

// depth is the number of elements along k of a packed panel.
func (s *side) depth() int {
	if s.bf16 && pairing() {
		return (s.k + 1) / 2
	}
	return s.k
}

func (s *side) panels() int { return (s.n + s.width - 1) / s.width }

// room makes buf large enough for the packed panels and uses it.
func (s *side) room(buf []float32) []float32 {
	packed := s.panels() - s.placed
	if s.once {
		packed = min(packed, 1)
	}
	if need := packed*s.width*s.depth() + 2; cap(buf) < need { // turn6 wants two more
		buf = make([]float32, need)
	}
	s.buf = buf[:cap(buf)]
	return buf
}

func (s *side) slot(q int) []float32 {
	if s.once {
		return s.buf
	}
	return s.buf[(q-s.placed)*s.width*s.depth():]
}

// panel returns panel q with the strides of its elements.
func (s *side) panel(q int) (x []float32, across, along int) {
	if q < s.placed {
		return s.x[q*s.width*s.across:], s.across, s.along
	}
	return s.slot(q), 1, s.width
}

// An ahead is memory that is wanted soon, for tiles to bring to the second-level
// cache: for every four steps along k the line at at and the next, step elements
// further each time; skip elements further for the next tile.
type ahead struct {
	at         *float32
	step, skip int
}

// ahead is what panel q will be packed from, in an order in which some 32 tiles
// bring all of it.
func (s *side) ahead(q int) ahead {
	at := &s.x[q*s.width*s.across]
	if s.across == 1 {
		return ahead{at, s.along, (s.k + 31) / 32 * s.along}
	}
	return ahead{at, s.k / max(1, s.depth()/4), s.across}
}

// pack packs panel q unless it is used where it lies, and with it those after it
// that a kernel does at the same time; it returns how many it did. x has stride 1
// across or along: rows are copied or turned.
func (s *side) pack(q int) (done int) {
	if q < s.placed {
		return 1
	}
	width, dst, src := s.width, s.slot(q)[:s.width*s.depth()], s.x[q*s.width*s.across:]
	n := min(width, s.n-q*width)
	if n < width {
		clear(dst)
	}
	if s.bf16 {
		s.packNarrow(dst, src, n)
		return 1
	}
	if s.across == 1 {
		return s.packRows(q, dst, src, n)
	}
	for i := 0; i < n; {
		columns, from := min(8, n-i), 0
		switch {
		case n == 6 && width == 6:
			from = turn6(s.slot(q), src, s.across, s.k)
		case columns == 8:
			from = transpose8(dst[i:], width, src[i*s.across:], s.across, s.k)
		}
		for ; columns > 0; columns-- {
			row := src[i*s.across:]
			for p := from; p < s.k; p++ {
				dst[p*width+i] = row[p]
			}
			i++
		}
	}
	return 1
}

// packRows packs rows of n elements of src.
func (s *side) packRows(q int, dst, src []float32, n int) (done int) {
	if n == s.width && copyRows(dst, src, s.along, s.width, s.k) {
		return 1
	}
	done, from := 1, 0
	if s.width == 6 && s.n-q*s.width >= 24 {
		dst = s.slot(q)
		done, from = 4, copy6(dst, src, s.along, s.k)
	}
	for i := range done {
		for p := from; p < s.k; p++ {
			copy(dst[(i*s.k+p)*s.width:][:n], src[p*s.along+i*s.width:])
		}
	}
	return done
}
