//go:build unix

package mmap

import (
	"os"

	"golang.org/x/sys/unix"
)

// Open maps the file at path.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 { // mmap refuses it
		return new(File), nil
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &File{data}, nil
}

// Close unmaps the file.
func (f *File) Close() error {
	if f.Data == nil {
		return nil
	}
	data := f.Data
	f.Data = nil
	return os.NewSyscallError("munmap", unix.Munmap(data))
}
