//go:build !unix

package mmap

import "os"

// Open reads the file at path whole.
func Open(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &File{data}, nil
}

// Close lets go of the file.
func (f *File) Close() error {
	f.Data = nil
	return nil
}
