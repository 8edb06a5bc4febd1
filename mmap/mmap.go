// Package mmap has files as slices of bytes: mapped into memory where the system
// can, so that they take address space and what is resident is up to it; read
// whole elsewhere.
package mmap

// A File is open. It must not be made shorter meanwhile.
type File struct {
	Data []byte // may be read, not written; not after Close
}
