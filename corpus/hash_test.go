package corpus

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// The content checksum of a zstd frame is the low half of XXH64 of the
// content: an independent implementation.
func TestHashAgreesWithZstdChecksums(t *testing.T) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		s := strings.Repeat("the quick brown fox\x00\xff", 10)[:n]
		frame := enc.EncodeAll([]byte(s), nil)
		if n == 0 {
			continue // no frame is written
		}
		want := binary.LittleEndian.Uint32(frame[len(frame)-4:])
		if got := Hash(s, 0); uint32(got) != want {
			t.Fatalf("%d bytes: low half of %016x, want %08x", n, got, want)
		}
	}
}

// Vectors of the reference implementation (xxhsum of xxHash 0.8; the empty
// string is in its specification).
func TestHashVectors(t *testing.T) {
	for s, want := range map[string]uint64{"": 0xef46db3751d8e999, "a": 0xd24ec4f1a98c6e5b, "abc": 0x44bc2cf5ad770999} {
		if got := Hash(s, 0); got != want {
			t.Errorf("%q: %016x, want %016x", s, got, want)
		}
	}
	if Hash("abc", 0) == Hash("abc", 1) {
		t.Error("the seed says nothing")
	}
}
