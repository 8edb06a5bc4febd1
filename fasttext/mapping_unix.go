//go:build unix

package fasttext

import (
	"os"

	"golang.org/x/sys/unix"
)

// A mapping is a file as a slice of bytes.
type mapping struct{ data []byte }

func openMapping(path string) (*mapping, error) {
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
		return new(mapping), nil
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &mapping{data}, nil
}

func (m *mapping) close() error {
	if m.data == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(m.data))
}
