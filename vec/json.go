package vec

import (
	"encoding/binary"
	"math/bits"
)

// SkipText is the number of bytes at the start of src, the inside of a JSON
// string, that need no closer look: characters, and escapes of two characters,
// which are counted. It stops at a quote, a control character, any other
// backslash, or the end of src.
func SkipText(src []byte) (n, escapes int) {
	n, escapes = skipText(src)
	for n < len(src) {
		if n += PlainText(src[n:]); n+1 >= len(src) || src[n] != '\\' || shortEscape[src[n+1]] == 0 {
			break
		}
		n, escapes = n+2, escapes+1
	}
	return n, escapes
}

// Unescape copies the start of src, the inside of a JSON string, to dst with its
// escapes of two characters resolved, until another backslash or the end of src.
// It returns the bytes written and read. dst must have room for len(src); what is
// behind the bytes written may hold anything.
func Unescape(dst, src []byte) (written, read int) {
	dst = dst[:len(src)]
	written, read = unescape(dst, src)
	for read < len(src) {
		c := src[read]
		if c == '\\' {
			if read++; read == len(src) || shortEscape[src[read]] == 0 {
				return written, read - 1
			}
			c = shortEscape[src[read]]
		}
		dst[written] = c
		written, read = written+1, read+1
	}
	return written, read
}

// PlainText is the number of bytes of src before the first quote, backslash or
// control character.
func PlainText(src []byte) int {
	i := 0
	for ; i+32 <= len(src); i += 32 {
		w := src[i : i+32]
		if special(binary.LittleEndian.Uint64(w))|special(binary.LittleEndian.Uint64(w[8:]))|
			special(binary.LittleEndian.Uint64(w[16:]))|special(binary.LittleEndian.Uint64(w[24:])) != 0 {
			break
		}
	}
	for ; i+8 <= len(src); i += 8 {
		if stop := special(binary.LittleEndian.Uint64(src[i:])); stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(src) && src[i] >= 0x20 && src[i] != '"' && src[i] != '\\' {
		i++
	}
	return i
}

// shortEscape[c] is what a backslash and c stand for in JSON, 0 if that is no
// escape.
var shortEscape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

const (
	lowBits  = 0x0101010101010101 // of each byte
	highBits = 0x8080808080808080
)

// special has the high bit set of each of the eight bytes of x that is a
// quote, a backslash or a control character, and perhaps of bytes above the
// lowest of these. With the bit 2 turned, a quote is 0x20, next to the control
// characters, and nothing else comes below 0x21.
func special(x uint64) uint64 {
	low, slash := x^lowBits*2, x^lowBits*'\\'
	return ((low-lowBits*0x21)&^low | (slash-lowBits)&^slash) & highBits
}
