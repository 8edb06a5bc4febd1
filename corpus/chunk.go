package corpus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/climb-go/climb/blob"
)

// A chunk reads the texts of one column of a row group. Its pages are
// decompressed into memory that is used again, as new memory costs the system
// more than the texts cost us, and very large ones as streams. What it does not
// read, see streamable, is left to the Parquet library.
type chunk struct {
	stored io.ReadCloser
	in     *bufio.Reader // of stored
	thrift *thrift.Decoder
	codec  format.CompressionCodec
	size   int64  // as stored
	def    uint32 // greatest definition level: the text is there
	max    int    // longer texts are not held

	body   body          // of the present page, as stored
	values *bufio.Reader // of the present page, decompressed
	stop   func()        // gives back what decompresses
	left   int32         // values of the page, nulls included, that were not read
	levels hybrid        // of the page, if def > 0
	whole  *wholePage    // nil until one is read

	dictionary []chunkText
	indices    *hybrid // of a page that refers to the dictionary
}

// A textColumn reads the text's column, by chunks or by the Parquet library.
type textColumn struct {
	*column
	max   int
	chunk *chunk // nil if the library reads
}

func (t *textColumn) open(file blob.File, f *parquet.File, group int) (err error) {
	c := &f.Metadata().RowGroups[group].Columns[t.index]
	if def := t.leaf.MaxDefinitionLevel(); streamable(c, def) {
		t.chunk, err = openChunk(file, &c.MetaData, def, t.max)
		return err
	}
	return t.column.open(f.RowGroups()[group])
}

func (t *textColumn) next() (text chunkText, err error) {
	if t.chunk != nil {
		return t.chunk.next()
	}
	if err := t.column.next(); err != nil {
		return text, err
	}
	b := t.row[0].ByteArray()
	if text.tooLong = len(b) > t.max; text.tooLong {
		b = b[:256]
	}
	return chunkText{text: string(b), null: t.row[0].IsNull(), tooLong: text.tooLong}, nil
}

func (t *textColumn) close() {
	if t.chunk != nil {
		t.chunk.close()
		t.chunk = nil
	}
	t.column.close()
}

// A chunkText is one value of a chunk.
type chunkText struct {
	text    string // of a text that is too long its beginning
	null    bool
	tooLong bool
}

// A wholePage is a page that is decompressed at once.
type wholePage struct{ packed, plain []byte }

// wholePages are not in use: their memory is used again.
var wholePages = sync.Pool{New: func() any { return new(wholePage) }}

// mostWhole bounds the bytes of a page that is decompressed at once, which is
// faster; larger ones are streamed, but for Snappy, which cannot be.
const mostWhole = 128 << 20

const valueBuffer = 64 << 10 // bytes of decompressed values

// oldDictionary is what older writers call RLEDictionary.
const oldDictionary format.Encoding = 2

// streamable says whether a chunk can be read: byte strings, one a row, plain or
// from a dictionary, in a compression that is known here.
func streamable(c *format.ColumnChunk, def int) bool {
	m := &c.MetaData
	known := []format.Encoding{format.Plain, format.RLE, oldDictionary, format.RLEDictionary}
	if def == 0 {
		known = append(known, format.BitPacked) // of levels that are not there
	}
	codecs := []format.CompressionCodec{format.Uncompressed, format.Snappy, format.Gzip, format.Zstd}
	return m.Type == format.ByteArray && c.FilePath == "" && slices.Contains(codecs, m.Codec) && len(m.Encoding) > 0 &&
		!slices.ContainsFunc(m.Encoding, func(e format.Encoding) bool { return !slices.Contains(known, e) })
}

// openChunk begins to read a column of a row group whose greatest definition
// level is def. Texts of more than max bytes are not held.
func openChunk(file blob.File, m *format.ColumnMetaData, def, max int) (*chunk, error) {
	start := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		start = min(start, m.DictionaryPageOffset)
	}
	if size := file.Info().Bytes; start < 0 || m.TotalCompressedSize < 0 || start > size || m.TotalCompressedSize > size-start {
		return nil, fmt.Errorf("%w: a column lies outside the file", errParquet)
	}
	c := &chunk{stored: file.Stream(start, start+m.TotalCompressedSize), codec: m.Codec, size: m.TotalCompressedSize, def: uint32(def), max: max, stop: func() {}}
	c.in = bufio.NewReaderSize(c.stored, readAhead)
	c.thrift = thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(c.in))
	c.values = bufio.NewReaderSize(nil, valueBuffer)
	c.levels.width = bitsOf(def)
	return c, nil
}

// bitsOf is the width of numbers up to most.
func bitsOf(most int) (bits int) {
	for ; most > 0; most >>= 1 {
		bits++
	}
	return bits
}

func (c *chunk) close() {
	c.stop()
	if c.whole != nil {
		wholePages.Put(c.whole)
	}
	c.stored.Close()
}

