package corpus

import (
	"encoding/binary"
	"fmt"
)

// A hybrid reads numbers of width bits in Parquet's mixture of runs and packed
// groups of eight, which definition levels and the indices of a dictionary are
// written in.
type hybrid struct {
	src    []byte
	width  int    // bits, 0 to 32
	left   uint64 // numbers of the present run or groups
	value  uint32 // of the run
	packed []byte // the groups; nil in a run
	bit    int    // of packed that comes next
}

// next is the next number.
func (h *hybrid) next() (uint32, error) {
	for h.left == 0 {
		if err := h.begin(); err != nil {
			return 0, err
		}
	}
	h.left--
	if h.packed == nil {
		return h.value, nil
	}
	var b [8]byte
	copy(b[:], h.packed[h.bit/8:])
	v := uint32(binary.LittleEndian.Uint64(b[:]) >> (h.bit % 8) & (1<<h.width - 1))
	h.bit += h.width
	return v, nil
}

// begin takes the head of a run or of groups.
func (h *hybrid) begin() error {
	head, k := binary.Uvarint(h.src)
	if k <= 0 {
		return fmt.Errorf("%w: levels or indices end early", errParquet)
	}
	h.src = h.src[k:]
	n := head >> 1
	if head&1 == 0 {
		size := (h.width + 7) / 8
		if len(h.src) < size {
			return fmt.Errorf("%w: levels or indices end early", errParquet)
		}
		var b [4]byte
		copy(b[:], h.src[:size])
		h.left, h.value, h.packed, h.src = n, binary.LittleEndian.Uint32(b[:]), nil, h.src[size:]
		return nil
	}
	if h.width > 0 && n > uint64(len(h.src)/h.width) {
		return fmt.Errorf("%w: levels or indices end early", errParquet)
	}
	size := int(n) * h.width
	h.left, h.packed, h.bit, h.src = 8*n, h.src[:size:size], 0, h.src[size:]
	if h.width == 0 { // a dictionary of one entry
		h.packed, h.value = nil, 0
	}
	return nil
}
