package oracle

import (
	"fmt"
	"strings"

	"github.com/vmprobe/vmprobe/probes"
	"github.com/vmprobe/vmprobe/sim/trace"
)

const (
	// maxOutput is how much of a command's output is kept, in bytes.
	maxOutput = 10 << 10
	// maxWords bounds what an event says beside the output: the kind of the
	// probe and the kubelet's own words.
	maxWords = 256
)

// shownOutput: EX-OUTPUT. Only the first event is told: the output is the same
// again and again.
func shownOutput(c *court) {
	for _, v := range c.run.VMs {
		for _, p := range v.Spec.Resolved.Probes {
			if p.Handler != probes.Exec {
				continue
			}
			for _, m := range v.Of(trace.ClusterEvent) {
				if m.Value != "Unhealthy" || !strings.HasPrefix(strings.ToLower(m.Msg), p.Kind.String()) || len(m.Msg) <= maxOutput+maxWords {
					continue
				}
				c.fail(Failure{
					At: m.T, VM: v.Name, Instance: m.Instance, Probe: p.Kind.String(), Event: m.Index,
					Message: fmt.Sprintf("an event of %d bytes", len(m.Msg)),
					Want:    fmt.Sprintf("at most %d bytes of output", maxOutput),
				})
				break
			}
		}
	}
}
