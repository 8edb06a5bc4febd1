// Package wire reads what other programs and other people wrote, JSON and YAML,
// without changing it on the way: a number stays the number that was written or
// is refused, a key is there once, a null is no zero. What cannot be read so is
// an error that names the place.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// bom is UTF-8's byte order mark, which editors on Windows put first.
var bom = []byte("\xef\xbb\xbf")

// Text returns the text of a file without a byte order mark, or says that it is
// in another encoding.
func Text(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, bom)
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, errors.New("is UTF-16; save it as UTF-8")
	case bytes.IndexByte(data, 0) >= 0:
		return nil, fmt.Errorf("holds a NUL byte at byte %d; is it a text file?", bytes.IndexByte(data, 0))
	}
	return data, nil
}

// ReadFile reads a file of at most so many bytes; a folder, and a file or device
// that holds more, are refused. The error of one that is not there is
// fs.ErrNotExist.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	if st, err := f.Stat(); err != nil {
		return nil, err
	} else if st.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("is a folder; name a file")}
	}
	return ReadAll(path, f, most)
}

// ReadAll reads r, called name in errors, which may hold at most so many bytes.
func ReadAll(name string, r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("read %s: more than %d bytes; is it the right file?", name, most)
	}
	return data, nil
}
