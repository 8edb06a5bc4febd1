//go:build amd64 && !purego

package vec

import "golang.org/x/sys/cpu"

// level is the instruction set in use: portable, avx2 or avx512. Only tests
// change it.
var level = detect()

// hasVNNI tells whether bytes can be multiplied and added four at a time.
var hasVNNI = cpu.X86.HasAVX512VNNI

func detect() int {
	x := cpu.X86
	switch {
	case !(x.HasAVX2 && x.HasFMA && x.HasF16C && x.HasBMI2):
		return portable
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return avx512
	}
	return avx2
}
