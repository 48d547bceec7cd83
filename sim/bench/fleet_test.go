package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/vmprobe/vmprobe/sim"
)

const response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

// latency of an answer: 2..50 ms.
func latency(vm, attempt int) time.Duration {
	d := sim.Draw(1, uint64(vm), uint64(attempt))
	return time.Duration(2+sim.Below(d, 49)) * time.Millisecond
}

// offset of a VM's first attempt, within the first period.
func offset(vm int) time.Duration {
	return time.Duration(sim.Below(sim.Draw(2, uint64(vm), 0), uint64(Period)))
}

// expected is the number of attempts that begin in a run.
func expected(virtual time.Duration) int {
	n := 0
	for vm := range VMs {
		if o := offset(vm); o < virtual {
			n += int((virtual-o-1)/Period) + 1
		}
	}
	return n
}

// contestant runs the scenario and counts attempts, and those answered by 200.
type contestant struct {
	name    string
	run     func(virtual time.Duration) (attempts, good int)
	virtual time.Duration // how much of it, so that it takes well below a second or so
	// slack is by how much the number of attempts may be off, in percent: the
	// mock loses and doubles some, the world's VMs have to boot first.
	slack int
	// sleeps: it spends its time asleep, so the wall clock measures it. Of the
	// others the processor's clock tells what they would do on a machine of
	// their own.
	sleeps bool
}

// rate gives the attempts a second.
func (c contestant) rate() (float64, error) {
	start, cpu := time.Now(), CPUTime()
	attempts, good := c.run(c.virtual)
	took := time.Since(start)
	if used := CPUTime() - cpu; used > 0 && !c.sleeps {
		took = used
	}
	want := expected(c.virtual)
	slack := want * c.slack / 100
	if max(attempts, good) > want+slack || min(attempts, good) < want-slack {
		return 0, fmt.Errorf("%d attempts, %d good, want %d", attempts, good, want)
	}
	return float64(attempts) / took.Seconds(), nil
}

var errDone = errors.New("done")

func size(n int) string {
	if n >= 1000 {
		return fmt.Sprintf("pending=%dk", n/1000)
	}
	return fmt.Sprintf("pending=%d", n)
}
