//go:build linux

package main

import (
	"bytes"
	"os"

	"golang.org/x/sys/cpu"
)

//go:noescape
func fma512(n int)

//go:noescape
func fma256(n int)

// peak does fused multiply-adds in registers alone, in the widest vectors that
// the processor has, and returns how many floating-point operations that was;
// 0 where there are no such vectors.
func peak() float64 {
	const n = 10 << 20
	switch {
	case cpu.X86.HasAVX512F:
		fma512(n)
		return n * 16 * 16 * 2
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		fma256(n)
		return n * 12 * 8 * 2
	}
	return 0
}

// coreType is what OpenBLAS calls this processor's kernels. Debian's 0.3.21
// does not know every model and then takes those of 2005.
func coreType() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // without it: Intel's
	switch {
	case cpu.X86.HasAVX512F:
		return "SKYLAKEX"
	case cpu.X86.HasAVX2 && bytes.Contains(info, []byte("AuthenticAMD")):
		return "ZEN"
	case cpu.X86.HasAVX2:
		return "HASWELL"
	}
	return ""
}

func hasBF16() bool { return cpu.X86.HasAVX512BF16 }
