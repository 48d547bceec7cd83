package observe

import (
	"regexp"
	"time"

	"github.com/vmprobe/vmprobe/sim/trace"
)

// timedOut is how a kubelet tells of a program that was not done in time.
var timedOut = regexp.MustCompile(`command timed out: .* timed out after ([0-9.a-zµ]+)`)

// telling is how long the news of such a program may take.
const telling = 2 * time.Second

// unheard looks for programs of exec probes that timed out before they had told the
// guest that they run: the node had no processor for them for so long. Not so where
// a guest was hung or suspended, which listens to nobody.
func (o *Observer) unheard(events []trace.Event) {
	asked := map[string]time.Duration{} // by VM, the last one
	deaf := map[string]bool{}
	for i := range events {
		switch e := &events[i]; e.Kind {
		case trace.GuestSaw:
			if e.Value == "exec" {
				asked[e.VM] = e.T
			}
		case trace.GuestPower:
			deaf[e.VM] = deaf[e.VM] || e.Value == "hung" || e.Value == "suspended"
		case trace.ClusterEvent:
			m := timedOut.FindStringSubmatch(e.Msg)
			if m == nil || deaf[e.VM] {
				continue
			}
			timeout, err := time.ParseDuration(m[1])
			last, heard := asked[e.VM]
			if err == nil && (!heard || last < e.T-timeout-telling) {
				o.TooLate(timeout)
			}
		default:
		}
	}
}
