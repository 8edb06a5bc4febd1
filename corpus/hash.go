package corpus

import (
	"encoding/binary"
	"math/bits"
)

const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

// Hash is XXH64 of s with a seed (github.com/Cyan4973/xxHash,
// doc/xxhash_spec.md): the hash of ids and texts in part files.
func Hash(s string, seed uint64) uint64 {
	n := uint64(len(s))
	h := seed + prime5
	if len(s) >= 32 {
		v := [4]uint64{seed + prime1 + prime2, seed + prime2, seed, seed - prime1}
		for ; len(s) >= 32; s = s[32:] {
			b := [32]byte([]byte(s[:32]))
			v[0] = mixIn(v[0], binary.LittleEndian.Uint64(b[0:]))
			v[1] = mixIn(v[1], binary.LittleEndian.Uint64(b[8:]))
			v[2] = mixIn(v[2], binary.LittleEndian.Uint64(b[16:]))
			v[3] = mixIn(v[3], binary.LittleEndian.Uint64(b[24:]))
		}
		h = bits.RotateLeft64(v[0], 1) + bits.RotateLeft64(v[1], 7) + bits.RotateLeft64(v[2], 12) + bits.RotateLeft64(v[3], 18)
		for _, x := range v {
			h = (h^mixIn(0, x))*prime1 + prime4
		}
	}
	h += n
	var tail [32]byte
	b := tail[:copy(tail[:], s)]
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^mixIn(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}

func mixIn(acc, x uint64) uint64 {
	return bits.RotateLeft64(acc+x*prime2, 31) * prime1
}
