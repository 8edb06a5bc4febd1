package corpus

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// frameCuts cuts a zstd file between frames in ranges of at most most bytes,
// where the frames allow it, and returns where the second and later ranges
// start. It reads the headers of frames and blocks only (RFC 8878, section
// 3.1), some bytes for each 128 KiB of text. At damage it stops without an
// error: the reader will meet it.
func frameCuts(r io.ReaderAt, size, most int64) (cuts []int64, err error) {
	for at, last := int64(0), int64(0); at < size; {
		next, err := frameEnd(r, at)
		if err == errFrame || err == io.EOF || next > size {
			next, err = size, nil
		}
		if err != nil {
			return nil, err
		}
		if next-last > most && at > last {
			cuts, last = append(cuts, at), at
		}
		at = next
	}
	return cuts, nil
}

// The seek table at the end of a file in zstd's seekable format (facebook/zstd,
// contrib/seekable_format): a skippable frame of the sizes of all frames.
const (
	seekFooter = 9
	seekMagic  = 0x8f92eab1
	mostSeek   = 1 << 24 // frames: a table of 200 MB
)

// seekCuts does what frameCuts does with two reads, by the seek table of a
// file; ok is false if it has none that fits the file.
func seekCuts(r io.ReaderAt, size, most int64) (cuts []int64, ok bool, err error) {
	var foot [seekFooter]byte
	if size < seekFooter {
		return nil, false, nil
	}
	if n, err := r.ReadAt(foot[:], size-seekFooter); n < seekFooter {
		return nil, false, err
	}
	entry := int64(8)
	if foot[4]&0x80 != 0 { // with check sums
		entry = 12
	}
	n := int64(binary.LittleEndian.Uint32(foot[:]))
	start := size - seekFooter - n*entry - 8 // of the table's frame
	if binary.LittleEndian.Uint32(foot[5:]) != seekMagic || start < 0 || n > mostSeek {
		return nil, false, nil
	}
	table := make([]byte, n*entry)
	if m, err := r.ReadAt(table, start+8); m < len(table) {
		return nil, false, err
	}
	at, last := int64(0), int64(0)
	for ; len(table) > 0; table = table[entry:] {
		next := at + int64(binary.LittleEndian.Uint32(table))
		if next-last > most && at > last {
			cuts, last = append(cuts, at), at
		}
		at = next
	}
	return cuts, at == start, nil
}

var errFrame = errors.New("not a zstd frame")

// frameEnd is the offset behind the frame that starts at at.
func frameEnd(r io.ReaderAt, at int64) (int64, error) {
	var buf [zstd.HeaderMaxSize]byte
	n, err := r.ReadAt(buf[:], at)
	if err != nil && (err != io.EOF || n == 0) {
		return 0, err
	}
	var h zstd.Header
	if h.Decode(buf[:n]) != nil {
		return 0, errFrame
	}
	if h.Skippable {
		return at + int64(h.HeaderSize) + int64(h.SkippableSize), nil
	}
	at += int64(h.HeaderSize)
	for {
		var block [4]byte
		if n, err := r.ReadAt(block[:3], at); n < 3 {
			return 0, err
		}
		head := binary.LittleEndian.Uint32(block[:])
		size := int64(head >> 3)
		switch head >> 1 & 3 {
		case 1: // one byte, repeated
			size = 1
		case 3: // reserved
			return 0, errFrame
		}
		at += 3 + size
		if head&1 != 0 { // the last block
			break
		}
	}
	if h.HasCheckSum {
		at += 4
	}
	return at, nil
}
