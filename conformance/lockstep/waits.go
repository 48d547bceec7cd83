package lockstep

import (
	"sync"
	"time"

	"github.com/vmprobe/vmprobe/conformance/wall"
)

// watchWaits measures by how much the machine makes a prober late that is a
// process: how long it waits for a processor. The returned function ends it
// and tells the worst.
func watchWaits(p *peer) (end func() time.Duration) {
	of, ok := p.stream.(interface{ Pid() int })
	if !ok {
		return func() time.Duration { return 0 }
	}
	var worst time.Duration
	var waits wall.Waits
	var done sync.WaitGroup
	quit := make(chan struct{})
	done.Go(func() {
		tick := time.NewTicker(wall.Watching)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				worst = max(worst, waits.Longest(wall.Waited(of.Pid())))
			case <-quit:
				return
			}
		}
	})
	return func() time.Duration {
		close(quit)
		done.Wait()
		return worst
	}
}
