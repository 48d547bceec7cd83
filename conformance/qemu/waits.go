package qemu

import (
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall"
)

// watchWaits tells, as long as a machine lives, how long its processes wait for
// a processor: its guest is as late with whatever it does, and nothing that it
// says need tell. A command goes through all of them, one after the other. It
// runs elsewhere.
func (h *host) watchWaits(m Machine) {
	tick := time.NewTicker(wall.Watching)
	defer tick.Stop()
	waits := map[int]*wall.Waits{}
	for {
		select {
		case <-tick.C:
		case <-m.Exited():
			return
		case <-h.out.ctx.Done():
			return
		}
		var sum time.Duration
		for _, pid := range m.Pids() {
			if waits[pid] == nil {
				waits[pid] = &wall.Waits{}
			}
			sum += waits[pid].Longest(wall.Waited(pid))
		}
		h.out.TooLate(sum)
	}
}
