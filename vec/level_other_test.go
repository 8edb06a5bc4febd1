//go:build !amd64 || purego

package vec

func levels() []int { return []int{portable} }

func setLevel(int) {}
