package process

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes make the program lead a group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// startTime is when a process was started, "" if there is none; sysctl(3), kern.proc.pid.
func startTime(pid int) string {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(k.Proc.P_pid) != pid {
		return ""
	}
	return fmt.Sprint(k.Proc.P_starttime.Sec, ".", k.Proc.P_starttime.Usec)
}
