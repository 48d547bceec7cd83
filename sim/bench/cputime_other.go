//go:build !unix

package bench

import "time"

// CPUTime is the processor time that the process has used so far. On a machine
// that is shared with other work it measures what wall time cannot. It is 0
// where the system does not tell.
func CPUTime() time.Duration { return 0 }