// next is the next row's text; io.EOF says that there is none.
func (c *chunk) next() (t chunkText, err error) {
	for c.left == 0 {
		if err := c.nextPage(); err != nil {
			return t, err
		}
	}
	c.left--
	if c.def > 0 {
		level, err := c.levels.next()
		if err != nil {
			return t, err
		}
		if level < c.def {
			return chunkText{null: true}, nil
		}
	}
	if c.indices == nil {
		return c.plain()
	}
	i, err := c.indices.next()
	if err != nil {
		return t, err
	}
	if int64(i) >= int64(len(c.dictionary)) {
		return t, fmt.Errorf("%w: entry %d of a dictionary of %d", errParquet, i, len(c.dictionary))
	}
	return c.dictionary[i], nil
}

// plain reads a text that has its length in front of it.
func (c *chunk) plain() (t chunkText, err error) {
	head, err := c.values.Peek(4)
	if err != nil {
		return t, noEOF(err)
	}
	n := int64(binary.LittleEndian.Uint32(head))
	if _, err := c.values.Discard(4); err != nil {
		return t, err
	}
	if n > int64(c.max) {
		t.tooLong = true
		if t.text, err = c.take(256); err != nil {
			return t, err
		}
		_, err = io.CopyN(io.Discard, c.values, n-int64(len(t.text)))
		return t, noEOF(err)
	}
	t.text, err = c.take(int(n))
	return t, err
}

// take is the next n bytes of the values.
func (c *chunk) take(n int) (string, error) {
	if n <= c.values.Buffered() {
		b, err := c.values.Peek(n)
		text := string(b)
		c.values.Discard(n)
		return text, err
	}
	var text strings.Builder
	text.Grow(n)
	for text.Len() < n {
		if _, err := c.values.Peek(1); err != nil {
			return "", noEOF(err)
		}
		b, _ := c.values.Peek(min(n-text.Len(), c.values.Buffered()))
		text.Write(b)
		c.values.Discard(len(b))
	}
	return text.String(), nil
}

// nextPage ends the present page and begins the next one; a dictionary is read.
func (c *chunk) nextPage() error {
	if err := c.endPage(); err != nil {
		return err
	}
	if _, err := c.in.Peek(1); err != nil {
		return err // io.EOF is the end of the chunk
	}
	var h format.PageHeader
	if err := guarded(func() error { return c.thrift.Decode(&h) }); err != nil {
		return damaged(err, "a page's header")
	}
	if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 {
		return fmt.Errorf("%w: a page of %d bytes", errParquet, h.CompressedPageSize)
	}
	if int64(h.CompressedPageSize) > c.size {
		return fmt.Errorf("%w: a page of %d bytes in a column of %d", errParquet, h.CompressedPageSize, c.size)
	}
	c.body = body{r: c.in, left: int64(h.CompressedPageSize), want: uint32(h.CRC)}
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		return c.readDictionary(&h)
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		return c.page1(&h)
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		return c.page2(&h)
	}
	return nil // of a kind that holds no values
}

// damaged is an error of a damaged file unless it is one of the disk.
func damaged(err error, what string) error {
	if fromStore(err) || errors.Is(err, errParquet) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", errParquet, what, noEOF(err))
}

// endPage passes what is left of the present page and compares its check sum.
func (c *chunk) endPage() error {
	c.stop()
	c.stop, c.indices = func() {}, nil
	if _, err := io.Copy(io.Discard, &c.body); err != nil {
		return err
	}
	if c.body.left > 0 {
		return io.ErrUnexpectedEOF
	}
	if c.body.want != 0 && c.body.sum != c.body.want {
		return fmt.Errorf("%w: the check sum of a page is %08x, not %08x", errParquet, c.body.sum, c.body.want)
	}
	c.body = body{}
	return nil
}

func (c *chunk) readDictionary(h *format.PageHeader) error {
	if err := c.decompress(&c.body, h.UncompressedPageSize, c.codec); err != nil {
		return err
	}
	if n := h.DictionaryPageHeader.V.NumValues; n > h.UncompressedPageSize/4 {
		return fmt.Errorf("%w: a dictionary of %d entries in %d bytes", errParquet, n, h.UncompressedPageSize)
	}
	for range h.DictionaryPageHeader.V.NumValues {
		t, err := c.plain()
		if err != nil {
			return err
		}
		c.dictionary = append(c.dictionary, t)
	}
	return nil
}

// page1 begins a page of the first kind: levels and values compressed together.
func (c *chunk) page1(h *format.PageHeader) error {
	if err := c.decompress(&c.body, h.UncompressedPageSize, c.codec); err != nil {
		return err
	}
	if c.def > 0 {
		var size [4]byte
		if _, err := io.ReadFull(c.values, size[:]); err != nil {
			return noEOF(err)
		}
		if err := c.readLevels(c.values, int64(binary.LittleEndian.Uint32(size[:]))); err != nil {
			return err
		}
	}
	return c.begin(h.DataPageHeader.V.NumValues, h.DataPageHeader.V.Encoding)
}

