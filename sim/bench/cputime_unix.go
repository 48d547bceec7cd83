//go:build unix

package bench

import (
	"syscall"
	"time"
)

// CPUTime is the processor time that the process has used so far. On a machine
// that is shared with other work it measures what wall time cannot. It is 0
// where the system does not tell.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
