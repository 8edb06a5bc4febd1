package wire

import (
	"encoding/binary"
	"fmt"
	"io"
)

// ParquetFooter refuses a Parquet file whose footer says that it is longer than the
// file, in bytes, before a library makes room for it: twelve bytes can ask for 4 GiB.
func ParquetFooter(r io.ReaderAt, size int64) error {
	var tail [8]byte // the length of the footer, and PAR1
	if _, err := r.ReadAt(tail[:], max(0, size-8)); err != nil && (err != io.EOF || size < 8) {
		return fmt.Errorf("no Parquet file: it has %d bytes: %w", size, err)
	}
	if n := binary.LittleEndian.Uint32(tail[:]); int64(n) > size-12 {
		return fmt.Errorf("damaged Parquet: a footer of %d bytes in a file of %d", n, size)
	}
	return nil
}
