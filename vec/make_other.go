//go:build !linux

package vec

// Make returns n zeros.
func Make(n int) []float32 { return make([]float32, n) }
