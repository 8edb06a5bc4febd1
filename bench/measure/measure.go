//go:build unix

// Package measure has what every benchmark says of the machine and reads of its
// own process.
package measure

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/climb-go/climb/vec"
)

// Machine is the processor, its cores, the kernels in use, and what the program
// was made for.
func Machine() string {
	name := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, %s, %s/%s", name, runtime.NumCPU(), vec.CPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// CPUSeconds is the processor time of this process so far, on all its threads.
func CPUSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // a wrong argument
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// PeakMiB is the largest resident set that this process has had, 0 where there is
// no /proc. A parent cannot ask for it: getrusage counts the memory of the process
// that was forked, which may have held the data of another part.
func PeakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseFloat(kib, 64)
	if err != nil {
		return 0
	}
	return n / 1024
}
