package vec

import (
	"os"
	"reflect"

	"golang.org/x/sys/unix"
)

// Make returns n zeros, for which Linux is asked to use huge pages: matrices are
// read across their rows, and then every row of a large one is on a page of its
// own. Systems that have none to give ignore it.
func Make(n int) []float32 {
	x := make([]float32, n)
	page := uintptr(os.Getpagesize())
	first := reflect.ValueOf(x).Pointer()
	from, to := (first+page-1)&^(page-1), (first+4*uintptr(n))&^(page-1)
	if from < to {
		unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_HUGEPAGE) // advice: an error changes nothing
	}
	return x
}
