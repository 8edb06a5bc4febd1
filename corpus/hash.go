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
	b := []byte(s)
	h := seed + prime5
	if len(b) >= 32 {
		v0, v1, v2, v3 := seed+prime1+prime2, seed+prime2, seed, seed-prime1
		for ; len(b) >= 32; b = b[32:] {
			v0 = mixIn(v0, binary.LittleEndian.Uint64(b[0:]))
			v1 = mixIn(v1, binary.LittleEndian.Uint64(b[8:]))
			v2 = mixIn(v2, binary.LittleEndian.Uint64(b[16:]))
			v3 = mixIn(v3, binary.LittleEndian.Uint64(b[24:]))
		}
		h = bits.RotateLeft64(v0, 1) + bits.RotateLeft64(v1, 7) + bits.RotateLeft64(v2, 12) + bits.RotateLeft64(v3, 18)
		for _, x := range [...]uint64{v0, v1, v2, v3} {
			h = (h^mixIn(0, x))*prime1 + prime4
		}
	}
	h += uint64(len(s))
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
