package token

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
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
	if info.Size() == 0 { // CreateFileMapping refuses it
		return new(mapping), nil
	}
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateFileMapping", err)
	}
	defer windows.CloseHandle(h) // the view keeps the mapping
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(info.Size()))
	if err != nil {
		return nil, os.NewSyscallError("MapViewOfFile", err)
	}
	return &mapping{unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), int(info.Size()))}, nil
}

func (m *mapping) close() error {
	if m.data == nil {
		return nil
	}
	return os.NewSyscallError("UnmapViewOfFile", windows.UnmapViewOfFile(uintptr(unsafe.Pointer(&m.data[0]))))
}
