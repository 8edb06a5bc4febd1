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
	{"%PDF-", "PDF", "take its text out, as with pdftotext"},
	{"Rar!\x1a\x07", "rar", "unpack it"},
	{"7z\xbc\xaf\x27\x1c", "7z", "unpack it"},
}

// sniff tells the compression of a file by its first bytes.
func sniff(head []byte) (compression string, err error) {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			if m.remedy != "" {
				return "", &foreignError{m.name + " files", fmt.Sprintf("is a %s file, which is not read: %s", m.name, m.remedy)}
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
	count *counter      // of raw, where it is decompressed
	ahead *bufio.Reader // of count
	gzip  *gzipReader   // nil of others
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
		s.count = &counter{r: s.raw}
		head := bufio.NewReaderSize(s.count, readAhead)
		magic, err := head.Peek(sniffBytes)
		if err != nil && err != io.EOF {
			return err
		}
		if s.compression, err = sniff(magic); err != nil {
			return err
		}
		return s.decompress(head, head)
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
	if s.compression == "" {
		return s.decompress(s.raw, nil)
	}
	s.count = &counter{r: s.raw, n: start}
	buffered := bufio.NewReaderSize(s.count, readAhead)
	return s.decompress(buffered, buffered)
}

// decompress makes what r holds the input; buffered is r, if it is compressed.
func (s *source) decompress(r io.Reader, buffered *bufio.Reader) error {
	s.ahead = buffered
	switch s.compression {
	case "gzip":
		s.gzip = &gzipReader{file: buffered, at: s.stored}
		s.input = s.gzip
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

// stored is the offset of the next byte to be decompressed.
func (s *source) stored() int64 { return s.count.n - int64(s.ahead.Buffered()) }

// owns says whether the line that starts at offset belongs to the range.
func (s *source) owns(offset int64) bool { return s.end < 0 || offset < s.end }

func (s *source) Close() error {
	s.stop()
	if s.raw != nil {
		s.raw.Close()
	}
	return s.file.Close()
}

// nextMember goes on at the next member of a gzip file, behind the start of the
// present one, which is damaged; false if there is none. One that begins with another
// text than the given one is no member but a part of one.
func (s *source) nextMember(begin string) (bool, error) {
	if s.gzip == nil {
		return false, nil
	}
	s.raw.Close()
	s.raw = s.file.Stream(s.gzip.start+1, -1)
	s.count.r, s.count.n = s.raw, s.gzip.start+1
	in := s.gzip.file
	in.Reset(s.count)
	s.gzip.z, s.gzip.open, s.gzip.err = nil, false, nil
	got := make([]byte, len(begin))
	for {
		head, err := in.Peek(readAhead)
		if err != nil && err != io.EOF {
			return false, err
		}
		i := bytes.Index(head, []byte("\x1f\x8b\x08"))
		switch {
		case i < 0 && err == io.EOF:
			s.gzip.err = io.EOF
			return false, nil
		case i < 0:
			i = len(head) - 2 // of the magic
		case i > 0: // look at as much of it as can be
		default:
			z, err := gzip.NewReader(bytes.NewReader(head))
			if err == nil {
				if _, err = io.ReadFull(z, got); err != nil || string(got) == begin {
					return true, nil
				}
			}
			i = 1
		}
		if _, err := in.Discard(i); err != nil {
			return false, err
		}
	}
}

// A counter counts the bytes that are read through it.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// gzipReader reads the members of a gzip file, one after another. It opens the first
// at the first Read, so that a damaged header is met where damaged data is. Zeros
// behind the last member, which tapes and tar leave, are passed over, as gzip does.
type gzipReader struct {
	file  *bufio.Reader
	at    func() int64 // offset of the next byte of file; may be nil
	z     *gzip.Reader
	open  bool  // in a member
	start int64 // of the present member, if at is not nil
	err   error
}

func (g *gzipReader) Read(p []byte) (n int, err error) {
	for g.err == nil {
		if !g.open {
			if g.err = g.header(); g.err != nil {
				break
			}
		}
		n, err = g.z.Read(p)
		if err == io.EOF {
			g.open, err = false, nil
		}
		if g.err = err; n > 0 || len(p) == 0 {
			return n, err
		}
	}
	return 0, g.err
}

// header begins the next member.
func (g *gzipReader) header() (err error) {
	first := g.z == nil
	for !first {
		b, err := g.file.Peek(1)
		if err != nil {
			return err
		}
		if b[0] != 0 {
			break
		}
		if _, err := g.file.Discard(1); err != nil {
			return err
		}
	}
	if g.at != nil {
		g.start = g.at()
	}
	if magic, err := g.file.Peek(2); err == nil && string(magic) != "\x1f\x8b" {
		return gzip.ErrHeader
	}
	if first {
		g.z, err = gzip.NewReader(g.file)
	} else {
		err = g.z.Reset(g.file)
	}
	if err != nil {
		return noEOF(err)
	}
	g.z.Multistream(false)
	g.open = true
	return nil
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
