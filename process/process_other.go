//go:build !linux && !darwin

package process

import "syscall"

// attributes make the program lead a group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// startTime is not known here, so a program is never taken for one that was marked.
func startTime(int) string { return "" }
