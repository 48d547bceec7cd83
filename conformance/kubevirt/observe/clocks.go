package observe

import (
	"fmt"
	"time"
)

// mostSkew is by how much a node's clock may seem to be behind the harness's when it
// tells that the container of a VM has begun: it may also have been late in telling.
const mostSkew = 15 * time.Second

// compareClocks refuses a node whose clock cannot be the harness's: a VM's zero is of
// the node's clock, and all that its guest is told is of the harness's. ahead is when
// the start of a container came to be known, after the second in which it was.
func (o *Observer) compareClocks(m *machine, ahead time.Duration) {
	switch {
	case ahead < -grain:
		o.Fail(fmt.Errorf("VM %s: the clock of its node is at least %.1f s ahead of this machine's: set both to one time", m.spec.Name, -ahead.Seconds()))
	case ahead > mostSkew:
		o.Fail(fmt.Errorf("VM %s: its container began %.1f s before that was known, by the clock of its node: set that to this machine's, or its node is late: %w", m.spec.Name, ahead.Seconds(), ErrBusy))
	}
}
