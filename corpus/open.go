package corpus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/blob"
)

// maxWindow is the largest zstd window that is read, as in the zstd program:
// it bounds the memory of a decoder.
const maxWindow = 128 << 20

const readAhead = 128 << 10 // bytes of a compressed file

// magics are the first bytes of the files that are told by them. Those with a
// remedy are not read.
var magics = []struct{ magic, name, remedy string }{
	{"\x1f\x8b", "gzip", ""},
	{"\x28\xb5\x2f\xfd", "zstd", ""},
	{"PK\x03\x04", "zip", "unpack it"},
	{"BZh", "bzip2", "pack it with zstd"},
	{"\xfd7zXZ\x00", "xz", "pack it with zstd"},
	{"\x04\x22\x4d\x18", "lz4", "pack it with zstd"},
}

// sniff tells the compression of a file by its first bytes.
func sniff(head []byte) (compression string, err error) {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			if m.remedy != "" {
				return "", fmt.Errorf("is a %s file, which is not read: %s", m.name, m.remedy)
			}
			return m.name, nil
		}
	}
	if len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18" { // a skippable frame
		return "zstd", nil
	}
	return "", nil
}

// decoders are not in use. Their windows, mostly 8 MiB, need not be made anew
// for each file.
var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are wrong
	}
	return d
}}

// keep puts a decoder back.
func keep(d *zstd.Decoder) {
	if d.Reset(nil) == nil {
		decoders.Put(d)
	}
}

// A source is the decompressed bytes of a range of a file, and after them
// those of the rest of the file, so that the last line can be completed.
type source struct {
	file  blob.File
	raw   io.ReadCloser // the stored bytes
	input io.Reader     // decompressed

	compression string
	base        int64 // offset of the first byte that Read gives
	read        int64 // bytes given
	skip        bool  // the first line belongs to the range before
	end         int64 // the range owns lines that start before this offset; -1: not known yet, or none
	rest        int64 // where the rest of a zstd file starts, 0 if the range is the last
	stop        func()
}

// openRange opens the bytes [start, end) of a file; end -1 is its end.
// compression "auto" is found out; then the range must be the whole file.
//
// In a plain file the range owns the lines that start in [start, end). In a
// zstd file start and end are frames. Whether the bytes before a frame end in
// a newline cannot be seen without decompressing them, so there the range
// owns the lines that start in (start, end], and in [0, end] if it is the
// first.
func openRange(ctx context.Context, path, compression string, start, end int64) (*source, error) {
	file, err := blob.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	s := &source{file: file, end: -1, skip: start > 0, stop: func() {}}
	if err := s.open(compression, start, end); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (s *source) open(compression string, start, end int64) (err error) {
	if compression == "auto" {
		s.raw = s.file.Stream(0, -1)
		head := bufio.NewReaderSize(s.raw, readAhead)
		magic, err := head.Peek(sniffBytes)
		if err != nil && err != io.EOF {
			return err
		}
		if s.compression, err = sniff(magic); err != nil {
			return err
		}
		return s.decompress(head, false)
	}
	s.compression = compression
	switch {
	case compression == "zstd":
		if end >= 0 {
			s.rest = end
		}
	case compression == "":
		s.end = end
		if n := s.file.Info().Bytes; n < end {
			return fmt.Errorf("holds %d bytes, fewer than when it was cut into shards: begin a new run", n)
		}
		if start > 0 { // a newline just before start makes its line ours
			start--
			s.base = start
		}
		end = -1
	}
	return s.from(start, end)
}

// from makes the stored bytes [start, end) the input.
func (s *source) from(start, end int64) error {
	s.stop()
	s.stop = func() {}
	if s.raw != nil {
		s.raw.Close()
	}
	s.raw = s.file.Stream(start, end)
	return s.decompress(s.raw, s.compression != "")
}

// decompress makes what r holds the input.
func (s *source) decompress(r io.Reader, buffer bool) error {
	if buffer {
		r = bufio.NewReaderSize(r, readAhead)
	}
	switch s.compression {
	case "gzip":
		s.input = &gzipReader{file: r}
	case "zstd":
		d := decoders.Get().(*zstd.Decoder)
		if err := d.Reset(r); err != nil {
			return err
		}
		s.input, s.stop = d, func() { keep(d) }
	default:
		s.input = r
	}
	return nil
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.input.Read(p)
	s.read += int64(n)
	if err == io.EOF && s.rest > 0 {
		s.end = s.read + 1
		start := s.rest
		s.rest = 0
		err = s.from(start, -1)
	}
	return n, err
}

// owns says whether the line that starts at offset belongs to the range.
func (s *source) owns(offset int64) bool { return s.end < 0 || offset < s.end }

func (s *source) Close() error {
	s.stop()
	if s.raw != nil {
		s.raw.Close()
	}
	return s.file.Close()
}

// gzipReader opens the stream at the first Read, so that a damaged header
// is met where damaged data is.
type gzipReader struct {
	file io.Reader
	z    *gzip.Reader
}

func (g *gzipReader) Read(p []byte) (n int, err error) {
	if g.z == nil {
		if g.z, err = gzip.NewReader(g.file); err != nil {
			return 0, noEOF(err)
		}
	}
	return g.z.Read(p)
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fromStore says whether an error is one of the disk or the bucket, not of the
// bytes.
func fromStore(err error) bool {
	var e *fs.PathError
	return errors.As(err, &e)
}

// damage is the reason of an error of decompression, "" for other errors.
func damage(err error) string {
	switch {
	case fromStore(err) || errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return ""
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Truncated
	}
	return Corrupt
}
