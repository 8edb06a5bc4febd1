//go:build !unix

package fasttext

import "os"

// A mapping is a file as a slice of bytes. Where files cannot be mapped it is
// read whole, and memory holds the model.
type mapping struct{ data []byte }

func openMapping(path string) (*mapping, error) {
	data, err := os.ReadFile(path)
	return &mapping{data}, err
}

func (m *mapping) close() error { return nil }
