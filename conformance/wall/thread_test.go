package wall_test

import (
	"errors"
	"testing"
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall"
	"github.com/vmprobe/vmprobe/sim"
)

// TestFailedInTheMiddle: what fails while the kernel lives ends the run with its
// reason, and at once.
func TestFailedInTheMiddle(t *testing.T) {
	broken := errors.New("the port is taken")
	thread := wall.NewThread()
	thread.Begin(sim.New(1))
	thread.Lock()
	thread.At(20*time.Millisecond, func() { thread.FailLocked(broken) })
	thread.Unlock()
	began := time.Now()
	if err := thread.Run(t.Context(), time.Minute, nil); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