// page2 begins a page of the second kind: levels in front, not compressed.
func (c *chunk) page2(h *format.PageHeader) error {
	p := &h.DataPageHeaderV2.V
	if p.RepetitionLevelsByteLength < 0 || p.DefinitionLevelsByteLength < 0 {
		return fmt.Errorf("%w: levels of a page have a length below 0", errParquet)
	}
	if _, err := io.CopyN(io.Discard, &c.body, int64(p.RepetitionLevelsByteLength)); err != nil {
		return noEOF(err)
	}
	if err := c.readLevels(&c.body, int64(p.DefinitionLevelsByteLength)); err != nil {
		return err
	}
	codec := c.codec
	if p.IsCompressed.Valid && !p.IsCompressed.V {
		codec = format.Uncompressed
	}
	if err := c.decompress(&c.body, h.UncompressedPageSize-p.RepetitionLevelsByteLength-p.DefinitionLevelsByteLength, codec); err != nil {
		return err
	}
	return c.begin(p.NumValues, p.Encoding)
}

func (c *chunk) readLevels(r io.Reader, size int64) error {
	b, err := io.ReadAll(io.LimitReader(r, size)) // no more than is there, whatever size says
	if err != nil {
		return err
	}
	if int64(len(b)) < size {
		return io.ErrUnexpectedEOF
	}
	c.levels = hybrid{src: b, width: c.levels.width}
	return nil
}

// begin is what both kinds of pages have in common.
func (c *chunk) begin(values int32, encoding format.Encoding) error {
	if values < 0 {
		return fmt.Errorf("%w: a page of %d values", errParquet, values)
	}
	c.left = values
	switch encoding {
	case format.Plain:
		return nil
	case oldDictionary, format.RLEDictionary:
		b, err := io.ReadAll(c.values)
		if err != nil {
			return err
		}
		if len(b) == 0 { // nulls only
			b = []byte{0}
		}
		if b[0] > 32 {
			return fmt.Errorf("%w: indices of %d bits", errParquet, b[0])
		}
		c.indices = &hybrid{src: b[1:], width: int(b[0])}
		return nil
	}
	return fmt.Errorf("%w: a page in the encoding %s, which its column does not name", errParquet, encoding)
}

// decompress makes what r holds, size bytes when it is decompressed, the values.
func (c *chunk) decompress(r io.Reader, size int32, codec format.CompressionCodec) error {
	switch {
	case codec == format.Snappy || codec == format.Zstd && size <= mostWhole:
		if err := c.unpack(size, codec); err != nil {
			return err
		}
		r = bytes.NewReader(c.whole.plain)
	case codec == format.Zstd:
		d := decoders.Get().(*zstd.Decoder)
		c.stop = func() { keep(d) }
		if err := d.Reset(r); err != nil {
			return err
		}
		r = d
	case codec == format.Gzip:
		r = &gzipReader{file: bufio.NewReader(r)}
	}
	c.values.Reset(io.LimitReader(r, int64(size)))
	return nil
}

// unpack decompresses the rest of a page as a whole.
func (c *chunk) unpack(size int32, codec format.CompressionCodec) (err error) {
	if c.whole == nil {
		c.whole = wholePages.Get().(*wholePage)
	}
	p := c.whole
	p.packed = slices.Grow(p.packed[:0], int(c.body.left))[:c.body.left] // no more than the file has
	if _, err := io.ReadFull(&c.body, p.packed); err != nil {
		return noEOF(err)
	}
	if codec == format.Zstd {
		d := decoders.Get().(*zstd.Decoder)
		defer keep(d)
		buf := slices.Grow(p.plain[:0], int(size))
		page, err := d.DecodeAll(p.packed, buf[:0:size])
		p.plain = buf[:len(page)]
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
			return fmt.Errorf("%w: a page holds more than the %d bytes that its header says", errParquet, size)
		}
		return err
	}
	n, err := snappy.DecodedLen(p.packed)
	if err != nil || n != int(size) || n/64 > len(p.packed) { // three bytes stand for 64 at most
		return fmt.Errorf("%w: a page of Snappy that holds %d bytes, not %d", errParquet, n, size)
	}
	if p.plain, err = snappy.Decode(p.plain[:cap(p.plain)], p.packed); err != nil {
		return fmt.Errorf("%w: %w", errParquet, err)
	}
	return nil
}

// A body is a page as it is stored.
type body struct {
	r         io.Reader
	left      int64
	sum, want uint32 // CRC-32; want 0: not known
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if b.want != 0 {
		b.sum = crc32.Update(b.sum, crc32.IEEETable, p[:n])
	}
	if err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
