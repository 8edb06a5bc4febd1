//go:build linux && !amd64

package main

func peak() float64    { return 0 }
func coreType() string { return "" }
func hasBF16() bool    { return false }
